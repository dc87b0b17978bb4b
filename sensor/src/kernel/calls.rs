//! Numbers of system calls on this machine, for the programs that serve many calls at once.
//!
//! From `linux/unistd.h`; those above 423 are the same on every machine.

use sensor_common::{
    call::{Call, CallEntry},
    class::Class,
};

/// A call: what it is named in records, the class that it gives, and its number on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Call.
    pub call: Call,
    /// Class.
    pub class: Class,
    /// Number.
    pub number: u32,
}

impl Entry {
    /// As the programs read it.
    #[must_use]
    pub const fn value(self) -> CallEntry {
        CallEntry { call: self.call as u32, class: self.class.index() }
    }
}

macro_rules! table {
    ($($call:ident $class:ident $number:expr;)*) => {
        &[$(Entry { call: Call::$call, class: Class::$class, number: number($number) },)*]
    };
}

/// A number as `libc` has it. They are all small and not negative, which a test checks.
#[expect(clippy::cast_possible_truncation, reason = "a constant function can do nothing else")]
const fn number(of: i64) -> u32 {
    of.unsigned_abs() as u32
}

/// Calls that every machine has.
pub const CALLS: &[Entry] = table! {
    Openat FileOpen libc::SYS_openat;
    Openat2 FileOpen 437;
    OpenByHandleAt OpenByHandle libc::SYS_open_by_handle_at;
    Renameat FileRename libc::SYS_renameat;
    Renameat2 FileRename libc::SYS_renameat2;
    Linkat FileLink libc::SYS_linkat;
    Symlinkat FileSymlink libc::SYS_symlinkat;
    Unlinkat FileUnlink libc::SYS_unlinkat;
    Mkdirat FileMkdir libc::SYS_mkdirat;
    Fchmod FileMode libc::SYS_fchmod;
    Fchmodat FileMode libc::SYS_fchmodat;
    Fchmodat2 FileMode 452;
    Fchown FileOwner libc::SYS_fchown;
    Fchownat FileOwner libc::SYS_fchownat;
    Setxattr FileXattr libc::SYS_setxattr;
    Lsetxattr FileXattr libc::SYS_lsetxattr;
    Fsetxattr FileXattr libc::SYS_fsetxattr;
    Removexattr FileXattr libc::SYS_removexattr;
    Lremovexattr FileXattr libc::SYS_lremovexattr;
    Fremovexattr FileXattr libc::SYS_fremovexattr;
    Setxattrat FileXattr 463;
    Removexattrat FileXattr 466;
    Mknodat FileMknod libc::SYS_mknodat;
    Truncate FileTruncate libc::SYS_truncate;
    Ftruncate FileTruncate libc::SYS_ftruncate;
    Mmap FileMapExec libc::SYS_mmap;
    Socket NetSocket libc::SYS_socket;
    Connect NetConnect libc::SYS_connect;
    Accept NetAccept libc::SYS_accept;
    Accept4 NetAccept libc::SYS_accept4;
    Bind NetBind libc::SYS_bind;
    Listen NetListen libc::SYS_listen;
    Sendto NetDatagram libc::SYS_sendto;
    Sendmsg NetDatagram libc::SYS_sendmsg;
    Sendmmsg NetDatagram libc::SYS_sendmmsg;
    Dup NetStdio libc::SYS_dup;
    Dup3 NetStdio libc::SYS_dup3;
    Fcntl NetStdio libc::SYS_fcntl;
    Setuid Credentials libc::SYS_setuid;
    Setgid Credentials libc::SYS_setgid;
    Setreuid Credentials libc::SYS_setreuid;
    Setregid Credentials libc::SYS_setregid;
    Setresuid Credentials libc::SYS_setresuid;
    Setresgid Credentials libc::SYS_setresgid;
    Setfsuid Credentials libc::SYS_setfsuid;
    Setfsgid Credentials libc::SYS_setfsgid;
    Setgroups Credentials libc::SYS_setgroups;
    Capset Credentials libc::SYS_capset;
    Unshare Unshare libc::SYS_unshare;
    Setns Setns libc::SYS_setns;
    Mount Mount libc::SYS_mount;
    Umount2 Mount libc::SYS_umount2;
    Fsopen Mount 430;
    Fspick Mount 433;
    Fsconfig Mount 431;
    Fsmount Mount 432;
    MoveMount Mount 429;
    OpenTree Mount 428;
    MountSetattr Mount 442;
    OpenTreeAttr Mount 467;
    PivotRoot PivotRoot libc::SYS_pivot_root;
    Chroot Chroot libc::SYS_chroot;
    Ptrace Ptrace libc::SYS_ptrace;
    ProcessVmReadv ProcessMemory libc::SYS_process_vm_readv;
    ProcessVmWritev ProcessMemory libc::SYS_process_vm_writev;
    PidfdGetfd PidfdGetfd 438;
    InitModule ModuleLoad libc::SYS_init_module;
    FinitModule ModuleLoad libc::SYS_finit_module;
    DeleteModule ModuleLoad libc::SYS_delete_module;
    KexecLoad ModuleLoad libc::SYS_kexec_load;
    KexecFileLoad ModuleLoad libc::SYS_kexec_file_load;
    Bpf Bpf libc::SYS_bpf;
    Userfaultfd Userfaultfd libc::SYS_userfaultfd;
    Keyctl Keyctl libc::SYS_keyctl;
    AddKey Keyctl libc::SYS_add_key;
    RequestKey Keyctl libc::SYS_request_key;
    PerfEventOpen PerfEvent libc::SYS_perf_event_open;
    Splice Splice libc::SYS_splice;
    SchedSetaffinity Scheduling libc::SYS_sched_setaffinity;
    SchedSetscheduler Scheduling libc::SYS_sched_setscheduler;
    SchedSetattr Scheduling libc::SYS_sched_setattr;
    SchedSetparam Scheduling libc::SYS_sched_setparam;
    Setpriority Scheduling libc::SYS_setpriority;
    Kill Signal libc::SYS_kill;
    Tgkill Signal libc::SYS_tgkill;
    Tkill Signal libc::SYS_tkill;
    PidfdSendSignal Signal 424;
    RtSigqueueinfo Signal libc::SYS_rt_sigqueueinfo;
    RtTgsigqueueinfo Signal libc::SYS_rt_tgsigqueueinfo;
};

/// Calls in which the kernel checks whether there is memory enough, which looks like a use of
/// `CAP_SYS_ADMIN` where the hook does not tell more: not told themselves, but marked with that class. `mmap`, which
/// is told, is one of them.
pub const MEMORY_CALLS: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_sendfile,
    libc::SYS_copy_file_range,
    libc::SYS_fallocate,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_memfd_create,
    libc::SYS_io_uring_enter,
    libc::SYS_clone,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    435, // clone3
];

/// Value of a call that is not told, but marked.
pub const MEMORY_CALL: CallEntry = CallEntry { call: 0, class: Class::Capability.index() };

/// Calls that only older kinds of machines have.
#[cfg(target_arch = "x86_64")]
pub const OLD_CALLS: &[Entry] = table! {
    Open FileOpen libc::SYS_open;
    Creat FileOpen libc::SYS_creat;
    Rename FileRename libc::SYS_rename;
    Link FileLink libc::SYS_link;
    Symlink FileSymlink libc::SYS_symlink;
    Unlink FileUnlink libc::SYS_unlink;
    Mkdir FileMkdir libc::SYS_mkdir;
    Rmdir FileRmdir libc::SYS_rmdir;
    Chmod FileMode libc::SYS_chmod;
    Chown FileOwner libc::SYS_chown;
    Lchown FileOwner libc::SYS_lchown;
    Mknod FileMknod libc::SYS_mknod;
    Dup2 NetStdio libc::SYS_dup2;
};
/// Calls that only older kinds of machines have.
#[cfg(not(target_arch = "x86_64"))]
pub const OLD_CALLS: &[Entry] = &[];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sensor_common::call::CALLS_MAX;

    use super::*;

    #[test]
    fn every_call_has_one_number() {
        let mut numbers = HashSet::new();
        for entry in CALLS.iter().chain(OLD_CALLS) {
            assert!(entry.number < CALLS_MAX, "{:?}", entry.call);
            assert!(numbers.insert(entry.number), "{:?} has the number of another", entry.call);
        }
        for number in MEMORY_CALLS {
            let number = u32::try_from(*number).unwrap();
            assert!(number < CALLS_MAX && numbers.insert(number), "{number} is told, or listed twice");
        }
    }
}
