//! What is done many times or for long: load of the processor, looks at many addresses, bytes carried on.
//!
//! `spin HOW THREADS MILLISECONDS` keeps so many threads busy; HOW is names joined by `+`: `pinned` (each to a
//! processor), `nice` (19), `idle` (SCHED_IDLE), `-` none of them, `plain` likewise.
//! `scan HOW IP FIRST LAST MILLISECONDS` asks for the ports of an address, one after the other with this pause;
//! `sweep HOW NETWORK FIRST LAST PORT MILLISECONDS` for one port of the addresses NETWORK.FIRST to NETWORK.LAST
//! (`10.244.1`, or `10.244` for the third number with the fourth being 1). HOW as for `connect`, or `udp`. Refusals
//! are expected.
//! `carry ADDRESS TO COUNT`: accepts so many connections and carries all bytes between each and a new one to TO.
//! `dirty-pipe PATH` splices a byte of a file into a pipe, and writes to that pipe.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::Operation;
use super::address::Address;
use super::memory::pipe;
use super::open::{openat, raw, read_some};
use super::socket::{accept, connect, connect_by_ring, send, socket};
use super::words::Words;
use crate::raw::syscall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("spin", "HOW THREADS MILLISECONDS", spin),
    Operation::new("scan", "HOW IP FIRST LAST MILLISECONDS", scan),
    Operation::new("sweep", "HOW NETWORK FIRST LAST PORT MILLISECONDS", sweep),
    Operation::new("carry", "ADDRESS TO COUNT", carry),
    Operation::new("dirty-pipe", "PATH", dirty_pipe),
];

const SCHED_IDLE: u64 = 5;

fn spin(words: &mut Words<'_>) -> Result<()> {
    let how: Vec<&str> = words.word("HOW")?.split('+').collect();
    let (threads, milliseconds): (u64, u64) = (words.number("THREADS")?, words.number("MILLISECONDS")?);
    let until = Instant::now() + Duration::from_millis(milliseconds);
    let busy = |number: u64| -> Result<u64> {
        if how.contains(&"pinned") {
            let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
            let mask = [1_u64 << (number % processors)];
            syscall(libc::SYS_sched_setaffinity, [0, 8, mask.as_ptr() as u64, 0, 0, 0])?;
        }
        if how.contains(&"nice") {
            syscall(libc::SYS_setpriority, [libc::PRIO_PROCESS as u64, 0, 19, 0, 0, 0])?;
        }
        if how.contains(&"idle") {
            let parameter = [0_u32];
            syscall(libc::SYS_sched_setscheduler, [0, SCHED_IDLE, parameter.as_ptr() as u64, 0, 0, 0])?;
        }
        let mut value = number;
        while Instant::now() < until {
            for _ in 0..100_000 {
                value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005).rotate_left(7));
            }
        }
        Ok(value)
    };
    std::thread::scope(|scope| {
        let busy = &busy;
        let all: Vec<_> = (0..threads).map(|number| scope.spawn(move || busy(number))).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a thread panicked"))?.map(drop))
    })
}

/// Asks for an address; what comes of it does not matter.
fn knock(how: &str, to: SocketAddr) -> Result<()> {
    let to = Address::inet(to);
    match how {
        "udp" => send(&socket(to.family, libc::SOCK_DGRAM, 0)?, b"?", 0, Some(&to)).ok(),
        "blocking" => connect(&socket(to.family, libc::SOCK_STREAM, 0)?, &to).ok(),
        "nonblocking" => connect(&socket(to.family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?, &to).ok(),
        _ if how.starts_with("uring") => {
            connect_by_ring(how, &socket(to.family, libc::SOCK_STREAM, 0)?, &to).ok()
        }
        other => bail!("no such way to ask: {other}"),
    };
    Ok(())
}

fn scan(words: &mut Words<'_>) -> Result<()> {
    let how = words.word("HOW")?;
    let ip: IpAddr = words.word("IP")?.parse().context("IP")?;
    let (first, last): (u16, u16) = (words.number("FIRST")?, words.number("LAST")?);
    let pause = Duration::from_millis(words.number("MILLISECONDS")?);
    (first..=last).try_for_each(|port| {
        std::thread::sleep(pause);
        knock(how, (ip, port).into())
    })
}

fn sweep(words: &mut Words<'_>) -> Result<()> {
    let (how, network) = (words.word("HOW")?, words.word("NETWORK")?);
    let (first, last): (u8, u8) = (words.number("FIRST")?, words.number("LAST")?);
    let port: u16 = words.number("PORT")?;
    let pause = Duration::from_millis(words.number("MILLISECONDS")?);
    let rest = if network.split('.').count() == 2 { ".1" } else { "" };
    (first..=last).try_for_each(|number| {
        std::thread::sleep(pause);
        let ip: IpAddr = format!("{network}.{number}{rest}").parse().context("NETWORK")?;
        knock(how, (ip, port).into())
    })
}

fn carry(words: &mut Words<'_>) -> Result<()> {
    let (listener, _) = super::serve::bound(libc::SOCK_STREAM, words.word("ADDRESS")?)?;
    let to = Address::parse(words.word("TO")?)?;
    let count: u64 = words.number("COUNT")?;
    for _ in 0..count {
        let near = accept("accept4", &listener)?;
        let far = socket(to.family, libc::SOCK_STREAM, 0)?;
        connect(&far, &to)?;
        std::thread::scope(|scope| {
            scope.spawn(|| bytes(&near, &far));
            bytes(&far, &near);
        });
    }
    Ok(())
}

/// Carries bytes until the first side ends, and tells the other so.
fn bytes(from: &OwnedFd, to: &OwnedFd) {
    let mut buffer = [0; 16_384];
    while let Ok(count @ 1..) = read_some(from.as_fd(), &mut buffer) {
        if send(to, &buffer[..count], 0, None).is_err() {
            break;
        }
    }
    // The other side may be gone.
    syscall(libc::SYS_shutdown, [raw(to), libc::SHUT_WR as u64, 0, 0, 0, 0]).ok();
}

fn dirty_pipe(words: &mut Words<'_>) -> Result<()> {
    let file = openat(&words.text("PATH")?, libc::O_RDONLY as u64, 0)?;
    let (_reader, writer) = pipe()?;
    syscall(libc::SYS_splice, [raw(&file), 0, raw(&writer), 0, 1, 0])?;
    let byte = [0_u8];
    syscall(libc::SYS_write, [raw(&writer), byte.as_ptr() as u64, 1, 0, 0, 0])?;
    Ok(())
}
