//! Which arguments the events of each kind have, in Falco's order.

use crate::detect::field::{Kind, argument::Name, kind as known};

/// Arguments of a kind of events.
pub(in crate::detect::context) const fn of(kind: Kind) -> &'static [Name] {
    match kind {
        known::EXECVE => &[
            Name::Res,
            Name::Exe,
            Name::Args,
            Name::Tid,
            Name::Pid,
            Name::Ptid,
            Name::Cwd,
            Name::Comm,
            Name::Cgroup,
            Name::Env,
            Name::Tty,
            Name::Pgid,
            Name::Loginuid,
            Name::Flags,
            Name::CapInheritable,
            Name::CapPermitted,
            Name::CapEffective,
            Name::Uid,
            Name::Gid,
            Name::Filename,
        ],
        known::CLONE => &[
            Name::Res,
            Name::Exe,
            Name::Args,
            Name::Tid,
            Name::Pid,
            Name::Ptid,
            Name::Comm,
            Name::Flags,
            Name::Uid,
            Name::Gid,
            Name::Vtid,
        ],
        known::PROCEXIT => &[Name::Status, Name::Sig],
        known::OPEN => &[Name::Fd, Name::Name, Name::Flags, Name::Mode],
        known::OPENAT | known::OPENAT2 => &[Name::Fd, Name::Dirfd, Name::Name, Name::Flags, Name::Mode],
        known::CREAT => &[Name::Fd, Name::Name, Name::Mode],
        known::OPEN_BY_HANDLE_AT => &[Name::Fd, Name::Flags, Name::Path],
        known::RENAME => &[Name::Res, Name::Oldpath, Name::Newpath],
        known::RENAMEAT => &[Name::Res, Name::Olddirfd, Name::Oldpath, Name::Newdirfd, Name::Newpath],
        known::RENAMEAT2 => {
            &[Name::Res, Name::Olddirfd, Name::Oldpath, Name::Newdirfd, Name::Newpath, Name::Flags]
        }
        known::LINK => &[Name::Res, Name::Oldpath, Name::Newpath],
        known::LINKAT => {
            &[Name::Res, Name::Olddirfd, Name::Oldpath, Name::Newdirfd, Name::Newpath, Name::Flags]
        }
        known::SYMLINK => &[Name::Res, Name::Target, Name::Linkpath],
        known::SYMLINKAT => &[Name::Res, Name::Target, Name::Linkdirfd, Name::Linkpath],
        known::UNLINK | known::RMDIR => &[Name::Res, Name::Path],
        known::UNLINKAT => &[Name::Res, Name::Dirfd, Name::Name, Name::Flags],
        known::MKDIR => &[Name::Res, Name::Path, Name::Mode],
        known::MKDIRAT => &[Name::Res, Name::Dirfd, Name::Path, Name::Mode],
        known::CHMOD => &[Name::Res, Name::Filename, Name::Mode],
        known::FCHMOD => &[Name::Res, Name::Fd, Name::Mode],
        known::FCHMODAT => &[Name::Res, Name::Dirfd, Name::Filename, Name::Mode],
        known::CHOWN | known::LCHOWN => &[Name::Res, Name::Path, Name::Uid, Name::Gid],
        known::FCHOWN => &[Name::Res, Name::Fd, Name::Uid, Name::Gid],
        known::FCHOWNAT => &[Name::Res, Name::Dirfd, Name::Pathname, Name::Flags, Name::Uid, Name::Gid],
        known::SETXATTR | known::LSETXATTR | known::REMOVEXATTR | known::LREMOVEXATTR | known::TRUNCATE => {
            &[Name::Res, Name::Path]
        }
        known::FSETXATTR | known::FREMOVEXATTR | known::FTRUNCATE => &[Name::Res, Name::Fd],
        known::MKNOD | known::MKNODAT => &[Name::Res, Name::Path, Name::Mode, Name::Dev],
        known::SOCKET => &[Name::Fd, Name::Domain, Name::Type, Name::Proto],
        known::CONNECT => &[Name::Res, Name::Tuple, Name::Fd, Name::Addr],
        known::ACCEPT | known::ACCEPT4 => &[Name::Fd, Name::Tuple],
        known::BIND => &[Name::Res, Name::Addr],
        known::LISTEN => &[Name::Res, Name::Fd, Name::Backlog],
        known::CLOSE => &[Name::Res, Name::Fd],
        known::SENDTO | known::SENDMSG => &[Name::Res, Name::Fd, Name::Size, Name::Tuple, Name::Addr],
        known::RECVFROM => &[Name::Res, Name::Size, Name::Data, Name::Tuple, Name::Fd],
        known::DUP => &[Name::Res, Name::Oldfd],
        known::DUP2 | known::DUP3 => &[Name::Res, Name::Oldfd, Name::Newfd],
        known::SETUID => &[Name::Res, Name::Uid],
        known::SETGID => &[Name::Res, Name::Gid],
        known::SETFSUID => &[Name::Res, Name::Uid],
        known::SETFSGID => &[Name::Res, Name::Gid],
        known::SETREUID => &[Name::Res, Name::Ruid, Name::Euid],
        known::SETREGID => &[Name::Res, Name::Rgid, Name::Egid],
        known::SETRESUID => &[Name::Res, Name::Ruid, Name::Euid, Name::Suid],
        known::SETRESGID => &[Name::Res, Name::Rgid, Name::Egid, Name::Sgid],
        known::CAPSET => &[Name::Res, Name::CapInheritable, Name::CapPermitted, Name::CapEffective],
        known::UNSHARE => &[Name::Res, Name::Flags],
        known::SETNS => &[Name::Res, Name::Fd, Name::Nstype],
        known::MOUNT => &[Name::Res, Name::Dev, Name::Dir, Name::Type, Name::Flags],
        known::UMOUNT2 => &[Name::Res, Name::Name, Name::Flags],
        known::MOVE_MOUNT => &[Name::Res, Name::Dev, Name::Dir, Name::Flags],
        known::FSOPEN | known::FSMOUNT | known::FSPICK | known::OPEN_TREE | known::MOUNT_SETATTR => {
            &[Name::Res, Name::Path, Name::Flags]
        }
        known::FSCONFIG => &[Name::Res, Name::Cmd],
        known::PIVOT_ROOT | known::CHROOT => &[Name::Res, Name::Path],
        known::PTRACE => &[Name::Res, Name::Addr, Name::Data, Name::Request, Name::Pid],
        known::PROCESS_VM_READV | known::PROCESS_VM_WRITEV => &[Name::Res, Name::Pid],
        known::INIT_MODULE => &[Name::Res, Name::Length, Name::Uargs],
        known::FINIT_MODULE => &[Name::Res, Name::Fd, Name::Uargs, Name::Flags],
        known::DELETE_MODULE => &[Name::Res, Name::Name, Name::Flags],
        known::KEXEC_LOAD => &[Name::Res, Name::Length],
        known::KEXEC_FILE_LOAD => &[Name::Res, Name::Fd, Name::Uargs],
        known::BPF => &[Name::Fd, Name::Cmd],
        known::USERFAULTFD => &[Name::Res, Name::Flags],
        known::WRITE => &[Name::Res, Name::Fd, Name::Size, Name::Data],
        known::SPLICE => &[Name::Res, Name::Fd],
        known::SCHED_SETAFFINITY
        | known::SCHED_SETSCHEDULER
        | known::SCHED_SETATTR
        | known::SCHED_SETPARAM => &[Name::Res, Name::Pid],
        known::KILL | known::PIDFD_SEND_SIGNAL | known::RT_SIGQUEUEINFO => &[Name::Res, Name::Pid, Name::Sig],
        known::TKILL => &[Name::Res, Name::Tid, Name::Sig],
        known::TGKILL | known::RT_TGSIGQUEUEINFO => &[Name::Res, Name::Pid, Name::Tid, Name::Sig],
        known::CAPABILITY => &[Name::Cap],
        _ => &[],
    }
}
