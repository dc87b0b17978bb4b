//! Descriptors copied onto others, as a reverse shell does with its socket.
//!
//! `stdio HOW NUMBER WHAT ADDRESS` copies a descriptor to NUMBER, then puts back what was there. HOW: `dup` and
//! `fcntl` (after NUMBER was closed), `fcntl-cloexec`, `dup2`, `dup3`, `int80-dup2` (the 32-bit call). WHAT: `tcp`,
//! `udp`, `stream` (a connection to ADDRESS); `accepted` (its other end, ADDRESS being listened on by this process); `file` (ADDRESS is a path).
//! Lower numbers than NUMBER must be in use.

use std::fs::File;
use std::os::fd::OwnedFd;

use anyhow::{Result, bail, ensure};

use super::Operation;
use super::address::Address;
use super::open::raw;
use super::socket::{accept, bind, connect, kind, listen, set_option, socket};
use super::words::Words;
use crate::errno::Errno;
use crate::raw::{syscall, syscall32};

pub(super) const OPERATIONS: &[Operation] =
    &[Operation::new("stdio", "HOW NUMBER WHAT ADDRESS", copy_and_put_back)];

/// `dup2` of `arch/x86/entry/syscalls/syscall_32.tbl`.
const DUP2_32: u32 = 63;
/// Lowest number under which what was there is kept.
const KEPT: u64 = 100;

fn copy_and_put_back(words: &mut Words<'_>) -> Result<()> {
    let (how, number): (_, u64) = (words.word("HOW")?, words.number("NUMBER")?);
    let (what, address) = (words.word("WHAT")?, words.word("ADDRESS")?);
    // Descriptors that must stay open, the one that is copied first.
    let held = held(what, address)?;
    let Some(from) = held.first().map(raw) else { bail!("{what} gives no descriptor") };
    let kept = copy(libc::SYS_fcntl, [number, libc::F_DUPFD_CLOEXEC as u64, KEPT]).ok();
    let given = match how {
        "dup" => closed(number).and_then(|()| copy(libc::SYS_dup, [from, 0, 0])),
        "fcntl" => closed(number).and_then(|()| copy(libc::SYS_fcntl, [from, libc::F_DUPFD as u64, number])),
        "fcntl-cloexec" => {
            closed(number).and_then(|()| copy(libc::SYS_fcntl, [from, libc::F_DUPFD_CLOEXEC as u64, number]))
        }
        "dup2" => copy(libc::SYS_dup2, [from, number, 0]),
        "int80-dup2" => {
            syscall32(DUP2_32, [u32::try_from(from)?, u32::try_from(number)?, 0, 0, 0]).map(u64::from)
        }
        "dup3" => copy(libc::SYS_dup3, [from, number, 0]),
        other => bail!("no such way to copy a descriptor: {other}"),
    };
    match kept {
        Some(kept) => copy(libc::SYS_dup2, [kept, number, 0]).and_then(|_| closed(kept))?,
        None => closed(number)?,
    }
    ensure!(given? == number, "the copy has another number than {number}");
    Ok(())
}

fn copy(call: i64, [first, second, third]: [u64; 3]) -> Result<u64, Errno> {
    syscall(call, [first, second, third, 0, 0, 0])
}

fn closed(number: u64) -> Result<(), Errno> {
    syscall(libc::SYS_close, [number, 0, 0, 0, 0, 0]).map(drop)
}

fn held(what: &str, address: &str) -> Result<Vec<OwnedFd>> {
    if what == "file" {
        return Ok(vec![File::open(address)?.into()]);
    }
    let to = Address::parse(address)?;
    if what != "accepted" {
        let fd = socket(to.family, kind(what)?, 0)?;
        connect(&fd, &to)?;
        return Ok(vec![fd]);
    }
    let listener = socket(to.family, libc::SOCK_STREAM, 0)?;
    set_option(&listener, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    bind(&listener, &to)?;
    listen(&listener, 1)?;
    let client = socket(to.family, libc::SOCK_STREAM, 0)?;
    connect(&client, &to)?;
    Ok(vec![accept("accept4", &listener)?, client, listener])
}
