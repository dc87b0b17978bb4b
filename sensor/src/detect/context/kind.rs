//! Which kind of events an event is to rules.
//!
//! A call is judged once: of the records of a connection it is the one of its outcome.

use sensor_common::{
    call::Call,
    class::Class,
    record::{
        file,
        network::{NetRecord, Phase},
        privilege,
    },
};

use crate::detect::field::{Kind, kind as known};
use crate::event::{Event, Facts};

/// Kinds of calls, by their numbers.
const BY_CALL: [Option<Kind>; 128] = {
    let mut table = [None; 128];
    let mut at = 0;
    while at < Call::ALL.len() {
        table[Call::ALL[at] as usize] = Some(of_call(Call::ALL[at]));
        at += 1;
    }
    table
};

/// Kind of an event.
pub(super) fn of(event: &Event<'_>) -> Kind {
    match &event.facts {
        Facts::Fork(_) => known::CLONE,
        Facts::Exec(_) => known::EXECVE,
        Facts::Exit(_) => known::PROCEXIT,
        Facts::CgroupCreate(_) => known::CGROUP_CREATE,
        Facts::CgroupRemove(_) => known::CGROUP_REMOVE,
        Facts::CgroupMove(_) => known::CGROUP_MOVE,
        // What io_uring does is what the call of the same name would have done.
        Facts::File(file) if file.record.facts & file::Facts::IO_URING != 0 => usual(event.class),
        Facts::File(file) => named(file.record.call).unwrap_or_else(|| usual(event.class)),
        Facts::Socket(socket) => of_socket(event.class, &socket.record),
        Facts::Content(content) => of_socket(event.class, &content.socket.record),
        Facts::Call(call) if event.class == Class::Credentials => of_credentials(&call.record),
        // It happens within a call, which is an event of its own.
        Facts::Call(_) if event.class == Class::Capability => known::CAPABILITY,
        Facts::Call(call) => named(call.record.call).unwrap_or_else(|| usual(event.class)),
    }
}

fn of_socket(class: Class, record: &NetRecord) -> Kind {
    match class {
        Class::NetConnect if record.phase == Phase::Attempt as u16 => known::CONNECT_ATTEMPT,
        Class::NetPayload if record.phase != Phase::Received as u16 => known::PAYLOAD_SENT,
        Class::NetAccept | Class::NetDatagram | Class::NetStdio => {
            named(record.call).unwrap_or_else(|| usual(class))
        }
        class => usual(class),
    }
}

/// Credentials change in many calls, most of which are events of their own.
fn of_credentials(record: &privilege::CallRecord) -> Kind {
    let of_ids = (Call::Setuid as u32..=Call::Prctl as u32).contains(&record.call);
    match named(record.call) {
        Some(kind) if of_ids => kind,
        Some(_) => known::OTHER,
        // A call that could not be named, such as one of 32 bits: what it did tells.
        None if record.facts & privilege::Facts::BEFORE == 0 => known::OTHER,
        None if (record.ids.uid, record.ids.euid) != (record.ids_before.uid, record.ids_before.euid) => {
            known::SETUID
        }
        None if (record.ids.gid, record.ids.egid) != (record.ids_before.gid, record.ids_before.egid) => {
            known::SETGID
        }
        None => known::CAPSET,
    }
}

fn named(call: u32) -> Option<Kind> {
    BY_CALL.get(call as usize).copied().flatten()
}

/// Kind of a class's records that do not name their call.
const fn usual(class: Class) -> Kind {
    match class {
        Class::ProcessFork => known::CLONE,
        Class::ProcessExec => known::EXECVE,
        Class::ProcessExit => known::PROCEXIT,
        Class::CgroupCreate => known::CGROUP_CREATE,
        Class::CgroupRemove => known::CGROUP_REMOVE,
        Class::CgroupMove => known::CGROUP_MOVE,
        Class::FileOpen => known::OPENAT,
        Class::FileRename => known::RENAMEAT2,
        Class::FileLink => known::LINKAT,
        Class::FileSymlink => known::SYMLINKAT,
        Class::FileUnlink => known::UNLINKAT,
        Class::FileMkdir => known::MKDIRAT,
        Class::FileRmdir => known::RMDIR,
        Class::FileMode => known::FCHMODAT,
        Class::FileOwner => known::FCHOWNAT,
        Class::FileXattr => known::SETXATTR,
        Class::FileMknod => known::MKNODAT,
        Class::FileTruncate => known::TRUNCATE,
        Class::FileMapExec => known::MMAP,
        Class::NetSocket => known::SOCKET,
        Class::NetConnect => known::CONNECT,
        Class::NetAccept => known::ACCEPT4,
        Class::NetBind => known::BIND,
        Class::NetListen => known::LISTEN,
        Class::NetClose => known::CLOSE,
        Class::NetDatagram => known::SENDTO,
        Class::NetPayload => known::RECVFROM,
        Class::NetDns => known::DNS,
        Class::NetStdio => known::DUP2,
        Class::Credentials => known::OTHER,
        Class::Capability => known::CAPABILITY,
        Class::Unshare => known::UNSHARE,
        Class::Setns => known::SETNS,
        Class::Mount => known::MOUNT,
        Class::PivotRoot => known::PIVOT_ROOT,
        Class::Chroot => known::CHROOT,
        Class::Ptrace => known::PTRACE,
        Class::ProcessMemory => known::PROCESS_VM_WRITEV,
        Class::PidfdGetfd => known::PIDFD_GETFD,
        Class::ModuleLoad => known::INIT_MODULE,
        Class::Bpf => known::BPF,
        Class::Userfaultfd => known::USERFAULTFD,
        Class::OpenByHandle => known::OPEN_BY_HANDLE_AT,
        Class::Keyctl => known::KEYCTL,
        Class::PerfEvent => known::PERF_EVENT_OPEN,
        Class::ControlWrite => known::WRITE,
        Class::Splice => known::SPLICE,
        Class::Scheduling => known::SCHED_SETATTR,
        Class::Signal => known::KILL,
    }
}

/// Kind of a call.
const fn of_call(call: Call) -> Kind {
    match call {
        Call::Open => known::OPEN,
        Call::Openat => known::OPENAT,
        Call::Openat2 => known::OPENAT2,
        Call::Creat => known::CREAT,
        Call::OpenByHandleAt => known::OPEN_BY_HANDLE_AT,
        Call::Rename => known::RENAME,
        Call::Renameat => known::RENAMEAT,
        Call::Renameat2 => known::RENAMEAT2,
        Call::Link => known::LINK,
        Call::Linkat => known::LINKAT,
        Call::Symlink => known::SYMLINK,
        Call::Symlinkat => known::SYMLINKAT,
        Call::Unlink => known::UNLINK,
        Call::Unlinkat => known::UNLINKAT,
        Call::Mkdir => known::MKDIR,
        Call::Mkdirat => known::MKDIRAT,
        Call::Rmdir => known::RMDIR,
        Call::Chmod => known::CHMOD,
        Call::Fchmod => known::FCHMOD,
        Call::Fchmodat | Call::Fchmodat2 => known::FCHMODAT,
        Call::Chown => known::CHOWN,
        Call::Fchown => known::FCHOWN,
        Call::Lchown => known::LCHOWN,
        Call::Fchownat => known::FCHOWNAT,
        Call::Setxattr | Call::Setxattrat => known::SETXATTR,
        Call::Lsetxattr => known::LSETXATTR,
        Call::Fsetxattr => known::FSETXATTR,
        Call::Removexattr | Call::Removexattrat => known::REMOVEXATTR,
        Call::Lremovexattr => known::LREMOVEXATTR,
        Call::Fremovexattr => known::FREMOVEXATTR,
        Call::Mknod => known::MKNOD,
        Call::Mknodat => known::MKNODAT,
        Call::Truncate => known::TRUNCATE,
        Call::Ftruncate => known::FTRUNCATE,
        Call::Socket => known::SOCKET,
        Call::Connect => known::CONNECT,
        Call::Accept => known::ACCEPT,
        Call::Accept4 => known::ACCEPT4,
        Call::Bind => known::BIND,
        Call::Listen => known::LISTEN,
        Call::Sendto => known::SENDTO,
        Call::Sendmsg | Call::Sendmmsg => known::SENDMSG,
        // Another way to the same: what a copy of a descriptor is for does not depend on it.
        Call::Dup | Call::Fcntl => known::DUP,
        Call::Dup2 => known::DUP2,
        Call::Dup3 => known::DUP3,
        Call::Setuid => known::SETUID,
        Call::Setgid => known::SETGID,
        Call::Setreuid => known::SETREUID,
        Call::Setregid => known::SETREGID,
        Call::Setresuid => known::SETRESUID,
        Call::Setresgid => known::SETRESGID,
        Call::Setfsuid => known::SETFSUID,
        Call::Setfsgid => known::SETFSGID,
        Call::Setgroups => known::SETGROUPS,
        Call::Capset => known::CAPSET,
        Call::Prctl => known::PRCTL,
        Call::Unshare => known::UNSHARE,
        Call::Setns => known::SETNS,
        Call::Mount => known::MOUNT,
        Call::Umount2 => known::UMOUNT2,
        Call::Fsopen => known::FSOPEN,
        Call::Fspick => known::FSPICK,
        Call::Fsconfig => known::FSCONFIG,
        Call::Fsmount => known::FSMOUNT,
        Call::MoveMount => known::MOVE_MOUNT,
        Call::OpenTree | Call::OpenTreeAttr => known::OPEN_TREE,
        Call::MountSetattr => known::MOUNT_SETATTR,
        Call::PivotRoot => known::PIVOT_ROOT,
        Call::Chroot => known::CHROOT,
        Call::Ptrace => known::PTRACE,
        Call::ProcessVmReadv => known::PROCESS_VM_READV,
        Call::ProcessVmWritev => known::PROCESS_VM_WRITEV,
        Call::PidfdGetfd => known::PIDFD_GETFD,
        Call::InitModule => known::INIT_MODULE,
        Call::FinitModule => known::FINIT_MODULE,
        Call::DeleteModule => known::DELETE_MODULE,
        Call::Bpf => known::BPF,
        Call::Userfaultfd => known::USERFAULTFD,
        Call::Keyctl => known::KEYCTL,
        Call::AddKey => known::ADD_KEY,
        Call::RequestKey => known::REQUEST_KEY,
        Call::PerfEventOpen => known::PERF_EVENT_OPEN,
        Call::Splice => known::SPLICE,
        Call::SchedSetaffinity => known::SCHED_SETAFFINITY,
        Call::SchedSetscheduler => known::SCHED_SETSCHEDULER,
        Call::SchedSetattr => known::SCHED_SETATTR,
        Call::Setpriority => known::SETPRIORITY,
        Call::Kill => known::KILL,
        Call::Tgkill => known::TGKILL,
        Call::Tkill => known::TKILL,
        Call::PidfdSendSignal => known::PIDFD_SEND_SIGNAL,
        Call::KexecLoad => known::KEXEC_LOAD,
        Call::KexecFileLoad => known::KEXEC_FILE_LOAD,
        Call::Write => known::WRITE,
        Call::Clone | Call::Clone3 => known::CLONE,
        Call::RtSigqueueinfo => known::RT_SIGQUEUEINFO,
        Call::RtTgsigqueueinfo => known::RT_TGSIGQUEUEINFO,
        Call::SchedSetparam => known::SCHED_SETPARAM,
        Call::Mmap => known::MMAP,
    }
}
