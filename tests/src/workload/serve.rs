//! Servers and responders, in the foreground or behind the operations that follow.
//!
//! `serve KIND ADDRESS COUNT RECEIVE PAYLOAD [WRITES [ACCEPT]]` binds (and listens), prints `ready ADDRESS` (the
//! port that the kernel chose, if 0 was asked for) and serves so many connections, one after the other: reads
//! RECEIVE bytes, sends PAYLOAD (see `exchange`) in so many writes, waits for the other side's end, closes. For
//! `udp` and `dgram` it receives so many datagrams and answers each with PAYLOAD, if it is not empty. ACCEPT is
//! `accept4` (default), `accept`, `uring`, `uring-async` or `uring-sqpoll`.
//!
//! `behind serve …` and `behind dns-serve …` do the same in a second thread: the next operation begins when the
//! server is ready, and `ready …` is not printed. `join` waits until all such servers have served their count.

use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail};

use super::Operation;
use super::address::Address;
use super::network::{payload, send_split};
use super::socket::{accept, bind, kind, listen, name, receive, receive_from, send, set_option, socket};
use super::words::Words;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("serve", "KIND ADDRESS COUNT RECEIVE PAYLOAD [WRITES [ACCEPT]]", serve),
    Operation::new("behind", "serve|dns-serve …", behind),
    Operation::new("join", "", join),
];

/// Servers that run behind.
static BEHIND: Mutex<Vec<JoinHandle<Result<()>>>> = Mutex::new(Vec::new());

/// A server that is bound, and may begin.
pub(super) struct Ready {
    pub(super) at: String,
    pub(super) run: Box<dyn FnOnce() -> Result<()> + Send>,
}

impl Ready {
    /// Says so and serves.
    pub(super) fn serve(self) -> Result<()> {
        super::say(&format!("ready {}", self.at));
        (self.run)()
    }
}

/// A bound socket that listens, if its kind does, and its address in words.
pub(super) fn bound(kind: i32, word: &str) -> Result<(OwnedFd, String)> {
    let address = Address::parse(word)?;
    let fd = socket(address.family, kind, 0)?;
    set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    bind(&fd, &address)?;
    if kind != libc::SOCK_DGRAM {
        listen(&fd, 128)?;
    }
    let chosen = name(&fd, libc::SYS_getsockname)?;
    Ok((fd, chosen.map_or_else(|| word.to_owned(), |address| address.to_string())))
}

fn serve(words: &mut Words<'_>) -> Result<()> {
    prepare(words)?.serve()
}

fn prepare(words: &mut Words<'_>) -> Result<Ready> {
    let kind = kind(words.word("KIND")?)?;
    let (fd, at) = bound(kind, words.word("ADDRESS")?)?;
    let (count, expected): (u64, usize) = (words.number("COUNT")?, words.number("RECEIVE")?);
    let payload = payload(words.word("PAYLOAD")?)?;
    let writes = words.number_or("WRITES", 1)?;
    let how = words.maybe().unwrap_or("accept4").to_owned();
    let run = Box::new(move || {
        for _ in 0..count {
            if kind == libc::SOCK_DGRAM {
                answer(&fd, &payload)?;
            } else {
                connection(&accept(&how, &fd)?, expected, &payload, writes)?;
            }
        }
        Ok(())
    });
    Ok(Ready { at, run })
}

fn answer(fd: &OwnedFd, payload: &[u8]) -> Result<()> {
    let (_, from) = receive_from(fd)?;
    if !payload.is_empty() {
        send(fd, payload, 0, Some(&from))?;
    }
    Ok(())
}

fn connection(fd: &OwnedFd, expected: usize, payload: &[u8], writes: usize) -> Result<()> {
    receive(fd, expected)?;
    send_split(fd, payload, writes)?;
    // A client that has gone without reading everything is no failure of the server.
    receive(fd, usize::MAX).map(drop).or(Ok(()))
}

fn behind(words: &mut Words<'_>) -> Result<()> {
    let ready = match words.word("serve or dns-serve")? {
        "serve" => prepare(words)?,
        "dns-serve" => super::dns::prepare(words)?,
        other => bail!("{other} does not run behind"),
    };
    let thread = std::thread::spawn(ready.run);
    BEHIND.lock().map_err(|_| anyhow!("a server panicked"))?.push(thread);
    Ok(())
}

fn join(_words: &mut Words<'_>) -> Result<()> {
    let servers = std::mem::take(&mut *BEHIND.lock().map_err(|_| anyhow!("a server panicked"))?);
    for server in servers {
        server.join().map_err(|_| anyhow!("a server panicked"))?.context("a server")?;
    }
    Ok(())
}
