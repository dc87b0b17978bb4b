//! Fixed part of the records of privilege: one form for all classes.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::process::{Capabilities, FileIdentity, Ids, Namespaces};
use crate::header::{RecordHeader, TaskRef};

/// A call that needs, gives or shows privileges. Variable fields: paths, names and values.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CallRecord {
    /// Common part. The process is the caller.
    pub header: RecordHeader,
    /// Arguments of the call as the registers had them; what each means depends on the call.
    pub arguments: [u64; 6],
    /// Result of the call; negative error number when it failed.
    pub result: i64,
    /// The task that it is done to, where the kernel told it.
    pub target: TaskRef,
    /// Control group of that task; 0 where unknown.
    pub target_cgroup: u64,
    /// Ids before the call (credential changes).
    pub ids_before: Ids,
    /// Ids after the call.
    pub ids: Ids,
    /// Capabilities before the call (credential changes).
    pub capabilities_before: Capabilities,
    /// Capabilities after the call.
    pub capabilities: Capabilities,
    /// Namespaces of the caller after the call.
    pub namespaces: Namespaces,
    /// Namespaces of the target, where the kernel told it.
    pub target_namespaces: Namespaces,
    /// The file that the call used (module, handle, control file, source device).
    pub file: FileIdentity,
    /// A further number that the kernel told, by class. Bpf: `enum bpf_attach_type`. Performance
    /// events: `perf_event_attr.config`. Scheduling: the first 64 CPUs that the task may use, or its
    /// real-time priority (upper half) and `task_struct.static_prio`.
    pub detail: u64,
    /// [`crate::call::Call`] as a number.
    pub call: u32,
    /// [`Facts`] bits.
    pub facts: u32,
    /// Equal events since the last one that was sent.
    pub repeats: u32,
    /// A number that the kernel told, by class. Capability: which. Bpf: type of the program or map.
    /// Performance events: `perf_event_attr.type`. Scheduling: `task_struct.policy`.
    pub number: u32,
}

/// Bits of [`CallRecord::facts`].
#[derive(Clone, Copy, Debug)]
pub struct Facts;

impl Facts {
    /// Texts are as the caller's memory had them: another thread may have changed it.
    pub const UNVERIFIED: u32 = 1 << 0;
    /// By a 32-bit system call.
    pub const COMPAT: u32 = 1 << 1;
    /// What was before is known.
    pub const BEFORE: u32 = 1 << 2;
    /// The target was told by the kernel.
    pub const TARGET: u32 = 1 << 3;
    /// `number` and `detail` are known.
    pub const NUMBERS: u32 = 1 << 4;
}
