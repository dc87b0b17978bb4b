//! A call to connect ended: what the states of TCP do not tell.

use sensor_common::{
    class::Class,
    header::TaskRef,
    record::network::{Facts, Phase},
};

use super::tell::{Same, Telling, group};
use crate::{
    emit::{
        gate::Gate,
        sockets::{self, Stage},
    },
    kobj::{
        current::Current,
        sock::{AF_INET, AF_INET6, AF_UNIX, Given, Sock, normalise},
        task::Task,
    },
    maps::Slot,
};

/// `SOCK_STREAM`
const STREAM: u16 = 1;
/// `IPPROTO_TCP` and `IPPROTO_MPTCP`, which goes over sockets of TCP.
const TCP: u16 = 6;
const MPTCP: u16 = 262;
/// `TCP_ESTABLISHED`, also of sockets of UDP that are connected.
const ESTABLISHED: u8 = 1;
/// `TCP_CLOSE`
const CLOSE: u8 = 7;

const EINTR: i32 = -4;
const ECONNABORTED: i32 = -103;
const ECONNRESET: i32 = -104;
const EISCONN: i32 = -106;
const ETIMEDOUT: i32 = -110;
const ECONNREFUSED: i32 = -111;
const EALREADY: i32 = -114;
const EINPROGRESS: i32 = -115;
/// `ERESTARTSYS` … `ERESTART_RESTARTBLOCK`: a signal came, and the call goes on afterwards.
const RESTARTS: core::ops::RangeInclusive<i32> = -516..=-512;

/// A socket of any family.
#[inline(always)]
pub(crate) fn any(sock: Sock, given: Given, result: i32) {
    match sock.family() {
        AF_INET | AF_INET6 => inet(sock, given, result),
        AF_UNIX => unix(sock, given, result),
        _ => {}
    }
}

/// A socket of the internet.
#[inline(always)]
pub(crate) fn inet(sock: Sock, given: Given, result: i32) {
    if RESTARTS.contains(&result) || result == EINTR {
        return;
    }
    let Some(current) = Current::task() else { return };
    let process = current.reference();
    if sock.kind() == STREAM && is_told_by_state(sock, process.tid, result) {
        return;
    }
    if matches!(result, EINPROGRESS | EALREADY | EISCONN) || result == 0 && sock.state() != ESTABLISHED {
        return;
    }
    tell_inet(sock, given, result, current, process);
}

#[inline(always)]
fn tell_inet(sock: Sock, given: Given, result: i32, current: Task<Current>, process: TaskRef) {
    let cgroup = group(current);
    let id = sockets::own(sock.address(), process, cgroup, Stage::Used);
    if result < 0 && sock.kind() == STREAM && sock.state() == CLOSE {
        // Its address may become that of a socket of somebody else's.
        sockets::forget(sock.address());
    }
    let Some(gate) = Gate::enter(Class::NetConnect, cgroup) else { return };
    let Some(mut telling) = Telling::begin(Slot::Socket, gate, process) else { return };
    let record = &mut *telling.record;
    record.socket = id;
    sock.describe(record);
    sock.local(record);
    if result < 0 {
        if !given.inet(&mut record.remote) {
            // No address, or that of AF_UNSPEC, which dissolves a connection: nothing was attempted.
            gate.filter();
            return;
        }
        record.phase = Phase::Failed as u16;
        record.error = result;
        if given.by_user {
            record.facts |= Facts::UNVERIFIED;
        }
    } else {
        record.phase = Phase::Established as u16;
        sock.remote(record);
    }
    normalise(record);
    let same = telling.same_remote();
    if telling.passes(Some(same)) {
        telling.send();
    }
}

/// True if what became of a call is told by the states of TCP, or is told already.
#[inline(always)]
fn is_told_by_state(sock: Sock, thread: u32, result: i32) -> bool {
    if !matches!(sock.protocol(), TCP | MPTCP) {
        return false;
    }
    let attempted = sockets::take_attempt(sock.address(), thread);
    if result >= 0 {
        return true;
    }
    if attempted {
        let stage = sockets::owner_of(sock.address()).map_or(0, |owner| owner.stage);
        if stage == Stage::Used as u32 {
            // It failed while the call waited.
            sockets::forget(sock.address());
        }
        return stage != Stage::Refused as u32;
    }
    // A further call asks how an attempt that was told before has ended.
    matches!(result, ECONNREFUSED | ECONNRESET | ECONNABORTED | ETIMEDOUT)
}

/// A socket of AF_UNIX.
#[inline(always)]
pub(crate) fn unix(sock: Sock, given: Given, result: i32) {
    if RESTARTS.contains(&result) || matches!(result, EINTR | EISCONN | EINPROGRESS | EALREADY) {
        return;
    }
    if given.family() != AF_UNIX {
        // Dissolved, or no address at all.
        return;
    }
    let Some(current) = Current::task() else { return };
    let process = current.reference();
    let cgroup = group(current);
    let Some(gate) = Gate::enter(Class::NetConnect, cgroup) else { return };
    let id = sockets::own(sock.address(), process, cgroup, Stage::Used);
    let Some(mut telling) = Telling::begin(Slot::Socket, gate, process) else { return };
    sock.describe(telling.record);
    telling.record.socket = id;
    telling.record.error = result;
    if result < 0 {
        telling.record.phase = Phase::Failed as u16;
        let same = Same(given.hash(), given.length, u64::from(result as u32) << 32);
        if telling.passes(Some(same)) {
            telling.unix_given(given);
            telling.send();
        }
        return;
    }
    telling.record.phase = Phase::Established as u16;
    let Some(peer) = sock.unix_peer() else {
        gate.filter();
        return;
    };
    telling.record.peer.pid = sock.peer_pid();
    if telling.record.peer.pid == 0
        && let Some(owner) = sockets::owner_of(peer.address())
    {
        telling.record.peer = owner.process;
        telling.record.peer_cgroup = owner.cgroup;
    }
    // A name's place is the same for all who connect to it.
    let name = peer.unix_name().map_or(0, |name| name.0);
    if telling.passes(Some(Same(name, 0, Phase::Established as u64))) {
        telling.unix_socket(peer);
        telling.send();
    }
}
