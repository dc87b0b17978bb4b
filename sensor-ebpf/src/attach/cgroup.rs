//! Packets of sockets, at the root of the v2 control groups. A packet passes, whatever happens here.

use aya_ebpf::{macros::cgroup_skb, programs::SkBuffContext};

use crate::{
    handler::packet::{IN, OUT, passed},
    kobj::packet::Packet,
};

/// The packet may go on.
const PASS: i32 = 1;

/// A socket sends a packet, in any context.
#[cgroup_skb(egress)]
pub(crate) fn packet_out(ctx: SkBuffContext) -> i32 {
    passed::<OUT>(Packet::new(&ctx));
    PASS
}

/// A socket is given a packet, in any context.
#[cgroup_skb(ingress)]
pub(crate) fn packet_in(ctx: SkBuffContext) -> i32 {
    passed::<IN>(Packet::new(&ctx));
    PASS
}
