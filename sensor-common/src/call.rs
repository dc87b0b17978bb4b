//! System calls that records name, by numbers of our own: the kernel's differ between machines.

macro_rules! calls {
    ($($name:ident = $number:literal $text:literal,)*) => {
        /// A system call, or what stands for one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        #[expect(missing_docs, reason = "each is the system call of that name")]
        pub enum Call { $($name = $number,)* }

        impl Call {
            /// Every call.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Name of the system call.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The call with this number, if this version knows it.
            #[must_use]
            pub fn from_number(number: u32) -> Option<Self> {
                Self::ALL.iter().copied().find(|call| *call as u32 == number)
            }
        }
    };
}

calls! {
    Open = 1 "open",
    Openat = 2 "openat",
    Openat2 = 3 "openat2",
    Creat = 4 "creat",
    OpenByHandleAt = 5 "open_by_handle_at",
    Rename = 6 "rename",
    Renameat = 7 "renameat",
    Renameat2 = 8 "renameat2",
    Link = 9 "link",
    Linkat = 10 "linkat",
    Symlink = 11 "symlink",
    Symlinkat = 12 "symlinkat",
    Unlink = 13 "unlink",
    Unlinkat = 14 "unlinkat",
    Mkdir = 15 "mkdir",
    Mkdirat = 16 "mkdirat",
    Rmdir = 17 "rmdir",
    Chmod = 18 "chmod",
    Fchmod = 19 "fchmod",
    Fchmodat = 20 "fchmodat",
    Fchmodat2 = 21 "fchmodat2",
    Chown = 22 "chown",
    Fchown = 23 "fchown",
    Lchown = 24 "lchown",
    Fchownat = 25 "fchownat",
    Setxattr = 26 "setxattr",
    Lsetxattr = 27 "lsetxattr",
    Fsetxattr = 28 "fsetxattr",
    Removexattr = 29 "removexattr",
    Lremovexattr = 30 "lremovexattr",
    Fremovexattr = 31 "fremovexattr",
    Setxattrat = 32 "setxattrat",
    Removexattrat = 33 "removexattrat",
    Mknod = 34 "mknod",
    Mknodat = 35 "mknodat",
    Truncate = 36 "truncate",
    Ftruncate = 37 "ftruncate",
    Socket = 40 "socket",
    Connect = 41 "connect",
    Accept = 42 "accept",
    Accept4 = 43 "accept4",
    Bind = 44 "bind",
    Listen = 45 "listen",
    Sendto = 46 "sendto",
    Sendmsg = 47 "sendmsg",
    Sendmmsg = 48 "sendmmsg",
    Dup = 49 "dup",
    Dup2 = 50 "dup2",
    Dup3 = 51 "dup3",
    Fcntl = 52 "fcntl",
    Setuid = 60 "setuid",
    Setgid = 61 "setgid",
    Setreuid = 62 "setreuid",
    Setregid = 63 "setregid",
    Setresuid = 64 "setresuid",
    Setresgid = 65 "setresgid",
    Setfsuid = 66 "setfsuid",
    Setfsgid = 67 "setfsgid",
    Setgroups = 68 "setgroups",
    Capset = 69 "capset",
    Prctl = 70 "prctl",
    Unshare = 71 "unshare",
    Setns = 72 "setns",
    Mount = 73 "mount",
    Umount2 = 74 "umount2",
    Fsopen = 75 "fsopen",
    Fspick = 76 "fspick",
    Fsconfig = 77 "fsconfig",
    Fsmount = 78 "fsmount",
    MoveMount = 79 "move_mount",
    OpenTree = 80 "open_tree",
    MountSetattr = 81 "mount_setattr",
    PivotRoot = 82 "pivot_root",
    Chroot = 83 "chroot",
    Ptrace = 84 "ptrace",
    ProcessVmReadv = 85 "process_vm_readv",
    ProcessVmWritev = 86 "process_vm_writev",
    PidfdGetfd = 87 "pidfd_getfd",
    InitModule = 88 "init_module",
    FinitModule = 89 "finit_module",
    DeleteModule = 90 "delete_module",
    Bpf = 91 "bpf",
    Userfaultfd = 92 "userfaultfd",
    Keyctl = 93 "keyctl",
    AddKey = 94 "add_key",
    RequestKey = 95 "request_key",
    PerfEventOpen = 96 "perf_event_open",
    Splice = 97 "splice",
    SchedSetaffinity = 98 "sched_setaffinity",
    SchedSetscheduler = 99 "sched_setscheduler",
    SchedSetattr = 100 "sched_setattr",
    Setpriority = 101 "setpriority",
    Kill = 102 "kill",
    Tgkill = 103 "tgkill",
    Tkill = 104 "tkill",
    PidfdSendSignal = 105 "pidfd_send_signal",
    KexecLoad = 106 "kexec_load",
    KexecFileLoad = 107 "kexec_file_load",
    OpenTreeAttr = 108 "open_tree_attr",
    Write = 109 "write",
    Clone = 110 "clone",
    Clone3 = 111 "clone3",
    RtSigqueueinfo = 112 "rt_sigqueueinfo",
    RtTgsigqueueinfo = 113 "rt_tgsigqueueinfo",
    SchedSetparam = 114 "sched_setparam",
    Mmap = 115 "mmap",
}

/// How a system call is to be told (value of `CALLS`, indexed by the machine's call number).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(C)]
pub struct CallEntry {
    /// [`Call`] as a number; 0 for a call that is not told.
    pub call: u32,
    /// [`crate::class::Class`] as a number.
    pub class: u32,
}

/// Entries of `CALLS`: more than any machine has system calls.
pub const CALLS_MAX: u32 = 512;
