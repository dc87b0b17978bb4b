//! Namespaces and roots.
//!
//! `unshare FLAGS`, FLAGS being `mount cgroup uts ipc user pid net time files fs`. `setns PATH [FLAGS]` (a file such
//! as `/proc/1/ns/net`). `setns-process PID FLAGS` (by pidfd, since 5.8). `clone FLAGS` and `clone3 FLAGS`: a child
//! in new namespaces, which ends at once. `chroot PATH`, `pivot-root NEW OLD` (both are folders; change to it by
//! `cd`), `cd PATH`, `sethostname NAME` (only after `unshare uts`: the machine's name is not for changing).

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};

use super::Operation;
use super::names::NAMESPACES;
use super::network::OWN_NETWORK;
use super::open::{address, openat, raw};
use super::process::wait_for;
use super::words::Words;
use crate::raw::{descriptor, syscall};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("unshare", "FLAGS", unshare),
    Operation::new("setns", "PATH [FLAGS]", enter),
    Operation::new("setns-process", "PID FLAGS", enter_process),
    Operation::new("clone", "FLAGS", clone),
    Operation::new("clone3", "FLAGS", clone3),
    Operation::new("chroot", "PATH", |words| with_path(words, libc::SYS_chroot)),
    Operation::new("cd", "PATH", |words| with_path(words, libc::SYS_chdir)),
    Operation::new("pivot-root", "NEW OLD", pivot_root),
    Operation::new("sethostname", "NAME", set_host_name),
];

/// What this process has unshared.
static UNSHARED: AtomicU64 = AtomicU64::new(0);

const UTS: u64 = libc::CLONE_NEWUTS as u64;
const NET: u64 = libc::CLONE_NEWNET as u64;

fn unshare(words: &mut Words<'_>) -> Result<()> {
    let flags = words.flags("FLAGS", NAMESPACES)?;
    syscall(libc::SYS_unshare, [flags, 0, 0, 0, 0, 0])?;
    UNSHARED.fetch_or(flags, Ordering::Relaxed);
    OWN_NETWORK.fetch_or(flags & NET != 0, Ordering::Relaxed);
    Ok(())
}

/// Whether this process has unshared all of these.
pub(super) fn has_unshared(flags: u64) -> bool {
    UNSHARED.load(Ordering::Relaxed) & flags == flags
}

fn enter(words: &mut Words<'_>) -> Result<()> {
    let path = words.text("PATH")?;
    let flags = words.maybe().map_or(Ok(0), |word| super::words::flags(word, NAMESPACES))?;
    let file = openat(&path, libc::O_RDONLY as u64, 0)?;
    syscall(libc::SYS_setns, [raw(&file), flags, 0, 0, 0, 0])?;
    Ok(())
}

fn enter_process(words: &mut Words<'_>) -> Result<()> {
    let (pid, flags) = (words.number("PID")?, words.flags("FLAGS", NAMESPACES)?);
    let process = descriptor(libc::SYS_pidfd_open, [pid, 0, 0, 0, 0, 0])?;
    syscall(libc::SYS_setns, [raw(&process), flags, 0, 0, 0, 0])?;
    Ok(())
}

const SIGNAL: u64 = libc::SIGCHLD as u64;

fn clone(words: &mut Words<'_>) -> Result<()> {
    let flags = words.flags("FLAGS", NAMESPACES)?;
    // With a stack of 0 the child goes on where it is, as after a fork.
    finish(syscall(libc::SYS_clone, [flags | SIGNAL, 0, 0, 0, 0, 0])?)
}

/// `struct clone_args`: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls.
fn clone3(words: &mut Words<'_>) -> Result<()> {
    let arguments = [words.flags("FLAGS", NAMESPACES)?, 0, 0, 0, SIGNAL, 0, 0, 0];
    finish(syscall(libc::SYS_clone3, [arguments.as_ptr() as u64, 64, 0, 0, 0, 0])?)
}

fn finish(child: u64) -> Result<()> {
    if child == 0 {
        loop {
            syscall(libc::SYS_exit_group, [0; 6]).ok();
        }
    }
    wait_for(u32::try_from(child)?)?;
    Ok(())
}

fn with_path(words: &mut Words<'_>, number: i64) -> Result<()> {
    let path = words.text("PATH")?;
    syscall(number, [address(&path), 0, 0, 0, 0, 0])?;
    Ok(())
}

fn pivot_root(words: &mut Words<'_>) -> Result<()> {
    let (new, old) = (words.text("NEW")?, words.text("OLD")?);
    syscall(libc::SYS_pivot_root, [address(&new), address(&old), 0, 0, 0, 0])?;
    Ok(())
}

fn set_host_name(words: &mut Words<'_>) -> Result<()> {
    let name = words.word("NAME")?;
    ensure!(has_unshared(UTS), "first `unshare uts`");
    syscall(libc::SYS_sethostname, [name.as_ptr() as u64, name.len() as u64, 0, 0, 0, 0])?;
    Ok(())
}
