//! Fixed parts of the process records: fork, exec, exit.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::header::{RecordHeader, TaskRef};

/// User and group ids of a task in the initial user namespace (`struct cred`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Ids {
    /// Real user id (`cred.uid`).
    pub uid: u32,
    /// Real group id (`cred.gid`).
    pub gid: u32,
    /// Effective user id (`cred.euid`).
    pub euid: u32,
    /// Effective group id (`cred.egid`).
    pub egid: u32,
}

/// Capability sets, bit n is capability number n (`struct cred`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Capabilities {
    /// `cred.cap_inheritable`
    pub inheritable: u64,
    /// `cred.cap_permitted`
    pub permitted: u64,
    /// `cred.cap_effective`
    pub effective: u64,
    /// `cred.cap_bset`
    pub bounding: u64,
    /// `cred.cap_ambient`
    pub ambient: u64,
}

/// Inode numbers of a task's namespaces (`struct nsproxy`, `ns_common.inum`); 0 where unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Namespaces {
    /// Mount namespace.
    pub mnt: u32,
    /// Pid namespace that the task is in (not the one that its children will be in).
    pub pid: u32,
    /// Network namespace.
    pub net: u32,
    /// IPC namespace.
    pub ipc: u32,
    /// UTS namespace.
    pub uts: u32,
    /// Control group namespace.
    pub cgroup: u32,
    /// User namespace of the credentials.
    pub user: u32,
    /// Time namespace.
    pub time: u32,
}

/// The executed file, as the kernel opened it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FileIdentity {
    /// `inode.i_ino`
    pub inode: u64,
    /// When the inode was changed last (`inode.i_ctime`), in nanoseconds of the wall clock.
    pub changed_ns: u64,
    /// Magic number of the file system (`super_block.s_magic`).
    pub filesystem: u64,
    /// Device of the file system (`super_block.s_dev`, the kernel's encoding: major << 20 | minor).
    pub device: u32,
    /// Type and permission bits (`inode.i_mode`).
    pub mode: u32,
    /// Owner (`inode.i_uid`), in the initial user namespace.
    pub uid: u32,
    /// Group (`inode.i_gid`), in the initial user namespace.
    pub gid: u32,
    /// Names that the file still has (`inode.i_nlink`).
    pub links: u32,
    /// Id of the mount through which it was opened (`mount.mnt_id`).
    pub mount_id: u32,
    /// [`FileFlags`] bits.
    pub flags: u32,
    /// Unused; zero.
    pub reserved: u32,
}

/// Bits of [`FileIdentity::flags`].
#[derive(Clone, Copy, Debug)]
pub struct FileFlags;

impl FileFlags {
    /// On overlayfs, and the file exists in the upper (writable) layer.
    pub const OVERLAY_UPPER: u32 = 1 << 0;
    /// The directory entry is its own parent without being the root of a mount: the file was never
    /// linked into a tree (memfd).
    pub const DETACHED: u32 = 1 << 1;
}

/// What a standard stream is connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Stdio {
    /// `inode.i_ino`; equal numbers on both ends of a pipe.
    pub inode: u64,
    /// File type and permissions (`inode.i_mode`); 0 when the descriptor is closed.
    pub mode: u32,
    /// Device number of a character or block device (`inode.i_rdev`), major << 20 | minor.
    pub rdev: u32,
}

/// A new process. The header's process is the child.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ForkRecord {
    /// Common part.
    pub header: RecordHeader,
    /// The parent that the child will report to (`task_struct.real_parent`).
    pub parent: TaskRef,
    /// The task that called fork or clone; differs from the parent with `CLONE_PARENT`.
    pub creator: TaskRef,
    /// The child's ids.
    pub ids: Ids,
    /// The child's pid in its own pid namespace.
    pub container_pid: u32,
    /// Inode number of that pid namespace.
    pub pid_namespace: u32,
}

/// A program begins. Variable fields follow: see [`crate::tail::Tail`].
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ExecRecord {
    /// Common part.
    pub header: RecordHeader,
    /// Parent process.
    pub parent: TaskRef,
    /// Credentials with which the new program runs.
    pub ids: Ids,
    /// Capabilities with which the new program runs.
    pub capabilities: Capabilities,
    /// Namespaces.
    pub namespaces: Namespaces,
    /// The executed file (`mm_struct.exe_file`).
    pub file: FileIdentity,
    /// Standard input, output and error.
    pub stdio: [Stdio; 3],
    /// Pid in the task's own pid namespace.
    pub container_pid: u32,
    /// Session id in the initial pid namespace; 0 where unknown.
    pub session: u32,
    /// Audit login user id (`task_struct.loginuid`); `u32::MAX` when never set or unknown.
    pub login_uid: u32,
    /// Arguments that the program was given (`linux_binprm.argc`).
    pub argument_count: u32,
    /// Seccomp mode (`seccomp.mode`): 0 none, 1 strict, 2 filter; `u32::MAX` where unknown.
    pub seccomp: u32,
    /// Thread id that called exec, before it became the leader.
    pub caller_tid: u32,
    /// [`ExecFacts`] bits.
    pub facts: u32,
    /// Which one it is of those executed on its CPU, by the witness's count; 0 where nothing counts.
    pub number: u32,
    /// Process group id in the initial pid namespace; 0 where unknown.
    pub process_group: u32,
    /// Device number of the controlling terminal, major << 20 | minor; 0 without one.
    pub terminal: u32,
    /// When the file's content was changed last (`inode.i_mtime`), in nanoseconds of the wall clock; 0 where
    /// unknown.
    pub modified_ns: u64,
}

/// Bits of [`ExecRecord::facts`].
#[derive(Clone, Copy, Debug)]
pub struct ExecFacts;

impl ExecFacts {
    /// The kernel itself started the program: its parent is a kernel thread.
    pub const BY_KERNEL: u32 = 1 << 0;
    /// The root directory of the task is not that of its mount namespace (`chroot`).
    pub const OTHER_ROOT: u32 = 1 << 1;
}

/// A process ended: its last thread is gone.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ExitRecord {
    /// Common part.
    pub header: RecordHeader,
    /// Parent process at that time.
    pub parent: TaskRef,
    /// Wait status: signal in bits 0–6, core dump in bit 7, exit code in bits 8–15.
    pub status: u32,
    /// Unused; zero.
    pub reserved: u32,
}
