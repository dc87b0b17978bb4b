//! Changes to names and inodes.
//!
//! ```text
//! rename   HOW OLD NEW            rename renameat renameat2 noreplace exchange int80 uring
//! link     HOW OLD NEW            link linkat fd (AT_EMPTY_PATH) uring
//! symlink  HOW TARGET PATH        symlink symlinkat uring
//! unlink   HOW PATH               unlink unlinkat int80 uring
//! rmdir    HOW PATH               rmdir unlinkat uring
//! mkdir    HOW PATH [MODE]        mkdir mkdirat uring
//! chmod    HOW MODE PATH          chmod fchmod fchmodat fchmodat2
//! chown    HOW UID GID PATH       chown lchown fchown fchownat
//! setxattr HOW NAME VALUE PATH    set lset fset uring
//! removexattr HOW NAME PATH       remove lremove fremove
//! mknod    HOW KIND NUMBER PATH   mknod mknodat; fifo char block socket file; NUMBER is MAJOR:MINOR or 0:0
//! truncate HOW LENGTH PATH        truncate ftruncate
//! ```
//!
//! A VALUE may be `hex:…`. Each `uring` may be `uring-async` or `uring-sqpoll`: see `open`. Modes are octal.

use std::ffi::CStr;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};

use super::open::{HERE, address, at_here, ensure_32_bits, openat, raw};
use super::uring::{self, Request, Worker};
use super::words::Words;
use super::{Operation, numbers};
use crate::raw::{Mapping, syscall, syscall32};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("rename", "HOW OLD NEW", rename),
    Operation::new("link", "HOW OLD NEW", link),
    Operation::new("symlink", "HOW TARGET PATH", symlink),
    Operation::new("unlink", "HOW PATH", unlink),
    Operation::new("rmdir", "HOW PATH", rmdir),
    Operation::new("mkdir", "HOW PATH [MODE]", mkdir),
    Operation::new("chmod", "HOW MODE PATH", chmod),
    Operation::new("chown", "HOW UID GID PATH", chown),
    Operation::new("setxattr", "HOW NAME VALUE PATH", set_attribute),
    Operation::new("removexattr", "HOW NAME PATH", remove_attribute),
    Operation::new("mknod", "HOW KIND MAJOR:MINOR PATH", mknod),
    Operation::new("truncate", "HOW LENGTH PATH", truncate),
];

const RENAME_NOREPLACE: u64 = 1;
const RENAME_EXCHANGE: u64 = 2;
const AT_REMOVEDIR: u64 = libc::AT_REMOVEDIR as u64;
const AT_EMPTY_PATH: u64 = libc::AT_EMPTY_PATH as u64;
const EMPTY: &CStr = c"";

// arch/x86/entry/syscalls/syscall_32.tbl
const UNLINK_32: u32 = 10;
const RENAME_32: u32 = 38;

/// A call whose result does not matter.
fn call(number: i64, arguments: [u64; 6]) -> Result<()> {
    syscall(number, arguments)?;
    Ok(())
}

fn request(how: &str, request: &Request) -> Result<()> {
    if !how.starts_with("uring") {
        bail!("no such way: {how}");
    }
    uring::submit(Worker::of(how), request)?;
    Ok(())
}

/// An io_uring request about two paths.
fn two(code: u8, old: &CStr, new: &CStr) -> Request {
    let here = libc::AT_FDCWD.cast_unsigned();
    Request { length: here, offset: address(new), ..at_here(code, old) }
}

fn rename(words: &mut Words<'_>) -> Result<()> {
    let (how, old, new) = (words.word("HOW")?, words.text("OLD")?, words.text("NEW")?);
    let (from, to) = (address(&old), address(&new));
    let renameat2 = |flags| call(libc::SYS_renameat2, [HERE, from, HERE, to, flags, 0]);
    match how {
        "rename" => call(numbers::SYS_rename, [from, to, 0, 0, 0, 0]),
        "renameat" => call(libc::SYS_renameat, [HERE, from, HERE, to, 0, 0]),
        "renameat2" => renameat2(0),
        "noreplace" => renameat2(RENAME_NOREPLACE),
        "exchange" => renameat2(RENAME_EXCHANGE),
        "int80" => with_32_bits(RENAME_32, &[&old, &new]),
        _ => request(how, &two(uring::RENAMEAT, &old, &new)),
    }
}

/// A 32-bit call with paths only.
fn with_32_bits(number: u32, paths: &[&CStr]) -> Result<()> {
    ensure_32_bits()?;
    let mut memory = Vec::new();
    let mut arguments = [0; 5];
    for (argument, path) in arguments.iter_mut().zip(paths) {
        let copy = Mapping::low(path.to_bytes_with_nul())?;
        *argument = u32::try_from(copy.address()).context("memory below 4 GiB")?;
        memory.push(copy);
    }
    syscall32(number, arguments)?;
    Ok(())
}

fn link(words: &mut Words<'_>) -> Result<()> {
    let (how, old, new) = (words.word("HOW")?, words.text("OLD")?, words.text("NEW")?);
    let (from, to) = (address(&old), address(&new));
    match how {
        "link" => call(numbers::SYS_link, [from, to, 0, 0, 0, 0]),
        "linkat" => call(libc::SYS_linkat, [HERE, from, HERE, to, 0, 0]),
        "fd" => {
            let file = openat(&old, libc::O_RDONLY as u64, 0)?;
            call(libc::SYS_linkat, [raw(&file), address(EMPTY), HERE, to, AT_EMPTY_PATH, 0])
        }
        _ => request(how, &two(uring::LINKAT, &old, &new)),
    }
}

fn symlink(words: &mut Words<'_>) -> Result<()> {
    let (how, target, path) = (words.word("HOW")?, words.text("TARGET")?, words.text("PATH")?);
    let (target_at, path_at) = (address(&target), address(&path));
    match how {
        "symlink" => call(numbers::SYS_symlink, [target_at, path_at, 0, 0, 0, 0]),
        "symlinkat" => call(libc::SYS_symlinkat, [target_at, HERE, path_at, 0, 0, 0]),
        _ => request(how, &Request { offset: path_at, ..at_here(uring::SYMLINKAT, &target) }),
    }
}

fn unlink(words: &mut Words<'_>) -> Result<()> {
    let (how, path) = (words.word("HOW")?, words.text("PATH")?);
    match how {
        "unlink" => call(numbers::SYS_unlink, [address(&path), 0, 0, 0, 0, 0]),
        "unlinkat" => call(libc::SYS_unlinkat, [HERE, address(&path), 0, 0, 0, 0]),
        "int80" => with_32_bits(UNLINK_32, &[&path]),
        _ => request(how, &at_here(uring::UNLINKAT, &path)),
    }
}

fn rmdir(words: &mut Words<'_>) -> Result<()> {
    let (how, path) = (words.word("HOW")?, words.text("PATH")?);
    match how {
        "rmdir" => call(numbers::SYS_rmdir, [address(&path), 0, 0, 0, 0, 0]),
        "unlinkat" => call(libc::SYS_unlinkat, [HERE, address(&path), AT_REMOVEDIR, 0, 0, 0]),
        _ => {
            request(how, &Request { flags: u32::try_from(AT_REMOVEDIR)?, ..at_here(uring::UNLINKAT, &path) })
        }
    }
}

fn mkdir(words: &mut Words<'_>) -> Result<()> {
    let (how, path, mode) = (words.word("HOW")?, words.text("PATH")?, words.mode_or(0o755)?);
    match how {
        "mkdir" => call(numbers::SYS_mkdir, [address(&path), mode, 0, 0, 0, 0]),
        "mkdirat" => call(libc::SYS_mkdirat, [HERE, address(&path), mode, 0, 0, 0]),
        _ => request(how, &Request { length: u32::try_from(mode)?, ..at_here(uring::MKDIRAT, &path) }),
    }
}

fn chmod(words: &mut Words<'_>) -> Result<()> {
    let how = words.word("HOW")?;
    let mode = u64::from_str_radix(words.word("MODE")?, 8).context("MODE is octal")?;
    let path = words.text("PATH")?;
    let at = address(&path);
    match how {
        "chmod" => call(numbers::SYS_chmod, [at, mode, 0, 0, 0, 0]),
        "fchmod" => {
            let file = openat(&path, libc::O_RDONLY as u64, 0)?;
            call(libc::SYS_fchmod, [raw(&file), mode, 0, 0, 0, 0])
        }
        "fchmodat" => call(libc::SYS_fchmodat, [HERE, at, mode, 0, 0, 0]),
        "fchmodat2" => call(numbers::SYS_fchmodat2, [HERE, at, mode, 0, 0, 0]),
        _ => bail!("no such way: {how}"),
    }
}

fn chown(words: &mut Words<'_>) -> Result<()> {
    let how = words.word("HOW")?;
    let (user, group): (u64, u64) = (words.number("UID")?, words.number("GID")?);
    let path = words.text("PATH")?;
    let at = address(&path);
    match how {
        "chown" => call(numbers::SYS_chown, [at, user, group, 0, 0, 0]),
        "lchown" => call(numbers::SYS_lchown, [at, user, group, 0, 0, 0]),
        "fchown" => {
            let file = openat(&path, libc::O_RDONLY as u64, 0)?;
            call(libc::SYS_fchown, [raw(&file), user, group, 0, 0, 0])
        }
        "fchownat" => call(libc::SYS_fchownat, [HERE, at, user, group, 0, 0]),
        _ => bail!("no such way: {how}"),
    }
}

fn set_attribute(words: &mut Words<'_>) -> Result<()> {
    let (how, name) = (words.word("HOW")?, words.text("NAME")?);
    let (value, path) = (words.word("VALUE")?, words.text("PATH")?);
    let value = match value.split_once(':') {
        Some(("hex", _)) => super::network::payload(value)?,
        _ => value.as_bytes().to_vec(),
    };
    let (at, name_at) = (address(&path), address(&name));
    let (value_at, length) = (value.as_ptr() as u64, value.len() as u64);
    match how {
        "set" => call(libc::SYS_setxattr, [at, name_at, value_at, length, 0, 0]),
        "lset" => call(libc::SYS_lsetxattr, [at, name_at, value_at, length, 0, 0]),
        "fset" => {
            let file = openat(&path, libc::O_RDONLY as u64, 0)?;
            call(libc::SYS_fsetxattr, [raw(&file), name_at, value_at, length, 0, 0])
        }
        _ => {
            // The path is `addr3`, which is 48 bytes into the request.
            let wish = Request {
                offset: value_at,
                length: u32::try_from(length)?,
                third: at,
                ..at_here(uring::SETXATTR, &name)
            };
            request(how, &Request { fd: 0, ..wish })
        }
    }
}

fn remove_attribute(words: &mut Words<'_>) -> Result<()> {
    let (how, name, path) = (words.word("HOW")?, words.text("NAME")?, words.text("PATH")?);
    let (at, name_at) = (address(&path), address(&name));
    match how {
        "remove" => call(libc::SYS_removexattr, [at, name_at, 0, 0, 0, 0]),
        "lremove" => call(libc::SYS_lremovexattr, [at, name_at, 0, 0, 0, 0]),
        "fremove" => {
            let file = openat(&path, libc::O_RDONLY as u64, 0)?;
            let fd = u64::from(file.as_raw_fd().unsigned_abs());
            call(libc::SYS_fremovexattr, [fd, name_at, 0, 0, 0, 0])
        }
        _ => bail!("no such way: {how}"),
    }
}

fn mknod(words: &mut Words<'_>) -> Result<()> {
    let how = words.word("HOW")?;
    let kind = match words.word("KIND")? {
        "fifo" => libc::S_IFIFO,
        "char" => libc::S_IFCHR,
        "block" => libc::S_IFBLK,
        "socket" => libc::S_IFSOCK,
        "file" => libc::S_IFREG,
        other => bail!("no such kind of node: {other}"),
    };
    let (major, minor) = words.word("MAJOR:MINOR")?.split_once(':').context("MAJOR:MINOR has a colon")?;
    let device = libc::makedev(major.parse().context("MAJOR")?, minor.parse().context("MINOR")?);
    let path = words.text("PATH")?;
    let mode = u64::from(kind | 0o600);
    match how {
        "mknod" => call(numbers::SYS_mknod, [address(&path), mode, device, 0, 0, 0]),
        "mknodat" => call(libc::SYS_mknodat, [HERE, address(&path), mode, device, 0, 0]),
        _ => bail!("no such way: {how}"),
    }
}

fn truncate(words: &mut Words<'_>) -> Result<()> {
    let (how, length) = (words.word("HOW")?, words.number("LENGTH")?);
    let path = words.text("PATH")?;
    match how {
        "truncate" => call(libc::SYS_truncate, [address(&path), length, 0, 0, 0, 0]),
        "ftruncate" => {
            let file = openat(&path, libc::O_WRONLY as u64, 0)?;
            call(libc::SYS_ftruncate, [raw(&file), length, 0, 0, 0, 0])
        }
        _ => bail!("no such way: {how}"),
    }
}
