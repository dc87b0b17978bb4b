//! The first bytes of flows, put together from chunks that come in any order, twice, or never.
//!
//! What is known of a flow is a function of the bytes that have come, not of how they were split.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt as _};

use super::protocol::{Outcome, Recognised, recognise};
use prefix::Prefix;

mod prefix;
#[cfg(test)]
mod tests;

/// Bytes kept of each direction: as many as the kernel programs send of the longest first messages, a
/// client's TLS hello with a post-quantum key share and DNS over TCP. Of all others they send less, and
/// say with the last chunk that it is the last.
pub const PREFIX_MAX: usize = sensor_common::limits::FLOW_BYTES_LONG as usize;

/// Which way bytes went, seen from the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The process sent them.
    Sent,
    /// The process received them.
    Received,
}

/// Some bytes of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Names the flow: the socket cookie.
    pub flow: u64,
    /// Which way they went.
    pub direction: Direction,
    /// Where they begin in the stream of that direction, in bytes.
    pub offset: u32,
    /// The bytes.
    pub bytes: &'a [u8],
    /// Nothing that lies behind them will come.
    pub last: bool,
}

/// Beginnings of the flows that were active last. At most as many as [`Flows::new`] was told, each with
/// at most [`PREFIX_MAX`] bytes per direction.
#[derive(Debug)]
pub struct Flows {
    flows: HashMap<u64, Flow>,
    /// The order in which flows are given up: first those of which no more can become known, then those
    /// that were quiet for longest.
    order: BTreeSet<Turn>,
    limit: usize,
    evicted: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    unsettled: bool,
    time_ns: u64,
    flow: u64,
}

#[derive(Debug)]
struct Flow {
    sent: Prefix,
    received: Prefix,
    outcome: Outcome,
    turn: Turn,
    /// What was told of what was sent, and of what was received.
    told: [usize; 2],
}

impl Flows {
    /// Keeps at most `limit` flows, and at least one.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { flows: HashMap::new(), order: BTreeSet::new(), limit: limit.max(1), evicted: 0 }
    }

    /// Takes a chunk that was seen at `time_ns`. Returns what the flow is if that has become known, or
    /// known in more detail, by this chunk.
    pub fn push(&mut self, time_ns: u64, chunk: &Chunk<'_>) -> Option<&Recognised> {
        // Of what lies behind the bound nothing is kept: it makes no flow, and keeps none alive.
        let offset = usize::try_from(chunk.offset).ok().filter(|offset| *offset < PREFIX_MAX)?;
        if chunk.bytes.is_empty() {
            return None;
        }
        if !self.flows.contains_key(&chunk.flow) {
            self.add(time_ns, chunk.flow);
        }
        let flow = self.flows.get_mut(&chunk.flow)?;
        let prefix = flow.prefix_mut(chunk.direction);
        let mut grown = prefix.add(offset, chunk.bytes);
        if chunk.last {
            grown |= prefix.end(offset.saturating_add(chunk.bytes.len()));
        }
        let firmer = grown && flow.judge(false);
        self.order.remove(&flow.turn);
        flow.turn.time_ns = flow.turn.time_ns.max(time_ns);
        flow.turn.unsettled = !flow.outcome.settled;
        self.order.insert(flow.turn);
        flow.outcome.recognised.as_ref().filter(|_| firmer)
    }

    /// The flow ended: no more bytes will come, and it is forgotten. Returns what it was if only its end
    /// made that known, or known in more detail.
    pub fn close(&mut self, flow: u64) -> Option<Recognised> {
        let mut flow = self.flows.remove(&flow)?;
        self.order.remove(&flow.turn);
        let firmer = flow.judge(true);
        flow.outcome.recognised.filter(|_| firmer)
    }

    /// What the flow is, as far as that is known.
    #[must_use]
    pub fn recognised(&self, flow: u64) -> Option<&Recognised> {
        self.flows.get(&flow)?.outcome.recognised.as_ref()
    }

    /// The bytes of that direction from the start of its stream up to the first that has not come.
    #[must_use]
    pub fn prefix(&self, flow: u64, direction: Direction) -> &[u8] {
        match (self.flows.get(&flow), direction) {
            (Some(flow), Direction::Sent) => flow.sent.bytes(),
            (Some(flow), Direction::Received) => flow.received.bytes(),
            (None, _) => &[],
        }
    }

    /// True if no more bytes of that direction are wanted, or the flow is not known.
    #[must_use]
    pub fn is_ended(&self, flow: u64, direction: Direction) -> bool {
        self.flows.get(&flow).is_none_or(|flow| match direction {
            Direction::Sent => flow.sent.so_far(false).ended,
            Direction::Received => flow.received.so_far(false).ended,
        })
    }

    /// A count of the caller's for each direction: how much of it was told.
    pub fn told_mut(&mut self, flow: u64, direction: Direction) -> Option<&mut usize> {
        let [sent, received] = &mut self.flows.get_mut(&flow)?.told;
        Some(match direction {
            Direction::Sent => sent,
            Direction::Received => received,
        })
    }

    /// Forgets flows of which nothing came since `time_ns`, and says how many.
    pub fn forget_before(&mut self, time_ns: u64) -> usize {
        let quiet: Vec<_> = self.order.iter().filter(|turn| turn.time_ns < time_ns).copied().collect();
        for turn in &quiet {
            self.order.remove(turn);
            self.flows.remove(&turn.flow);
        }
        quiet.len()
    }

    /// Flows that were given up for others while more could have become known of them.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Most flows that are kept.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.limit
    }

    /// Flows that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// No flow is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    fn add(&mut self, time_ns: u64, flow: u64) {
        while self.flows.len() >= self.limit
            && let Some(turn) = self.order.pop_first()
        {
            self.flows.remove(&turn.flow);
            self.evicted = self.evicted.saturating_add(u64::from(turn.unsettled));
        }
        let turn = Turn { unsettled: true, time_ns, flow };
        self.order.insert(turn);
        self.flows.insert(
            flow,
            Flow {
                sent: Prefix::default(),
                received: Prefix::default(),
                outcome: Outcome::default(),
                turn,
                told: [0; 2],
            },
        );
    }
}

impl Flow {
    fn prefix_mut(&mut self, direction: Direction) -> &mut Prefix {
        match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        }
    }

    /// Looks at the bytes again. Returns whether more is known than before.
    fn judge(&mut self, ended: bool) -> bool {
        let outcome = recognise(self.sent.so_far(ended), self.received.so_far(ended));
        let firmer = outcome.recognised.is_some() && outcome.recognised != self.outcome.recognised;
        self.outcome = outcome;
        firmer
    }
}
