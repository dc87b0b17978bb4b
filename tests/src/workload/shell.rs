//! Programs that are handed over to a connection, run in unusual ways, or under another name.
//!
//! `shell HOW ADDRESS PROGRAM ARGUMENT…` connects and becomes the program with the connection as its standard streams;
//! HOW they come there: `dup2 dup3 fcntl`, or `pipes` and `pair` (the program is a child, its streams are pipes or a
//! pair of sockets, and this process carries bytes between them and the connection). `offer HOW ADDRESS PROGRAM
//! ARGUMENT…` does the same with the first connection that it accepts.
//!
//! `exec-fd PROGRAM ARGUMENT…` executes a file by its descriptor (`execveat`), `exec-proc-fd PROGRAM ARGUMENT…` a copy in
//! memory by its name below `/proc/self/fd`, `exec-as NAME PROGRAM ARGUMENT…` gives it another name (`-`: an empty one).
//! Nothing follows any of these.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use super::Operation;
use super::address::Address;
use super::memory::pipe;
use super::open::{address, openat, raw, write_all};
use super::process::execute;
use super::socket::{accept, connect, socket};
use super::words::{Words, text};
use crate::raw::{descriptor, syscall};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("shell", "HOW ADDRESS PROGRAM ARGUMENT…", |words| {
        let how = words.word("HOW")?;
        let to = Address::parse(words.word("ADDRESS")?)?;
        let fd = socket(to.family, libc::SOCK_STREAM, 0)?;
        connect(&fd, &to)?;
        hand_over(how, fd, words)
    }),
    Operation::new("offer", "HOW ADDRESS PROGRAM ARGUMENT…", |words| {
        let how = words.word("HOW")?;
        let (listener, _) = super::serve::bound(libc::SOCK_STREAM, words.word("ADDRESS")?)?;
        let fd = accept("accept4", &listener)?;
        drop(listener);
        hand_over(how, fd, words)
    }),
    Operation::new("exec-fd", "PROGRAM ARGUMENT…", by_descriptor),
    Operation::new("exec-proc-fd", "PROGRAM ARGUMENT…", by_number),
    Operation::new("exec-as", "NAME PROGRAM ARGUMENT…", by_another_name),
];

fn hand_over(how: &str, fd: OwnedFd, words: &mut Words<'_>) -> Result<()> {
    let (program, arguments) = (words.word("PROGRAM")?, words.rest());
    if matches!(how, "pipes" | "pair") {
        return carry(how, fd, program, arguments);
    }
    let from = raw(&fd);
    for number in 0..3_u64 {
        let copied = match how {
            "dup2" => syscall(libc::SYS_dup2, [from, number, 0, 0, 0, 0])?,
            "dup3" => syscall(libc::SYS_dup3, [from, number, 0, 0, 0, 0])?,
            "fcntl" => {
                syscall(libc::SYS_close, [number, 0, 0, 0, 0, 0])?;
                syscall(libc::SYS_fcntl, [from, libc::F_DUPFD as u64, number, 0, 0, 0])?
            }
            other => bail!("no such way to hand over: {other}"),
        };
        if copied != number {
            bail!("the copy has another number than {number}");
        }
    }
    Err(execute(program, arguments))
}

/// Carries what comes over the connection to a child, and back what it says.
fn carry(how: &str, fd: OwnedFd, program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(arguments);
    let (input, output): (OwnedFd, OwnedFd) = if how == "pipes" {
        let ((child_reads, input), (output, child_writes)) = (pipe()?, pipe()?);
        command.stdin(Stdio::from(child_reads)).stderr(Stdio::from(child_writes.try_clone()?));
        command.stdout(Stdio::from(child_writes));
        (input, output)
    } else {
        let (own, other) = UnixStream::pair()?;
        let other = OwnedFd::from(other);
        command.stdin(Stdio::from(other.try_clone()?)).stderr(Stdio::from(other.try_clone()?));
        command.stdout(Stdio::from(other));
        (own.try_clone()?.into(), own.into())
    };
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    drop(command);
    let back = fd.try_clone()?;
    let said = std::thread::spawn(move || copy(&mut File::from(output), &mut File::from(back)));
    // Nobody waits for it: the other side may stay silent for ever.
    drop(std::thread::spawn(move || copy(&mut File::from(fd), &mut File::from(input))));
    child.wait()?;
    said.join().map_err(|_| anyhow!("the thread panicked"))
}

fn copy(from: &mut File, to: &mut File) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        // The other side may be gone.
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

fn by_descriptor(words: &mut Words<'_>) -> Result<()> {
    let program = words.word("PROGRAM")?;
    let file = openat(&text(program)?, libc::O_RDONLY as u64, 0)?;
    let texts: Vec<_> =
        [program].into_iter().chain(words.rest().iter().copied()).map(text).collect::<Result<_>>()?;
    let arguments: Vec<u64> = texts.iter().map(|text| address(text)).chain([0]).collect();
    let environment = [0_u64];
    let (arguments, environment) = (arguments.as_ptr() as u64, environment.as_ptr() as u64);
    let empty_path = libc::AT_EMPTY_PATH as u64;
    syscall(libc::SYS_execveat, [raw(&file), address(c""), arguments, environment, empty_path, 0])?;
    Ok(())
}

fn by_number(words: &mut Words<'_>) -> Result<()> {
    let program = words.word("PROGRAM")?;
    let content = std::fs::read(program).with_context(|| format!("cannot read {program}"))?;
    let file = descriptor(libc::SYS_memfd_create, [address(c"data"), 0, 0, 0, 0, 0])?;
    write_all(&file, &content)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Err(anyhow::Error::new(Command::new(path).arg0(program).args(words.rest()).exec()))
}

fn by_another_name(words: &mut Words<'_>) -> Result<()> {
    let (name, program) = (words.word("NAME")?, words.word("PROGRAM")?);
    let name = if name == "-" { "" } else { name };
    Err(anyhow::Error::new(Command::new(program).arg0(name).args(words.rest()).exec()))
}
