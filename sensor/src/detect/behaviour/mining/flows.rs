//! Connections: ports of pools where nothing else was said, and those that stay and say little. And what a call says of
//! how a task is to be scheduled.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use sensor_common::{
    call::Call,
    record::{
        network::{NetRecord, Phase},
        privilege::{CallRecord, Facts},
    },
};

use super::words;
use crate::bounded::{Bounded, Table};
use crate::detect::behaviour::place::Place;
use crate::detect::scene::Scene;
use crate::event::wire::protocol::Protocol;
use crate::process::Key;

const SECOND_NS: u64 = 1_000_000_000;
/// A client of a pool speaks at once.
const SILENT_NS: u64 = 10 * SECOND_NS;
/// Who mines does so from the first moments of its connection on.
const MOMENT_NS: u64 = 3 * SECOND_NS;
/// A connection that ended so long ago still counts for them.
const ENDED_NS: u64 = 60 * SECOND_NS;
/// A connection that is open for so long stays.
const LONG_NS: u64 = 180 * SECOND_NS;
/// Bytes a minute up to which it is thin.
const THIN: u64 = 16 * 1024;
/// Connections that are looked at with one tick.
const LOOKED_AT: usize = 256;
/// Time between two looks at those that stay.
const LOOK_NS: u64 = 30 * SECOND_NS;

/// A connection that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) place: Place,
    pub(super) process: Key,
    /// Its parents.
    pub(super) above: [Option<Key>; 2],
    pub(super) cgroup: u64,
    remote: (IpAddr, u16),
    since_ns: u64,
    /// Points of its port.
    port: Option<u32>,
    /// Something was said that is not known.
    spoken: bool,
    /// That it stays was told.
    told: bool,
}

impl Flow {
    /// A connection that the event's process makes.
    pub(super) fn new(scene: &Scene<'_>, remote: (IpAddr, u16), place: Place, port: Option<u32>) -> Self {
        let (process, cgroup, since_ns) = (scene.key(), scene.cgroup(), scene.time_ns());
        let mut above =
            scene.lineage().filter(|process| process.container_pid != 1).map(|process| process.key);
        let above = [above.next(), above.next()];
        Self { place, process, above, cgroup, remote, since_ns, port, spoken: false, told: false }
    }

    /// Points of its port; less where something was said, which a pool's client would have said otherwise.
    pub(super) fn port_points(&self) -> Option<u32> {
        self.port.map(|points| if self.spoken { points.min(words::HINT) } else { points })
    }

    /// Its process with those above.
    pub(super) fn chain(&self) -> Vec<Key> {
        std::iter::once(self.process).chain(self.above.into_iter().flatten()).collect()
    }

    /// The other end.
    pub(super) fn end(&self) -> SocketAddr {
        SocketAddr::new(self.remote.0, self.remote.1)
    }

    /// What is to be said of a connection that ends, if it stayed and said little.
    pub(super) fn is_thin(&self, record: &NetRecord, now_ns: u64) -> Option<String> {
        let time = now_ns.saturating_sub(self.since_ns);
        let minutes = time / (60 * SECOND_NS);
        let bytes = record.sent_bytes.saturating_add(record.received_bytes);
        let thin = time >= LONG_NS && bytes > 0 && bytes <= minutes.saturating_mul(THIN);
        thin.then(|| format!("was open for {minutes} minutes and carried {bytes} bytes"))
    }
}

/// The connections that are open and may say something.
#[derive(Debug)]
pub(super) struct Flows {
    open: Bounded<u64, Flow>,
    /// To a port of pools, and nothing was said yet.
    waiting: Bounded<u64, ()>,
    /// Those that ended last, and when.
    ended: VecDeque<(u64, Flow)>,
    looked_ns: u64,
}

impl Flows {
    /// None.
    pub(super) fn new(most: usize) -> Self {
        Self {
            open: Bounded::new(most),
            waiting: Bounded::new(LOOKED_AT),
            ended: VecDeque::new(),
            looked_ns: 0,
        }
    }

    /// A connection is made. Gives it back if it failed.
    pub(super) fn connected(&mut self, record: &NetRecord, flow: Flow) -> Option<Flow> {
        if record.phase == Phase::Failed as u16 {
            let earlier = self.closed(record.socket, flow.since_ns);
            return Some(earlier.unwrap_or(flow));
        }
        // Others to private networks are too many, and say nothing.
        if words::is_public(flow.remote.0) && self.open.peek(&record.socket).is_none() {
            if flow.port.is_some() {
                self.waiting.insert(record.socket, ());
            }
            self.open.insert(record.socket, flow);
        }
        None
    }

    /// Something was said on a connection.
    pub(super) fn spoke(&mut self, socket: u64, protocol: Option<Protocol>) {
        if self.open.is_empty() {
            return;
        }
        let Some(flow) = self.open.get_mut(&socket) else { return };
        flow.spoken = true;
        if protocol.is_some() {
            // Whatever it is, it is known by itself.
            flow.port = None;
            self.waiting.remove(&socket);
        }
    }

    /// A connection ended.
    pub(super) fn closed(&mut self, socket: u64, now_ns: u64) -> Option<Flow> {
        self.waiting.remove(&socket);
        let flow = self.open.remove(&socket)?;
        if self.ended.len() >= LOOKED_AT {
            self.ended.pop_front();
        }
        self.ended.push_back((now_ns, flow));
        Some(flow)
    }

    /// Connections to ports of pools on which nothing that is known was said for a while; each once.
    pub(super) fn silent(&mut self, now_ns: u64) -> Vec<Flow> {
        let mut silent = Vec::new();
        let open = &mut self.open;
        self.waiting.retain(|socket, ()| {
            let Some(flow) = open.get_mut(socket) else { return false };
            let waits = now_ns.saturating_sub(flow.since_ns) < SILENT_NS;
            if !waits {
                silent.push(*flow);
                flow.port = None;
            }
            waits
        });
        silent.sort_by_key(|flow| (flow.since_ns, flow.process.pid, flow.remote));
        silent
    }

    /// Connections that stay; each once.
    pub(super) fn long(&mut self, now_ns: u64) -> Vec<Flow> {
        if now_ns.saturating_sub(self.looked_ns) < LOOK_NS {
            return Vec::new();
        }
        self.looked_ns = now_ns;
        let is_long = |flow: &Flow| !flow.told && now_ns.saturating_sub(flow.since_ns) >= LONG_NS;
        let long = self.open.iter().filter(|(_, flow)| is_long(flow)).take(LOOKED_AT);
        let sockets: Vec<u64> = long.map(|(socket, _)| *socket).collect();
        let tell = |socket: &u64| {
            let flow = self.open.get_mut(socket)?;
            flow.told = true;
            Some(*flow)
        };
        sockets.iter().filter_map(tell).collect()
    }

    /// A connection of a lineage: one that is open for a moment, or was until a moment ago.
    pub(super) fn of(&self, place: Place, now_ns: u64, is_of: impl Fn(&Flow) -> bool) -> Option<Flow> {
        let is_open = |flow: &&Flow| {
            flow.place == place && now_ns.saturating_sub(flow.since_ns) >= MOMENT_NS && is_of(flow)
        };
        let ended = self.ended.iter().rev().take_while(|(ended, _)| now_ns.saturating_sub(*ended) < ENDED_NS);
        let mut ended = ended.map(|(_, flow)| flow).filter(|flow| flow.place == place && is_of(flow));
        self.open.iter().map(|(_, flow)| flow).find(is_open).or_else(|| ended.next()).copied()
    }

    /// How full it is.
    pub(super) fn table(&self) -> Table {
        self.open.table().and(self.waiting.table())
    }
}

/// What a call says of how a task is to be scheduled.
pub(super) enum Scheduling {
    /// Only when nobody else wants the processor.
    Idle {
        /// As people know it.
        how: &'static str,
        /// By the idle class.
        lowest: bool,
    },
    /// On this one processor.
    Bound(u64),
}

/// What a call says, if that is of interest.
pub(super) fn scheduling(record: &CallRecord) -> Option<Scheduling> {
    /// `SCHED_IDLE` of `include/uapi/linux/sched.h`.
    const SCHED_IDLE: u32 = 5;
    /// Nice value 19 in `task_struct.static_prio`.
    const NICE_19: u64 = 139;
    const PRIORITY: u64 = 0xffff_ffff;
    if record.result < 0 || record.facts & Facts::NUMBERS == 0 {
        return None;
    }
    let affinity = record.call == Call::SchedSetaffinity as u32;
    if affinity {
        return record.detail.is_power_of_two().then_some(Scheduling::Bound(record.detail));
    }
    if record.number == SCHED_IDLE {
        return Some(Scheduling::Idle { how: "SCHED_IDLE", lowest: true });
    }
    (record.detail & PRIORITY == NICE_19).then_some(Scheduling::Idle { how: "nice 19", lowest: false })
}
