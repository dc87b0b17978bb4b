//! What a test needs between operations.
//!
//! `say TEXT` prints it; `pid` prints this process's pid as it sees it; `wait` waits for a line on standard input or
//! its end; `sleep MILLISECONDS`; `repeat TIMES OPERATION ARGUMENT…`; `in-thread OPERATION ARGUMENT…` does it in a
//! second thread; `in-child OPERATION ARGUMENT…` in a child, whose failure is this operation's.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::words::Words;
use super::{Operation, errno, run, say};
use crate::errno::Errno;
use crate::raw::fork;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("say", "TEXT", |words| {
        say(words.word("TEXT")?);
        Ok(())
    }),
    Operation::new("pid", "", |_| {
        say(&std::process::id().to_string());
        Ok(())
    }),
    Operation::new("wait", "", wait),
    Operation::new("sleep", "MILLISECONDS", sleep),
    Operation::new("repeat", "TIMES OPERATION ARGUMENT…", repeat),
    Operation::new("in-thread", "OPERATION ARGUMENT…", in_thread),
    Operation::new("in-child", "OPERATION ARGUMENT…", in_child),
];

fn wait(_words: &mut Words<'_>) -> Result<()> {
    std::io::stdin().read_line(&mut String::new()).context("cannot read standard input")?;
    Ok(())
}

fn sleep(words: &mut Words<'_>) -> Result<()> {
    std::thread::sleep(Duration::from_millis(words.number("MILLISECONDS")?));
    Ok(())
}

fn repeat(words: &mut Words<'_>) -> Result<()> {
    let (times, name, rest): (u64, _, _) = (words.number("TIMES")?, words.maybe(), words.rest());
    (0..times).try_for_each(|_| run(name, rest))
}

fn in_thread(words: &mut Words<'_>) -> Result<()> {
    let (name, rest) = (words.maybe(), words.rest());
    let done = std::thread::scope(|scope| scope.spawn(|| run(name, rest)).join());
    done.map_err(|_| anyhow!("the thread panicked"))?
}

fn in_child(words: &mut Words<'_>) -> Result<()> {
    let (name, rest) = (words.maybe(), words.rest());
    let Some(child) = fork()? else {
        let code = run(name, rest).map_or_else(|error| failure(&error), |()| 0);
        std::process::exit(code);
    };
    match super::process::wait_for(child)? {
        WRONG => bail!("the child could not do it"),
        code => Ok(Errno::check(-code).map(drop)?),
    }
}

/// An exit code that is no error number.
const WRONG: i32 = 250;

fn failure(error: &anyhow::Error) -> i32 {
    match errno(error) {
        Some(Errno(number)) if number < WRONG => number,
        _ => {
            eprintln!("{error:#}");
            WRONG
        }
    }
}
