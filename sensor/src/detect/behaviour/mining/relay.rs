//! Bandwidth that is carried for others: what comes in on one connection goes out on another, again and again.

use std::collections::VecDeque;

use sensor_common::record::network::{Facts, NetRecord};

use crate::bounded::{Bounded, Table};
use crate::detect::behaviour::About;
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::detect::technique::{MS_TA9039, T1090, T1496_002};
use crate::process::Key;

/// Connections without a counterpart that are remembered of a process, of each direction.
const OPEN_MAX: usize = 16;
/// Pairs from which on it is told.
const PAIRS: u32 = 8;
/// Bytes from which on a connection carries something.
const BYTES_MIN: u64 = 1_000;
/// Bytes by which two may differ, beside a fiftieth: what one says to the one that carries.
const SLACK: u64 = 512;

/// What it can find.
pub(super) static ABOUT: About = About {
    id: "relay",
    name: "Bandwidth carried for others",
    severity: Severity::Medium,
    techniques: &[T1496_002, T1090, MS_TA9039],
    watches: "The bytes of connections of programs that are not of the image: told when what came in on one went out on \
              another, in both directions, for eight pairs.",
    why: "Somebody sells your bandwidth and address, and what strangers do through it is done in your name.",
    evidence: "How many pairs of connections, and how much they carried.",
    false_positives: "A proxy that was installed into a running container.",
    tuning: "An exception for this finding by namespace, label, image or program.",
    next: &[
        "Look at who brought the program into the container.",
        "Look at the connections of the container: who is at their ends?",
    ],
};

/// Connections of processes that carry.
#[derive(Debug)]
pub(super) struct Relays {
    processes: Bounded<Key, Relay>,
}

#[derive(Debug, Default)]
struct Relay {
    /// Bytes sent and received of connections that the process made, and of those that it accepted.
    made: VecDeque<(u64, u64)>,
    accepted: VecDeque<(u64, u64)>,
    pairs: u32,
    bytes: u64,
}

impl Relays {
    /// None.
    pub(super) fn new(most: usize) -> Self {
        Self { processes: Bounded::new(most) }
    }

    /// A connection of a program that is not of the image ended.
    pub(super) fn closed(&mut self, scene: &Scene<'_>, record: &NetRecord, found: &mut dyn FnMut(Finding)) {
        let (sent, received) = (record.sent_bytes, record.received_bytes);
        if sent.saturating_add(received) < BYTES_MIN {
            return;
        }
        let relay = self.processes.entry(scene.key(), Relay::default);
        let accepted = record.facts & Facts::ACCEPTED != 0;
        let (own, other) = if accepted {
            (&mut relay.accepted, &mut relay.made)
        } else {
            (&mut relay.made, &mut relay.accepted)
        };
        let fits = |end: &(u64, u64)| is_like(end.0, received) && is_like(end.1, sent);
        let Some(index) = other.iter().position(fits) else {
            if own.len() >= OPEN_MAX {
                own.pop_front();
            }
            own.push_back((sent, received));
            return;
        };
        other.remove(index);
        relay.pairs += 1;
        relay.bytes = relay.bytes.saturating_add(sent).saturating_add(received);
        if relay.pairs == PAIRS {
            let path = scene.process().map_or("a program", |process| &process.program.executable);
            let summary = format!("{path} carries connections of others through this container.");
            let mut finding = ABOUT.finding(Severity::Medium, 0.7, summary);
            finding.evidence = vec![
                format!("{path} is not of the image"),
                format!(
                    "{PAIRS} pairs of connections had the same bytes in and out, {} together",
                    relay.bytes
                ),
            ];
            found(finding);
        }
    }

    /// How full it is.
    pub(super) fn table(&self) -> Table {
        self.processes.table()
    }
}

/// Nearly as many bytes.
const fn is_like(one: u64, other: u64) -> bool {
    one.abs_diff(other) <= SLACK + if one > other { one } else { other } / 50
}
