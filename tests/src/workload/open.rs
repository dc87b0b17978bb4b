//! Opens, in every way that there is.
//!
//! `open HOW FLAGS PATH [MODE]`, where HOW is one of
//! - `open`, `openat`, `openat2`, `creat` (its flags are always `creat+wronly+trunc`);
//! - `int80`, `int80-openat`, `int80-creat`: the 32-bit calls from this 64-bit process;
//! - `handle`: `name_to_handle_at` and `open_by_handle_at`; the path's folder names the mount;
//! - `uring`, `uring-async`, `uring-sqpoll`: `IORING_OP_OPENAT`; `uring2`, `uring2-async`, `uring2-sqpoll`:
//!   `IORING_OP_OPENAT2`. `-async` is done by a worker thread, `-sqpoll` by the ring's kernel thread;
//! - `relative`: `openat` with a descriptor of the path's folder and the last name;
//! - `proc-root`: `openat` of `/proc/self/root` + PATH.
//!
//! FLAGS are `rdonly wronly rdwr creat excl trunc append path tmpfile directory nofollow cloexec nonblock`,
//! MODE is octal (default 644). The descriptor is closed at once. The same file through another mount:
//! `unshare mount , private , bind-mount A B , open openat rdonly B/file`.
//!
//! `write PATH TEXT` opens with `wronly+creat` and writes; the way to a sysctl or a control group's file.
//! `read PATH` opens and reads 4 KiB. `handle-garbage PATH` asks `open_by_handle_at` for a file that is not.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::uring::{self, Request, Worker};
use super::words::{Words, text};
use super::{Operation, names, numbers};
use crate::errno::Errno;
use crate::raw::{Mapping, adopt, descriptor, fork, syscall, syscall32};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("open", "HOW FLAGS PATH [MODE]", open),
    Operation::new("write", "PATH TEXT", write),
    Operation::new("read", "PATH", read),
    Operation::new("handle-garbage", "FOLDER", handle_garbage),
];

/// `AT_FDCWD` in a register.
pub(super) const HERE: u64 = libc::AT_FDCWD as i64 as u64;

// arch/x86/entry/syscalls/syscall_32.tbl
const OPEN_32: u32 = 5;
const CREAT_32: u32 = 8;
const GETPID_32: u32 = 20;
const OPENAT_32: u32 = 295;

const MAX_HANDLE_SZ: u32 = 128;

fn open(words: &mut Words<'_>) -> Result<()> {
    let how = words.word("HOW")?;
    let flags = words.flags("FLAGS", names::OPEN)?;
    let path = words.word("PATH")?;
    let mode = words.mode_or(0o644)?;
    drop(open_as(how, flags, path, mode)?);
    Ok(())
}

fn open_as(how: &str, flags: u64, word: &str, mode: u64) -> Result<OwnedFd> {
    let path = text(word)?;
    let at = address(&path);
    Ok(match how {
        "open" => descriptor(numbers::SYS_open, [at, flags, mode, 0, 0, 0])?,
        "openat" => openat(&path, flags, mode)?,
        "openat2" => {
            let (how, size) = open_how(flags, mode);
            descriptor(libc::SYS_openat2, [HERE, at, how.as_ptr() as u64, size, 0, 0])?
        }
        "creat" => descriptor(numbers::SYS_creat, [at, mode, 0, 0, 0, 0])?,
        "relative" => {
            let (folder, name) = split(word)?;
            let folder = openat(&folder, names_path(), 0)?;
            descriptor(libc::SYS_openat, [raw(&folder), address(&name), flags, mode, 0, 0])?
        }
        "proc-root" => openat(&text(&format!("/proc/self/root{word}"))?, flags, mode)?,
        "handle" => by_handle(word, flags)?,
        "int80" | "int80-openat" | "int80-creat" => by_32_bits(how, &path, flags, mode)?,
        _ if how.starts_with("uring2") => {
            let (open_how, size) = open_how(flags, mode);
            let offset = open_how.as_ptr() as u64;
            let request = Request { offset, length: u32::try_from(size)?, ..at_here(uring::OPENAT2, &path) };
            adopt(uring::submit(Worker::of(how), &request)?)?
        }
        _ if how.starts_with("uring") => {
            let (length, flags) = (u32::try_from(mode)?, u32::try_from(flags)?);
            let request = Request { length, flags, ..at_here(uring::OPENAT, &path) };
            adopt(uring::submit(Worker::of(how), &request)?)?
        }
        _ => bail!("no such way to open: {how}"),
    })
}

const fn names_path() -> u64 {
    (libc::O_PATH | libc::O_DIRECTORY) as u64
}

/// The address of a text, in a register.
pub(super) fn address(text: &CStr) -> u64 {
    text.as_ptr() as u64
}

/// The number of a descriptor, in a register.
pub(super) fn raw(fd: &OwnedFd) -> u64 {
    u64::from(fd.as_raw_fd().unsigned_abs())
}

/// An io_uring request about a path.
pub(super) fn at_here(code: u8, path: &CStr) -> Request {
    Request { code, fd: libc::AT_FDCWD, address: address(path), ..Request::default() }
}

/// The usual open.
pub(super) fn openat(path: &CStr, flags: u64, mode: u64) -> Result<OwnedFd, Errno> {
    descriptor(libc::SYS_openat, [HERE, address(path), flags, mode, 0, 0])
}

/// `struct open_how` and its size. Unlike the other calls, `openat2` refuses a mode without need.
fn open_how(flags: u64, mode: u64) -> ([u64; 3], u64) {
    let creates = flags & (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) as u64 != 0;
    ([flags, if creates { mode } else { 0 }, 0], 24)
}

/// Folder and last name of a path.
pub(super) fn split(path: &str) -> Result<(CString, CString)> {
    let path = Path::new(path);
    let name = path.file_name().and_then(|name| name.to_str()).context("the path has no last name")?;
    let folder = path.parent().and_then(Path::to_str).filter(|folder| !folder.is_empty()).unwrap_or(".");
    Ok((text(folder)?, text(name)?))
}

fn by_handle(word: &str, flags: u64) -> Result<OwnedFd> {
    let (path, folder) = (text(word)?, split(word)?.0);
    let mut handle = [0_u32; 2 + MAX_HANDLE_SZ as usize / 4];
    handle[0] = MAX_HANDLE_SZ;
    let mut mount = [0_i32; 1];
    let arguments = [HERE, address(&path), handle.as_mut_ptr() as u64, mount.as_mut_ptr() as u64, 0, 0];
    syscall(libc::SYS_name_to_handle_at, arguments).context("name_to_handle_at")?;
    open_handle(&folder, &handle, flags)
}

fn open_handle(folder: &CStr, handle: &[u32], flags: u64) -> Result<OwnedFd> {
    let mount = openat(folder, libc::O_RDONLY as u64, 0)?;
    let arguments = [raw(&mount), handle.as_ptr() as u64, flags, 0, 0, 0];
    descriptor(libc::SYS_open_by_handle_at, arguments).context("open_by_handle_at")
}

/// Type 1 is `FILEID_INO32_GEN`; no file has this inode number.
fn handle_garbage(words: &mut Words<'_>) -> Result<()> {
    let folder = words.text("FOLDER")?;
    open_handle(&folder, &[8, 1, 0xdead_beef, 0], libc::O_RDONLY as u64).map(drop)
}

fn by_32_bits(how: &str, path: &CStr, flags: u64, mode: u64) -> Result<OwnedFd> {
    ensure_32_bits()?;
    let memory = Mapping::low(path.to_bytes_with_nul())?;
    let (at, flags, mode) = (u32::try_from(memory.address())?, u32::try_from(flags)?, u32::try_from(mode)?);
    let fd = match how {
        "int80" => syscall32(OPEN_32, [at, flags, mode, 0, 0]),
        "int80-creat" => syscall32(CREAT_32, [at, mode, 0, 0, 0]),
        _ => syscall32(OPENAT_32, [libc::AT_FDCWD.cast_unsigned(), at, flags, mode, 0]),
    };
    Ok(adopt(fd?)?)
}

/// A kernel without 32-bit calls kills who tries, so a child tries first. Then the error is `ENOSYS`.
pub(super) fn ensure_32_bits() -> Result<()> {
    let Some(child) = fork()? else {
        let code = syscall32(GETPID_32, [0; 5]).is_err();
        std::process::exit(i32::from(code));
    };
    let status = super::process::wait_for(child)?;
    if status == 0 { Ok(()) } else { Err(Errno(libc::ENOSYS)).context("32-bit calls on this kernel") }
}

fn write(words: &mut Words<'_>) -> Result<()> {
    let (path, text) = (words.text("PATH")?, words.word("TEXT")?);
    let file = openat(&path, (libc::O_WRONLY | libc::O_CREAT) as u64, 0o644)?;
    write_all(&file, text.as_bytes())
}

/// One `write` of all the bytes.
pub(super) fn write_all(file: &OwnedFd, bytes: &[u8]) -> Result<()> {
    let written = syscall(libc::SYS_write, [raw(file), bytes.as_ptr() as u64, bytes.len() as u64, 0, 0, 0])?;
    anyhow::ensure!(written == bytes.len() as u64, "{written} of {} bytes were written", bytes.len());
    Ok(())
}

/// One `read` of at most these bytes; returns how many came.
pub(super) fn read_some(file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    let fd = u64::from(file.as_raw_fd().unsigned_abs());
    let length = buffer.len() as u64;
    let count = syscall(libc::SYS_read, [fd, buffer.as_mut_ptr() as u64, length, 0, 0, 0])?;
    Ok(usize::try_from(count).unwrap_or_default())
}

fn read(words: &mut Words<'_>) -> Result<()> {
    use std::os::fd::AsFd;
    let file = openat(&words.text("PATH")?, libc::O_RDONLY as u64, 0)?;
    read_some(file.as_fd(), &mut [0; 4096])?;
    Ok(())
}
