//! Stage 1: records of the kernel as typed events.
//!
//! An event borrows from the record's bytes; what it says of strings is what the kernel had, which
//! need not be UTF-8.

pub mod call;
pub mod capability;
pub mod content;
pub mod decode;
pub mod errno;
pub mod file;
pub mod mount;
pub mod network;
pub mod open_flags;
pub mod operation;
pub mod path;
pub mod process;
pub mod request;
pub mod signal;
pub mod text;
pub mod wire;

use sensor_common::{class::Class, header::TaskRef, record::container::MoveRecord};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Class.
    pub class: Class,
    /// CPU on which it happened.
    pub cpu: u16,
    /// Number within CPU and class, from 1.
    pub sequence: u64,
    /// Nanoseconds since boot (`CLOCK_BOOTTIME`).
    pub time_ns: u64,
    /// Control group id.
    pub cgroup: u64,
    /// Process that the event is about.
    pub process: TaskRef,
    /// `Incomplete` bits of the record.
    pub incomplete: u32,
    /// What happened.
    pub facts: Facts<'a>,
}

/// What happened, by class.
#[derive(Clone, Debug)]
pub enum Facts<'a> {
    /// A process came into being.
    Fork(process::Fork),
    /// A program began.
    Exec(process::Exec<'a>),
    /// A process ended.
    Exit(process::Exit),
    /// A control group was created; its path from the hierarchy's root.
    CgroupCreate(&'a [u8]),
    /// A control group was removed; its path from the hierarchy's root.
    CgroupRemove(&'a [u8]),
    /// A process was moved to another control group.
    CgroupMove(Moved<'a>),
    /// Something was done to a file.
    File(operation::FileOperation<'a>),
    /// Something happened to a socket.
    Socket(network::SocketOperation<'a>),
    /// First bytes of a flow, or a message of the domain name system.
    Content(content::Content<'a>),
    /// A call that needs, gives or shows privileges.
    Call(call::PrivilegedCall<'a>),
}

/// A process that was moved to another control group.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a> {
    /// Fixed part.
    pub record: MoveRecord,
    /// Path of the new group from the hierarchy's root.
    pub path: &'a [u8],
}
