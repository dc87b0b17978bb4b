//! Every map and global of the programs in one place.

use aya_ebpf::{
    macros::map,
    maps::{HashMap, PerCpuArray, RingBuf},
};
use sensor_common::{
    class::{Class, Lane},
    layout::{ABSENT, Layout, Settings},
    ledger::{ClassCounters, LossKey},
    limits::{BETWEEN_MAX, LOSS_ENTRIES_MAX, SCRATCH_BYTES},
};

/// Offsets of kernel fields; written by the agent before the programs are loaded.
#[unsafe(no_mangle)]
static LAYOUT: Layout = Layout::UNKNOWN;

/// The agent's decisions; written before the programs are loaded.
#[unsafe(no_mangle)]
static SETTINGS: Settings =
    Settings { cgroup_hierarchy: 0, cgroup_subsystem: ABSENT, environment: 0, diagnostics: 0 };

/// Offset of a kernel field: a constant to the verifier.
macro_rules! offset {
    ($field:ident) => {
        // SAFETY: the pointer is that of a static; the volatile read keeps the compiler from
        // using the value that the static has at compile time.
        unsafe { core::ptr::read_volatile(core::ptr::addr_of!((*$crate::maps::layout()).$field)) }
    };
}
pub(crate) use offset;

/// The layout, for [`offset!`].
#[inline(always)]
pub(crate) const fn layout() -> *const Layout {
    core::ptr::addr_of!(LAYOUT)
}

/// The agent's decisions.
#[inline(always)]
pub(crate) fn settings() -> Settings {
    // SAFETY: as in `offset!`.
    unsafe { core::ptr::read_volatile(core::ptr::addr_of!(SETTINGS)) }
}

/// Records that must never be lost: process, later privilege. Size set by the agent.
#[map]
pub(crate) static VITAL: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// Records of control groups, read by a thread of its own: the identity of a new container is
/// looked up while its first process is still being prepared.
#[map]
pub(crate) static CGROUPS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Ledger, indexed by lane and class.
#[map]
pub(crate) static COUNTERS: PerCpuArray<ClassCounters> = PerCpuArray::with_max_entries(2 * Class::SLOTS, 0);

/// Tasks (thread id, and class in the upper half) whose event the first program of the class has
/// taken, until the second one has seen that.
#[map]
pub(crate) static TAKEN: HashMap<u64, u8> = HashMap::with_max_entries(BETWEEN_MAX, 0);

/// Losses by class, control group and reason.
#[map]
pub(crate) static LOSSES: HashMap<LossKey, u64> = HashMap::with_max_entries(LOSS_ENTRIES_MAX, 0);

/// Where a record with variable fields is put together.
#[repr(C, align(8))]
pub(crate) struct Scratch {
    /// Where the next byte goes. Kept in memory, so that the branches of a loop that writes meet
    /// again in one verifier state.
    pub(crate) cursor: u64,
    /// The record.
    pub(crate) bytes: [u8; SCRATCH_BYTES],
}

/// One slot a program that needs it: programs can preempt each other, so two never share one.
#[map]
pub(crate) static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(6, 0);

/// Slot of [`SCRATCH`] for a class whose records have variable fields.
#[inline(always)]
pub(crate) const fn scratch_slot(lane: Lane, class: Class) -> u32 {
    let class = match class {
        Class::ProcessExec => 0,
        Class::CgroupCreate => 1,
        _ => 2,
    };
    class * 2 + lane as u32
}
