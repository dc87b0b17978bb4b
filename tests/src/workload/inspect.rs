//! Reaching into another process, which is a child made for that unless a PID is given.
//!
//! `ptrace attach|seize [PID]` (and detach), `ptrace traceme` (the child asks for it), `process-vm read|write`,
//! `proc-mem read|write` (through `/proc/PID/mem`), `pidfd-getfd [PID]` (takes its standard output), `pidfd-open`,
//! `kill SIGNAL [PID]`, `tgkill SIGNAL`, `sigqueue SIGNAL`, `pidfd-kill SIGNAL`: the number or `term kill stop cont usr1`;
//! `affinity CPU`, `priority NICE` (of the child) and `kcmp`.

use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};

use super::Operation;
use super::open::{openat, raw};
use super::process::wait_for;
use super::words::{Words, text};
use crate::errno::Errno;
use crate::raw::{descriptor, fork, syscall};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("ptrace", "attach|seize|traceme [PID]", trace),
    Operation::new("process-vm", "read|write", process_vm),
    Operation::new("proc-mem", "read|write", proc_mem),
    Operation::new("pidfd-open", "", |words| pidfd(words, |_, _| Ok(()))),
    Operation::new("pidfd-getfd", "[PID]", |words| pidfd(words, take_descriptor)),
    Operation::new("kill", "SIGNAL [PID]", kill),
    Operation::new("tgkill", "SIGNAL", thread_kill),
    Operation::new("sigqueue", "SIGNAL", queue),
    Operation::new("pidfd-kill", "SIGNAL", pidfd_kill),
    Operation::new("affinity", "CPU", affinity),
    Operation::new("priority", "NICE", priority),
    Operation::new("kcmp", "", compare),
];

const PTRACE_TRACEME: u64 = 0;
const PTRACE_ATTACH: u64 = 16;
const PTRACE_DETACH: u64 = 17;
const PTRACE_SEIZE: u64 = 0x4206;

/// The process to reach into; a child of our own is killed at the end.
struct Target {
    pid: u64,
    child: Option<u32>,
}

impl Target {
    /// The process with the PID that follows, or a child that waits.
    fn take(words: &mut Words<'_>) -> Result<Self> {
        match words.maybe() {
            Some(pid) => Ok(Self { pid: pid.parse().context("PID")?, child: None }),
            None => Self::child(),
        }
    }

    fn child() -> Result<Self> {
        let Some(child) = fork()? else {
            loop {
                syscall(libc::SYS_ppoll, [0; 6]).ok();
            }
        };
        Ok(Self { pid: child.into(), child: Some(child) })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(child) = self.child {
            // It may have been ended by the operation itself.
            syscall(libc::SYS_kill, [self.pid, libc::SIGKILL as u64, 0, 0, 0, 0]).ok();
            wait_for(child).ok();
        }
    }
}

fn ptrace(request: u64, pid: u64) -> Result<(), Errno> {
    syscall(libc::SYS_ptrace, [request, pid, 0, 0, 0, 0]).map(drop)
}

fn trace(words: &mut Words<'_>) -> Result<()> {
    match words.word("attach, seize or traceme")? {
        "traceme" => {
            let Some(child) = fork()? else {
                let failed = ptrace(PTRACE_TRACEME, 0).err();
                std::process::exit(failed.map_or(0, |errno| errno.0));
            };
            Ok(Errno::check(-wait_for(child)?).map(drop)?)
        }
        how @ ("attach" | "seize") => {
            let target = Target::take(words)?;
            if how == "seize" {
                return Ok(ptrace(PTRACE_SEIZE, target.pid)?);
            }
            ptrace(PTRACE_ATTACH, target.pid)?;
            // It stops; only then it can be let go.
            let wait = [target.pid, 0, libc::__WALL as u64, 0, 0, 0];
            syscall(libc::SYS_wait4, wait)?;
            Ok(ptrace(PTRACE_DETACH, target.pid)?)
        }
        other => bail!("no such request: {other}"),
    }
}

/// A word that is at the same address in a forked child.
static WORD: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

fn word_at() -> u64 {
    WORD.as_ptr() as u64
}

fn process_vm(words: &mut Words<'_>) -> Result<()> {
    let number = match words.word("read or write")? {
        "read" => libc::SYS_process_vm_readv,
        "write" => libc::SYS_process_vm_writev,
        other => bail!("not read nor write: {other}"),
    };
    let target = Target::child()?;
    let mut own = [0_u64];
    let (local, remote) = ([own.as_mut_ptr() as u64, 8], [word_at(), 8]);
    syscall(number, [target.pid, local.as_ptr() as u64, 1, remote.as_ptr() as u64, 1, 0])?;
    Ok(())
}

fn proc_mem(words: &mut Words<'_>) -> Result<()> {
    let (number, flags) = match words.word("read or write")? {
        "read" => (libc::SYS_pread64, libc::O_RDONLY),
        "write" => (libc::SYS_pwrite64, libc::O_RDWR),
        other => bail!("not read nor write: {other}"),
    };
    let target = Target::child()?;
    let memory = openat(&text(&format!("/proc/{}/mem", target.pid))?, flags as u64, 0)?;
    let mut own = [0_u64];
    syscall(number, [raw(&memory), own.as_mut_ptr() as u64, 8, word_at(), 0, 0])?;
    Ok(())
}

fn pidfd(words: &mut Words<'_>, then: fn(&OwnedFd, &mut Words<'_>) -> Result<()>) -> Result<()> {
    let target = Target::take(words)?;
    let process = descriptor(libc::SYS_pidfd_open, [target.pid, 0, 0, 0, 0, 0]).context("pidfd_open")?;
    then(&process, words)
}

fn take_descriptor(process: &OwnedFd, _words: &mut Words<'_>) -> Result<()> {
    descriptor(libc::SYS_pidfd_getfd, [raw(process), 1, 0, 0, 0, 0]).context("pidfd_getfd")?;
    Ok(())
}

fn signal(words: &mut Words<'_>) -> Result<u64> {
    let number = match words.word("SIGNAL")? {
        "term" => libc::SIGTERM,
        "kill" => libc::SIGKILL,
        "stop" => libc::SIGSTOP,
        "cont" => libc::SIGCONT,
        "usr1" => libc::SIGUSR1,
        number => number.parse().context("SIGNAL")?,
    };
    Ok(u64::from(number.unsigned_abs()))
}

fn kill(words: &mut Words<'_>) -> Result<()> {
    let signal = signal(words)?;
    let target = Target::take(words)?;
    syscall(libc::SYS_kill, [target.pid, signal, 0, 0, 0, 0])?;
    Ok(())
}

fn thread_kill(words: &mut Words<'_>) -> Result<()> {
    let signal = signal(words)?;
    let target = Target::child()?;
    syscall(libc::SYS_tgkill, [target.pid, target.pid, signal, 0, 0, 0])?;
    Ok(())
}

/// `siginfo_t` has 128 bytes: number, error number and code (`SI_QUEUE` is -1) come first.
fn queue(words: &mut Words<'_>) -> Result<()> {
    let signal = signal(words)?;
    let target = Target::child()?;
    let mut information = [0_i64; 16];
    if let Some(code) = information.get_mut(1) {
        *code = u32::MAX.into();
    }
    syscall(libc::SYS_rt_sigqueueinfo, [target.pid, signal, information.as_ptr() as u64, 0, 0, 0])?;
    Ok(())
}

fn pidfd_kill(words: &mut Words<'_>) -> Result<()> {
    let signal = signal(words)?;
    let target = Target::child()?;
    let process = descriptor(libc::SYS_pidfd_open, [target.pid, 0, 0, 0, 0, 0]).context("pidfd_open")?;
    syscall(libc::SYS_pidfd_send_signal, [raw(&process), signal, 0, 0, 0, 0])?;
    Ok(())
}

fn affinity(words: &mut Words<'_>) -> Result<()> {
    let cpu: u32 = words.number("CPU")?;
    let target = Target::child()?;
    let mask = [1_u64.checked_shl(cpu).context("CPU is below 64")?];
    syscall(libc::SYS_sched_setaffinity, [target.pid, 8, mask.as_ptr() as u64, 0, 0, 0])?;
    Ok(())
}

fn priority(words: &mut Words<'_>) -> Result<()> {
    let nice: i64 = words.number("NICE")?;
    let target = Target::child()?;
    syscall(libc::SYS_setpriority, [0, target.pid, nice.cast_unsigned(), 0, 0, 0])?;
    Ok(())
}

/// Compares the two processes' memory, which `KCMP_VM` (1) does.
fn compare(_words: &mut Words<'_>) -> Result<()> {
    let target = Target::child()?;
    syscall(libc::SYS_kcmp, [std::process::id().into(), target.pid, 1, 0, 0, 0])?;
    Ok(())
}
