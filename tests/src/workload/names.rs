//! Words for the kernel's flags, shared by several families.

use super::words::Names;

const fn flag(value: i32) -> u64 {
    value.cast_unsigned() as u64
}

/// `rdonly wronly rdwr creat excl trunc append path tmpfile directory nofollow cloexec nonblock`.
pub(super) const OPEN: &Names = &[
    ("rdonly", flag(libc::O_RDONLY)),
    ("wronly", flag(libc::O_WRONLY)),
    ("rdwr", flag(libc::O_RDWR)),
    ("creat", flag(libc::O_CREAT)),
    ("excl", flag(libc::O_EXCL)),
    ("trunc", flag(libc::O_TRUNC)),
    ("append", flag(libc::O_APPEND)),
    ("path", flag(libc::O_PATH)),
    ("tmpfile", flag(libc::O_TMPFILE)),
    ("directory", flag(libc::O_DIRECTORY)),
    ("nofollow", flag(libc::O_NOFOLLOW)),
    ("cloexec", flag(libc::O_CLOEXEC)),
    ("nonblock", flag(libc::O_NONBLOCK)),
];

/// `mount cgroup uts ipc user pid net time`; for unshare also `files` and `fs`.
pub(super) const NAMESPACES: &Names = &[
    ("mount", flag(libc::CLONE_NEWNS)),
    ("cgroup", flag(libc::CLONE_NEWCGROUP)),
    ("uts", flag(libc::CLONE_NEWUTS)),
    ("ipc", flag(libc::CLONE_NEWIPC)),
    ("user", flag(libc::CLONE_NEWUSER)),
    ("pid", flag(libc::CLONE_NEWPID)),
    ("net", flag(libc::CLONE_NEWNET)),
    ("time", 0x80),
    ("files", flag(libc::CLONE_FILES)),
    ("fs", flag(libc::CLONE_FS)),
];

/// Of mount(2).
pub(super) const MOUNT: &Names = &[
    ("ro", libc::MS_RDONLY),
    ("nosuid", libc::MS_NOSUID),
    ("nodev", libc::MS_NODEV),
    ("noexec", libc::MS_NOEXEC),
    ("remount", libc::MS_REMOUNT),
    ("bind", libc::MS_BIND),
    ("move", libc::MS_MOVE),
    ("rec", libc::MS_REC),
    ("private", libc::MS_PRIVATE),
    ("slave", libc::MS_SLAVE),
    ("shared", libc::MS_SHARED),
    ("unbindable", libc::MS_UNBINDABLE),
];

/// Of umount2(2).
pub(super) const UNMOUNT: &Names = &[
    ("force", flag(libc::MNT_FORCE)),
    ("detach", flag(libc::MNT_DETACH)),
    ("expire", flag(libc::MNT_EXPIRE)),
    ("nofollow", flag(libc::UMOUNT_NOFOLLOW)),
];

/// Of mount_setattr(2) and fsmount(2) (include/uapi/linux/mount.h).
pub(super) const ATTRIBUTES: &Names =
    &[("ro", 0x1), ("nosuid", 0x2), ("nodev", 0x4), ("noexec", 0x8), ("noatime", 0x10)];
