//! Credentials, capabilities, namespaces, mounts, roots, control files.

use sensor_common::class::Class;

use crate::kernel::programs::{
    BackEnd,
    Hook::{BtfTracepoint, Fentry, Fexit, Sysctl, SyscallExit},
    Program, Service, Way,
};

/// The services.
pub(super) const SERVICES: &[Service] = &[
    Service {
        name: "changes of credentials",
        classes: &[Class::Credentials],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[Program::new("commit_credentials", Fentry(&["commit_creds"]))],
            },
            Way {
                back_end: BackEnd::Tracepoint,
                programs: &[Program::new("exit_credentials", SyscallExit(CREDENTIAL_CALLS))],
            },
        ],
    },
    Service {
        name: "use of capabilities",
        classes: &[Class::Capability],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[Program::new("capability_asked", Fexit(&["cap_capable"]))],
            },
            Way {
                back_end: BackEnd::BtfTracepoint,
                programs: &[Program::new("capability_told", BtfTracepoint(&["cap_capable"]))],
            },
        ],
    },
    Service {
        name: "kernel settings",
        classes: &[Class::ControlWrite],
        required: false,
        ways: &[Way { back_end: BackEnd::Cgroup, programs: &[Program::new("write_setting", Sysctl)] }],
    },
    Service {
        name: "control files of control groups",
        classes: &[],
        required: false,
        ways: &[Way {
            back_end: BackEnd::Trampoline,
            programs: &[Program::new("write_control_file", Fexit(&["cgroup_file_write"]))],
        }],
    },
    Service {
        name: "processes that change their control group",
        classes: &[Class::CgroupMove],
        required: false,
        ways: &[Way {
            back_end: BackEnd::BtfTracepoint,
            programs: &[Program::new("cgroup_move", BtfTracepoint(&["cgroup_attach_task"]))],
        }],
    },
];

/// System calls that change credentials.
const CREDENTIAL_CALLS: &[&str] = &[
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
    "setgroups", "capset",
];
