//! The programs of the object: what each is attached to.

use sensor_common::class::{Class, Lane};

/// A kernel program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Name in the object.
    pub name: &'static str,
    /// Tracepoint that it is attached to.
    pub target: &'static str,
    /// How it is attached.
    pub back_end: BackEnd,
    /// Class of its records.
    pub class: Class,
    /// Which of the two programs of the class it is.
    pub lane: Lane,
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
/// that was seen, and the first program of a class is called before the second.
pub const PROGRAMS: [Program; 10] = [
    btf("process_exit", "sched_process_exit", Class::ProcessExit, Lane::First),
    btf("process_exit_2", "sched_process_exit", Class::ProcessExit, Lane::Second),
    btf("process_exec", "sched_process_exec", Class::ProcessExec, Lane::First),
    btf("process_exec_2", "sched_process_exec", Class::ProcessExec, Lane::Second),
    btf("process_fork", "sched_process_fork", Class::ProcessFork, Lane::First),
    btf("process_fork_2", "sched_process_fork", Class::ProcessFork, Lane::Second),
    btf("cgroup_remove", "cgroup_rmdir", Class::CgroupRemove, Lane::First),
    btf("cgroup_remove_2", "cgroup_rmdir", Class::CgroupRemove, Lane::Second),
    btf("cgroup_create", "cgroup_mkdir", Class::CgroupCreate, Lane::First),
    btf("cgroup_create_2", "cgroup_mkdir", Class::CgroupCreate, Lane::Second),
];

const fn btf(name: &'static str, target: &'static str, class: Class, lane: Lane) -> Program {
    Program { name, target, back_end: BackEnd::BtfTracepoint, class, lane }
}

impl Program {
    /// What it gives, for a person.
    #[must_use]
    pub const fn gives(&self) -> &'static str {
        match self.class {
            Class::ProcessFork => "new processes",
            Class::ProcessExec => "executed programs",
            Class::ProcessExit => "ends of processes",
            Class::CgroupCreate => "identity of containers before their first program",
            Class::CgroupRemove => "ends of containers",
        }
    }
}
