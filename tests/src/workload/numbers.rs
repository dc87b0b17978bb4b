//! Numbers of system calls: those that are newer than the C library's list, and those that only x86 has.
#![expect(non_upper_case_globals, reason = "named as the C library names them")]

/// Calls that newer machines never had: there they are a number that no kernel knows.
macro_rules! x86 {
    ($($name:ident),* $(,)?) => {$(
        #[cfg(target_arch = "x86_64")]
        pub(super) const $name: i64 = libc::$name;
        #[cfg(not(target_arch = "x86_64"))]
        pub(super) const $name: i64 = 0x7fff_fff0;
    )*};
}

x86![
    SYS_open,
    SYS_creat,
    SYS_rename,
    SYS_link,
    SYS_symlink,
    SYS_unlink,
    SYS_rmdir,
    SYS_mkdir,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_mknod,
];

/// The same on every machine (include/uapi/asm-generic/unistd.h), since 6.6.
pub(super) const SYS_fchmodat2: i64 = 452;
