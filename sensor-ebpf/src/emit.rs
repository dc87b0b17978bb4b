//! Sending records, and the ledger of what was sent and what was not.

pub(crate) mod gate;
pub(crate) mod lane;
pub(crate) mod sockets;
pub(crate) mod writer;

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{
    bindings::{BPF_NOEXIST, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::{bpf_get_smp_processor_id, generated::bpf_ktime_get_boot_ns},
    maps::RingBuf,
};
use sensor_common::{
    ABI_VERSION,
    class::{Class, Lane},
    header::{RecordHeader, TaskRef},
    ledger::{LossKey, LossReason},
    limits::WAKE_NS,
};
use zerocopy::IntoBytes;

use self::gate::Gate;
use crate::maps::{COUNTERS, LOSSES, WAKE};

/// Fills in the common part of the record of an event that passed its gate.
#[inline(always)]
pub(crate) fn begin_gated(gate: Gate, process: TaskRef, header: &mut RecordHeader) {
    let sequence = gate.sequence();
    fill(Lane::First, gate.class(), gate.cgroup, process, 0, sequence, header);
}

/// Counts an event and fills in the common part of its record.
#[inline(always)]
pub(crate) fn begin(
    lane: Lane,
    class: Class,
    cgroup: u64,
    process: TaskRef,
    length: u32,
    header: &mut RecordHeader,
) {
    fill(lane, class, cgroup, process, length, count_seen(lane, class), header);
}

#[inline(always)]
fn fill(
    lane: Lane,
    class: Class,
    cgroup: u64,
    process: TaskRef,
    length: u32,
    sequence: u64,
    header: &mut RecordHeader,
) {
    header.length = length;
    header.version = ABI_VERSION;
    header.class = class as u16;
    // SAFETY: the helper reads nothing but the current CPU's number.
    header.cpu = unsafe { bpf_get_smp_processor_id() } as u16;
    header.lane = lane as u16;
    header.incomplete = 0;
    header.sequence = sequence;
    // SAFETY: the helper takes no argument and reads a clock.
    header.time_ns = unsafe { bpf_ktime_get_boot_ns() };
    header.cgroup = cgroup;
    header.process = process;
}

/// Counts an event that concerns the agent; the result is its number on this CPU.
#[inline(always)]
fn count_seen(lane: Lane, class: Class) -> u64 {
    let Some(counters) = COUNTERS.get_ptr_mut(lane.slot(class)) else { return 0 };
    // SAFETY: the entry belongs to this CPU and to the one program that serves class and lane.
    unsafe {
        (*counters).seen += 1;
        (*counters).seen
    }
}

/// Counts an event that the first program left to the second.
#[inline(always)]
pub(crate) fn count_refused(class: Class) {
    if let Some(counters) = COUNTERS.get_ptr_mut(Lane::First.slot(class)) {
        // SAFETY: as in `count_seen`.
        unsafe { (*counters).refused += 1 };
    }
}

/// Counts a call of the second program for which the first one was not called.
#[inline(always)]
pub(crate) fn count_recovered(class: Class) {
    if let Some(counters) = COUNTERS.get_ptr_mut(Lane::Second.slot(class)) {
        // SAFETY: as in `count_seen`.
        unsafe { (*counters).recovered += 1 };
    }
}

/// Whether the agent is woken for a record that was made at this time: not more often than every
/// [`WAKE_NS`]. Two CPUs may wake it at once, which does no harm.
#[inline(always)]
pub(crate) fn wake(time_ns: u64) -> u64 {
    let Some(next) = WAKE.get_ptr_mut(0) else { return u64::from(BPF_RB_FORCE_WAKEUP) };
    // SAFETY: the pointer is that of a map's value, valid while the program runs; the value is one
    // aligned word.
    unsafe {
        if time_ns < read_volatile(next) {
            return u64::from(BPF_RB_NO_WAKEUP);
        }
        write_volatile(next, time_ns + WAKE_NS);
    }
    u64::from(BPF_RB_FORCE_WAKEUP)
}

/// Sends a finished record of fixed size.
#[inline(always)]
pub(crate) fn send<T: IntoBytes + zerocopy::Immutable>(
    lane: Lane,
    ring: &RingBuf,
    class: Class,
    cgroup: u64,
    time_ns: u64,
    record: &T,
) {
    let sent = ring.output::<T>(record, wake(time_ns)).is_ok();
    book(lane, class, cgroup, if sent { None } else { Some(LossReason::RingFull) });
}

/// Books the fate of a record.
#[inline(always)]
pub(crate) fn book(lane: Lane, class: Class, cgroup: u64, lost: Option<LossReason>) {
    let Some(counters) = COUNTERS.get_ptr_mut(lane.slot(class)) else { return };
    // Several programs of a class may run on a CPU, one interrupted by the other: the additions are
    // atomic. Only addresses are taken here.
    let Some(reason) = lost else {
        // SAFETY: the pointer is that of a map's value, valid while the program runs.
        add_one(Some(unsafe { &raw mut (*counters).sent }));
        return;
    };
    // SAFETY: as above.
    add_one(Some(unsafe { &raw mut (*counters).lost }));
    // Each control group has one creation and one removal: booked one by one they would fill the table.
    let cgroup = if matches!(class, Class::CgroupCreate | Class::CgroupRemove) { 0 } else { cgroup };
    let key = LossKey { cgroup, class: class.index(), reason: reason as u32 };
    // Another CPU may insert the key meanwhile: `BPF_NOEXIST` tells, and then it is there.
    if !add_one(LOSSES.get_ptr_mut(key))
        && LOSSES.insert(key, 1, u64::from(BPF_NOEXIST)).is_err()
        && !add_one(LOSSES.get_ptr_mut(key))
    {
        // SAFETY: as in `count_seen`.
        unsafe { (*counters).lost_unattributed += 1 };
    }
}

/// Adds one to a count that other CPUs add to as well. False if there is none.
#[inline(always)]
pub(crate) fn add_one(count: Option<*mut u64>) -> bool {
    let Some(count) = count else { return false };
    // SAFETY: the pointer is that of a table's value, valid while the program runs. The target
    // has no atomic add in the standard library; this is the one that every kernel knows.
    unsafe { core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) count, in(reg) 1u64) };
    true
}
