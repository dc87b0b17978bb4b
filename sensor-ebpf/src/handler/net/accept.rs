//! A connection was accepted.

use sensor_common::{class::Class, record::network::Phase};

use super::tell::{Same, Telling, call, group};
use crate::{
    emit::{
        gate::Gate,
        sockets::{self, Stage},
    },
    kobj::{
        current::Current,
        sock::{AF_INET, AF_INET6, AF_UNIX, Sock, halves, normalise},
    },
    maps::Slot,
};

/// The running task was given this socket, which is connected.
#[inline(always)]
pub(crate) fn accepted(sock: Sock) {
    let family = sock.family();
    if !matches!(family, AF_INET | AF_INET6 | AF_UNIX) {
        return;
    }
    let Some(current) = Current::task() else { return };
    let process = current.reference();
    let cgroup = group(current);
    let stage = if family == AF_UNIX { Stage::Used } else { Stage::Connected };
    let id = sockets::own(sock.address(), process, cgroup, stage);
    let Some(gate) = Gate::enter(Class::NetAccept, cgroup) else { return };
    let Some(mut telling) = Telling::begin(Slot::Socket, gate, process) else { return };
    let record = &mut *telling.record;
    record.socket = id;
    record.phase = Phase::Established as u16;
    sock.describe(record);
    if family == AF_UNIX {
        record.peer.pid = sock.peer_pid();
        let name = sock.unix_name().map_or(0, |name| name.0);
        let same = Same(name, u64::from(record.peer.pid), 0);
        if telling.passes(Some(same)) {
            telling.record.call = call(current);
            telling.unix_socket(sock);
            telling.send();
        }
        return;
    }
    sock.local(record);
    sock.remote(record);
    normalise(record);
    // The other end's port is another one each time.
    let (first, second) = halves(&record.remote.ip);
    let same = Same(first, second, u64::from(record.local.port));
    if telling.passes(Some(same)) {
        telling.record.call = call(current);
        telling.send();
    }
}
