//! TCP: a connection was attempted, came to stand, failed, ended. All of it follows from the socket's state,
//! by whichever call it came about.

use sensor_common::{
    class::Class,
    record::network::{Facts, Phase},
};

use super::tell::{Telling, group};
use crate::{
    emit::{
        gate::Gate,
        sockets::{self, Owner, Stage},
    },
    kobj::{
        current::Current,
        sock::{Sock, normalise},
    },
    maps::Slot,
};

/// `IPPROTO_TCP`
const TCP: u16 = 6;

/// States of `include/net/tcp_states.h`.
const ESTABLISHED: u32 = 1;
const SYN_SENT: u32 = 2;
const SYN_RECV: u32 = 3;
const FIN_WAIT1: u32 = 4;
const CLOSE: u32 = 7;
const LAST_ACK: u32 = 9;
const LISTEN: u32 = 10;

/// A socket is about to go from one state to another. The running task may be any, except where a
/// connection is attempted or closed by a call.
#[inline(always)]
pub(crate) fn changed(sock: Sock, old: u32, new: u32) {
    if sock.protocol() != TCP {
        return;
    }
    if new == SYN_SENT {
        own(sock, Stage::Attempted);
        told(sock, Class::NetConnect, Phase::Attempt);
        return;
    }
    if old == LISTEN && new == SYN_RECV {
        // A connection's socket that nobody has accepted yet, made from the listening one: what is known
        // of its address is an earlier socket's.
        sockets::forget(sock.address());
        return;
    }
    let stage = sockets::owner_of(sock.address()).map_or(0, |owner| owner.stage);
    if stage == Stage::Attempted as u32 {
        match new {
            ESTABLISHED => {
                sockets::set_stage(sock.address(), Stage::Connected);
                told(sock, Class::NetConnect, Phase::Established);
            }
            CLOSE => failed(sock),
            _ => {}
        }
    } else if stage == Stage::Connected as u32 {
        if new == CLOSE {
            told(sock, Class::NetClose, Phase::None);
            sockets::forget(sock.address());
        }
    } else if new == FIN_WAIT1 || new == LAST_ACK {
        // The call that closes a connection older than the agent tells whose it is.
        own(sock, Stage::Adopted);
    } else if new == CLOSE && old == LISTEN {
        sockets::forget(sock.address());
    }
}

/// The attempt ended. The socket is forgotten when its call to connect ends, or now if it has ended.
#[inline(always)]
fn failed(sock: Sock) {
    let thread = aya_ebpf::helpers::bpf_get_current_pid_tgid() as u32;
    let caller = sockets::owner_of(sock.address()).map_or(0, |owner| owner.thread);
    if caller == thread && sock.error() == 0 {
        // Refused within the call: only its result says why.
        sockets::set_stage(sock.address(), Stage::Refused);
        return;
    }
    sockets::set_stage(sock.address(), Stage::Used);
    told(sock, Class::NetConnect, Phase::Failed);
    if caller == 0 {
        sockets::forget(sock.address());
    }
}

/// The running task owns the socket.
#[inline(always)]
fn own(sock: Sock, stage: Stage) {
    let Some(current) = Current::task() else { return };
    sockets::own(sock.address(), current.reference(), group(current), stage);
}

/// Tells it of the socket's owner.
#[inline(always)]
fn told(sock: Sock, class: Class, phase: Phase) {
    let Some(owner) = sockets::owner_of(sock.address()) else { return };
    // Not by the running task: what the network does in its own time interrupts any, the agent's as well.
    let Owner { cgroup, process, nonblocking, .. } = *owner;
    let Some(gate) = Gate::enter_by(class, cgroup, process.pid, process.tid) else { return };
    let Some(mut telling) = Telling::begin(Slot::SocketState, gate, owner.process) else { return };
    let record = &mut *telling.record;
    record.socket = owner.id;
    record.since_ns = owner.since_ns;
    record.phase = phase as u16;
    sock.describe(record);
    sock.local(record);
    sock.remote(record);
    normalise(record);
    // The outcome says so as well: the socket may have been made one that waits since then.
    if !matches!(phase, Phase::None) && nonblocking != 0 {
        record.facts |= Facts::NONBLOCKING;
    }
    let same = if matches!(class, Class::NetClose) {
        (record.sent_bytes, record.received_bytes) = sock.bytes();
        None
    } else {
        if matches!(phase, Phase::Failed) {
            record.error = -sock.error();
        }
        Some(telling.same_remote())
    };
    if telling.passes(same) {
        telling.send();
    }
}
