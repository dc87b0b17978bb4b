//! `sk_buff` as programs of control groups are given it: it begins with the network header.

use core::{
    mem::MaybeUninit,
    ptr::{NonNull, addr_of, read_volatile},
};

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::{bpf_get_socket_cookie, bpf_skb_cgroup_id, bpf_skb_load_bytes, bpf_tcp_sock},
    programs::SkBuffContext,
};

/// `IPPROTO_*` of `include/uapi/linux/in.h` and `in6.h`.
pub(crate) const TCP: u8 = 6;
/// See [`TCP`].
pub(crate) const UDP: u8 = 17;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

/// Extension headers of IPv6 that are skipped.
const EXTENSIONS_MAX: usize = 4;

/// `TCP_LISTEN` of `include/net/tcp_states.h`.
const LISTEN: u32 = 10;

/// A packet.
#[derive(Clone, Copy)]
pub(crate) struct Packet(*mut __sk_buff);

/// The socket of a packet, as such programs see it.
#[derive(Clone, Copy)]
pub(crate) struct PacketSocket(NonNull<bpf_sock>);

/// What the network header says.
pub(crate) struct Network {
    /// Protocol of what follows.
    pub(crate) protocol: u8,
    /// 4 or 6.
    pub(crate) version: u8,
    /// Where that begins.
    pub(crate) next: u32,
    /// Sender; IPv4 in its mapped form.
    pub(crate) source: Ip,
    /// Receiver, in the same form.
    pub(crate) destination: Ip,
}

/// An address of IPv6 in network order, in words: bytes would each take a place on the stack.
pub(crate) type Ip = [u32; 4];

impl Packet {
    /// The packet that the program was called for.
    #[inline(always)]
    pub(crate) const fn new(ctx: &SkBuffContext) -> Self {
        Self(ctx.skb.skb)
    }

    /// Bytes from the network header on.
    #[inline(always)]
    pub(crate) fn length(self) -> u32 {
        // SAFETY: a field of the context; the verifier checks the access.
        unsafe { read_volatile(addr_of!((*self.0).len)) }
    }

    /// Names the socket for as long as the machine runs; 0 without a socket.
    #[inline(always)]
    pub(crate) fn cookie(self) -> u64 {
        // SAFETY: the helper takes the context.
        unsafe { bpf_get_socket_cookie(self.0.cast()) }
    }

    /// Id of the socket's control group in the v2 tree.
    #[inline(always)]
    pub(crate) fn cgroup(self) -> u64 {
        // SAFETY: the helper takes the context.
        unsafe { bpf_skb_cgroup_id(self.0) }
    }

    /// Its socket.
    #[inline(always)]
    pub(crate) fn socket(self) -> Option<PacketSocket> {
        // SAFETY: as in `length`.
        let socket = unsafe { read_volatile(addr_of!((*self.0).__bindgen_anon_2.sk)) };
        NonNull::new(socket).map(PacketSocket)
    }

    /// Reads a value; zeros where the packet is too short.
    #[inline(always)]
    pub(crate) fn load<T: Copy>(self, from: u32) -> T {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes the whole value, with zeros where it cannot read; callers take
        // arrays of numbers, for which any value is valid. Its result is not looked at, so that there is
        // no second branch for the verifier to follow.
        unsafe {
            bpf_skb_load_bytes(self.0.cast(), from, value.as_mut_ptr().cast(), size_of::<T>() as u32);
            value.assume_init()
        }
    }

    /// Copies bytes. False if the packet is too short.
    ///
    /// # Safety
    /// `to` has room for `length` bytes.
    #[inline(always)]
    pub(crate) unsafe fn copy(self, from: u32, to: *mut u8, length: u32) -> bool {
        // SAFETY: as the caller promises; the source is checked by the helper.
        unsafe { bpf_skb_load_bytes(self.0.cast(), from, to.cast(), length) == 0 }
    }

    /// Reads the network header. `None` if it is of another kind, or if there is no transport header behind
    /// it.
    #[inline(always)]
    pub(crate) fn network(self) -> Option<Network> {
        let [first] = self.load::<[u8; 1]>(0);
        match first >> 4 {
            4 => self.four(),
            6 => self.six(),
            _ => None,
        }
    }

    #[inline(always)]
    fn four(self) -> Option<Network> {
        let [begin, fragment, protocol, source, destination] = self.load::<[u32; 5]>(0);
        if u32::from_be(fragment) & 0x1fff != 0 {
            return None;
        }
        const MAPPED: u32 = 0xffff_u32.to_be();
        Some(Network {
            protocol: (u32::from_be(protocol) >> 16) as u8,
            version: 4,
            next: (u32::from_be(begin) >> 24 & 0xf) * 4,
            source: [0, 0, MAPPED, source],
            destination: [0, 0, MAPPED, destination],
        })
    }

    #[inline(always)]
    fn six(self) -> Option<Network> {
        let mut network = Network {
            protocol: self.load::<[u8; 1]>(6)[0],
            version: 6,
            next: 40,
            source: self.load(8),
            destination: self.load(24),
        };
        for _ in 0..EXTENSIONS_MAX {
            match network.protocol {
                HOP_BY_HOP | ROUTING | DESTINATION => {
                    let [next, length] = self.load::<[u8; 2]>(network.next);
                    network.protocol = next;
                    network.next += (u32::from(length) + 1) * 8;
                }
                FRAGMENT => {
                    let header = self.load::<[u8; 4]>(network.next);
                    if u16::from_be_bytes([header[2], header[3]]) & 0xfff8 != 0 {
                        return None;
                    }
                    network.protocol = header[0];
                    network.next += 8;
                }
                _ => return Some(network),
            }
        }
        None
    }
}

impl PacketSocket {
    /// Address of the kernel's `struct sock`, written into a map's value and read from there: what is
    /// read is a number to the verifier.
    #[inline(always)]
    pub(crate) const fn pointer(self) -> *mut bpf_sock {
        self.0.as_ptr()
    }

    /// True for a socket that listens.
    #[inline(always)]
    pub(crate) fn listens(self) -> bool {
        // SAFETY: a field that such programs may read; the verifier checks the access.
        unsafe { read_volatile(addr_of!((*self.0.as_ptr()).state)) == LISTEN }
    }

    /// Number of the next byte that is expected, and how many have come.
    #[inline(always)]
    pub(crate) fn received(self) -> Option<(u32, u64)> {
        // SAFETY: the pointer is that of a socket; the helper gives a null pointer for one that is not TCP's.
        let tcp = NonNull::new(unsafe { bpf_tcp_sock(self.0.as_ptr()) })?.as_ptr();
        // SAFETY: as in `listens`.
        Some(unsafe {
            (read_volatile(addr_of!((*tcp).rcv_nxt)), read_volatile(addr_of!((*tcp).bytes_received)))
        })
    }

    /// Number of the first byte that is not acknowledged, and how many are.
    #[inline(always)]
    pub(crate) fn acknowledged(self) -> Option<(u32, u64)> {
        // SAFETY: as in `received`.
        let tcp = NonNull::new(unsafe { bpf_tcp_sock(self.0.as_ptr()) })?.as_ptr();
        // SAFETY: as in `listens`.
        Some(unsafe {
            (read_volatile(addr_of!((*tcp).snd_una)), read_volatile(addr_of!((*tcp).bytes_acked)))
        })
    }
}
