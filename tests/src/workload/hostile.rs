//! Processes that try to flood, confuse or leave whoever watches them.
//!
//! `flood one PATH THREADS COUNT`: each thread opens and closes the file so many times, as fast as it can.
//! `flood many FOLDER THREADS COUNT [FILES]`: the same with files `0`, `1`, … (1000) in the folder, made before.
//! `rename-self NAME TIMES`: calls itself NAME0, NAME1, … (15 bytes are kept).
//! `fd-reuse FIRST SECOND TIMES`: opens FIRST so many times, while a second thread replaces, at full speed, the
//! descriptor that is going to be returned by one of SECOND (`open`, `dup2`, `close`).
//! `double-fork PROGRAM ARGUMENT…`: a grandchild in a session of its own executes the program; its parent ends.
//! `cgroup FOLDER`: makes the control group, if it is absent, and moves this process there.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use super::Operation;
use super::open::{HERE, address};
use super::process::{execute, wait_for};
use super::words::{Words, text};
use crate::errno::Errno;
use crate::raw::{fork, syscall};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("flood", "one|many PATH THREADS COUNT [FILES]", flood),
    Operation::new("rename-self", "NAME TIMES", rename_self),
    Operation::new("fd-reuse", "FIRST SECOND TIMES", reuse),
    Operation::new("double-fork", "PROGRAM ARGUMENT…", double_fork),
    Operation::new("cgroup", "FOLDER", cgroup),
];

/// Opens without ownership: in `fd-reuse` nobody owns a number.
fn open(path: u64) -> Result<u64, Errno> {
    syscall(libc::SYS_openat, [HERE, path, libc::O_RDONLY as u64, 0, 0, 0])
}

fn close(fd: u64) -> Result<(), Errno> {
    syscall(libc::SYS_close, [fd, 0, 0, 0, 0, 0]).map(drop)
}

fn flood(words: &mut Words<'_>) -> Result<()> {
    let (which, place) = (words.word("one or many")?, words.word("PATH")?);
    let (threads, count): (usize, usize) = (words.number("THREADS")?, words.number("COUNT")?);
    let paths = match which {
        "one" => vec![text(place)?],
        "many" => {
            fs::create_dir_all(place).with_context(|| format!("cannot make {place}"))?;
            let names = (0..words.number_or("FILES", 1000)?).map(|number: u32| format!("{place}/{number}"));
            let make = |name: String| {
                fs::write(&name, "").with_context(|| format!("cannot make {name}")).and_then(|()| text(&name))
            };
            names.map(make).collect::<Result<_>>()?
        }
        other => bail!("not one nor many: {other}"),
    };
    let flood = |first: usize| -> Result<(), Errno> {
        let starting = paths.iter().cycle().skip(first);
        starting.take(count).try_for_each(|path| close(open(address(path))?))
    };
    let all = thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|number| scope.spawn(move || flood(number))).collect();
        started.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    for one in all {
        one.map_err(|_| anyhow!("a thread panicked"))??;
    }
    Ok(())
}

fn rename_self(words: &mut Words<'_>) -> Result<()> {
    let (name, times): (_, u64) = (words.word("NAME")?, words.number("TIMES")?);
    for number in 0..times {
        let name = text(&format!("{name}{number}"))?;
        syscall(libc::SYS_prctl, [libc::PR_SET_NAME as u64, address(&name), 0, 0, 0, 0])?;
    }
    Ok(())
}

fn reuse(words: &mut Words<'_>) -> Result<()> {
    let (first, second) = (words.text("FIRST")?, words.text("SECOND")?);
    let times: u64 = words.number("TIMES")?;
    let prey = open(address(&first))?;
    close(prey)?;
    let stop = AtomicBool::new(false);
    let replace = || -> Result<(), Errno> {
        while !stop.load(Ordering::Relaxed) {
            let other = open(address(&second))?;
            // EBUSY while the first thread's open holds the number, EBADF after its close: both are expected.
            syscall(libc::SYS_dup3, [other, prey, libc::O_CLOEXEC as u64, 0, 0, 0]).ok();
            close(prey).ok();
            close(other).ok();
        }
        Ok(())
    };
    thread::scope(|scope| {
        let replacing = scope.spawn(replace);
        let opened = (0..times).try_for_each(|_| {
            // The other thread may have closed it already.
            close(open(address(&first))?).ok();
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        let replaced = replacing.join().map_err(|_| anyhow!("a thread panicked"))?;
        Ok(opened.and(replaced)?)
    })
}

fn double_fork(words: &mut Words<'_>) -> Result<()> {
    let (program, arguments) = (words.word("PROGRAM")?, words.rest());
    let Some(child) = fork()? else {
        let result = syscall(libc::SYS_setsid, [0; 6]).and_then(|_| fork());
        match result {
            Ok(None) => {
                eprintln!("{:#}", execute(program, arguments));
                std::process::exit(1)
            }
            Ok(Some(_)) => std::process::exit(0),
            Err(errno) => std::process::exit(errno.0),
        }
    };
    Ok(Errno::check(-wait_for(child)?).map(drop)?)
}

fn cgroup(words: &mut Words<'_>) -> Result<()> {
    let folder = words.word("FOLDER")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {folder}"))?;
    let file = format!("{folder}/cgroup.procs");
    fs::write(&file, "0").with_context(|| format!("cannot write {file}"))
}
