//! Flags of opens and renames, and the access that an open gives.

const O_ACCMODE: u32 = 0o3;
const O_PATH: u32 = 0o10_000_000;
/// Given by the kernel to every open of a 64-bit program: says nothing.
const O_LARGEFILE: u32 = 0o100_000;
/// `FMODE_NONOTIFY`, `__FMODE_EXEC` and the like, which the kernel keeps in the same word on some releases.
const INTERNAL: u32 = 0x0400_0000 | 0x20;

/// Names of flags (`include/uapi/asm-generic/fcntl.h`, which is x86's as well); the longer of two that share
/// bits comes first.
const OPEN: [(u32, &str); 14] = [
    (0o20_200_000, "O_TMPFILE"),
    (0o4_010_000, "O_SYNC"),
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o400, "O_NOCTTY"),
    (0o1_000, "O_TRUNC"),
    (0o2_000, "O_APPEND"),
    (0o4_000, "O_NONBLOCK"),
    (0o10_000, "O_DSYNC"),
    (0o20_000, "O_ASYNC"),
    (0o40_000, "O_DIRECT"),
    (0o200_000, "O_DIRECTORY"),
    (0o400_000, "O_NOFOLLOW"),
    (0o1_000_000, "O_NOATIME"),
];

/// Names of the flags of `renameat2` (`include/uapi/linux/fs.h`).
const RENAME: [(u32, &str); 3] = [(1, "RENAME_NOREPLACE"), (2, "RENAME_EXCHANGE"), (4, "RENAME_WHITEOUT")];

/// What an open file can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `O_RDONLY`
    Read,
    /// `O_WRONLY`
    Write,
    /// `O_RDWR`
    ReadWrite,
    /// `O_PATH`
    Path,
}

/// What an open with these flags gives.
#[must_use]
pub const fn access(flags: u32) -> Access {
    if flags & O_PATH != 0 {
        return Access::Path;
    }
    match flags & O_ACCMODE {
        0 => Access::Read,
        1 => Access::Write,
        // 3 asks for neither, for device controls; the checks are those of both.
        _ => Access::ReadWrite,
    }
}

/// Names of the flags of an open, without the access mode; unknown ones in hexadecimal.
#[must_use]
pub fn of_open(flags: u32) -> Vec<String> {
    let flags = flags & !(O_ACCMODE | O_PATH | O_LARGEFILE | INTERNAL);
    names(flags, OPEN.into_iter().chain([(0o2_000_000, "O_CLOEXEC")]))
}

/// Names of the flags of a rename; unknown ones in hexadecimal.
#[must_use]
pub fn of_rename(flags: u32) -> Vec<String> {
    names(flags, RENAME.into_iter())
}

fn names(mut flags: u32, known: impl Iterator<Item = (u32, &'static str)>) -> Vec<String> {
    let mut names = Vec::new();
    for (bits, name) in known {
        if flags & bits == bits {
            flags &= !bits;
            names.push(name.to_owned());
        }
    }
    if flags != 0 {
        names.push(format!("{flags:#x}"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_the_names_of_fcntl() {
        assert_eq!(of_open(0o100_000), [""; 0]);
        assert_eq!(of_open(0o102 | 0o200), ["O_CREAT", "O_EXCL"]);
        assert_eq!(of_open(0o20_200_002), ["O_TMPFILE"]);
        assert_eq!(of_open(0o200_000 | 0o2_000_000), ["O_DIRECTORY", "O_CLOEXEC"]);
        assert_eq!(of_open(0o4_010_000), ["O_SYNC"]);
        assert_eq!(of_open(0x8000_0000), ["0x80000000"]);
        assert_eq!(of_rename(2), ["RENAME_EXCHANGE"]);
    }

    #[test]
    fn access_is_that_of_the_mode() {
        assert_eq!(access(0), Access::Read);
        assert_eq!(access(0o101), Access::Write);
        assert_eq!(access(0o2), Access::ReadWrite);
        assert_eq!(access(0o10_000_000 | 1), Access::Path);
    }
}
