//! Segments: which bytes of the stream they bring, and whether these are new.

use sensor_common::{
    class::Class,
    limits::{FLOW_BYTES_LONG, FLOW_BYTES_MAX, FLOW_PACKETS_MAX},
};

use super::{DNS, IN, OUT, Passage, Piece, owned_by_current};
use crate::{
    emit::flows::{self, Flow, Way},
    kobj::{Memory, packet::PacketSocket},
    maps::offset,
};

/// `SYN`, which counts as a byte before the first.
const SYN: u8 = 0x02;

/// A segment: its place in the stream and its bytes in the packet.
#[derive(Clone, Copy)]
struct Segment {
    sequence: u32,
    opens: bool,
    from: u32,
    length: u32,
}

/// A segment goes out or comes in.
#[inline(always)]
pub(super) fn passed<const WAY: usize>(passage: &mut Passage<WAY>, cookie: u64) {
    let header = passage.packet.load::<[u8; 20]>(passage.network.next);
    let Some(socket) = passage.packet.socket() else { return };
    passage.set_ports([header[0], header[1]], [header[2], header[3]]);
    let from = passage.network.next + u32::from(header[12] >> 4) * 4;
    let opens = header[13] & SYN != 0;
    let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let sequence = if opens { sequence.wrapping_add(1) } else { sequence };
    let length = passage.packet.length().saturating_sub(from);
    let segment = Segment { sequence, opens, from, length };
    if !socket.listens() {
        connection(passage, cookie, socket, segment);
    } else if WAY == IN && length != 0 {
        // The segment that ends the handshake (or, with fast open, begins it) brings bytes. The
        // connection has no socket yet, so they are told as a flow of their own.
        let key = passage.with_peer(cookie);
        connection(passage, key, socket, Segment { opens: true, ..segment });
    }
}

#[inline(always)]
fn connection<const WAY: usize>(passage: &Passage<WAY>, key: u64, socket: PacketSocket, segment: Segment) {
    let Some(flow) = flows::find_or_begin(key, key, socket) else { return };
    if flow.ways[WAY].state & Way::BASE == 0 {
        find_base::<WAY>(flow, socket, segment);
    }
    if segment.length != 0 || segment.opens {
        flow.owned_by_socket();
    }
    // The process holds the socket's lock while it sends; what the network's own work sends is of
    // sockets that nobody holds.
    if WAY == OUT
        && (segment.length != 0 || flow.owned == 0)
        && flow.sock().number::<u32>(offset!(sock_lock_owned)) != 0
    {
        owned_by_current(flow);
    }
    if let Some(piece) = next_piece(passage, &mut flow.ways[WAY], segment)
        && !passage.tell(flow, piece)
    {
        flow.ways[0].state |= Way::DONE;
        flow.ways[1].state |= Way::DONE;
    }
}

/// Finds the sequence number of the direction's first byte.
#[inline(always)]
fn find_base<const WAY: usize>(flow: &mut Flow, socket: PacketSocket, segment: Segment) {
    let way = &mut flow.ways[WAY];
    way.state |= Way::BASE;
    way.base = segment.sequence;
    if segment.opens {
        return;
    }
    let known = if WAY == OUT { socket.acknowledged() } else { socket.received() };
    let Some((number, before)) = known else { return };
    // The one who connects counts its SYN as an acknowledged byte.
    if WAY == OUT && before <= 1 {
        return;
    }
    way.base = number.wrapping_sub(before as u32);
    if before >= u64::from(FLOW_BYTES_MAX) {
        // The connection is older than the program, or was forgotten.
        way.state |= Way::DONE;
    }
}

/// What is told of a segment, if it brings something new.
#[inline(always)]
fn next_piece<const WAY: usize>(passage: &Passage<WAY>, way: &mut Way, segment: Segment) -> Option<Piece> {
    // What brings nothing does not count: a direction may acknowledge for long before it says something.
    if segment.length == 0 {
        return None;
    }
    way.packets += 1;
    if way.packets > FLOW_PACKETS_MAX {
        way.state |= Way::DONE;
        return None;
    }
    let offset = segment.sequence.wrapping_sub(way.base);
    // A keep-alive repeats the byte before the first: its offset is a very large number.
    if offset >= FLOW_BYTES_LONG || offset + segment.length <= way.next {
        return None;
    }
    let dns = passage.local_port == DNS || passage.remote_port == DNS;
    if offset == 0 && begins_hello(passage, segment) {
        way.state |= Way::LONG;
    }
    let limit = if dns || way.state & Way::LONG != 0 { FLOW_BYTES_LONG } else { FLOW_BYTES_MAX };
    if offset >= limit {
        return None;
    }
    let room = limit - offset;
    let length = if segment.length > room { room } else { segment.length };
    if offset <= way.next {
        way.next = offset + length;
    }
    if way.next >= limit {
        way.state |= Way::DONE;
    }
    let class = if dns { Class::NetDns } else { Class::NetPayload };
    Some(Piece { class, from: segment.from, length, whole: 0, offset, last: segment.length >= room })
}

/// True for a record of the handshake (22, version 3.x) that holds a client's hello (1), and for what is too
/// short to be known as another thing.
#[inline(always)]
fn begins_hello<const WAY: usize>(passage: &Passage<WAY>, segment: Segment) -> bool {
    if segment.length < 6 {
        return true;
    }
    let bytes = passage.packet.load::<[u8; 6]>(segment.from);
    bytes[0] == 22 && bytes[1] == 3 && bytes[5] == 1
}
