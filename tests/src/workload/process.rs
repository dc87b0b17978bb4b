//! Programs executed in unusual ways, and many of them.
//!
//! `exec PROGRAM ARGUMENT…`; `thread PROGRAM ARGUMENT…` (from a thread that is not the leader); `deep FOLDERS LENGTH
//! PROGRAM ARGUMENT…` goes down into so many new folders with names of this length, step by step, so that the
//! absolute path may get longer than any that the kernel takes, and executes a copy of the program there, called
//! `true`. Nothing follows these. `burst COUNT PROGRAM` runs a program so many times, one after the other.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};

use super::Operation;
use super::words::Words;
use crate::image::copy_program;
use crate::raw::syscall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("exec", "PROGRAM ARGUMENT…", |words| Err(execute(words.word("PROGRAM")?, words.rest()))),
    Operation::new("thread", "PROGRAM ARGUMENT…", thread),
    Operation::new("deep", "FOLDERS LENGTH PROGRAM ARGUMENT…", deep),
    Operation::new("burst", "COUNT PROGRAM", burst),
];

/// Becomes the program; returns only why not.
pub(super) fn execute(program: &str, arguments: &[&str]) -> anyhow::Error {
    let error = Command::new(program).args(arguments).exec();
    anyhow::Error::new(error).context(format!("cannot execute {program}"))
}

/// Waits for a child. Its exit code, or 128 and the signal that ended it.
pub(super) fn wait_for(child: u32) -> Result<i32> {
    let mut status = [0_i32];
    syscall(libc::SYS_wait4, [child.into(), status.as_mut_ptr() as u64, libc::__WALL as u64, 0, 0, 0])?;
    let [status] = status;
    Ok(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) })
}

fn thread(words: &mut Words<'_>) -> Result<()> {
    let (program, arguments) = (words.word("PROGRAM")?, words.rest());
    std::thread::scope(|scope| scope.spawn(|| Err(execute(program, arguments))).join())
        .map_err(|_| anyhow!("the thread panicked"))?
}

fn deep(words: &mut Words<'_>) -> Result<()> {
    let (folders, length): (usize, usize) = (words.number("FOLDERS")?, words.number("LENGTH")?);
    let (program, arguments) = (words.word("PROGRAM")?, words.rest());
    let name = "d".repeat(length);
    for _ in 0..folders {
        std::fs::create_dir(&name).context("a new folder")?;
        std::env::set_current_dir(&name).context("the new folder")?;
    }
    copy_program(Path::new(program), Path::new("true"), 0o755);
    Err(execute("./true", arguments))
}

fn burst(words: &mut Words<'_>) -> Result<()> {
    let (count, program): (u32, _) = (words.number("COUNT")?, words.word("PROGRAM")?);
    for _ in 0..count {
        let status = Command::new(program).status().with_context(|| format!("cannot start {program}"))?;
        ensure!(status.success(), "{program}: {status}");
    }
    Ok(())
}
