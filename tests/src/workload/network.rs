//! Clients: connections, datagrams, sockets of every kind. Addresses as in `address.rs`.
//!
//! `connect HOW KIND ADDRESS`, KIND being `tcp stream dgram udp seqpacket`; then the socket is closed.
//! HOW: `blocking`; `nonblocking` (waits for the outcome, which is the result); `impatient` (non-blocking,
//! closes at once); `uring`, `uring-async`, `uring-sqpoll`; `again` (a UDP socket connected twice, then
//! dissolved by `AF_UNSPEC`).
//!
//! `exchange HOW KIND ADDRESS PAYLOAD WRITES RECEIVE [WAY]` connects (HOW as above, or `fastopen`: the first bytes go
//! by `sendto` with `MSG_FASTOPEN` and no connect), sends PAYLOAD in so many writes, reads until RECEIVE bytes
//! came, closes. A PAYLOAD is `text:…`, `hex:…`, `zero:N` (N bytes), `tls:NAME` (a client's hello) or `none`; in texts `\r`, `\n` are escapes.
//! Between writes of one payload lie some milliseconds, and TCP does not gather them. WAY is the call for each:
//! `write` (default), `writev` and `sendmsg` (each in two vectors), `sendto`, `sendmmsg`, `uring`, `uring-async`,
//! `uring-sqpoll`.
//!
//! `datagram HOW ADDRESS PAYLOAD [RECEIVE]`: HOW is `sendto`, `sendmsg`, `sendmmsg`; `connected` (connect, then write),
//! or `connected-` and a WAY; RECEIVE is how many datagrams are awaited. `bind KIND ADDRESS`; `listen KIND ADDRESS`
//! (bind and listen); `socket KIND`: `raw raw6 packet packet-dgram netlink-netfilter netlink-route netlink-audit
//! vsock alg tcp tcp6 udp udp6 unix uring-tcp`.
//!
//! `loopback` sets the loopback device up, and `give IP` gives it another address, both refused outside a network
//! namespace that this process has unshared.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::Operation;
use super::address::Address;
use super::open::raw;
use super::socket::{
    Way, bind, connect, connect_by_ring, kind, listen, outcome, receive, receive_from, send, send_message,
    send_messages, set_option, socket, wait_writable,
};
use super::uring::{self, Request, Worker};
use super::words::Words;
use crate::errno::Errno;
use crate::raw::{adopt, syscall};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("connect", "HOW KIND ADDRESS", connect_and_close),
    Operation::new("exchange", "HOW KIND ADDRESS PAYLOAD WRITES RECEIVE [WAY]", exchange),
    Operation::new("datagram", "HOW ADDRESS PAYLOAD [RECEIVE]", datagram),
    Operation::new("bind", "KIND ADDRESS", bind_and_close),
    Operation::new("listen", "KIND ADDRESS", listen_and_close),
    Operation::new("socket", "KIND", open_and_close),
    Operation::new("loopback", "", loopback),
    Operation::new("give", "IP", give),
];

/// Between two writes of one payload: long enough for the other side to read what came.
const BETWEEN_WRITES: Duration = Duration::from_millis(5);

/// Whether this process has unshared its network.
pub(super) static OWN_NETWORK: AtomicBool = AtomicBool::new(false);

fn connect_and_close(words: &mut Words<'_>) -> Result<()> {
    let (how, kind) = (words.word("HOW")?, kind(words.word("KIND")?)?);
    let to = Address::parse(words.word("ADDRESS")?)?;
    connected(how, kind, &to).map(drop)
}

fn connected(how: &str, kind: i32, to: &Address) -> Result<OwnedFd> {
    let waits = !matches!(how, "nonblocking" | "impatient");
    let fd = socket(to.family, if waits { kind } else { kind | libc::SOCK_NONBLOCK }, 0)?;
    match how {
        "blocking" => connect(&fd, to)?,
        "impatient" => finish_later(connect(&fd, to))?,
        "nonblocking" => {
            finish_later(connect(&fd, to))?;
            wait_writable(&fd)?;
            Errno::check(-outcome(&fd)?)?;
            let fd_number = raw(&fd);
            syscall(libc::SYS_fcntl, [fd_number, libc::F_SETFL as u64, 0, 0, 0, 0])?;
        }
        "again" => {
            connect(&fd, to)?;
            connect(&fd, to)?;
            let nobody = Address { family: libc::AF_UNSPEC, bytes: vec![0; to.bytes.len()] };
            connect(&fd, &nobody)?;
        }
        _ if how.starts_with("uring") => connect_by_ring(how, &fd, to)?,
        other => bail!("no such way to connect: {other}"),
    }
    Ok(fd)
}

/// A connection that is still coming about is no failure.
fn finish_later(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno(libc::EINPROGRESS)) => Ok(()),
        other => other,
    }
}

fn exchange(words: &mut Words<'_>) -> Result<()> {
    let (how, kind) = (words.word("HOW")?, kind(words.word("KIND")?)?);
    let to = Address::parse(words.word("ADDRESS")?)?;
    let payload = payload(words.word("PAYLOAD")?)?;
    let (writes, expected): (usize, usize) = (words.number("WRITES")?, words.number("RECEIVE")?);
    let way = Way::of(words.maybe().unwrap_or("write"))?;
    let fd = if how == "fastopen" {
        let fd = socket(to.family, kind, 0)?;
        let first = parts(&payload, writes).next().unwrap_or_default();
        send(&fd, first, libc::MSG_FASTOPEN, Some(&to))?;
        at_once(&fd)?;
        send_parts(&fd, parts(&payload, writes).skip(1), way)?;
        fd
    } else {
        let fd = connected(how, kind, &to)?;
        at_once(&fd)?;
        send_parts(&fd, parts(&payload, writes), way)?;
        fd
    };
    let got = receive(&fd, expected)?.len();
    ensure!(got == expected, "{got} bytes came, not {expected}");
    Ok(())
}

/// TCP sends each write at once. Other kinds do not know the option.
fn at_once(fd: &OwnedFd) -> Result<(), Errno> {
    match set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1) {
        Err(Errno(libc::ENOTSUP | libc::ENOPROTOOPT)) => Ok(()),
        other => other,
    }
}

/// Splits in so many parts of nearly the same length.
fn parts(payload: &[u8], count: usize) -> impl Iterator<Item = &[u8]> {
    payload.chunks(payload.len().div_ceil(count.max(1)).max(1))
}

fn send_parts<'payload>(fd: &OwnedFd, parts: impl Iterator<Item = &'payload [u8]>, way: Way) -> Result<()> {
    for (index, part) in parts.enumerate() {
        if index > 0 {
            std::thread::sleep(BETWEEN_WRITES);
        }
        way.send(fd, part)?;
    }
    Ok(())
}

/// Sends a payload in so many writes, for the servers too.
pub(super) fn send_split(fd: &OwnedFd, payload: &[u8], writes: usize) -> Result<()> {
    at_once(fd)?;
    send_parts(fd, parts(payload, writes), Way::Write)
}

/// What is to be sent.
pub(super) fn payload(word: &str) -> Result<Vec<u8>> {
    if word == "none" {
        return Ok(Vec::new());
    }
    let (kind, value) = word.split_once(':').context("a payload is text:…, hex:…, zero:N or none")?;
    match kind {
        "text" => Ok(value.replace("\\r", "\r").replace("\\n", "\n").into_bytes()),
        "tls" => Ok(crate::hello::of(value, 0)),
        "zero" => Ok(vec![0; value.parse().context("zero:N takes a number")?]),
        "hex" => {
            let digits = value.as_bytes().chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).context("hex:… takes hexadecimal digits")?;
                u8::from_str_radix(pair, 16).context("hex:… takes hexadecimal digits")
            });
            digits.collect()
        }
        other => bail!("no such payload: {other}"),
    }
}

fn datagram(words: &mut Words<'_>) -> Result<()> {
    let how = words.word("HOW")?;
    let to = Address::parse(words.word("ADDRESS")?)?;
    let payload = payload(words.word("PAYLOAD")?)?;
    let answers: usize = words.number_or("RECEIVE", 0)?;
    let fd = socket(to.family, libc::SOCK_DGRAM, 0)?;
    if answers > 0 && to.family == libc::AF_UNIX {
        // A socket without a name could not be answered; a name of two zero bytes lets the kernel choose.
        bind(&fd, &Address { family: libc::AF_UNIX, bytes: super::address::begin(libc::AF_UNIX) })?;
    }
    match how {
        "sendto" => send(&fd, &payload, 0, Some(&to))?,
        "sendmsg" => send_message(&fd, &[&payload], Some(&to))?,
        "sendmmsg" => send_messages(&fd, &[&payload], Some(&to))?,
        "connected" => {
            connect(&fd, &to)?;
            Way::Write.send(&fd, &payload)?;
        }
        _ if how.starts_with("connected-") => {
            connect(&fd, &to)?;
            Way::of(how.trim_start_matches("connected-"))?.send(&fd, &payload)?;
        }
        other => bail!("no such way to send a datagram: {other}"),
    }
    for _ in 0..answers {
        receive_from(&fd)?;
    }
    Ok(())
}

fn bind_and_close(words: &mut Words<'_>) -> Result<()> {
    let kind = kind(words.word("KIND")?)?;
    let to = Address::parse(words.word("ADDRESS")?)?;
    Ok(bind(&socket(to.family, kind, 0)?, &to)?)
}

fn listen_and_close(words: &mut Words<'_>) -> Result<()> {
    let kind = kind(words.word("KIND")?)?;
    let to = Address::parse(words.word("ADDRESS")?)?;
    let fd = socket(to.family, kind, 0)?;
    bind(&fd, &to)?;
    Ok(listen(&fd, 16)?)
}

fn open_and_close(words: &mut Words<'_>) -> Result<()> {
    let every_packet = i32::from(3_u16.to_be()); // ETH_P_ALL
    let (family, kind, protocol) = match words.word("KIND")? {
        "raw" => (libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        "raw6" => (libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6),
        "packet" => (libc::AF_PACKET, libc::SOCK_RAW, every_packet),
        "packet-dgram" => (libc::AF_PACKET, libc::SOCK_DGRAM, every_packet),
        "netlink-netfilter" => (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER),
        "netlink-route" => (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
        "netlink-audit" => (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT),
        "vsock" => (libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        "alg" => (libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        "tcp" => (libc::AF_INET, libc::SOCK_STREAM, 0),
        "tcp6" => (libc::AF_INET6, libc::SOCK_STREAM, 0),
        "udp" => (libc::AF_INET, libc::SOCK_DGRAM, 0),
        "udp6" => (libc::AF_INET6, libc::SOCK_DGRAM, 0),
        "unix" => (libc::AF_UNIX, libc::SOCK_STREAM, 0),
        "uring-tcp" => {
            let offset = u64::from(libc::SOCK_STREAM.unsigned_abs());
            let request = Request { code: uring::SOCKET, fd: libc::AF_INET, offset, ..Request::default() };
            adopt(uring::submit(Worker::Caller, &request)?)?;
            return Ok(());
        }
        other => bail!("no such kind of socket: {other}"),
    };
    socket(family, kind, protocol)?;
    Ok(())
}

/// `struct ifreq`: the device's name, then what the request is about.
fn ask_device(fd: &OwnedFd, request: u64, about: &[u8]) -> Result<(), Errno> {
    let mut bytes = [0; 40];
    bytes[..2].copy_from_slice(b"lo");
    bytes[16..16 + about.len()].copy_from_slice(about);
    syscall(libc::SYS_ioctl, [raw(fd), request, bytes.as_mut_ptr() as u64, 0, 0, 0]).map(drop)
}

fn own_network() -> Result<()> {
    ensure!(OWN_NETWORK.load(Ordering::Relaxed), "first `unshare net`: devices of others are not touched");
    Ok(())
}

fn loopback(_words: &mut Words<'_>) -> Result<()> {
    own_network()?;
    let fd = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let flags = u16::try_from(libc::IFF_UP | libc::IFF_RUNNING)?;
    Ok(ask_device(&fd, libc::SIOCSIFFLAGS, &flags.to_ne_bytes())?)
}

fn give(words: &mut Words<'_>) -> Result<()> {
    own_network()?;
    match words.word("IP")?.parse().context("IP")? {
        // Replaces 127.0.0.1/8: one address a device by this call, which is why it goes to an alias.
        IpAddr::V4(ip) => {
            let fd = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
            let mut bytes = [0; 40];
            bytes[..4].copy_from_slice(b"lo:1");
            bytes[16..32].copy_from_slice(&Address::inet((ip, 0).into()).bytes);
            syscall(libc::SYS_ioctl, [raw(&fd), libc::SIOCSIFADDR, bytes.as_mut_ptr() as u64, 0, 0, 0])?;
        }
        // `struct in6_ifreq`: address, prefix, index of the device (the loopback device is always the first).
        IpAddr::V6(ip) => {
            let fd = socket(libc::AF_INET6, libc::SOCK_DGRAM, 0)?;
            let bytes = [ip.octets().as_slice(), &128_u32.to_ne_bytes(), &1_u32.to_ne_bytes()].concat();
            syscall(libc::SYS_ioctl, [raw(&fd), libc::SIOCSIFADDR, bytes.as_ptr() as u64, 0, 0, 0])?;
        }
    }
    Ok(())
}
