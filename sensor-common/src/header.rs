//! The part that every record begins with.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A process or thread, named so that a reused number is not mistaken for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TaskRef {
    /// Start of the thread group leader in nanoseconds since boot (`task_struct.start_boottime`).
    pub start_ns: u64,
    /// Thread group id in the initial pid namespace.
    pub pid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
}

/// First bytes of every record.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RecordHeader {
    /// Bytes of the whole record, this header included.
    pub length: u32,
    /// [`crate::ABI_VERSION`] of the programs.
    pub version: u16,
    /// [`crate::class::Class`] as a number.
    pub class: u16,
    /// CPU on which the record was made.
    pub cpu: u16,
    /// [`crate::class::Lane`] of the program that made it, as a number.
    pub lane: u16,
    /// Which facts are incomplete: [`Incomplete`] bits.
    pub incomplete: u32,
    /// Number of the record within its CPU, class and lane, from 1, without gaps: a missing number
    /// is a lost record.
    pub sequence: u64,
    /// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
    pub time_ns: u64,
    /// Id of the control group (`kernfs_node.id`) in the hierarchy that the agent chose.
    pub cgroup: u64,
    /// The process that the record is about.
    pub process: TaskRef,
}

/// Bits of [`RecordHeader::incomplete`]: what did not fit or could not be read.
#[derive(Clone, Copy, Debug)]
pub struct Incomplete;

impl Incomplete {
    /// The path of the executable has more components or bytes than fit.
    pub const EXECUTABLE: u32 = 1 << 0;
    /// The working directory has more components or bytes than fit.
    pub const DIRECTORY: u32 = 1 << 1;
    /// The arguments are longer than fit.
    pub const ARGUMENTS: u32 = 1 << 2;
    /// The environment is longer than fit.
    pub const ENVIRONMENT: u32 = 1 << 3;
    /// The control group's path has more components or bytes than fit.
    pub const CGROUP: u32 = 1 << 4;
    /// The requested path or the interpreter is longer than fits.
    pub const REQUESTED: u32 = 1 << 5;
    /// The arguments could not be read from the new program's memory.
    pub const ARGUMENTS_UNREADABLE: u32 = 1 << 6;
    /// The environment could not be read from the new program's memory.
    pub const ENVIRONMENT_UNREADABLE: u32 = 1 << 7;
    /// A path has more components or bytes than fit, or could not be read.
    pub const PATH: u32 = 1 << 8;
    /// A new path has more components or bytes than fit, or could not be read.
    pub const NEW_PATH: u32 = 1 << 9;
    /// A name is longer than fits, or could not be read.
    pub const NAME: u32 = 1 << 10;
    /// A value is longer than fits, or could not be read.
    pub const VALUE: u32 = 1 << 11;
    /// A payload is longer than fits, or could not be read.
    pub const PAYLOAD: u32 = 1 << 12;
}
