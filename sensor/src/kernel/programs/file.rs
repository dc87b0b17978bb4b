//! Files.

use sensor_common::class::Class;

use super::{
    BackEnd,
    Hook::{BtfTracepoint, Fentry, Fexit, SyscallExit},
    Program, Service, Way,
};

/// The services.
pub(super) const SERVICES: &[Service] = &[OPENS, NAMES, ATTRIBUTES, EXTENDED, MAPPED];

const OPENS: Service = Service {
    name: "opened files",
    classes: &[Class::FileOpen],
    required: false,
    ways: &[
        Way {
            back_end: BackEnd::Trampoline,
            programs: &[
                Program::new("exit_file_open", Fexit(&["do_file_open", "do_filp_open"])),
                Program::optional("exit_root_open", Fexit(&["file_open_root"])),
                Program::optional("exit_root_open_old", Fexit(&["file_open_root"])),
            ],
        },
        Way {
            back_end: BackEnd::Tracepoint,
            programs: &[
                Program::new(
                    "exit_open",
                    SyscallExit(&["openat", "open", "openat2", "creat", "open_by_handle_at"]),
                ),
                Program::optional("uring_file_complete", BtfTracepoint(&["io_uring_complete"])),
            ],
        },
    ],
};

const MAPPED: Service = Service {
    name: "files mapped to be executed",
    classes: &[Class::FileMapExec],
    required: false,
    ways: &[
        Way {
            back_end: BackEnd::Trampoline,
            programs: &[Program::new("file_mapped", Fexit(&["security_mmap_file"]))],
        },
        Way { back_end: BackEnd::Tracepoint, programs: &[Program::new("exit_mmap", SyscallExit(&["mmap"]))] },
    ],
};

const NAMES: Service = Service {
    name: "changed names of files",
    classes: &[
        Class::FileRename,
        Class::FileLink,
        Class::FileSymlink,
        Class::FileUnlink,
        Class::FileMkdir,
        Class::FileRmdir,
        Class::FileMknod,
    ],
    required: false,
    ways: &[
        Way {
            back_end: BackEnd::Trampoline,
            programs: &[
                Program::new("entry_removed", Fentry(&["d_delete"])),
                Program::new("made_directory", Fexit(&["vfs_mkdir"])),
                Program::new("made_symlink", Fexit(&["vfs_symlink"])),
                Program::new("made_link", Fexit(&["vfs_link"])),
                Program::new("made_node", Fexit(&["vfs_mknod"])),
                Program::new("made_file", Fexit(&["vfs_create"])),
                Program::new("entry_moved", Fentry(&["d_move"])),
                Program::new("entry_exchanged", Fentry(&["d_exchange"])),
                Program::new("check_rename", Fentry(&["security_path_rename"])),
                Program::new("check_link", Fentry(&["security_path_link"])),
                Program::new("check_symlink", Fentry(&["security_path_symlink"])),
                Program::new("check_unlink", Fentry(&["security_path_unlink"])),
                Program::new("check_rmdir", Fentry(&["security_path_rmdir"])),
                Program::new("check_mkdir", Fentry(&["security_path_mkdir"])),
                Program::new("check_mknod", Fentry(&["security_path_mknod"])),
            ],
        },
        Way {
            back_end: BackEnd::Tracepoint,
            programs: &[
                Program::new(
                    "exit_names",
                    SyscallExit(&[
                        "rename",
                        "renameat",
                        "renameat2",
                        "link",
                        "linkat",
                        "symlink",
                        "symlinkat",
                        "unlink",
                        "unlinkat",
                        "mkdir",
                        "mkdirat",
                        "rmdir",
                        "mknod",
                        "mknodat",
                    ]),
                ),
                Program::optional(
                    "uring_file_submit",
                    BtfTracepoint(&["io_uring_submit_req", "io_uring_submit_sqe"]),
                ),
            ],
        },
    ],
};

const ATTRIBUTES: Service = Service {
    name: "changed mode, owner and length of files",
    classes: &[Class::FileMode, Class::FileOwner, Class::FileTruncate],
    required: false,
    ways: &[
        Way {
            back_end: BackEnd::Trampoline,
            programs: &[
                Program::new("exit_chmod", Fexit(&["chmod_common"])),
                Program::new("exit_chown", Fexit(&["chown_common"])),
                Program::new("exit_truncate", Fexit(&["vfs_truncate"])),
                Program::new("exit_ftruncate", Fexit(&["do_ftruncate", "do_sys_ftruncate"])),
            ],
        },
        Way {
            back_end: BackEnd::Tracepoint,
            programs: &[Program::new(
                "exit_attributes",
                SyscallExit(&[
                    "chmod",
                    "fchmod",
                    "fchmodat",
                    "fchmodat2",
                    "chown",
                    "fchown",
                    "lchown",
                    "fchownat",
                    "truncate",
                    "ftruncate",
                ]),
            )],
        },
    ],
};

const EXTENDED: Service = Service {
    name: "changed attributes of files",
    classes: &[Class::FileXattr],
    required: false,
    ways: &[Way {
        back_end: BackEnd::Tracepoint,
        programs: &[Program::new(
            "exit_xattr",
            SyscallExit(&[
                "setxattr",
                "lsetxattr",
                "fsetxattr",
                "setxattrat",
                "removexattr",
                "lremovexattr",
                "fremovexattr",
                "removexattrat",
            ]),
        )],
    }],
};
