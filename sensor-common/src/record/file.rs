//! Fixed part of the records of files: one form for all classes.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::process::FileIdentity;
use crate::header::RecordHeader;

/// Something done to a file. Variable fields follow: [`crate::tail::Tail::Path`] and its kin.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FileRecord {
    /// Common part.
    pub header: RecordHeader,
    /// The file itself; zeros where it was not reached.
    pub file: FileIdentity,
    /// 0, or the negative error number with which the call failed.
    pub error: i32,
    /// Open: `O_*` flags as the kernel keeps or got them. Rename: `RENAME_*`. Unlink: `AT_*`.
    pub flags: u32,
    /// Mode that was set or asked for (`inode.i_mode` format); for mknod with the file type; of opens that may make
    /// a file.
    pub mode: u32,
    /// Owner that was set, `u32::MAX` for unchanged.
    pub uid: u32,
    /// Group that was set, `u32::MAX` for unchanged.
    pub gid: u32,
    /// Device number that mknod made (the kernel's encoding, major << 20 | minor).
    pub rdev: u32,
    /// [`Facts`] bits.
    pub facts: u32,
    /// Equal events since the last one that was sent.
    pub repeats: u32,
    /// [`crate::call::Call`] as a number; 0 where the hook does not tell.
    pub call: u32,
    /// Unused; zero.
    pub reserved: u32,
    /// Open: by which name and mount the file was reached ([`crate::policy::FileKey::way`]).
    pub way: u64,
}

/// Bits of [`FileRecord::facts`].
#[derive(Clone, Copy, Debug)]
pub struct Facts;

impl Facts {
    /// The file did not exist before.
    pub const CREATED: u32 = 1 << 0;
    /// Paths are as the caller's memory had them after the call: another thread may have changed it.
    pub const UNVERIFIED: u32 = 1 << 1;
    /// Done by io_uring.
    pub const IO_URING: u32 = 1 << 2;
    /// By a 32-bit system call.
    pub const COMPAT: u32 = 1 << 3;
    /// An attribute was removed, not set.
    pub const REMOVED: u32 = 1 << 4;
    /// The name of an attribute is as the caller's memory had it after the call.
    pub const NAME_UNVERIFIED: u32 = 1 << 5;
    /// Told before it was done: the outcome is not known (a request of io_uring).
    pub const ASKED: u32 = 1 << 6;
}
