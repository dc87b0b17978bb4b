//! Processes and control groups: BTF tracepoints, two programs each.

use sensor_common::class::Class;

use super::{BackEnd, Hook::BtfTracepoint, Program, Service, Way};

/// The services.
pub(super) const SERVICES: &[Service] = &[
    Service {
        name: "ends of processes",
        classes: &[Class::ProcessExit],
        required: true,
        ways: &[Way {
            back_end: BackEnd::BtfTracepoint,
            programs: &[
                Program::new("process_exit", BtfTracepoint(&["sched_process_exit"])),
                Program::new("process_exit_2", BtfTracepoint(&["sched_process_exit"])),
            ],
        }],
    },
    Service {
        name: "executed programs",
        classes: &[Class::ProcessExec],
        required: true,
        ways: &[Way {
            back_end: BackEnd::BtfTracepoint,
            programs: &[
                Program::new("process_exec", BtfTracepoint(&["sched_process_exec"])),
                Program::new("process_exec_2", BtfTracepoint(&["sched_process_exec"])),
            ],
        }],
    },
    Service {
        name: "new processes",
        classes: &[Class::ProcessFork],
        required: true,
        ways: &[Way {
            back_end: BackEnd::BtfTracepoint,
            programs: &[
                Program::new("process_fork", BtfTracepoint(&["sched_process_fork"])),
                Program::new("process_fork_2", BtfTracepoint(&["sched_process_fork"])),
            ],
        }],
    },
    Service {
        name: "ends of containers",
        classes: &[Class::CgroupRemove],
        required: true,
        ways: &[Way {
            back_end: BackEnd::BtfTracepoint,
            programs: &[
                Program::new("cgroup_remove", BtfTracepoint(&["cgroup_rmdir"])),
                Program::new("cgroup_remove_2", BtfTracepoint(&["cgroup_rmdir"])),
            ],
        }],
    },
    Service {
        name: "identity of containers before their first program",
        classes: &[Class::CgroupCreate],
        required: true,
        ways: &[Way {
            back_end: BackEnd::BtfTracepoint,
            programs: &[
                Program::new("cgroup_create", BtfTracepoint(&["cgroup_mkdir"])),
                Program::new("cgroup_create_2", BtfTracepoint(&["cgroup_mkdir"])),
            ],
        }],
    },
];
