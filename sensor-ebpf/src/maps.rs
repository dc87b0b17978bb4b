//! Every map and global of the programs in one place.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, RingBuf},
};
use sensor_common::{
    call::{CALLS_MAX, CallEntry},
    class::Class,
    layout::{ABSENT, Layout, Settings},
    ledger::{ClassCounters, LossKey},
    limits::{
        ACCOUNTS_MAX, BETWEEN_MAX, FILES_MAX, FLOWS_MAX, GROUPS_MAX, LOSS_ENTRIES_MAX, NETWORKS_MAX,
        PENDING_MAX, PORTS_MAX, REPEATS_MAX, SCRATCH_BYTES, SOCKETS_MAX,
    },
    policy::{
        Account, AccountKey, ClassPolicy, FileKey, FileVerdict, GroupPolicy, Network, Policy, RepeatKey,
        Repeats,
    },
};

use crate::{
    emit::{flows::Flow, sockets::Owner},
    handler::file::change::Pending,
};

/// Offsets of kernel fields; written by the agent before the programs are loaded.
#[unsafe(no_mangle)]
static LAYOUT: Layout = Layout::UNKNOWN;

/// The agent's decisions; written before the programs are loaded.
#[unsafe(no_mangle)]
static SETTINGS: Settings = Settings {
    cgroup_hierarchy: 0,
    cgroup_subsystem: ABSENT,
    environment: 0,
    diagnostics: 0,
    own: 0,
    reserved: 0,
    capabilities: 0,
    secret: 0,
};

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

/// The capabilities whose use is told.
#[inline(always)]
pub(crate) fn watched_capabilities() -> u64 {
    // SAFETY: as in `offset!`.
    unsafe { core::ptr::read_volatile(core::ptr::addr_of!(SETTINGS.capabilities)) }
}

/// What only the agent and its programs know.
#[inline(always)]
pub(crate) fn secret() -> u64 {
    // SAFETY: as in `offset!`.
    unsafe { core::ptr::read_volatile(core::ptr::addr_of!(SETTINGS.secret)) }
}

/// Nothing but zeros: a number of which the verifier knows nothing.
#[map]
static ZERO: Array<u64> = Array::with_max_entries(1, 0);

/// Zero, without the verifier's knowledge. Always there: the map has one entry.
#[inline(always)]
pub(crate) fn zero() -> Option<u64> {
    // SAFETY: the pointer is that of a map's value, valid while the program runs.
    ZERO.get_ptr(0).map(|zero| unsafe { core::ptr::read_volatile(zero) })
}

/// Records that must never be lost: process, privilege. Size set by the agent.
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

/// Programs executed on each CPU: all, by the witness's count; and those that the agent's programs saw. Pinned by the
/// agent.
#[map]
pub(crate) static EXECUTED: PerCpuArray<[u64; 2]> = PerCpuArray::with_max_entries(1, 0);

/// Records of files and sockets. Size set by the agent.
#[map]
pub(crate) static BULK: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// When the agent may be woken again, in nanoseconds since boot: one entry.
#[map]
pub(crate) static WAKE: Array<u64> = Array::with_max_entries(1, 0);

/// What is wanted of control groups of which the agent said nothing yet: one entry.
#[map]
pub(crate) static DEFAULTS: Array<GroupPolicy> = Array::with_max_entries(1, 0);

/// What is wanted of a control group, by its id. Filled by the agent.
#[map]
pub(crate) static GROUPS: HashMap<u64, GroupPolicy> = HashMap::with_max_entries(GROUPS_MAX, 0);

/// Bounds of each class. Filled by the agent.
#[map]
pub(crate) static CLASSES: Array<ClassPolicy> = Array::with_max_entries(Class::SLOTS, 0);

/// Generation and canary: one entry. Filled by the agent.
#[map]
pub(crate) static POLICY: Array<Policy> = Array::with_max_entries(1, 0);

/// What became of the events of each class in each control group. The agent removes the entries of
/// groups that are gone.
#[map]
pub(crate) static ACCOUNTS: HashMap<AccountKey, Account> = HashMap::with_max_entries(ACCOUNTS_MAX, 0);

/// What the agent thinks of a file. Filled by the agent; a full table forgets the oldest.
#[map]
pub(crate) static FILES: LruHashMap<FileKey, FileVerdict> = LruHashMap::with_max_entries(FILES_MAX, 0);

/// Events that may repeat; a full table forgets the oldest, which is then sent again.
#[map]
pub(crate) static REPEATS: LruHashMap<RepeatKey, Repeats> = LruHashMap::with_max_entries(REPEATS_MAX, 0);

/// Verdicts on remote ports, and on networks. Filled by the agent.
#[map]
pub(crate) static PORTS: HashMap<u32, u32> = HashMap::with_max_entries(PORTS_MAX, 0);

/// See [`PORTS`].
#[map]
pub(crate) static NETWORKS: LpmTrie<Network, u32> = LpmTrie::with_max_entries(NETWORKS_MAX, 1);

/// How far the first bytes of a flow are; a full table forgets the oldest. Only [`crate::emit::flows`]
/// reads and writes it.
#[map]
pub(crate) static FLOWS: LruHashMap<u64, Flow> = LruHashMap::with_max_entries(FLOWS_MAX, 0);

/// Who uses a socket, by the address of its `struct sock`; a full table forgets the oldest. Only
/// [`crate::emit::sockets`] reads and writes it.
#[map]
pub(crate) static SOCKETS: LruHashMap<u64, Owner> = LruHashMap::with_max_entries(SOCKETS_MAX, 0);

/// Which system calls are told, by the machine's number. Filled by the agent before anything is attached.
#[map]
pub(crate) static CALLS: Array<CallEntry> = Array::with_max_entries(CALLS_MAX, 0);

/// What threads are about to change, from the check to the change; a full table forgets the oldest.
#[map]
pub(crate) static PENDING: LruHashMap<u32, Pending> = LruHashMap::with_max_entries(PENDING_MAX, 0);

/// Arguments of the ended call that a program of the fallback back end looks at, and constants that its
/// places can stand for; the last entry is for texts. In a map, so that the verifier takes them for any numbers.
#[map]
pub(crate) static ARGUMENTS: PerCpuArray<[u64; 16]> = PerCpuArray::with_max_entries(4, 0);
/// Where a mount is that a thread is about to unmount.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Mountpoint {
    /// `vfsmount` of the mount above.
    pub(crate) parent: u64,
    /// `mount.mnt_mountpoint`
    pub(crate) dentry: u64,
}

/// By thread, from the beginning of `path_umount` to its end.
#[map]
pub(crate) static MOUNTPOINTS: LruHashMap<u32, Mountpoint> = LruHashMap::with_max_entries(1024, 0);

/// What the credentials of a thread were when they were told last.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// Start of its process in nanoseconds since boot.
    pub(crate) start_ns: u64,
    /// `task_struct.mm`, another one after a program was executed.
    pub(crate) memory: u64,
    /// A number made of all of them.
    pub(crate) digest: u64,
}

/// By thread, for hooks that do not see what was before; a full table forgets the oldest, whose next
/// call is told whether or not it changes something.
#[map]
pub(crate) static CREDENTIALS: LruHashMap<u32, Known> = LruHashMap::with_max_entries(4096, 0);

/// Where a record with variable fields is put together.
#[repr(C, align(8))]
pub(crate) struct Scratch {
    /// Where the next byte goes. Kept in memory, so that the branches of a loop that writes meet
    /// again in one verifier state.
    pub(crate) cursor: u64,
    /// Who uses it: a program that was preempted finds another one's mark and gives its record up.
    pub(crate) owner: u64,
    /// The record.
    pub(crate) bytes: [u8; SCRATCH_BYTES],
}

/// Buffers for [`Slot`]s.
#[map]
pub(crate) static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(Slot::COUNT, 0);

/// A buffer of a CPU. Programs can interrupt each other, so each kind of them has its own; where two
/// share one all the same, the owner's mark tells.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Slot {
    ExecFirst = 0,
    ExecSecond = 1,
    CgroupFirst = 2,
    CgroupSecond = 3,
    /// Files, in process context.
    File = 4,
    /// io_uring, which may run within a call.
    Uring = 5,
    /// Sockets, in process context.
    Socket = 6,
    /// States of TCP, in any context.
    SocketState = 7,
    /// Packets that go out.
    PacketOut = 8,
    /// Packets that come in.
    PacketIn = 9,
    /// Calls that need privileges.
    Call = 10,
    /// Hooks within such calls.
    Within = 11,
    /// Changes of names of files.
    Change = 12,
    /// Changes of attributes of files.
    Attribute = 13,
    /// Files that are mapped to be executed.
    Map = 14,
}

impl Slot {
    pub(crate) const COUNT: u32 = 15;
}
