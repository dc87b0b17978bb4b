//! Rules and findings, for the status.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sensor_common::class::{Class, Family};
use tokio::sync::watch;

use crate::agent::rules::NameAccount;
use crate::bounded::Table;
use crate::config::resolved::Rules as Settings;
use crate::detect::names::NAMES_MAX;
use crate::pipeline::Judged;
use crate::proto::{self, finding::Severity};
use crate::stream::encode;

/// How rules are told of new settings, and what is known of them.
pub(in crate::agent) struct Rules {
    pub(in crate::agent) settings: watch::Sender<Settings>,
    pub(in crate::agent) about: watch::Receiver<proto::Rules>,
    pub(in crate::agent) names: Arc<NameAccount>,
}

impl Rules {
    /// The status.
    pub(super) fn report(&self, judged: &Judged, ledger: &[proto::ClassLedger]) -> proto::Rules {
        let about = self.about.borrow().clone();
        let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        let findings = severities.into_iter().zip(judged.findings);
        let count =
            |(severity, count): (Severity, u64)| proto::FindingCount { severity: severity.into(), count };
        let (entries, capacity, evicted) = judged.told;
        // Processes and control groups pass no gate.
        let gated = || {
            let named = |entry: &&proto::ClassLedger| {
                Class::ALL.iter().find(|class| encode::class(**class) == entry.class())
            };
            ledger.iter().filter(move |entry| {
                named(entry)
                    .is_some_and(|class| !matches!(class.family(), Family::Process | Family::Container))
            })
        };
        proto::Rules {
            events_judged: judged.events,
            findings: findings.map(count).collect(),
            findings_combined: judged.combined,
            findings_limited: judged.limited,
            findings_told: Some(proto::Table { entries: entries as u64, capacity: capacity as u64, evicted }),
            names: Some(proto::Table {
                entries: self.names.known.load(Ordering::Relaxed),
                capacity: NAMES_MAX as u64,
                evicted: self.names.left_out.load(Ordering::Relaxed),
            }),
            events_seen: gated().map(|entry| entry.seen).sum(),
            events_filtered: gated().map(|entry| entry.filtered).sum(),
            findings_excepted: judged.excepted,
            remembered: Some(table(judged.remembered)),
            images: Some(table(judged.learned.0)),
            facts_evicted: judged.learned.1,
            name_failures: self.names.failures.load(Ordering::Relaxed),
            ..about
        }
    }
}

const fn table(table: Table) -> proto::Table {
    proto::Table { entries: table.entries as u64, capacity: table.most as u64, evicted: table.evicted }
}
