//! A packet passed: the first bytes of connections, the first datagrams, DNS messages.
//!
//! Only what this sends is looked at twice; a connection whose first bytes were told costs one look-up.

mod tcp;
mod udp;

use core::ptr::{addr_of, addr_of_mut};

use aya_ebpf::{helpers::bpf_get_current_task, maps::lpm_trie::Key};
use sensor_common::{
    class::{Class, Lane},
    header::Incomplete,
    layout::ABSENT,
    policy::{Network as NetworkKey, Verdict},
    record::network::{Address, Facts, NetRecord, Phase},
    tail::Tail,
};

use crate::{
    emit::{
        begin_gated,
        flows::{self, Flow, Way},
        gate::Gate,
        writer::Writer,
    },
    kobj::{
        Memory, Raw,
        cgroup::Cgroup,
        packet::{self, Ip, Network, Packet},
        task::Task,
    },
    maps::{BULK, NETWORKS, PORTS, Slot, offset, settings},
};

/// Port of name servers.
const DNS: u16 = 53;
/// Port of multicast DNS.
const MULTICAST_DNS: u16 = 5353;

/// `AF_*` of `include/linux/socket.h`.
const AF_INET: u16 = 2;
/// See [`AF_INET`].
const AF_INET6: u16 = 10;
/// `SOCK_*` of `include/linux/net.h`.
const SOCK_STREAM: u16 = 1;
/// See [`SOCK_STREAM`].
const SOCK_DGRAM: u16 = 2;

/// Ways of packets: out of the machine's sockets, and into them. Constants, so that the verifier knows
/// which one is looked at.
pub(crate) const OUT: usize = 0;
/// See [`OUT`].
pub(crate) const IN: usize = 1;

/// A packet that is looked at.
struct Passage<const WAY: usize> {
    packet: Packet,
    network: Network,
    local_port: u16,
    remote_port: u16,
}

/// A part of a packet that is told.
#[derive(Clone, Copy)]
struct Piece {
    class: Class,
    /// Where it begins in the packet.
    from: u32,
    /// Bytes, at least one and at most `PAYLOAD_BYTES_MAX`.
    length: u32,
    /// Bytes of the datagram; 0 for TCP.
    whole: u32,
    /// Where it begins in its direction's stream.
    offset: u32,
    /// No more follows.
    last: bool,
}

/// A packet of a socket goes out or comes in.
#[inline(always)]
pub(crate) fn passed<const WAY: usize>(packet: Packet) {
    let cookie = packet.cookie();
    if cookie == 0 {
        return;
    }
    if let Some(flow) = flows::find(cookie)
        && flow.ways[WAY].state & Way::DONE != 0
    {
        return;
    }
    let Some(network) = packet.network() else { return };
    let protocol = network.protocol;
    let mut passage = Passage::<WAY> { packet, network, local_port: 0, remote_port: 0 };
    if protocol == packet::TCP {
        tcp::passed(&mut passage, cookie);
    } else if protocol == packet::UDP {
        udp::passed(&mut passage, cookie);
    }
}

impl<const WAY: usize> Passage<WAY> {
    /// Takes the ports, as they follow each other in the packet.
    #[inline(always)]
    const fn set_ports(&mut self, source: [u8; 2], destination: [u8; 2]) {
        let (source, destination) = (u16::from_be_bytes(source), u16::from_be_bytes(destination));
        (self.local_port, self.remote_port) =
            if WAY == OUT { (source, destination) } else { (destination, source) };
    }

    #[inline(always)]
    const fn local(&self) -> Ip {
        if WAY == OUT { self.network.source } else { self.network.destination }
    }

    #[inline(always)]
    const fn remote(&self) -> Ip {
        if WAY == OUT { self.network.destination } else { self.network.source }
    }

    /// Key of what a socket exchanges with one peer. Those of whole sockets are small numbers.
    #[inline(always)]
    fn with_peer(&self, cookie: u64) -> u64 {
        let [a, b, c, d] = self.remote().map(u64::from);
        let ip = a ^ b << 32 ^ (c ^ d << 32).rotate_left(17);
        let mixed = ip ^ u64::from(self.remote_port) << 40 ^ cookie << 8;
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63
    }

    /// True if the agent does not want to be told of this peer.
    #[inline(always)]
    fn is_quiet(&self) -> bool {
        let quiet = Verdict::Quiet as u32;
        // SAFETY: the references are used at once; entries are replaced whole by the agent.
        if unsafe { PORTS.get(u32::from(self.remote_port)) }.is_some_and(|verdict| *verdict == quiet) {
            return true;
        }
        let key = Key::new(128, self.remote());
        // SAFETY: words and bytes take the same room.
        let key: &Key<NetworkKey> = unsafe { &*addr_of!(key).cast() };
        NETWORKS.get(key).is_some_and(|verdict| *verdict == quiet)
    }

    /// Tells a part of the packet. False if nobody wants anything of the flow.
    #[inline(always)]
    fn tell(&self, flow: &mut Flow, piece: Piece) -> bool {
        let unowned = flow.owned == 0;
        // The control group of the socket itself is one of the v2 tree.
        let cgroup =
            if unowned && settings().cgroup_subsystem == ABSENT { self.packet.cgroup() } else { flow.cgroup };
        let process = flow.process;
        let Some(gate) = Gate::enter_by(piece.class, cgroup, process.pid, process.tid) else {
            return unowned;
        };
        if self.is_quiet() && !gate.is_canary() {
            gate.filter();
            return false;
        }
        if !gate.permits() {
            return true;
        }
        let slot = if WAY == OUT { Slot::PacketOut } else { Slot::PacketIn };
        let Some((writer, record)) = Writer::new::<NetRecord>(slot, Lane::First, piece.class) else {
            return true;
        };
        *record = NetRecord::default();
        begin_gated(gate, process, &mut record.header);
        record.socket = flow.name;
        record.namespace =
            flow.sock().follow(offset!(sock_net)).map_or(0, |net| net.number(offset!(net_inum)));
        self.describe(record, piece);
        if unowned {
            record.facts |= Facts::OWNER_UNKNOWN;
        }
        if !writer.packet(Tail::Payload, self.packet, piece.from, piece.length) {
            record.header.incomplete |= Incomplete::PAYLOAD;
        }
        writer.send(&BULK, gate.cgroup);
        true
    }

    #[inline(always)]
    fn describe(&self, record: &mut NetRecord, piece: Piece) {
        set(&mut record.local, self.local(), self.local_port);
        set(&mut record.remote, self.remote(), self.remote_port);
        record.family = if self.network.version == 4 { AF_INET } else { AF_INET6 };
        record.protocol = u16::from(self.network.protocol);
        record.kind = if self.network.protocol == packet::TCP { SOCK_STREAM } else { SOCK_DGRAM };
        record.offset = piece.offset;
        if piece.last {
            record.facts |= Facts::CUT;
        }
        if WAY == OUT {
            record.phase = Phase::Sent as u16;
            record.sent_bytes = u64::from(piece.whole);
        } else {
            record.phase = Phase::Received as u16;
            record.received_bytes = u64::from(piece.whole);
        }
    }
}

#[inline(always)]
const fn set(end: &mut Address, ip: Ip, port: u16) {
    // SAFETY: words and bytes take the same room, and an address is aligned for words.
    unsafe { addr_of_mut!(end.ip).cast::<Ip>().write(ip) };
    end.port = port;
    end.known = 1;
}

/// The running process owns the flow.
#[inline(always)]
fn owned_by_current(flow: &mut Flow) {
    // SAFETY: the helper takes nothing and gives the address of the running task.
    let task = Task(Raw(unsafe { bpf_get_current_task() }));
    if task.is_kernel() {
        return;
    }
    flow.process = task.reference();
    flow.cgroup = Cgroup::of(task.0).map_or(0, Cgroup::id);
    flow.owned = 1;
}
