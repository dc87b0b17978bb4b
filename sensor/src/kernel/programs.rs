//! The programs of the object: what each is attached to.

/// A kernel program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Name in the object.
    pub name: &'static str,
    /// Tracepoint that it is attached to.
    pub target: &'static str,
    /// How it is attached.
    pub back_end: BackEnd,
    /// What it gives.
    pub gives: &'static str,
}

/// Ways to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackEnd {
    /// BTF-enabled raw tracepoint (`tp_btf`), since 5.5.
    BtfTracepoint,
}

impl BackEnd {
    /// Name as status shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BtfTracepoint => "btf_tracepoint",
        }
    }
}

/// Every program, in the order in which they are attached: an end is never missed for a beginning
/// that was seen.
pub const PROGRAMS: [Program; 5] = [
    btf("process_exit", "sched_process_exit", "ends of processes"),
    btf("process_exec", "sched_process_exec", "executed programs"),
    btf("process_fork", "sched_process_fork", "new processes"),
    btf("cgroup_remove", "cgroup_rmdir", "ends of containers"),
    btf("cgroup_create", "cgroup_mkdir", "identity of a container before its first program"),
];

const fn btf(name: &'static str, target: &'static str, gives: &'static str) -> Program {
    Program { name, target, back_end: BackEnd::BtfTracepoint, gives }
}
