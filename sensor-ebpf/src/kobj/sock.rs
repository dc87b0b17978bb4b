//! `sock`: ends, kind, state and counters of a socket; `sockaddr`: an address as a call was given it.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user};
use sensor_common::{
    limits::SOCKET_NAME_BYTES_MAX,
    record::network::{Address, Facts, NetRecord},
};

use super::{Memory, Raw};
use crate::maps::offset;

/// `AF_*` of `include/linux/socket.h`.
pub(crate) const AF_UNIX: u16 = 1;
/// See [`AF_UNIX`].
pub(crate) const AF_INET: u16 = 2;
/// See [`AF_UNIX`].
pub(crate) const AF_INET6: u16 = 10;

/// `S_IFMT` and `S_IFSOCK` of `include/uapi/linux/stat.h`.
const KIND_MASK: u16 = 0o170_000;
/// See [`KIND_MASK`].
const KIND_SOCKET: u16 = 0o140_000;

/// Bit of `enum sock_flags`: the other side has ended its direction (`SOCK_DONE`).
const SOCK_DONE: u64 = 1 << 1;

/// `O_NONBLOCK` of `include/uapi/asm-generic/fcntl.h`.
const NONBLOCK: u32 = 0o4_000;

/// A `struct sock`.
#[derive(Clone, Copy)]
pub(crate) struct Sock(pub(crate) Raw);

impl Sock {
    /// The one behind a `struct socket`.
    #[inline(always)]
    pub(crate) fn of_socket(socket: Raw) -> Option<Self> {
        socket.follow(offset!(socket_sk)).map(Self)
    }

    /// The one behind a file, if that is a socket.
    #[inline(always)]
    pub(crate) fn of_file(file: Raw) -> Option<Self> {
        let inode = file.follow(offset!(file_inode))?;
        if inode.number::<u16>(offset!(inode_mode)) & KIND_MASK != KIND_SOCKET {
            return None;
        }
        Self::of_socket(file.follow(offset!(file_private))?)
    }

    /// Its address, which names it in the kernel while it lives.
    #[inline(always)]
    pub(crate) const fn address(self) -> u64 {
        self.0.0
    }

    /// `AF_*`
    #[inline(always)]
    pub(crate) fn family(self) -> u16 {
        self.0.number(offset!(sock_family))
    }

    /// `SOCK_*`
    #[inline(always)]
    pub(crate) fn kind(self) -> u16 {
        self.0.number(offset!(sock_type))
    }

    /// `IPPROTO_*`
    #[inline(always)]
    pub(crate) fn protocol(self) -> u16 {
        self.0.number(offset!(sock_protocol))
    }

    /// `TCP_*` of `include/net/tcp_states.h`, also of sockets that are not of TCP.
    #[inline(always)]
    pub(crate) fn state(self) -> u8 {
        self.0.number(offset!(sock_state))
    }

    /// A name that the kernel gave it for all of its life; 0 if nobody asked for one yet.
    #[inline(always)]
    pub(crate) fn cookie(self) -> u64 {
        self.0.number(offset!(sock_cookie))
    }

    /// True if its other end is known: only of sockets of the internet.
    #[inline(always)]
    pub(crate) fn has_remote(self) -> bool {
        self.0.number::<u16>(offset!(sock_dport)) != 0
    }

    /// True if calls on it do not wait.
    #[inline(always)]
    pub(crate) fn is_nonblocking(self) -> bool {
        let file = self.0.follow(offset!(sock_socket)).and_then(|socket| socket.follow(offset!(socket_file)));
        file.is_some_and(|file| file.number::<u32>(offset!(file_flags)) & NONBLOCK != 0)
    }

    /// Positive error number that waits to be told to the process.
    #[inline(always)]
    pub(crate) fn error(self) -> i32 {
        self.0.number(offset!(sock_error))
    }

    /// Length of the queue of connections not yet accepted.
    #[inline(always)]
    pub(crate) fn backlog(self) -> u32 {
        self.0.number(offset!(sock_backlog))
    }

    /// Pid, in the initial namespace, of the process at the other end of an AF_UNIX connection (of the
    /// one that listens, for who connected); 0 where unknown.
    #[inline(always)]
    pub(crate) fn peer_pid(self) -> u32 {
        match self.0.follow(offset!(sock_peer_pid)) {
            Some(pid) => pid.number(offset!(pid_numbers).wrapping_add(offset!(upid_nr))),
            None => 0,
        }
    }

    /// Fills in what is always told of a socket: family, kind, protocol, namespace.
    #[inline(always)]
    pub(crate) fn describe(self, into: &mut NetRecord) {
        into.family = self.family();
        into.kind = self.kind();
        into.protocol = self.protocol();
        into.namespace = self.0.follow(offset!(sock_net)).map_or(0, |net| net.number(offset!(net_inum)));
    }

    /// Fills in this end; the record is described already.
    #[inline(always)]
    pub(crate) fn local(self, into: &mut NetRecord) {
        let mut port = self.0.number::<u16>(offset!(sock_num));
        if port == 0 {
            // A connection that ended has given its port back before it is told.
            port = u16::from_be(self.0.number(offset!(inet_sport)));
        }
        self.end(offset!(sock_rcv_saddr), offset!(sock_v6_rcv_saddr), port, &mut into.local, into.family);
    }

    /// Fills in the other end; the record is described already.
    #[inline(always)]
    pub(crate) fn remote(self, into: &mut NetRecord) {
        let port = u16::from_be(self.0.number::<u16>(offset!(sock_dport)));
        self.end(offset!(sock_daddr), offset!(sock_v6_daddr), port, &mut into.remote, into.family);
    }

    #[inline(always)]
    fn end(self, four: u32, six: u32, port: u16, into: &mut Address, family: u16) {
        into.port = port;
        into.known = 1;
        if family == AF_INET6 {
            into.ip = self.0.number::<[u8; 16]>(six);
            if into.ip[0] == 0xfe && into.ip[1] & 0xc0 == 0x80 {
                into.scope = self.0.number(offset!(sock_device));
            }
        } else {
            into.ip = mapped(self.0.number::<[u8; 4]>(four));
        }
    }

    /// Bytes of payload sent and received (TCP).
    #[inline(always)]
    pub(crate) fn bytes(self) -> (u64, u64) {
        let sent = self.0.number::<u64>(offset!(tcp_bytes_sent));
        let again = self.0.number::<u64>(offset!(tcp_bytes_retransmitted));
        let received = self.0.number::<u64>(offset!(tcp_bytes_received));
        // The end of the other side's direction counts as a byte there.
        let ended = u64::from(self.0.number::<u64>(offset!(sock_flags)) & SOCK_DONE != 0);
        (sent.wrapping_sub(again), if received == 0 { 0 } else { received - ended })
    }

    /// The socket at the other end (AF_UNIX).
    #[inline(always)]
    pub(crate) fn unix_peer(self) -> Option<Self> {
        self.0.follow(offset!(unix_peer)).map(Self)
    }

    /// Where its name is and how long (AF_UNIX); `None` if it has none.
    #[inline(always)]
    pub(crate) fn unix_name(self) -> Option<Raw> {
        self.0.follow(offset!(unix_address))
    }

    /// `struct path` of the file that it is bound to (AF_UNIX); `None` if there is none.
    #[inline(always)]
    pub(crate) fn unix_path(self) -> Option<Raw> {
        let path = Raw(self.0.0 + u64::from(offset!(unix_path)));
        path.follow(offset!(path_dentry)).map(|_| path)
    }
}

/// IPv4 in its mapped IPv6 form.
#[inline(always)]
const fn mapped(four: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, four[0], four[1], four[2], four[3]]
}

/// The two halves of an address, as a key.
#[inline(always)]
pub(crate) fn halves(ip: &[u8; 16]) -> (u64, u64) {
    // SAFETY: the array has room for two words, and words are read whatever their alignment.
    unsafe {
        let words = ip.as_ptr().cast::<u64>();
        (words.read_unaligned(), words.add(1).read_unaligned())
    }
}

/// True for IPv4 in its mapped form.
#[inline(always)]
pub(crate) fn is_mapped(ip: &[u8; 16]) -> bool {
    let (first, second) = halves(ip);
    first == 0 && second & 0xffff_ffff == 0xffff_0000
}

/// Calls an IPv6 socket that speaks IPv4 by the name of what it speaks.
#[inline(always)]
pub(crate) fn normalise(record: &mut NetRecord) {
    if record.family != AF_INET6 {
        return;
    }
    let end = if record.remote.known != 0 { &record.remote } else { &record.local };
    if !is_mapped(&end.ip) {
        return;
    }
    record.family = AF_INET;
    record.facts |= Facts::MAPPED;
    // The other end may be the unspecified address, whose mapped form is another one.
    for end in [&mut record.local, &mut record.remote] {
        if end.known != 0 && halves(&end.ip) == (0, 0) {
            end.ip = mapped([0; 4]);
        }
    }
}

/// An address that a call was given.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    /// Where it is.
    pub(crate) at: u64,
    /// Its length.
    pub(crate) length: u64,
    /// In the caller's memory, which another thread may have changed since the kernel read it.
    pub(crate) by_user: bool,
}

impl Given {
    /// As the kernel copied it.
    #[inline(always)]
    pub(crate) const fn kernel(at: u64, length: u64) -> Self {
        Self { at, length, by_user: false }
    }

    /// As the caller's memory has it after the call.
    #[inline(always)]
    pub(crate) const fn user(at: u64, length: u64) -> Self {
        Self { at, length, by_user: true }
    }

    #[inline(always)]
    fn read<T>(self, at: u64, into: &mut T) {
        let (to, size) = (core::ptr::from_mut(into).cast(), size_of::<T>() as u32);
        // SAFETY: the helper writes as many bytes as `T` has: what it read or zeros; callers pass
        // numbers and arrays of them.
        unsafe {
            if self.by_user {
                bpf_probe_read_user(to, size, (self.at + at) as *const _);
            } else {
                bpf_probe_read_kernel(to, size, (self.at + at) as *const _);
            }
        }
    }

    /// `sa_family`; 0 if there is no address.
    #[inline(always)]
    pub(crate) fn family(self) -> u16 {
        let mut family = 0u16;
        if self.at != 0 && self.length >= 2 {
            self.read(0, &mut family);
        }
        family
    }

    /// Fills in an internet address (`sockaddr_in`, `sockaddr_in6`). False if it is none.
    #[inline(always)]
    pub(crate) fn inet(self, into: &mut Address) -> bool {
        let family = self.family();
        let mut port = 0u16;
        if family == AF_INET6 && self.length >= 24 {
            self.read(8, &mut into.ip);
            if into.ip[0] == 0xfe && into.ip[1] & 0xc0 == 0x80 && self.length >= 28 {
                self.read(24, &mut into.scope);
            }
        } else if family == AF_INET && self.length >= 16 {
            let mut four = [0u8; 4];
            self.read(4, &mut four);
            into.ip = mapped(four);
        } else {
            return false;
        }
        self.read(2, &mut port);
        into.port = u16::from_be(port);
        into.known = 1;
        true
    }

    /// True for IPv4 in its mapped form.
    #[inline(always)]
    pub(crate) fn is_mapped(self) -> bool {
        let mut ip = [0u8; 16];
        self.read(8, &mut ip);
        is_mapped(&ip)
    }

    /// The address that a message (`struct user_msghdr`) in the caller's memory is for.
    #[inline(always)]
    pub(crate) fn of_message(self) -> Self {
        let mut words = [0u64; 2];
        self.read(0, &mut words);
        Self::user(words[0], words[1] & u64::from(u32::MAX))
    }

    /// A number that tells names of `sockaddr_un` apart: of their beginning, end and length.
    #[inline(always)]
    pub(crate) fn hash(self) -> u64 {
        let (start, length) = self.unix_name();
        let mut words = [0u64; 8];
        self.read(start - self.at, &mut words);
        let mut end = 0u64;
        if length >= 8 {
            self.read(length - 6, &mut end);
        }
        let mut hash = length;
        for word in words {
            hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash ^= hash >> 29;
        }
        hash ^ end
    }

    /// Where the name of a `sockaddr_un` begins, and its bytes.
    #[inline(always)]
    pub(crate) const fn unix_name(self) -> (u64, u64) {
        let length = self.length.saturating_sub(2);
        let most = SOCKET_NAME_BYTES_MAX as u64;
        (self.at + 2, if length > most { most } else { length })
    }
}
