//! Memory that becomes code, files in memory, pipes that hold pages of files.
//!
//! `mprotect wx` (writable, then executable), `mprotect rwx` (both at once), `mmap rwx`; `mmap exec PATH` and
//! `mmap exec-memfd` (a page of a file to be executed), `mprotect file PATH` (a
//! writable private mapping of a file becomes executable); `memfd-exec PROGRAM ARGUMENT…` copies a program into a
//! memfd and executes that (nothing follows it), `memfd NAME`; `splice PATH` (file to pipe), `vmsplice`;
//! `userfaultfd [user]` (`user` asks for faults of user mode only).

use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result, bail};

use super::Operation;
use super::open::{address, openat, raw};
use super::words::{Words, text};
use crate::raw::{Mapping, adopt, descriptor, syscall};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("mprotect", "wx|rwx|file [PATH]", protect),
    Operation::new("mmap", "rwx|exec|exec-memfd [PATH]", map),
    Operation::new("memfd", "NAME", memfd),
    Operation::new("memfd-exec", "PROGRAM ARGUMENT…", execute),
    Operation::new("splice", "PATH", splice),
    Operation::new("vmsplice", "", vmsplice),
    Operation::new("userfaultfd", "[user]", user_faults),
];

const PAGE: usize = 4096;
const READ: i32 = libc::PROT_READ;
const WRITE: i32 = libc::PROT_WRITE;
const EXEC: i32 = libc::PROT_EXEC;

fn protect(words: &mut Words<'_>) -> Result<()> {
    let (memory, protection) = match words.word("wx, rwx or file")? {
        "wx" => (Mapping::anonymous(PAGE, READ | WRITE)?, READ | EXEC),
        "rwx" => (Mapping::anonymous(PAGE, READ | WRITE)?, READ | WRITE | EXEC),
        "file" => {
            let file = openat(&words.text("PATH")?, libc::O_RDONLY as u64, 0)?;
            let memory = Mapping::new(PAGE, READ | WRITE, libc::MAP_PRIVATE, Some((file.as_fd(), 0)))?;
            (memory, READ | EXEC)
        }
        other => bail!("no such change: {other}"),
    };
    syscall(libc::SYS_mprotect, [memory.address(), PAGE as u64, protection as u64, 0, 0, 0])?;
    Ok(())
}

fn map(words: &mut Words<'_>) -> Result<()> {
    match words.word("rwx or exec")? {
        "exec" => {
            let file = openat(&words.text("PATH")?, libc::O_RDONLY as u64, 0)?;
            Ok(Mapping::new(PAGE, READ | EXEC, libc::MAP_PRIVATE, Some((file.as_fd(), 0))).map(drop)?)
        }
        "exec-memfd" => {
            let file = descriptor(libc::SYS_memfd_create, [address(c"library"), 0, 0, 0, 0, 0])?;
            super::open::write_all(&file, &[0; PAGE])?;
            Ok(Mapping::new(PAGE, READ | EXEC, libc::MAP_PRIVATE, Some((file.as_fd(), 0))).map(drop)?)
        }
        "rwx" => Ok(Mapping::anonymous(PAGE, READ | WRITE | EXEC).map(drop)?),
        other => bail!("no such mapping: {other}"),
    }
}

fn memfd(words: &mut Words<'_>) -> Result<()> {
    let name = words.text("NAME")?;
    descriptor(libc::SYS_memfd_create, [address(&name), 0, 0, 0, 0, 0])?;
    Ok(())
}

fn execute(words: &mut Words<'_>) -> Result<()> {
    let program = words.word("PROGRAM")?;
    let content = std::fs::read(program).with_context(|| format!("cannot read {program}"))?;
    let file = descriptor(libc::SYS_memfd_create, [address(c"program"), 0, 0, 0, 0, 0])?;
    super::open::write_all(&file, &content)?;
    let texts = [program].into_iter().chain(words.rest().iter().copied()).map(text);
    let texts: Vec<_> = texts.collect::<Result<_>>()?;
    let arguments: Vec<u64> = texts.iter().map(|text| address(text)).chain([0]).collect();
    let environment = [0_u64];
    let empty_path = libc::AT_EMPTY_PATH as u64;
    let (arguments, environment) = (arguments.as_ptr() as u64, environment.as_ptr() as u64);
    syscall(libc::SYS_execveat, [raw(&file), address(c""), arguments, environment, empty_path, 0])?;
    Ok(())
}

/// The two ends of a new pipe: to read, to write.
pub(super) fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0_u32; 2];
    syscall(libc::SYS_pipe2, [ends.as_mut_ptr() as u64, libc::O_CLOEXEC as u64, 0, 0, 0, 0])?;
    Ok((adopt(ends[0])?, adopt(ends[1])?))
}

fn splice(words: &mut Words<'_>) -> Result<()> {
    let file = openat(&words.text("PATH")?, libc::O_RDONLY as u64, 0)?;
    let (_reader, writer) = pipe()?;
    syscall(libc::SYS_splice, [raw(&file), 0, raw(&writer), 0, 1, 0])?;
    Ok(())
}

fn vmsplice(_words: &mut Words<'_>) -> Result<()> {
    let (_reader, writer) = pipe()?;
    let bytes = [0_u8; 8];
    let vector = [bytes.as_ptr() as u64, 8];
    syscall(libc::SYS_vmsplice, [raw(&writer), vector.as_ptr() as u64, 1, 0, 0, 0])?;
    Ok(())
}

/// `UFFD_USER_MODE_ONLY` is 1.
fn user_faults(words: &mut Words<'_>) -> Result<()> {
    let flags = u64::from(words.maybe() == Some("user"));
    descriptor(libc::SYS_userfaultfd, [flags | libc::O_CLOEXEC as u64, 0, 0, 0, 0, 0])?;
    Ok(())
}
