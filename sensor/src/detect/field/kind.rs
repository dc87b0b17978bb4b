//! Kinds of events, as `evt.type` names them, and the classes of records that give them.

use sensor_common::class::Class;

use super::{Kind, KindDefinition};

macro_rules! kinds {
    ($($constant:ident $name:literal $($class:ident)*;)*) => {
        /// Numbers of [`Kind`], in the order of [`PRODUCED`].
        #[expect(non_camel_case_types, reason = "each is the constant of its name")]
        #[expect(clippy::upper_case_acronyms, reason = "as above")]
        enum Place { $($constant,)* }

        $(pub(crate) const $constant: Kind = Kind(Place::$constant as u16);)*

        /// Kinds that some events have.
        const PRODUCED: &[KindDefinition] =
            &[$(KindDefinition { name: $name, classes: &[$(Class::$class,)*], stands_for: None },)*];
    };
}

kinds! {
    EXECVE "execve" ProcessExec;
    CLONE "clone" ProcessFork Unshare;
    PROCEXIT "procexit" ProcessExit;
    OPEN "open" FileOpen;
    OPENAT "openat" FileOpen;
    OPENAT2 "openat2" FileOpen;
    CREAT "creat" FileOpen;
    OPEN_BY_HANDLE_AT "open_by_handle_at" OpenByHandle;
    RENAME "rename" FileRename;
    RENAMEAT "renameat" FileRename;
    RENAMEAT2 "renameat2" FileRename;
    LINK "link" FileLink;
    LINKAT "linkat" FileLink;
    SYMLINK "symlink" FileSymlink;
    SYMLINKAT "symlinkat" FileSymlink;
    UNLINK "unlink" FileUnlink;
    UNLINKAT "unlinkat" FileUnlink FileRmdir;
    MKDIR "mkdir" FileMkdir;
    MKDIRAT "mkdirat" FileMkdir;
    RMDIR "rmdir" FileRmdir;
    CHMOD "chmod" FileMode;
    FCHMOD "fchmod" FileMode;
    FCHMODAT "fchmodat" FileMode;
    CHOWN "chown" FileOwner;
    FCHOWN "fchown" FileOwner;
    LCHOWN "lchown" FileOwner;
    FCHOWNAT "fchownat" FileOwner;
    SETXATTR "setxattr" FileXattr;
    LSETXATTR "lsetxattr" FileXattr;
    FSETXATTR "fsetxattr" FileXattr;
    REMOVEXATTR "removexattr" FileXattr;
    LREMOVEXATTR "lremovexattr" FileXattr;
    FREMOVEXATTR "fremovexattr" FileXattr;
    MKNOD "mknod" FileMknod;
    MKNODAT "mknodat" FileMknod;
    TRUNCATE "truncate" FileTruncate;
    FTRUNCATE "ftruncate" FileTruncate;
    MMAP "mmap" FileMapExec;
    SOCKET "socket" NetSocket;
    CONNECT "connect" NetConnect;
    ACCEPT "accept" NetAccept;
    ACCEPT4 "accept4" NetAccept;
    BIND "bind" NetBind;
    LISTEN "listen" NetListen;
    CLOSE "close" NetClose;
    SENDTO "sendto" NetDatagram;
    SENDMSG "sendmsg" NetDatagram;
    DUP "dup" NetStdio;
    DUP2 "dup2" NetStdio;
    DUP3 "dup3" NetStdio;
    RECVFROM "recvfrom" NetPayload;
    SETUID "setuid" Credentials;
    SETGID "setgid" Credentials;
    SETREUID "setreuid" Credentials;
    SETREGID "setregid" Credentials;
    SETRESUID "setresuid" Credentials;
    SETRESGID "setresgid" Credentials;
    SETFSUID "setfsuid" Credentials;
    SETFSGID "setfsgid" Credentials;
    SETGROUPS "setgroups" Credentials;
    CAPSET "capset" Credentials;
    PRCTL "prctl" Credentials;
    UNSHARE "unshare" Unshare;
    SETNS "setns" Setns;
    MOUNT "mount" Mount;
    UMOUNT2 "umount2" Mount;
    FSOPEN "fsopen" Mount;
    FSPICK "fspick" Mount;
    FSCONFIG "fsconfig" Mount;
    FSMOUNT "fsmount" Mount;
    MOVE_MOUNT "move_mount" Mount;
    OPEN_TREE "open_tree" Mount;
    MOUNT_SETATTR "mount_setattr" Mount;
    PIVOT_ROOT "pivot_root" PivotRoot;
    CHROOT "chroot" Chroot;
    PTRACE "ptrace" Ptrace;
    PROCESS_VM_READV "process_vm_readv" ProcessMemory;
    PROCESS_VM_WRITEV "process_vm_writev" ProcessMemory;
    PIDFD_GETFD "pidfd_getfd" PidfdGetfd;
    INIT_MODULE "init_module" ModuleLoad;
    FINIT_MODULE "finit_module" ModuleLoad;
    DELETE_MODULE "delete_module" ModuleLoad;
    KEXEC_LOAD "kexec_load" ModuleLoad;
    KEXEC_FILE_LOAD "kexec_file_load" ModuleLoad;
    BPF "bpf" Bpf;
    USERFAULTFD "userfaultfd" Userfaultfd;
    KEYCTL "keyctl" Keyctl;
    ADD_KEY "add_key" Keyctl;
    REQUEST_KEY "request_key" Keyctl;
    PERF_EVENT_OPEN "perf_event_open" PerfEvent;
    WRITE "write" ControlWrite;
    SPLICE "splice" Splice;
    SCHED_SETAFFINITY "sched_setaffinity" Scheduling;
    SCHED_SETSCHEDULER "sched_setscheduler" Scheduling;
    SCHED_SETATTR "sched_setattr" Scheduling;
    SCHED_SETPARAM "sched_setparam" Scheduling;
    SETPRIORITY "setpriority" Scheduling;
    KILL "kill" Signal;
    TGKILL "tgkill" Signal;
    TKILL "tkill" Signal;
    PIDFD_SEND_SIGNAL "pidfd_send_signal" Signal;
    RT_SIGQUEUEINFO "rt_sigqueueinfo" Signal;
    RT_TGSIGQUEUEINFO "rt_tgsigqueueinfo" Signal;
    // What no system call does, or not as one; only Picket has these.
    CAPABILITY "capability" Capability;
    CGROUP_CREATE "cgroup_create" CgroupCreate;
    CGROUP_REMOVE "cgroup_remove" CgroupRemove;
    CGROUP_MOVE "cgroup_move" CgroupMove;
    CONNECT_ATTEMPT "connect_attempt" NetConnect;
    PAYLOAD_SENT "payload_sent" NetPayload;
    DNS "dns" NetDns;
    OTHER "picket_other" Credentials;
}

/// Names whose events cannot be told from those of another name, which stands for both.
const ALIASES: &[KindDefinition] = &[
    alias("execveat", EXECVE),
    alias("fork", CLONE),
    alias("vfork", CLONE),
    alias("clone3", CLONE),
    alias("sendmmsg", SENDMSG),
    alias("recvmsg", RECVFROM),
    alias("recvmmsg", RECVFROM),
    alias("fchmodat2", FCHMODAT),
    alias("umount", UMOUNT2),
    alias("open_tree_attr", OPEN_TREE),
    alias("setxattrat", SETXATTR),
    alias("removexattrat", REMOVEXATTR),
];

/// System calls, and events of Falco's own, that no event is.
const OTHERS: &[&str] = &[
    "_sysctl",
    "access",
    "acct",
    "adjtimex",
    "afs_syscall",
    "alarm",
    "arch_prctl",
    "bdflush",
    "brk",
    "cachestat",
    "capget",
    "chdir",
    "clock_adjtime",
    "clock_adjtime64",
    "clock_getres",
    "clock_getres_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "clock_settime",
    "clock_settime64",
    "close_range",
    "copy_file_range",
    "create_module",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_ctl_old",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "epoll_wait_old",
    "eventfd",
    "eventfd2",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fadvise64_64",
    "fallocate",
    "fanotify_init",
    "fanotify_mark",
    "fchdir",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "fgetxattr",
    "file_getattr",
    "file_setattr",
    "flistxattr",
    "flock",
    "fstat",
    "fstat64",
    "fstatat64",
    "fstatfs",
    "fstatfs64",
    "fsync",
    "ftime",
    "ftruncate64",
    "futex",
    "futex_requeue",
    "futex_time64",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "futimesat",
    "get_kernel_syms",
    "get_mempolicy",
    "get_robust_list",
    "get_thread_area",
    "getcpu",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getitimer",
    "getpeername",
    "getpgid",
    "getpgrp",
    "getpid",
    "getpmsg",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "getuid",
    "getuid32",
    "getxattr",
    "getxattrat",
    "gtty",
    "idle",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_pgetevents_time64",
    "io_setup",
    "io_submit",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioctl",
    "ioperm",
    "iopl",
    "ioprio_get",
    "ioprio_set",
    "kcmp",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "lgetxattr",
    "listmount",
    "listxattr",
    "listxattrat",
    "llistxattr",
    "llseek",
    "lookup_dcookie",
    "lseek",
    "lsm_get_self_attr",
    "lsm_list_modules",
    "lsm_set_self_attr",
    "lstat",
    "lstat64",
    "madvise",
    "map_shadow_stack",
    "mbind",
    "membarrier",
    "memfd_create",
    "memfd_secret",
    "migrate_pages",
    "mincore",
    "mlock",
    "mlock2",
    "mlockall",
    "mmap2",
    "modify_ldt",
    "move_pages",
    "mprotect",
    "mq_getsetattr",
    "mq_notify",
    "mq_open",
    "mq_timedreceive",
    "mq_timedreceive_time64",
    "mq_timedsend",
    "mq_timedsend_time64",
    "mq_unlink",
    "mremap",
    "mseal",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "msync",
    "munlock",
    "munlockall",
    "munmap",
    "name_to_handle_at",
    "nanosleep",
    "newfstatat",
    "nfsservctl",
    "nice",
    "oldfstat",
    "oldlstat",
    "oldolduname",
    "oldstat",
    "olduname",
    "pause",
    "personality",
    "pidfd_open",
    "pipe",
    "pipe2",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    "poll",
    "ppoll",
    "ppoll_time64",
    "pread64",
    "preadv",
    "preadv2",
    "prlimit64",
    "process_madvise",
    "process_mrelease",
    "profil",
    "pselect6",
    "pselect6_time64",
    "putpmsg",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "read",
    "readahead",
    "readdir",
    "readlink",
    "readlinkat",
    "readv",
    "reboot",
    "recv",
    "recvmmsg_time64",
    "remap_file_pages",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_sigtimedwait_time64",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_rr_get_interval_time64",
    "sched_yield",
    "seccomp",
    "security",
    "select",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "semtimedop_time64",
    "send",
    "sendfile",
    "sendfile64",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
    "setdomainname",
    "sethostname",
    "setitimer",
    "setpgid",
    "setresuid32",
    "setrlimit",
    "setsid",
    "setsockopt",
    "settimeofday",
    "setuid32",
    "sgetmask",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "shutdown",
    "sigaction",
    "sigaltstack",
    "signal",
    "signalfd",
    "signalfd4",
    "sigpending",
    "sigprocmask",
    "sigreturn",
    "sigsuspend",
    "socketcall",
    "socketpair",
    "ssetmask",
    "stat",
    "stat64",
    "statfs",
    "statfs64",
    "statmount",
    "statx",
    "stime",
    "stty",
    "swapoff",
    "swapon",
    "sync",
    "sync_file_range",
    "sync_file_range2",
    "syncfs",
    "sysfs",
    "sysinfo",
    "syslog",
    "tee",
    "time",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_gettime64",
    "timer_settime",
    "timer_settime64",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_gettime64",
    "timerfd_settime",
    "timerfd_settime64",
    "times",
    "truncate64",
    "tuxcall",
    "ulimit",
    "umask",
    "uname",
    "uretprobe",
    "uselib",
    "ustat",
    "utime",
    "utimensat",
    "utimensat_time64",
    "utimes",
    "vhangup",
    "vmsplice",
    "vserver",
    "wait4",
    "waitid",
    "waitpid",
    "writev",
    "drop",
    "switch",
    "signaldeliver",
    "page_fault",
    "page_fault_user",
    "page_fault_kernel",
    "container",
    "notification",
    "infra",
    "userevent",
    "pluginevent",
    "asyncevent",
    "generic",
    "syscall",
    "procinfo",
    "cpu_hotplug",
    "mesos",
    "k8s",
    "tracer",
];

const fn alias(name: &'static str, of: Kind) -> KindDefinition {
    KindDefinition { name, classes: PRODUCED[of.0 as usize].classes, stands_for: Some(of) }
}

const COUNT: usize = PRODUCED.len() + ALIASES.len() + OTHERS.len();

/// Every kind: those that events have, then other names of them, then those that no event has.
pub(super) static ALL: [KindDefinition; COUNT] = {
    let mut all = [KindDefinition { name: "", classes: &[], stands_for: None }; COUNT];
    let mut at = 0;
    while at < COUNT {
        let (aliases, others) = (PRODUCED.len(), PRODUCED.len() + ALIASES.len());
        if at < aliases {
            all[at] = PRODUCED[at];
        } else if at < others {
            all[at] = ALIASES[at - aliases];
        } else {
            all[at].name = OTHERS[at - others];
        }
        at += 1;
    }
    all
};
