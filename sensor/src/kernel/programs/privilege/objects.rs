//! Credentials, capabilities, namespaces, mounts, roots, control files.

use sensor_common::class::Class;

use crate::kernel::programs::{
    BackEnd,
    Hook::{BtfTracepoint, Fentry, Fexit, SyscallExit, Sysctl},
    Program, Service, Way,
};

/// The services.
pub(in crate::kernel::programs) const SERVICES: &[Service] = &[
    Service {
        name: "changes of credentials",
        classes: &[Class::Credentials],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    Program::new("commit_credentials", Fentry(&["commit_creds"])),
                    Program::optional("exit_refused_credentials", SyscallExit(CREDENTIAL_CALLS)),
                ],
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
        name: "namespaces that are left",
        classes: &[Class::Unshare],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[Program::new("call_unshare", Fexit(&["ksys_unshare"]))],
            },
            ended(&[Program::new("exit_unshare", SyscallExit(&["unshare"]))]),
        ],
    },
    Service {
        name: "namespaces of new processes",
        classes: &[],
        required: false,
        ways: &[Way {
            back_end: BackEnd::BtfTracepoint,
            programs: &[Program::new("clone_namespaces", BtfTracepoint(&["sched_process_fork"]))],
        }],
    },
    Service {
        name: "namespaces that are entered",
        classes: &[Class::Setns],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    Program::new("call_setns", Fexit(&["__x64_sys_setns"])),
                    Program::optional("call32_setns", Fexit(&["__ia32_sys_setns"])),
                ],
            },
            ended(&[Program::new("exit_setns", SyscallExit(&["setns"]))]),
        ],
    },
    Service {
        name: "mounts",
        classes: &[Class::Mount],
        required: false,
        ways: &[
            Way { back_end: BackEnd::Trampoline, programs: MOUNT_PROGRAMS },
            ended(&[Program::new("exit_mount", SyscallExit(MOUNT_CALLS))]),
        ],
    },
    Service {
        name: "roots of mount namespaces",
        classes: &[Class::PivotRoot],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    Program::new("call_pivot_root", Fexit(&["__x64_sys_pivot_root"])),
                    Program::optional("call32_pivot_root", Fexit(&["__ia32_sys_pivot_root"])),
                ],
            },
            ended(&[Program::new("exit_pivot_root", SyscallExit(&["pivot_root"]))]),
        ],
    },
    Service {
        name: "roots of processes",
        classes: &[Class::Chroot],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    Program::new("call_chroot", Fexit(&["__x64_sys_chroot"])),
                    Program::optional("call32_chroot", Fexit(&["__ia32_sys_chroot"])),
                ],
            },
            ended(&[Program::new("exit_chroot", SyscallExit(&["chroot"]))]),
        ],
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
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
];

/// Calls of mounts.
const MOUNT_CALLS: &[&str] = &[
    "mount",
    "umount",
    "fsopen",
    "fspick",
    "fsconfig",
    "fsmount",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "open_tree_attr",
];

/// The old interface below the system calls, the new one at the end of each call.
const MOUNT_PROGRAMS: &[Program] = &[
    Program::new("call_mount", Fexit(&["path_mount"])),
    Program::new("begin_unmount", Fentry(&["path_umount"])),
    Program::new("call_unmount", Fexit(&["path_umount"])),
    Program::new("call_fsopen", Fexit(&["__x64_sys_fsopen"])),
    Program::optional("call32_fsopen", Fexit(&["__ia32_sys_fsopen"])),
    Program::new("call_fspick", Fexit(&["__x64_sys_fspick"])),
    Program::optional("call32_fspick", Fexit(&["__ia32_sys_fspick"])),
    Program::new("call_fsconfig", Fexit(&["__x64_sys_fsconfig"])),
    Program::optional("call32_fsconfig", Fexit(&["__ia32_sys_fsconfig"])),
    Program::new("call_fsmount", Fexit(&["__x64_sys_fsmount"])),
    Program::optional("call32_fsmount", Fexit(&["__ia32_sys_fsmount"])),
    Program::new("call_move_mount", Fexit(&["__x64_sys_move_mount"])),
    Program::optional("call32_move_mount", Fexit(&["__ia32_sys_move_mount"])),
    Program::new("call_open_tree", Fexit(&["__x64_sys_open_tree"])),
    Program::optional("call32_open_tree", Fexit(&["__ia32_sys_open_tree"])),
    Program::optional("call_mount_setattr", Fexit(&["__x64_sys_mount_setattr"])),
    Program::optional("call32_mount_setattr", Fexit(&["__ia32_sys_mount_setattr"])),
    Program::optional("call_open_tree_attr", Fexit(&["__x64_sys_open_tree_attr"])),
    Program::optional("call32_open_tree_attr", Fexit(&["__ia32_sys_open_tree_attr"])),
];

/// The fallback.
const fn ended(programs: &'static [Program]) -> Way {
    Way { back_end: BackEnd::Tracepoint, programs }
}
