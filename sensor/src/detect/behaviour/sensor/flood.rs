//! Who makes so many events that some are lost.

use sensor_common::ledger::LossReason;

use super::super::{Late, Lost};
use super::about;
use crate::bounded::{Bounded, Table};
use crate::detect::finding::Severity;

/// Length of a window.
const WINDOW_NS: u64 = 10_000_000_000;
/// Records lost in a window, of all, from which on somebody floods.
const LOST_MIN: u64 = 1_000;
/// Records beyond its own bound in a window from which on one control group floods.
const LIMITED_MIN: u64 = 100_000;
/// Of one control group it is told so often at most.
const AGAIN_NS: u64 = 300_000_000_000;

/// Losses of a control group in the window.
#[derive(Debug, Default)]
struct Losses {
    lost: u64,
    limited: u64,
    is_container: bool,
    told_ns: Option<u64>,
}

/// Losses of all.
#[derive(Debug)]
pub(super) struct Floods {
    groups: Bounded<u64, Losses>,
    /// Of all control groups, those that are not remembered included.
    all: u64,
    since_ns: u64,
}

impl Floods {
    pub(super) fn new(most: usize) -> Self {
        Self { groups: Bounded::new(most), all: 0, since_ns: 0 }
    }

    /// Records were lost.
    pub(super) fn lost(&mut self, lost: &Lost, is_container: bool) {
        let losses = self.groups.entry(lost.cgroup, Losses::default);
        losses.is_container |= is_container;
        match lost.reason {
            LossReason::RingFull | LossReason::Preempted => {
                losses.lost = losses.lost.saturating_add(lost.count);
                self.all = self.all.saturating_add(lost.count);
            }
            LossReason::RateLimited => losses.limited = losses.limited.saturating_add(lost.count),
            LossReason::Unreadable | LossReason::NotCalled => {}
        }
    }

    /// At the end of a window: who made most of it.
    pub(super) fn tick(&mut self, now_ns: u64, found: &mut dyn FnMut(Late)) {
        if now_ns.saturating_sub(self.since_ns) < WINDOW_NS {
            return;
        }
        self.since_ns = now_ns;
        let all = std::mem::take(&mut self.all);
        let mut gone = Vec::new();
        let mut told = Vec::new();
        for (cgroup, losses) in self.groups.iter() {
            let is_recent = losses.told_ns.is_some_and(|told| now_ns.saturating_sub(told) < AGAIN_NS);
            if losses.lost == 0 && losses.limited == 0 {
                gone.push((*cgroup, is_recent));
                continue;
            }
            let most = all >= LOST_MIN && losses.lost.saturating_mul(2) >= all;
            let severity = if most { Severity::Medium } else { Severity::Low };
            if !is_recent && *cgroup != 0 && (most || losses.limited >= LIMITED_MIN) {
                told.push((*cgroup, severity, late(*cgroup, severity, losses, all)));
            }
        }
        for (cgroup, is_recent) in gone {
            if !is_recent {
                self.groups.remove(&cgroup);
            }
        }
        self.groups.retain(|_, losses| {
            (losses.lost, losses.limited) = (0, 0);
            true
        });
        for (cgroup, _, late) in told {
            if let Some(losses) = self.groups.get_mut(&cgroup) {
                losses.told_ns = Some(now_ns);
            }
            found(late);
        }
    }

    pub(super) fn removed(&mut self, cgroup: u64) {
        self.groups.remove(&cgroup);
    }

    pub(super) fn table(&self) -> Table {
        self.groups.table()
    }
}

fn late(cgroup: u64, severity: Severity, losses: &Losses, all: u64) -> Late {
    let who = if losses.is_container { "This container" } else { "A service of the node" };
    let summary = if severity == Severity::Medium {
        format!(
            "{who} makes so many events that some are lost, those of others included: it may hide something"
        )
    } else {
        format!("{who} makes more events than it may: the rest of its own is not told")
    };
    let mut finding = about::FLOODED.finding(severity, 0.6, summary);
    finding.evidence.push(format!(
        "Within ten seconds {} records of it were lost, of {all} of all; {} were beyond what it may send.",
        losses.lost, losses.limited
    ));
    Late { cgroup, process: None, finding }
}
