//! A socket became a standard stream of a process: how a shell comes to talk to the network.
//!
//! Descriptors are copied all the time. What gives another number than 0, 1 or 2, or no socket, is neither told nor
//! counted.

use sensor_common::{
    call::Call,
    class::Class,
    record::network::{Facts, Phase},
};

use super::tell::{Same, Telling, group};
use crate::{
    emit::{gate::Gate, sockets},
    kobj::{
        current::Current,
        file,
        sock::{AF_INET, AF_INET6, AF_UNIX, Sock, halves, normalise},
        syscall::{Arguments, Compat, Syscall},
        task::Task,
    },
    maps::Slot,
};

/// `F_DUPFD` and `F_DUPFD_CLOEXEC` of `include/uapi/linux/fcntl.h`.
const COPY: u32 = 0;
const COPY_CLOSING: u32 = 1030;
/// `TCP_ESTABLISHED`, also of sockets of UDP that are connected.
const ESTABLISHED: u8 = 1;

/// The descriptor of a standard stream that a call gave, if it gave one.
#[inline(always)]
pub(crate) const fn standard(result: i64) -> Option<u32> {
    if result < 0 || result > 2 { None } else { Some(result as u32) }
}

/// A call that may have copied a descriptor gave this one, a standard stream. Of `fcntl` the request is looked at, and
/// first: most of its requests give 0.
#[inline(always)]
pub(crate) fn duplicated(call: u32, descriptor: u32) {
    let Some(current) = Current::task() else { return };
    if call == Call::Fcntl as u32 && !matches!(argument(current, 1), COPY | COPY_CLOSING) {
        return;
    }
    let from = argument(current, 0);
    if from == descriptor {
        return;
    }
    if let Some(sock) = file::behind(current.0, descriptor).and_then(Sock::of_file) {
        tell(current, sock, call, descriptor, from);
    }
}

/// An argument of the running task's call.
#[inline(always)]
fn argument(current: Task<Current>, n: usize) -> u32 {
    let registers = Syscall::of(current);
    if current.is_compat() { Compat(registers).argument(n) as u32 } else { registers.argument(n) as u32 }
}

#[inline(always)]
fn tell(current: Task<Current>, sock: Sock, call: u32, descriptor: u32, from: u32) {
    let cgroup = group(current);
    let Some(gate) = Gate::enter(Class::NetStdio, cgroup) else { return };
    let Some(mut telling) = Telling::begin(Slot::Socket, gate, current.reference()) else { return };
    let record = &mut *telling.record;
    (record.call, record.descriptor, record.from) = (call, descriptor, from);
    record.socket = sock.cookie();
    sock.describe(record);
    let family = record.family;
    let mut named = None;
    if family == AF_INET || family == AF_INET6 {
        sock.local(record);
        if sock.has_remote() {
            sock.remote(record);
        }
        normalise(record);
    } else if family == AF_UNIX {
        record.peer.pid = sock.peer_pid();
        named = if sock.unix_name().is_some() { Some(sock) } else { sock.unix_peer() };
    }
    if sock.state() == ESTABLISHED {
        record.phase = Phase::Established as u16;
    }
    if let Some(owner) = sockets::owner_of(sock.address()) {
        record.socket = owner.id;
        if owner.accepted != 0 {
            record.facts |= Facts::ACCEPTED;
        }
    }
    let (first, second) = halves(&record.remote.ip);
    let ports = u64::from(record.remote.port) | u64::from(record.local.port) << 16;
    let same = Same(first, second, ports | u64::from(descriptor) << 32 | u64::from(family) << 48);
    if telling.passes(Some(same)) {
        if let Some(named) = named {
            telling.unix_socket(named);
        }
        telling.send();
    }
}
