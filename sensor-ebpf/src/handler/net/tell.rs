//! What every record of a socket goes through: verdict, repetition, bound, sending.

use aya_ebpf::maps::lpm_trie::Key;
use sensor_common::{
    class::Lane,
    header::{Incomplete, TaskRef},
    limits::SOCKET_NAME_BYTES_MAX,
    policy::{Network, Verdict},
    record::network::{Address, Facts, NetRecord},
    tail::Tail,
};
use zerocopy::FromZeros;

use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{
        Memory, Raw,
        cgroup::Cgroup,
        current::Current,
        path::{self, Walk},
        sock::{Given, Sock, halves},
        syscall::Syscall,
        task::Task,
    },
    maps::{BULK, CALLS, NETWORKS, PORTS, Slot, offset},
};

/// Bits of an address.
const ADDRESS_BITS: u32 = 128;

/// A record in the making.
pub(super) struct Telling {
    gate: Gate,
    process: TaskRef,
    writer: Writer,
    pub(super) record: &'static mut NetRecord,
}

/// What makes an event equal to another one, beside process and class.
#[derive(Clone, Copy)]
pub(super) struct Same(pub(super) u64, pub(super) u64, pub(super) u64);

/// Control group of the running task.
#[inline(always)]
pub(super) fn group(current: Task<Current>) -> u64 {
    Cgroup::of(current.0).map_or(0, Cgroup::id)
}

/// The system call that the running task is in, as a number; 0 for one without a name here, or of 32 bits.
#[inline(always)]
pub(super) fn call(current: Task<Current>) -> u32 {
    if current.is_compat() {
        return 0;
    }
    CALLS.get(Syscall::of(current).number()).map_or(0, |entry| entry.call)
}

impl Telling {
    /// Begins to tell an event that passed its gate.
    #[inline(always)]
    pub(super) fn begin(slot: Slot, gate: Gate, process: TaskRef) -> Option<Self> {
        let (writer, record) = Writer::new::<NetRecord>(slot, Lane::First, gate.class())?;
        record.zero();
        Some(Self { gate, process, writer, record })
    }

    /// True if the event is to be told; otherwise it has been booked. Verdicts on the other end count
    /// where there are such.
    #[inline(always)]
    pub(super) fn passes(&mut self, same: Option<Same>) -> bool {
        let verdict = if self.record.remote.known == 0 { 0 } else { verdict(&self.record.remote) };
        if verdict == Verdict::Quiet as u32 && !self.gate.is_canary() {
            self.gate.filter();
            return false;
        }
        if let Some(Same(first, second, third)) = same {
            let Some(repeats) = self.gate.repeats(self.process, first, second, third) else { return false };
            self.record.repeats = repeats;
        }
        verdict == Verdict::Wanted as u32 || self.gate.permits()
    }

    /// Events with the same other end, phase and error are equal.
    #[inline(always)]
    pub(super) fn same_remote(&self) -> Same {
        let (first, second) = halves(&self.record.remote.ip);
        let (phase, error) = (u64::from(self.record.phase), u64::from(self.record.error as u32));
        Same(first, second, u64::from(self.record.remote.port) | phase << 16 | error << 32)
    }

    /// Adds name and path of an AF_UNIX socket, as the kernel has them.
    #[inline(always)]
    pub(super) fn unix_socket(&mut self, sock: Sock) {
        if let Some(name) = sock.unix_name() {
            let length = u64::from(name.number::<u32>(offset!(unix_name_length)));
            let start = name.0 + u64::from(offset!(unix_name)) + 2;
            self.writer.bytes::<SOCKET_NAME_BYTES_MAX>(Tail::SocketName, start, length.saturating_sub(2));
            if length > 2 && Raw(start).number::<u8>(0) == 0 {
                self.record.facts |= Facts::ABSTRACT;
            }
        }
        let Some(place) = sock.unix_path() else { return };
        let Some(components) = self.writer.components() else { return };
        if path::write(place, &self.writer, &components) == Walk::Cut {
            self.record.header.incomplete |= Incomplete::PATH;
        }
        self.writer.end_components(Tail::Path, &components);
    }

    /// Adds the name of an AF_UNIX socket that a call was given.
    #[inline(always)]
    pub(super) fn unix_given(&mut self, given: Given) {
        let (start, length) = given.unix_name();
        if given.by_user {
            self.record.facts |= Facts::UNVERIFIED;
            self.writer.user_bytes::<SOCKET_NAME_BYTES_MAX>(Tail::SocketName, start, start + length);
        } else {
            self.writer.bytes::<SOCKET_NAME_BYTES_MAX>(Tail::SocketName, start, length);
        }
    }

    /// Sends it.
    #[inline(always)]
    pub(super) fn send(self) {
        let incomplete = self.record.header.incomplete;
        begin_gated(self.gate, self.process, &mut self.record.header);
        self.record.header.incomplete = incomplete;
        self.writer.send(&BULK, self.gate.cgroup);
    }
}

/// The agent's verdict on an end, 0 if there is none. Of two, the one that wants it counts.
#[inline(always)]
fn verdict(end: &Address) -> u32 {
    // SAFETY: the reference is used at once.
    let port = unsafe { PORTS.get(u32::from(end.port)) }.copied().unwrap_or_default();
    if port == Verdict::Wanted as u32 {
        return port;
    }
    let network = NETWORKS.get(Key::new(ADDRESS_BITS, Network { address: end.ip }));
    network.copied().unwrap_or(port)
}
