//! Names of flags and numbers, as Falco prints them.

use sensor_common::record::file::Facts;

use super::super::text;
use crate::event::{
    file::{self, Layer},
    open_flags::{self, Access},
    operation::FileOperation,
};

/// Flags of an open, in Falco's order.
const OPEN: &[(u64, &str)] = &[
    (0o200_000, "O_DIRECTORY"),
    (0o40_000, "O_DIRECT"),
    (0o1_000, "O_TRUNC"),
    (0o4_010_000, "O_SYNC"),
    (0o4_000, "O_NONBLOCK"),
    (0o200, "O_EXCL"),
    (0o10_000, "O_DSYNC"),
    (0o2_000, "O_APPEND"),
    (0o100, "O_CREAT"),
];
const CLOSE_ON_EXEC: (u64, &str) = (0o2_000_000, "O_CLOEXEC");
const TEMPORARY: (u64, &str) = (0o20_000_000, "O_TMPFILE");

/// Flags of renameat2.
pub(super) const RENAME: &[(u64, &str)] =
    &[(1, "RENAME_NOREPLACE"), (2, "RENAME_EXCHANGE"), (4, "RENAME_WHITEOUT")];

/// Flags of calls relative to a directory.
pub(super) const AT: &[(u64, &str)] =
    &[(0x200, "AT_REMOVEDIR"), (0x400, "AT_SYMLINK_FOLLOW"), (0x1000, "AT_EMPTY_PATH")];

/// Flags of `delete_module`.
pub(super) const DELETE: &[(u64, &str)] = &[(0o4_000, "O_NONBLOCK"), (0o1_000, "O_TRUNC")];

/// Flags of `open_by_handle_at`.
pub(super) const OPEN_BY_HANDLE: &[(u64, &str)] = &[
    (0o200_000, "O_DIRECTORY"),
    (0o1_000, "O_TRUNC"),
    (0o2_000, "O_APPEND"),
    (2, "O_RDWR"),
    (1, "O_WRONLY"),
    (0o2_000_000, "O_CLOEXEC"),
];

/// Permissions.
pub(super) const MODE: &[(u64, &str)] = &[
    (0o1, "S_IXOTH"),
    (0o2, "S_IWOTH"),
    (0o4, "S_IROTH"),
    (0o10, "S_IXGRP"),
    (0o20, "S_IWGRP"),
    (0o40, "S_IRGRP"),
    (0o100, "S_IXUSR"),
    (0o200, "S_IWUSR"),
    (0o400, "S_IRUSR"),
    (0o1000, "S_ISVTX"),
    (0o2000, "S_ISGID"),
    (0o4000, "S_ISUID"),
];

/// Families of sockets (`include/linux/socket.h`), by number.
const DOMAINS: &[(u64, &str)] = &[
    (0, "AF_UNSPEC"),
    (1, "AF_LOCAL"),
    (2, "AF_INET"),
    (3, "AF_AX25"),
    (4, "AF_IPX"),
    (5, "AF_APPLETALK"),
    (9, "AF_X25"),
    (10, "AF_INET6"),
    (15, "AF_KEY"),
    (16, "AF_NETLINK"),
    (17, "AF_PACKET"),
    (21, "AF_RDS"),
    (23, "AF_IRDA"),
    (24, "AF_PPPOX"),
    (26, "AF_LLC"),
    (29, "AF_CAN"),
    (30, "AF_TIPC"),
    (31, "AF_BLUETOOTH"),
    (33, "AF_RXRPC"),
    (35, "AF_PHONET"),
    (36, "AF_IEEE802154"),
    (37, "AF_CAIF"),
    (38, "AF_ALG"),
    (39, "AF_NFC"),
    (40, "AF_VSOCK"),
    (41, "AF_KCM"),
    (42, "AF_QIPCRTR"),
    (43, "AF_SMC"),
    (44, "AF_XDP"),
    (45, "AF_MCTP"),
];

/// Name of a family of sockets.
pub(super) fn domain(number: u64) -> Option<&'static str> {
    DOMAINS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Flags of an open, and what Falco adds to them.
pub(super) fn of_open(file: &FileOperation<'_>, to: &mut Vec<u8>) {
    let record = &file.record;
    let flags = u64::from(record.flags);
    text::flags(OPEN, flags, to);
    let access = match open_flags::access(record.flags) {
        Access::Read | Access::Path => "O_RDONLY",
        Access::Write => "O_WRONLY",
        Access::ReadWrite => "O_RDWR",
    };
    let layer = if record.error < 0 { None } else { file::layer(&record.file) };
    let further = [
        (true, access),
        (flags & CLOSE_ON_EXEC.0 != 0, CLOSE_ON_EXEC.1),
        (flags & TEMPORARY.0 != 0, TEMPORARY.1),
        (record.facts & Facts::CREATED != 0, "O_F_CREATED"),
        (layer == Some(Layer::Upper), "FD_UPPER_LAYER"),
        (layer == Some(Layer::Lower), "FD_LOWER_LAYER"),
    ];
    for (_, name) in further.iter().filter(|(set, _)| *set) {
        if !to.is_empty() {
            to.push(b'|');
        }
        to.extend_from_slice(name.as_bytes());
    }
}
