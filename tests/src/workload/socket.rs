//! Calls on sockets, each by its own system call.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result, bail};

use super::address::{Address, inet};
use super::open::{raw, read_some};
use super::uring::{self, Request, Worker};
use crate::errno::Errno;
use crate::raw::{adopt, descriptor, syscall};

/// Ends a `sockaddr` of any family.
const ADDRESS_MAX: usize = 128;

/// Types of sockets; `tcp` and `stream` are one, `udp` and `dgram` too.
pub(super) fn kind(word: &str) -> Result<i32> {
    Ok(match word {
        "tcp" | "stream" => libc::SOCK_STREAM,
        "udp" | "dgram" => libc::SOCK_DGRAM,
        "seqpacket" => libc::SOCK_SEQPACKET,
        other => bail!("no such kind of socket: {other}"),
    })
}

pub(super) fn socket(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    let [family, kind, protocol] = [family, kind | libc::SOCK_CLOEXEC, protocol].map(|word| word as u64);
    descriptor(libc::SYS_socket, [family, kind, protocol, 0, 0, 0])
}

pub(super) fn connect(fd: &OwnedFd, to: &Address) -> Result<(), Errno> {
    syscall(libc::SYS_connect, [raw(fd), to.at(), to.length(), 0, 0, 0]).map(drop)
}

pub(super) fn connect_by_ring(how: &str, fd: &OwnedFd, to: &Address) -> Result<()> {
    let number = i32::try_from(raw(fd))?;
    let request = Request {
        code: uring::CONNECT,
        fd: number,
        address: to.at(),
        offset: to.length(),
        ..Request::default()
    };
    uring::submit(Worker::of(how), &request)?;
    Ok(())
}

pub(super) fn bind(fd: &OwnedFd, to: &Address) -> Result<(), Errno> {
    syscall(libc::SYS_bind, [raw(fd), to.at(), to.length(), 0, 0, 0]).map(drop)
}

pub(super) fn listen(fd: &OwnedFd, backlog: u64) -> Result<(), Errno> {
    syscall(libc::SYS_listen, [raw(fd), backlog, 0, 0, 0, 0]).map(drop)
}

/// Accepts by `accept`, `accept4` or a ring.
pub(super) fn accept(how: &str, fd: &OwnedFd) -> Result<OwnedFd> {
    let accept4 = |flags: i32| descriptor(libc::SYS_accept4, [raw(fd), 0, 0, flags as u64, 0, 0]);
    Ok(match how {
        "accept" => descriptor(libc::SYS_accept, [raw(fd), 0, 0, 0, 0, 0])?,
        "accept4" => accept4(libc::SOCK_CLOEXEC)?,
        _ if how.starts_with("uring") => {
            let fd = i32::try_from(raw(fd))?;
            let request = Request { code: uring::ACCEPT, fd, ..Request::default() };
            adopt(uring::submit(Worker::of(how), &request)?)?
        }
        other => bail!("no such way to accept: {other}"),
    })
}

/// `sendto`, with an address or, connected, without.
pub(super) fn send(fd: &OwnedFd, bytes: &[u8], flags: i32, to: Option<&Address>) -> Result<(), Errno> {
    let (at, length) = to.map_or((0, 0), |to| (to.at(), to.length()));
    let flags = (flags | libc::MSG_NOSIGNAL) as u64;
    let arguments = [raw(fd), bytes.as_ptr() as u64, bytes.len() as u64, flags, at, length];
    syscall(libc::SYS_sendto, arguments).map(drop)
}

/// `recvfrom`: the bytes and where they came from.
pub(super) fn receive_from(fd: &OwnedFd) -> Result<(Vec<u8>, Address), Errno> {
    let mut bytes = vec![0; 65536];
    let mut from = vec![0; ADDRESS_MAX];
    let mut length = [u32::try_from(ADDRESS_MAX).unwrap_or_default()];
    let (at, from_at, length_at) =
        (bytes.as_mut_ptr() as u64, from.as_mut_ptr() as u64, length.as_mut_ptr() as u64);
    let arguments = [raw(fd), at, bytes.len() as u64, 0, from_at, length_at];
    let count = syscall(libc::SYS_recvfrom, arguments)?;
    bytes.truncate(usize::try_from(count).unwrap_or_default());
    from.truncate(usize::try_from(length[0]).unwrap_or_default());
    let family = from.get(..2).map_or(0, |family| u16::from_ne_bytes([family[0], family[1]]));
    Ok((bytes, Address { family: i32::from(family), bytes: from }))
}

/// Reads so many bytes, or until the other side ends.
pub(super) fn receive(fd: &OwnedFd, count: usize) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    while all.len() < count {
        let mut part = vec![0; (count - all.len()).min(65536)];
        let got = read_some(fd.as_fd(), &mut part)?;
        if got == 0 {
            break;
        }
        all.extend_from_slice(&part[..got]);
    }
    Ok(all)
}

/// Sets an integer option.
pub(super) fn set_option(fd: &OwnedFd, level: i32, name: i32, value: i32) -> Result<(), Errno> {
    let value = [value];
    let arguments = [raw(fd), level as u64, name as u64, value.as_ptr() as u64, 4, 0];
    syscall(libc::SYS_setsockopt, arguments).map(drop)
}

/// The error that a connection ended its attempt with; 0 if it came about.
pub(super) fn outcome(fd: &OwnedFd) -> Result<i32, Errno> {
    let (mut value, mut length) = ([0_i32], [4_u32]);
    let arguments = [
        raw(fd),
        libc::SOL_SOCKET as u64,
        libc::SO_ERROR as u64,
        value.as_mut_ptr() as u64,
        length.as_mut_ptr() as u64,
        0,
    ];
    syscall(libc::SYS_getsockopt, arguments)?;
    Ok(value[0])
}

/// Waits until something may be written; ten seconds at most.
pub(super) fn wait_writable(fd: &OwnedFd) -> Result<()> {
    // `struct pollfd`: the descriptor, wanted events, returned events.
    let mut wish = [u32::try_from(raw(fd))?, u32::try_from(libc::POLLOUT)?];
    let timeout = [10_i64, 0];
    let arguments = [wish.as_mut_ptr() as u64, 1, timeout.as_ptr() as u64, 0, 8, 0];
    let ready = syscall(libc::SYS_ppoll, arguments)?;
    if ready == 0 { Err(Errno(libc::ETIMEDOUT)).context("poll") } else { Ok(()) }
}

/// The address of this end, or of the other one.
pub(super) fn name(fd: &OwnedFd, number: i64) -> Result<Option<SocketAddr>, Errno> {
    let (mut bytes, mut length) = ([0_u8; ADDRESS_MAX], [128_u32]);
    syscall(number, [raw(fd), bytes.as_mut_ptr() as u64, length.as_mut_ptr() as u64, 0, 0, 0])?;
    Ok(inet(&bytes))
}

/// How bytes go out of a connected socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Write,
    /// In two vectors.
    Writev,
    Sendto,
    /// In two vectors.
    Sendmsg,
    Sendmmsg,
    Ring(Worker),
}

impl Way {
    pub(super) fn of(word: &str) -> Result<Self> {
        Ok(match word {
            "write" => Self::Write,
            "writev" => Self::Writev,
            "sendto" => Self::Sendto,
            "sendmsg" => Self::Sendmsg,
            "sendmmsg" => Self::Sendmmsg,
            _ if word.starts_with("uring") => Self::Ring(Worker::of(word)),
            other => bail!("no such way to send: {other}"),
        })
    }

    /// Sends the bytes in one call.
    pub(super) fn send(self, fd: &OwnedFd, bytes: &[u8]) -> Result<()> {
        let halves = bytes.split_at(bytes.len() / 2);
        match self {
            Self::Write => super::open::write_all(fd, bytes)?,
            Self::Writev => {
                let vectors = vectors(&[halves.0, halves.1]);
                syscall(libc::SYS_writev, [raw(fd), vectors.as_ptr() as u64, 2, 0, 0, 0])?;
            }
            Self::Sendto => send(fd, bytes, 0, None)?,
            Self::Sendmsg => send_message(fd, &[halves.0, halves.1], None)?,
            Self::Sendmmsg => send_messages(fd, &[bytes], None)?,
            Self::Ring(worker) => {
                let (number, length) = (i32::try_from(raw(fd))?, u32::try_from(bytes.len())?);
                let address = bytes.as_ptr() as u64;
                let request =
                    Request { code: uring::SEND, fd: number, address, length, ..Request::default() };
                uring::submit(worker, &request)?;
            }
        }
        Ok(())
    }
}

/// `struct iovec` for each.
fn vectors(parts: &[&[u8]]) -> Vec<[u64; 2]> {
    parts.iter().map(|part| [part.as_ptr() as u64, part.len() as u64]).collect()
}

/// `struct msghdr`: name and its length, vectors and how many, control, its length, flags.
fn header(vectors: &[[u64; 2]], to: Option<&Address>) -> [u64; 7] {
    let (at, length) = to.map_or((0, 0), |to| (to.at(), to.length()));
    [at, length, vectors.as_ptr() as u64, vectors.len() as u64, 0, 0, 0]
}

/// `sendmsg` of one message in several vectors, to an address or, connected, without.
pub(super) fn send_message(fd: &OwnedFd, parts: &[&[u8]], to: Option<&Address>) -> Result<(), Errno> {
    let vectors = vectors(parts);
    let message = header(&vectors, to);
    let flags = libc::MSG_NOSIGNAL as u64;
    syscall(libc::SYS_sendmsg, [raw(fd), message.as_ptr() as u64, flags, 0, 0, 0]).map(drop)
}

/// `sendmmsg` of all the messages in one call.
pub(super) fn send_messages(fd: &OwnedFd, messages: &[&[u8]], to: Option<&Address>) -> Result<(), Errno> {
    let vectors = vectors(messages);
    // `struct mmsghdr`: the header, and the length that was sent.
    let mut all: Vec<[u64; 8]> = Vec::new();
    for vector in vectors.chunks(1) {
        let [a, b, c, d, e, f, g] = header(vector, to);
        all.push([a, b, c, d, e, f, g, 0]);
    }
    let (at, count, flags) = (all.as_mut_ptr() as u64, all.len() as u64, libc::MSG_NOSIGNAL as u64);
    let sent = syscall(libc::SYS_sendmmsg, [raw(fd), at, count, flags, 0, 0])?;
    if sent == count { Ok(()) } else { Err(Errno(libc::EMSGSIZE)) }
}
