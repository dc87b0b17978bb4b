//! Flags of calls that change namespaces and mounts, by their names in the kernel's headers.

/// `CLONE_NEW*` of `include/uapi/linux/sched.h`, and what unshare(2) takes besides.
pub const CLONE: &[(u64, &str)] = &[
    (0x0000_0080, "CLONE_NEWTIME"),
    (0x0000_0200, "CLONE_FS"),
    (0x0000_0400, "CLONE_FILES"),
    (0x0004_0000, "CLONE_SYSVSEM"),
    (0x0002_0000, "CLONE_NEWNS"),
    (0x0200_0000, "CLONE_NEWCGROUP"),
    (0x0400_0000, "CLONE_NEWUTS"),
    (0x0800_0000, "CLONE_NEWIPC"),
    (0x1000_0000, "CLONE_NEWUSER"),
    (0x2000_0000, "CLONE_NEWPID"),
    (0x4000_0000, "CLONE_NEWNET"),
];

/// `MS_*` of `include/uapi/linux/mount.h`, as mount(2) takes them.
pub const MOUNT: &[(u64, &str)] = &[
    (1, "MS_RDONLY"),
    (1 << 1, "MS_NOSUID"),
    (1 << 2, "MS_NODEV"),
    (1 << 3, "MS_NOEXEC"),
    (1 << 4, "MS_SYNCHRONOUS"),
    (1 << 5, "MS_REMOUNT"),
    (1 << 6, "MS_MANDLOCK"),
    (1 << 7, "MS_DIRSYNC"),
    (1 << 8, "MS_NOSYMFOLLOW"),
    (1 << 10, "MS_NOATIME"),
    (1 << 11, "MS_NODIRATIME"),
    (1 << 12, "MS_BIND"),
    (1 << 13, "MS_MOVE"),
    (1 << 14, "MS_REC"),
    (1 << 15, "MS_SILENT"),
    (1 << 16, "MS_POSIXACL"),
    (1 << 17, "MS_UNBINDABLE"),
    (1 << 18, "MS_PRIVATE"),
    (1 << 19, "MS_SLAVE"),
    (1 << 20, "MS_SHARED"),
    (1 << 21, "MS_RELATIME"),
    (1 << 23, "MS_I_VERSION"),
    (1 << 24, "MS_STRICTATIME"),
    (1 << 25, "MS_LAZYTIME"),
];

/// Of umount2(2): `MNT_*` of `include/linux/fs.h`.
pub const UNMOUNT: &[(u64, &str)] =
    &[(1, "MNT_FORCE"), (2, "MNT_DETACH"), (4, "MNT_EXPIRE"), (8, "UMOUNT_NOFOLLOW")];

/// Of fsopen(2).
pub const FSOPEN: &[(u64, &str)] = &[(1, "FSOPEN_CLOEXEC")];

/// Of fsmount(2).
pub const FSMOUNT: &[(u64, &str)] = &[(1, "FSMOUNT_CLOEXEC")];

/// Of fspick(2).
pub const FSPICK: &[(u64, &str)] = &[
    (1, "FSPICK_CLOEXEC"),
    (2, "FSPICK_SYMLINK_NOFOLLOW"),
    (4, "FSPICK_NO_AUTOMOUNT"),
    (8, "FSPICK_EMPTY_PATH"),
];

/// Of `move_mount(2)`.
pub const MOVE_MOUNT: &[(u64, &str)] = &[
    (0x01, "MOVE_MOUNT_F_SYMLINKS"),
    (0x02, "MOVE_MOUNT_F_AUTOMOUNTS"),
    (0x04, "MOVE_MOUNT_F_EMPTY_PATH"),
    (0x10, "MOVE_MOUNT_T_SYMLINKS"),
    (0x20, "MOVE_MOUNT_T_AUTOMOUNTS"),
    (0x40, "MOVE_MOUNT_T_EMPTY_PATH"),
    (0x100, "MOVE_MOUNT_SET_GROUP"),
    (0x200, "MOVE_MOUNT_BENEATH"),
];

/// Of `open_tree(2)` and `mount_setattr(2)`.
pub const TREE: &[(u64, &str)] = &[
    (1, "OPEN_TREE_CLONE"),
    (0x100, "AT_SYMLINK_NOFOLLOW"),
    (0x800, "AT_NO_AUTOMOUNT"),
    (0x1000, "AT_EMPTY_PATH"),
    (0x8000, "AT_RECURSIVE"),
    (0x8_0000, "OPEN_TREE_CLOEXEC"),
];

/// `MOUNT_ATTR_*` of `include/uapi/linux/mount.h`.
pub const ATTRIBUTES: &[(u64, &str)] = &[
    (0x01, "MOUNT_ATTR_RDONLY"),
    (0x02, "MOUNT_ATTR_NOSUID"),
    (0x04, "MOUNT_ATTR_NODEV"),
    (0x08, "MOUNT_ATTR_NOEXEC"),
    (0x10, "MOUNT_ATTR_NOATIME"),
    (0x20, "MOUNT_ATTR_STRICTATIME"),
    (0x80, "MOUNT_ATTR_NODIRATIME"),
    (0x10_0000, "MOUNT_ATTR_IDMAP"),
    (0x20_0000, "MOUNT_ATTR_NOSYMFOLLOW"),
];

/// Commands of fsconfig(2) (`enum fsconfig_command`), by number.
const FSCONFIG: [&str; 9] = [
    "FSCONFIG_SET_FLAG",
    "FSCONFIG_SET_STRING",
    "FSCONFIG_SET_BINARY",
    "FSCONFIG_SET_PATH",
    "FSCONFIG_SET_PATH_EMPTY",
    "FSCONFIG_SET_FD",
    "FSCONFIG_CMD_CREATE",
    "FSCONFIG_CMD_RECONFIGURE",
    "FSCONFIG_CMD_CREATE_EXCL",
];

/// `MS_MGC_VAL`, which old programs put in the upper half; the kernel takes it away.
const MAGIC: u64 = 0xc0ed_0000;

/// Flags of mount(2) without the magic number of old programs.
#[must_use]
pub const fn without_magic(flags: u64) -> u64 {
    if flags & 0xffff_0000 == MAGIC { flags & 0xffff } else { flags }
}

/// Names of the flags that are set; the unknown ones together in hexadecimal.
#[must_use]
pub fn names(set: u64, table: &[(u64, &str)]) -> Vec<String> {
    let known = table.iter().filter(|(bit, _)| set & bit != 0);
    let mut names: Vec<String> = known.map(|(_, name)| (*name).to_owned()).collect();
    let rest = table.iter().fold(set, |rest, (bit, _)| rest & !bit);
    if rest != 0 {
        names.push(format!("{rest:#x}"));
    }
    names
}

/// Name of a command of fsconfig(2).
#[must_use]
pub fn fsconfig(command: u64) -> String {
    let name = usize::try_from(command).ok().and_then(|command| FSCONFIG.get(command));
    name.map_or_else(|| command.to_string(), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_known_and_unknown_flags() {
        assert_eq!(names(0, MOUNT), Vec::<String>::new());
        assert_eq!(names(0x1001, MOUNT), ["MS_RDONLY", "MS_BIND"]);
        assert_eq!(names(1 << 40 | 2, UNMOUNT), ["MNT_DETACH", "0x10000000000"]);
        assert_eq!(without_magic(0xc0ed_0001), 1);
        assert_eq!(without_magic(1 << 31 | 1), 1 << 31 | 1);
        assert_eq!((fsconfig(6), fsconfig(99)), ("FSCONFIG_CMD_CREATE".to_owned(), "99".to_owned()));
    }
}
