//! Bandwidth that is carried for others: what comes in on one connection goes out on another, again and again.

use std::collections::VecDeque;
use std::net::IpAddr;

use sensor_common::record::network::NetRecord;

use crate::bounded::{Bounded, Table};
use crate::detect::behaviour::About;
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::detect::technique::{MS_TA9039, T1090, T1496_002};
use crate::process::Key;

/// Connections without a counterpart that are remembered of a process.
const OPEN_MAX: usize = 32;
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
    /// Those without a counterpart.
    ends: VecDeque<End>,
    pairs: u32,
    bytes: u64,
}

/// A connection that ended.
#[derive(Debug)]
struct End {
    remote: IpAddr,
    sent: u64,
    received: u64,
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
        // Who says as much as it hears does not carry.
        let Some((remote, _)) = scene.remote().filter(|_| !is_like(sent, received)) else { return };
        let relay = self.processes.entry(scene.key(), Relay::default);
        let fits =
            |end: &End| is_like(end.sent, received) && is_like(end.received, sent) && end.remote != remote;
        let Some(index) = relay.ends.iter().position(fits) else {
            if relay.ends.len() >= OPEN_MAX {
                relay.ends.pop_front();
            }
            relay.ends.push_back(End { remote, sent, received });
            return;
        };
        relay.ends.remove(index);
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
