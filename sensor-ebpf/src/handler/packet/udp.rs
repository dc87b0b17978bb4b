//! Datagrams: DNS messages, and the first datagram to and from each peer.

use sensor_common::{
    class::Class,
    limits::{FLOW_BYTES_MAX, PAYLOAD_BYTES_MAX},
};

use super::{DNS, MULTICAST_DNS, OUT, Passage, Piece, owned_by_current};
use crate::emit::flows::{self, Way};

/// Bytes of the header.
const HEADER: u32 = 8;

/// A datagram goes out or comes in.
#[inline(always)]
pub(super) fn passed<const WAY: usize>(passage: &mut Passage<WAY>, cookie: u64) {
    let header = passage.packet.load::<[u8; 4]>(passage.network.next);
    let Some(socket) = passage.packet.socket() else { return };
    passage.set_ports([header[0], header[1]], [header[2], header[3]]);
    let from = passage.network.next + HEADER;
    let whole = passage.packet.length().saturating_sub(from);
    if whole == 0 {
        return;
    }
    let dns = is_dns(passage.local_port) || is_dns(passage.remote_port);
    if !dns {
        let Some(peer) = flows::find_or_begin(passage.with_peer(cookie), cookie, socket) else { return };
        let way = &mut peer.ways[WAY];
        if way.state & Way::DONE != 0 {
            return;
        }
        way.state |= Way::DONE;
    }
    // Who owns the socket is known whoever the peer is.
    let Some(flow) = flows::find_or_begin(cookie, cookie, socket) else { return };
    flow.owned_by_socket();
    if WAY == OUT {
        owned_by_current(flow);
    }
    let most = if dns { PAYLOAD_BYTES_MAX as u32 } else { FLOW_BYTES_MAX };
    let length = if whole > most { most } else { whole };
    let class = if dns { Class::NetDns } else { Class::NetPayload };
    passage.tell(flow, Piece { class, from, length, whole, offset: 0, last: whole > most });
}

#[inline(always)]
const fn is_dns(port: u16) -> bool {
    port == DNS || port == MULTICAST_DNS
}
