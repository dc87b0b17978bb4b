//! `file` and `inode`: identity on disk, what a descriptor is connected to.

use sensor_common::record::process::{FileFlags, FileIdentity, Stdio};

use super::{Memory, Raw, window::Window};
use crate::maps::offset;

/// `OVERLAYFS_SUPER_MAGIC` of `include/uapi/linux/magic.h`.
const OVERLAYFS: u64 = 0x794c_7630;

/// Fills in the identity of an opened file.
#[inline(always)]
pub(crate) fn identity<M: Memory>(file: M, into: &mut FileIdentity) {
    if let Some(inode) = file.follow(offset!(file_inode)) {
        of_inode(inode, into);
    }
}

/// `I_CTIME_QUERIED` of `include/linux/fs.h` (6.13) shares the word with the nanoseconds: somebody has looked at
/// the time.
const QUERIED: u32 = 1 << 31;

/// When an inode was changed last, in nanoseconds of the wall clock.
#[inline(always)]
pub(crate) fn changed_ns<M: Memory>(inode: M) -> u64 {
    time(inode.number(offset!(inode_changed_s)), inode.number(offset!(inode_changed_ns)))
}

/// When the content of an opened file was changed last, in nanoseconds of the wall clock; 0 where unknown.
#[inline(always)]
pub(crate) fn modified_ns<M: Memory>(file: M) -> u64 {
    let Some(inode) = file.follow(offset!(file_inode)) else { return 0 };
    time(inode.number(offset!(inode_modified_s)), inode.number(offset!(inode_modified_ns)))
}

#[inline(always)]
fn time(seconds: u64, nanoseconds: u32) -> u64 {
    seconds.wrapping_mul(1_000_000_000).wrapping_add(u64::from(nanoseconds & !QUERIED))
}

/// Fills in the identity of an inode.
#[inline(always)]
pub(crate) fn of_inode<M: Memory>(inode: M, into: &mut FileIdentity) {
    into.inode = inode.number(offset!(inode_number));
    into.changed_ns = changed_ns(inode);
    into.mode = u32::from(inode.number::<u16>(offset!(inode_mode)));
    into.uid = inode.number(offset!(inode_uid));
    into.gid = inode.number(offset!(inode_gid));
    into.links = inode.number(offset!(inode_links));
    if let Some(superblock) = inode.follow(offset!(inode_superblock)) {
        into.device = superblock.number(offset!(superblock_device));
        into.filesystem = superblock.number(offset!(superblock_magic));
    }
    if into.filesystem == OVERLAYFS && is_upper(inode) {
        into.flags |= FileFlags::OVERLAY_UPPER;
    }
}

/// The beginning of a `struct file`: mode, flags, path and inode are there on every kernel so far.
pub(crate) type FileWindow = Window<10>;
/// The beginning of a `struct inode`, up to when it was changed last.
pub(crate) type InodeWindow = Window<16>;

/// As [`changed_ns`], from what was read already.
#[inline(always)]
pub(crate) fn changed_ns_of(inode: &InodeWindow) -> u64 {
    time(inode.number(offset!(inode_changed_s)), inode.number(offset!(inode_changed_ns)))
}

/// As [`of_inode`], with few calls of the helper.
#[inline(always)]
pub(crate) fn at_inode(inode: Raw, into: &mut FileIdentity) {
    let inode = InodeWindow::of(inode);
    into.inode = inode.number(offset!(inode_number));
    into.changed_ns = changed_ns_of(&inode);
    into.mode = u32::from(inode.number::<u16>(offset!(inode_mode)));
    into.uid = inode.number(offset!(inode_uid));
    into.gid = inode.number(offset!(inode_gid));
    into.links = inode.number(offset!(inode_links));
    let superblock = Raw(inode.number(offset!(inode_superblock)));
    into.device = superblock.number(offset!(superblock_device));
    into.filesystem = superblock.number(offset!(superblock_magic));
    if into.filesystem == OVERLAYFS && is_upper(inode.object()) {
        into.flags |= FileFlags::OVERLAY_UPPER;
    }
}

/// Whether a file of an overlay exists in its upper layer; `None` for files of other file systems.
#[inline(always)]
pub(crate) fn is_in_upper_layer(inode: Raw) -> Option<bool> {
    let superblock = Raw(inode.number(offset!(inode_superblock)));
    let magic = superblock.number::<u64>(offset!(superblock_magic));
    (magic == OVERLAYFS).then(|| is_upper(inode))
}

/// True if a file of an overlay exists in its upper layer.
///
/// Since overlayfs has its own inodes (4.8), `struct ovl_inode` (`fs/overlayfs/ovl_entry.h`) keeps
/// `__upperdentry` right behind the VFS inode that it embeds. The structure itself is in a module
/// on most kernels, so it is not among the kernel's own types.
#[inline(always)]
fn is_upper<M: Memory>(inode: M) -> bool {
    inode.raw().read::<u64>(offset!(inode_size)).is_some_and(|dentry| dentry != 0)
}

/// The file behind a descriptor of the task.
#[inline(always)]
pub(crate) fn behind<M: Memory>(task: M, descriptor: u32) -> Option<Raw> {
    let table = task.follow(offset!(task_files))?.follow(offset!(files_fdt))?;
    if descriptor >= table.number::<u32>(offset!(fdtable_max_fds)) {
        return None;
    }
    let slots = table.read::<u64>(offset!(fdtable_fd))?;
    Raw(slots.wrapping_add(u64::from(descriptor) * 8)).follow(0)
}

/// Fills in what a descriptor of the task is connected to.
#[inline(always)]
pub(crate) fn stdio<M: Memory>(task: M, descriptor: u32, into: &mut Stdio) {
    let Some(file) = behind(task, descriptor) else { return };
    let Some(inode) = file.follow(offset!(file_inode)) else { return };
    into.inode = inode.number(offset!(inode_number));
    into.mode = u32::from(inode.number::<u16>(offset!(inode_mode)));
    into.rdev = inode.number(offset!(inode_rdev));
}
