//! A datagram was sent to an address that the call was given.

use sensor_common::{class::Class, record::network::Facts};

use super::tell::{Telling, call, group};
use crate::{
    emit::{
        gate::Gate,
        sockets::{self, Stage},
    },
    kobj::{
        current::Current,
        sock::{AF_INET, AF_INET6, Given, Sock, normalise},
    },
    maps::Slot,
};

/// `IPPROTO_UDP` and `IPPROTO_UDPLITE`
const UDP: u16 = 17;
const UDPLITE: u16 = 136;

/// True for a socket whose datagrams are told.
#[inline(always)]
pub(crate) fn is_told(sock: Sock) -> bool {
    matches!(sock.family(), AF_INET | AF_INET6) && matches!(sock.protocol(), UDP | UDPLITE)
}

/// A call to send ended; repetitions are counted, not sent.
#[inline(always)]
pub(crate) fn sent(sock: Sock, to: Given, result: i64) {
    let Some(current) = Current::task() else { return };
    let process = current.reference();
    let cgroup = group(current);
    let id = sockets::own(sock.address(), process, cgroup, Stage::Used);
    let Some(gate) = Gate::enter(Class::NetDatagram, cgroup) else { return };
    let Some(mut telling) = Telling::begin(Slot::Socket, gate, process) else { return };
    let record = &mut *telling.record;
    sock.describe(record);
    sock.local(record);
    if !to.inet(&mut record.remote) {
        gate.filter();
        return;
    }
    record.socket = id;
    record.error = if result < 0 { result as i32 } else { 0 };
    if to.by_user {
        record.facts |= Facts::UNVERIFIED;
    }
    normalise(record);
    let same = telling.same_remote();
    if telling.passes(Some(same)) {
        telling.record.call = call(current);
        telling.send();
    }
}
