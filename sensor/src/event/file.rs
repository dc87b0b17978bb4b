//! Files as records describe them: type, device, file system, layer.

use sensor_common::record::process::{FileFlags, FileIdentity, Stdio};

const S_IFMT: u32 = 0o170_000;
const TMPFS: u64 = 0x0102_1994;
const HUGETLBFS: u64 = 0x9584_58f6;
const OVERLAYFS: u64 = 0x794c_7630;

/// Names of file systems by magic number (`include/uapi/linux/magic.h`).
const FILESYSTEMS: [(u64, &str); 16] = [
    (OVERLAYFS, "overlay"),
    (TMPFS, "tmpfs"),
    (HUGETLBFS, "hugetlbfs"),
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x2fc1_2fc1, "zfs"),
    (0x6969, "nfs"),
    (0x6573_5546, "fuse"),
    (0x7371_7368, "squashfs"),
    (0xe0f5_e1e2, "erofs"),
    (0x8584_58f6, "ramfs"),
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x0102_1997, "9p"),
    (0xff53_4d42, "cifs"),
];

/// A device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl Device {
    /// From the kernel's own encoding (`include/linux/kdev_t.h`): major << 20 | minor.
    #[must_use]
    pub const fn from_kernel(number: u32) -> Self {
        Self { major: number >> 20, minor: number & 0xf_ffff }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// Layer of an overlay file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// From the image.
    Lower,
    /// Written since the container started.
    Upper,
}

/// Name of a file system, or its magic number.
#[must_use]
pub fn filesystem(magic: u64) -> String {
    filesystem_name(magic).map_or_else(|| format!("{magic:#x}"), str::to_owned)
}

/// Name of a file system that has one here.
#[must_use]
pub fn filesystem_name(magic: u64) -> Option<&'static str> {
    FILESYSTEMS.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name)
}

/// Layer of a file, if its file system has layers.
#[must_use]
pub const fn layer(file: &FileIdentity) -> Option<Layer> {
    if file.filesystem != OVERLAYFS {
        return None;
    }
    Some(if file.flags & FileFlags::OVERLAY_UPPER != 0 { Layer::Upper } else { Layer::Lower })
}

/// True for a file that is only in memory: of a tmpfs.
#[must_use]
pub const fn is_temporary(file: &FileIdentity) -> bool {
    file.filesystem == TMPFS
}

/// True for a file of `memfd_create`: in memory, never linked, with the name that only the kernel
/// gives there. A file of that name in a folder has a parent, so it is not taken for one.
#[must_use]
pub fn is_memfd(file: &FileIdentity, leaf: &[u8]) -> bool {
    file.flags & FileFlags::DETACHED != 0
        && matches!(file.filesystem, TMPFS | HUGETLBFS)
        && leaf.starts_with(b"memfd:")
}

/// What a standard stream is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Nothing: the descriptor is closed.
    Closed,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A pipe or FIFO.
    Pipe,
    /// A socket.
    Socket,
    /// A terminal.
    Terminal,
    /// `/dev/null`
    Null,
    /// Another character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// Something without a file type (eventfd, epoll, …).
    Other,
}

/// Kind of a standard stream.
#[must_use]
pub fn stream_kind(stream: &Stdio) -> StreamKind {
    match stream.mode & S_IFMT {
        0o100_000 => StreamKind::File,
        0o040_000 => StreamKind::Directory,
        0o010_000 => StreamKind::Pipe,
        0o140_000 => StreamKind::Socket,
        0o060_000 => StreamKind::BlockDevice,
        0o020_000 => character_device(Device::from_kernel(stream.rdev)),
        _ if stream.inode == 0 && stream.mode == 0 => StreamKind::Closed,
        _ => StreamKind::Other,
    }
}

/// Terminals by major number (`Documentation/admin-guide/devices.txt`): 4 consoles and serial
/// ports, 5 the process's own, 136–143 pseudo-terminals.
const fn character_device(device: Device) -> StreamKind {
    match (device.major, device.minor) {
        (1, 3) => StreamKind::Null,
        (4 | 136..=143, _) | (5, 0 | 1) => StreamKind::Terminal,
        _ => StreamKind::CharacterDevice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(mode: u32, major: u32, minor: u32) -> StreamKind {
        stream_kind(&Stdio { inode: 1, mode, rdev: major << 20 | minor })
    }

    #[test]
    fn streams_are_told_apart() {
        assert_eq!(stream_kind(&Stdio::default()), StreamKind::Closed);
        assert_eq!(stream(0o010_600, 0, 0), StreamKind::Pipe);
        assert_eq!(stream(0o140_777, 0, 0), StreamKind::Socket);
        assert_eq!(stream(0o020_666, 1, 3), StreamKind::Null);
        assert_eq!(stream(0o020_620, 136, 5), StreamKind::Terminal);
        assert_eq!(stream(0o020_666, 1, 9), StreamKind::CharacterDevice);
        assert_eq!(stream(0o600, 0, 0), StreamKind::Other);
    }

    #[test]
    fn only_the_kernels_own_memory_files_are_memfds() {
        let memfd = FileIdentity { filesystem: TMPFS, flags: FileFlags::DETACHED, ..FileIdentity::default() };
        assert!(is_memfd(&memfd, b"memfd:x"));
        let in_folder = FileIdentity { flags: 0, ..memfd };
        assert!(!is_memfd(&in_folder, b"memfd:x"));
        assert!(!is_memfd(&memfd, b"other"));
    }

    #[test]
    fn unknown_file_systems_show_their_number() {
        assert_eq!(filesystem(OVERLAYFS), "overlay");
        assert_eq!(filesystem(0x1234), "0x1234");
    }
}
