//! A socket was given an address; a socket began to listen.

use sensor_common::{
    class::Class,
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
        sock::{AF_INET, AF_INET6, AF_UNIX, Given, Sock, halves, normalise},
    },
    maps::Slot,
};

/// A call to bind ended, for a socket of any family.
#[inline(always)]
pub(crate) fn bound(sock: Sock, given: Given, result: i32) {
    match sock.family() {
        AF_INET | AF_INET6 => inet_bound(sock, given, result),
        AF_UNIX => unix_bound(sock, given, result),
        _ => {}
    }
}

/// A call to bind a socket of the internet ended.
#[inline(always)]
pub(crate) fn inet_bound(sock: Sock, given: Given, result: i32) {
    let Some(telling) = begin(sock, Class::NetBind, result) else { return };
    let record = &mut *telling.record;
    if result < 0 {
        given.inet(&mut record.local);
        if given.by_user {
            record.facts |= Facts::UNVERIFIED;
        }
    } else {
        sock.local(record);
    }
    normalise(record);
    tell_inet(telling);
}

/// A call to bind a socket of AF_UNIX ended.
#[inline(always)]
pub(crate) fn unix_bound(sock: Sock, given: Given, result: i32) {
    let Some(mut telling) = begin(sock, Class::NetBind, result) else { return };
    if result < 0 {
        let same = Same(given.hash(), given.length, u64::from(result as u32) << 32);
        if telling.passes(Some(same)) {
            telling.unix_given(given);
            telling.send();
        }
        return;
    }
    tell_unix(telling, sock);
}

/// A call to listen ended, for a socket of any family.
#[inline(always)]
pub(crate) fn listening(sock: Sock, result: i32) {
    match sock.family() {
        AF_INET | AF_INET6 => inet_listening(sock, result),
        AF_UNIX => unix_listening(sock, result),
        _ => {}
    }
}

/// A call to listen on a socket of the internet ended.
#[inline(always)]
pub(crate) fn inet_listening(sock: Sock, result: i32) {
    let Some(telling) = begin(sock, Class::NetListen, result) else { return };
    telling.record.offset = sock.backlog();
    sock.local(telling.record);
    normalise(telling.record);
    tell_inet(telling);
}

/// A call to listen on a socket of AF_UNIX ended.
#[inline(always)]
pub(crate) fn unix_listening(sock: Sock, result: i32) {
    let Some(telling) = begin(sock, Class::NetListen, result) else { return };
    telling.record.offset = sock.backlog();
    tell_unix(telling, sock);
}

#[inline(always)]
fn begin(sock: Sock, class: Class, result: i32) -> Option<Telling> {
    let current = Current::task()?;
    let process = current.reference();
    let cgroup = group(current);
    let id = if result < 0 { 0 } else { sockets::own(sock.address(), process, cgroup, Stage::Used) };
    let gate = Gate::enter(class, cgroup)?;
    let telling = Telling::begin(Slot::Socket, gate, process)?;
    telling.record.socket = id;
    telling.record.error = result;
    telling.record.phase = Phase::None as u16;
    sock.describe(telling.record);
    Some(telling)
}

#[inline(always)]
fn tell_inet(mut telling: Telling) {
    let record = &*telling.record;
    let (first, second) = halves(&record.local.ip);
    let (port, protocol) = (u64::from(record.local.port), u64::from(record.protocol));
    let same = Same(first, second, port | protocol << 16 | u64::from(record.error as u32) << 32);
    if telling.passes(Some(same)) {
        telling.send();
    }
}

#[inline(always)]
fn tell_unix(mut telling: Telling, sock: Sock) {
    let name = sock.unix_name().map_or(0, |name| name.0);
    if telling.passes(Some(Same(name, 0, u64::from(telling.record.error as u32)))) {
        telling.unix_socket(sock);
        telling.send();
    }
}
