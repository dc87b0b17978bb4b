//! Fixed part of the records of sockets: one form for all classes.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::header::{RecordHeader, TaskRef};

/// An internet address and port. IPv4 is in its mapped IPv6 form (`::ffff:a.b.c.d`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Address {
    /// Address in network order.
    pub ip: [u8; 16],
    /// Port in host order.
    pub port: u16,
    /// 1 if the address is known.
    pub known: u16,
    /// Scope of a link-local IPv6 address (`sin6_scope_id`).
    pub scope: u32,
}

/// Something that happened to a socket. Variable fields: [`crate::tail::Tail::SocketName`],
/// [`crate::tail::Tail::Path`] (of a bound AF_UNIX socket), [`crate::tail::Tail::Payload`].
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NetRecord {
    /// Common part. The process is the one that owns the socket, as far as known.
    pub header: RecordHeader,
    /// Names the socket while it lives.
    pub socket: u64,
    /// This end.
    pub local: Address,
    /// The other end.
    pub remote: Address,
    /// Bytes sent (payload), where counted.
    pub sent_bytes: u64,
    /// Bytes received (payload), where counted.
    pub received_bytes: u64,
    /// When the connection was attempted or accepted, in nanoseconds since boot; 0 where unknown.
    pub since_ns: u64,
    /// Peer of an AF_UNIX connection, where known; only `pid` may be.
    pub peer: TaskRef,
    /// Control group of that peer; 0 where unknown.
    pub peer_cgroup: u64,
    /// Network namespace (`net.ns.inum`).
    pub namespace: u32,
    /// 0, or the negative error number.
    pub error: i32,
    /// `AF_*`; AF_INET for IPv4-mapped addresses too.
    pub family: u16,
    /// `SOCK_*`
    pub kind: u16,
    /// `IPPROTO_*`, or the protocol of the family.
    pub protocol: u16,
    /// [`Phase`] as a number.
    pub phase: u16,
    /// [`Facts`] bits.
    pub facts: u32,
    /// Position of the payload in its direction's stream, or the backlog of listen.
    pub offset: u32,
    /// Equal events since the last one that was sent.
    pub repeats: u32,
    /// [`crate::call::Call`] as a number; 0 where the hook does not tell.
    pub call: u32,
    /// The descriptor that a socket was given ([`crate::class::Class::NetStdio`]).
    pub descriptor: u32,
    /// The descriptor of the same socket from which that one was made.
    pub from: u32,
}

/// Where in its life a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Phase {
    /// Nothing to say.
    None = 0,
    /// Attempted; how it ends is told by a further record.
    Attempt = 1,
    /// It came to stand.
    Established = 2,
    /// It failed: see the error.
    Failed = 3,
    /// Payload that this end sent.
    Sent = 4,
    /// Payload that this end received.
    Received = 5,
}

/// Bits of [`NetRecord::facts`].
#[derive(Clone, Copy, Debug)]
pub struct Facts;

impl Facts {
    /// Addresses are as the caller's memory had them: another thread may have changed it.
    pub const UNVERIFIED: u32 = 1 << 0;
    /// By io_uring.
    pub const IO_URING: u32 = 1 << 1;
    /// The socket's name is abstract (AF_UNIX).
    pub const ABSTRACT: u32 = 1 << 2;
    /// The payload was cut: no more of a datagram, or of this direction of a connection, is sent.
    pub const CUT: u32 = 1 << 3;
    /// The owner was not known: the process is the one that happened to run, or none.
    pub const OWNER_UNKNOWN: u32 = 1 << 4;
    /// The IPv6 socket speaks IPv4.
    pub const MAPPED: u32 = 1 << 5;
    /// The attempt does not wait: the call has ended with `EINPROGRESS`.
    pub const NONBLOCKING: u32 = 1 << 6;
    /// The connection came from the other end.
    pub const ACCEPTED: u32 = 1 << 7;
}
