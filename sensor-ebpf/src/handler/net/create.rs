//! A socket of a kind that programs seldom need was made, or was asked for in vain.

use sensor_common::class::Class;

use super::tell::{Same, Telling, group};
use crate::{
    emit::gate::Gate,
    kobj::{
        current::Current,
        sock::{AF_INET, AF_INET6, AF_UNIX},
    },
    maps::Slot,
};

/// `AF_NETLINK`, and its protocols that change packet filters and IPsec.
const AF_NETLINK: u16 = 16;
const NETLINK_XFRM: u16 = 6;
const NETLINK_NETFILTER: u16 = 12;
/// `SOCK_TYPE_MASK`: the rest are flags.
const KIND_MASK: u32 = 0xf;
/// `SOCK_STREAM`, `SOCK_DGRAM`
const STREAM: u16 = 1;
const DATAGRAM: u16 = 2;
/// `IPPROTO_TCP`, `IPPROTO_UDP`
const TCP: u16 = 6;
const UDP: u16 = 17;

/// A call to make a socket ended.
#[inline(always)]
pub(crate) fn created(family: u32, kind: u32, protocol: u32, result: i32) {
    let (family, kind, protocol) = (family as u16, (kind & KIND_MASK) as u16, protocol as u16);
    if is_usual(family, kind, protocol) {
        return;
    }
    let Some(current) = Current::task() else { return };
    let cgroup = group(current);
    let Some(gate) = Gate::enter(Class::NetSocket, cgroup) else { return };
    let Some(mut telling) = Telling::begin(Slot::Socket, gate, current.reference()) else { return };
    let record = &mut *telling.record;
    (record.family, record.kind, record.protocol) = (family, kind, protocol);
    record.error = if result < 0 { result } else { 0 };
    record.namespace = current.network_namespace();
    let sort = u64::from(family) << 32 | u64::from(kind) << 16 | u64::from(protocol);
    let same = Same(sort, 0, u64::from(record.error as u32));
    if telling.passes(Some(same)) {
        telling.send();
    }
}

/// True for what every program may need.
#[inline(always)]
const fn is_usual(family: u16, kind: u16, protocol: u16) -> bool {
    match family {
        AF_UNIX => true,
        AF_INET | AF_INET6 => {
            kind == STREAM && (protocol == 0 || protocol == TCP)
                || kind == DATAGRAM && (protocol == 0 || protocol == UDP)
        }
        AF_NETLINK => protocol != NETLINK_NETFILTER && protocol != NETLINK_XFRM,
        _ => false,
    }
}
