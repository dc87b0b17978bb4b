//! Keeps the books: answers for the status, tells of losses, follows the clocks, watches the threads.

mod identity;
mod rules;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sensor_common::{class::Class, ledger::LossReason, policy::Account};
use tokio::sync::{mpsc, oneshot, watch};

pub(super) use self::rules::Rules;
use super::{
    Reload, Threads,
    canary::{Book, Outcome},
    hot::{Control, Controls, Report},
    recorder,
    start::KernelFacts,
};
use crate::clock::{self, BootClock};
use crate::config::resolved::Wanted;
use crate::kernel::{
    attach::{Attached, Coverage},
    ledger::{KernelLedger, Loss},
    programs::BackEnd,
};
use crate::pipeline::LossReport;
use crate::proto;
use crate::sources::{account::Accounts, delay::Delays, lapses::Lapses};
use crate::stream::{
    encode::{self, class as class_of},
    server::{RecordingRequest, StatusRequest},
    tls,
};

/// How often the books are looked at.
const ROUND: Duration = Duration::from_secs(1);
/// How long the pipeline gets to answer before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(2);
/// Losses by control group that the status shows.
const LOSSES_SHOWN_MAX: usize = 64;
/// Control groups that are gone and may wait for their losses to be told.
const BURIED_MAX: usize = 4096;
/// Accounts of control groups that the status shows.
const ACCOUNTS_SHOWN_MAX: usize = 128;

/// The keeper's state.
pub(super) struct Keeper {
    pub(super) node: String,
    pub(super) kernel: KernelFacts,
    pub(super) ledger: KernelLedger,
    pub(super) attached: Vec<Attached>,
    pub(super) coverage: Vec<Coverage>,
    pub(super) attach_ns: u64,
    pub(super) started: proto::Timestamp,
    /// The clocks as the pipeline uses them.
    pub(super) clock: BootClock,
    pub(super) problems: Vec<String>,
    /// The stream by TCP.
    pub(super) tls: Option<tls::Observer>,
    /// What the agent's own trials showed.
    pub(super) canary: watch::Receiver<Book>,
    /// What other threads gave up.
    pub(super) lapses: Arc<Lapses>,
    /// Why executed programs are not counted while no agent runs; empty where they are.
    pub(super) unpinned: String,
    /// Sources of identity that are asked over a connection.
    pub(super) accounts: Accounts,
    /// How late sources are.
    pub(super) delays: Arc<Delays>,
    /// Control groups that are gone for good.
    pub(super) buried: mpsc::Receiver<u64>,
    /// New settings.
    pub(super) reload: mpsc::Receiver<Reload>,
    pub(super) rules: Rules,
    pub(super) controls: Controls,
    pub(super) threads: Threads,
    pub(super) ready: watch::Sender<bool>,
}

impl Keeper {
    /// Works until it is told to end, which does not depend on any client; gives the threads back.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<StatusRequest>,
        mut recordings: mpsc::Receiver<RecordingRequest>,
        mut ended: oneshot::Receiver<()>,
    ) -> Threads {
        let mut told = Told::default();
        let mut rounds = tokio::time::interval(ROUND);
        let mut generation = 1;
        loop {
            tokio::select! {
                // The client may have gone: fine.
                Some(reply) = requests.recv() => drop(reply.send(self.status().await)),
                Some(request) = recordings.recv() => {
                    let release = self.kernel.release.clone();
                    // It waits for the pipeline, which must not hold this up.
                    tokio::spawn(recorder::begin(request, release, self.controls.clone()));
                }
                _ = rounds.tick() => self.round(&mut told),
                // An error means that the canary has ended, which makes the round above a problem of it.
                Ok(()) = self.canary.changed() => self.tell_readiness(),
                // Beyond that, they wait where they come from.
                Some(cgroup) = self.buried.recv(), if told.buried.len() < BURIED_MAX => told.buried.push(cgroup),
                Some(Reload { wanted, rules }) = self.reload.recv() => {
                    generation += 1;
                    self.replace(&wanted, generation);
                    self.rules.settings.send_replace(rules);
                }
                _ = &mut ended => return self.threads,
            }
        }
    }

    fn replace(&self, wanted: &Wanted, generation: u32) {
        match wanted.policy(generation) {
            Ok(policy) => {
                if !self.controls.send(Control::Policy(Arc::new(policy))) {
                    tracing::error!("the pipeline is busy: the old settings hold; try again");
                }
            }
            Err(error) => tracing::error!(%error, "the old settings hold"),
        }
    }

    /// Losses of the kernel, and what control groups made beyond their bounds.
    fn losses(&self, told: &mut Told) -> Vec<Loss> {
        let mut losses = self.ledger.losses();
        let limited = |class: &Class| self.ledger.class(*class).map_or(0, |counters| counters.limited);
        let total = Class::ALL.iter().map(limited).sum();
        // The table of accounts is long, and mostly nobody is limited.
        if told.limited != total {
            told.limited = total;
            told.by_group = self
                .ledger
                .accounts()
                .into_iter()
                .filter(|(_, _, account)| account.limited > 0)
                .map(|(cgroup, class, account)| Loss {
                    cgroup,
                    class,
                    reason: LossReason::RateLimited,
                    count: account.limited,
                })
                .collect();
        }
        losses.extend(&told.by_group);
        losses
    }

    fn round(&mut self, told: &mut Told) {
        let losses = self.losses(told);
        let news = told.news(&losses, clock::boot_ns());
        if news.is_empty() || self.controls.send(Control::Losses(news)) {
            told.remember(&losses);
            // Their last losses are among these: they have been gone for seconds.
            for cgroup in std::mem::take(&mut told.buried) {
                self.ledger.forget(cgroup, &told.forget(cgroup));
            }
        }
        let now = BootClock::read();
        if now.differs(self.clock) && self.controls.send(Control::Clock(now)) {
            self.clock = now;
        }
        self.tell_readiness();
    }

    fn tell_readiness(&self) {
        let ready = self.problems().is_empty();
        self.ready.send_if_modified(|now| std::mem::replace(now, ready) != ready);
    }

    fn problems(&self) -> Vec<String> {
        let dead = self.threads.dead().map(|name| format!("{name} has ended"));
        let book = self.canary.borrow();
        let missed = book.missed().map(|(class, note)| self.missed(class, note));
        let unfinished = (!book.is_complete())
            .then(|| "the first trials of the classes are not through yet (they take seconds)".to_owned());
        let tls = self.tls.as_ref().and_then(tls::Observer::problem);
        self.problems.iter().cloned().chain(dead).chain(missed).chain(unfinished).chain(tls).collect()
    }

    fn missed(&self, class: Class, note: &str) -> String {
        let back_end = self.coverage.iter().find(|service| service.classes.contains(&class));
        let back_end = back_end.and_then(|service| service.back_end).map_or("none", BackEnd::name);
        let class = class_of(class).as_str_name();
        format!("{class} by {back_end}: the agent's own trial does not come through: {note}")
    }

    async fn status(&self) -> proto::GetStatusResponse {
        let losses = self.ledger.losses();
        let mut accounts = self.ledger.accounts();
        accounts.truncate(ACCOUNTS_SHOWN_MAX);
        let shown = losses.iter().take(LOSSES_SHOWN_MAX).map(|loss| loss.cgroup);
        let cgroups = shown.chain(accounts.iter().map(|(cgroup, ..)| *cgroup)).collect();
        let (reply, answer) = oneshot::channel();
        self.controls.send(Control::Report { cgroups, reply });
        let report = tokio::time::timeout(PATIENCE, answer).await.ok().and_then(Result::ok);
        let mut problems = self.problems();
        if report.is_none() {
            problems.push("the pipeline does not answer".to_owned());
        }
        let mut status = self.of_kernel();
        status.ready = problems.is_empty();
        status.problems = problems;
        if let Some(report) = report {
            self.add(&report, &losses, &mut status);
            self.add_accounts(&report, &losses, &accounts, &mut status);
        }
        status
    }

    fn covered(&self) -> Vec<proto::ClassCoverage> {
        let (book, clock) = (self.canary.borrow(), self.clock);
        self.coverage.iter().flat_map(|service| covered(service, &book, clock)).collect()
    }

    fn of_kernel(&self) -> proto::GetStatusResponse {
        let hook = |hook: &Attached| proto::Hook {
            program: hook.program.name.to_owned(),
            target: hook.program.target(),
            back_end: hook.program.how().to_owned(),
            attached: hook.error.is_none(),
            error: hook.error.clone().unwrap_or_default(),
        };
        proto::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.node.clone(),
            kernel: self.kernel.release.clone(),
            start_time: Some(self.started),
            hooks: self.attached.iter().map(hook).collect(),
            coverage: self.covered(),
            attach_time: Some(proto::Duration::from_nanos(i64::try_from(self.attach_ns).unwrap_or(i64::MAX))),
            resident_bytes: resident_bytes(),
            cpu_time: Some(proto::Duration::from_nanos(
                i64::try_from(clock::processor_ns()).unwrap_or(i64::MAX),
            )),
            cgroup_hierarchy: self.kernel.hierarchy.clone(),
            missing_kernel_fields: self.kernel.missing.clone(),
            tls: self.tls.as_ref().map(tls::Observer::report),
            identity_sources: self
                .accounts
                .iter()
                .map(|account| identity::source(account, self.clock))
                .collect(),
            node_labels: self.accounts.iter().flat_map(|account| account.node_labels()).collect(),
            identity_delays: identity::delays(&self.delays),
            ..proto::GetStatusResponse::default()
        }
    }

    fn add(&self, report: &Report, losses: &[Loss], status: &mut proto::GetStatusResponse) {
        for (class, count) in &report.classes {
            let Ok(kernel) = self.ledger.class(*class) else { continue };
            status.losses_unattributed += kernel.lost_unattributed;
            status.classes.push(proto::ClassLedger {
                class: class_of(*class).into(),
                seen: kernel.seen,
                received: count.received,
                lost: kernel.lost,
                published: count.published,
                filtered: kernel.filtered,
                aggregated: kernel.aggregated,
                limited: kernel.limited,
                unaccounted: kernel.unaccounted,
                quiet: count.quiet,
                canary: count.canary,
            });
        }
        for (loss, known) in losses.iter().take(LOSSES_SHOWN_MAX).zip(&report.containers) {
            status.losses.push(proto::LossEntry {
                class: class_of(loss.class).into(),
                reason: encode::loss_reason(loss.reason).into(),
                count: loss.count,
                cgroup: loss.cgroup.to_string(),
                container: known.as_deref().map(encode::container),
            });
        }
        status.processes = Some(report.processes);
        status.control_groups = Some(report.groups);
        (status.first_execs_identified, status.first_execs_unidentified) = report.first_execs;
        status.records_rejected = report.rejected + self.lapses.rejected.get();
        status.flows = Some(report.flows);
        status.incidents = Some(report.incidents.clone());
        status.rules = Some(self.rules.report(&report.judged, &status.classes));
        let executed = self.ledger.executed();
        status.executed = Some(proto::ExecutedPrograms {
            all: executed.all,
            unwatched: executed.all.saturating_sub(executed.watched),
            unpinned: self.unpinned.clone(),
        });
        status.peers = Some(report.peers).filter(|peers| peers.capacity > 0);
        status.given_up = Some(proto::GivenUp {
            lookups: self.lapses.retries.get(),
            group_policies: self.lapses.groups.get(),
            inquiries: self.lapses.inquiries.get(),
            users: self.lapses.users.get(),
            ..report.given_up
        });
    }

    /// Accounts of control groups; their containers follow those of the losses in the report.
    fn add_accounts(
        &self,
        report: &Report,
        losses: &[Loss],
        accounts: &[(u64, Class, Account)],
        status: &mut proto::GetStatusResponse,
    ) {
        let containers = report.containers.iter().skip(losses.len().min(LOSSES_SHOWN_MAX));
        for ((cgroup, class, account), known) in accounts.iter().zip(containers) {
            let lost = losses.iter().filter(|loss| (loss.cgroup, loss.class) == (*cgroup, *class));
            status.groups.push(proto::GroupLedger {
                cgroup: cgroup.to_string(),
                container: known.as_deref().map(encode::container),
                class: class_of(*class).into(),
                seen: account.seen,
                filtered: account.filtered,
                aggregated: account.aggregated,
                limited: account.limited,
                lost: lost.map(|loss| loss.count).sum(),
            });
        }
    }
}

/// What serves each class of a service, and what the agent's own trials showed.
fn covered(coverage: &Coverage, book: &Book, clock: BootClock) -> Vec<proto::ClassCoverage> {
    use proto::class_coverage::Canary;
    let one = |class: &Class| {
        let entry = book.get(*class);
        let canary = match entry.map(|entry| entry.outcome) {
            Some(Outcome::Seen) => Canary::Seen,
            Some(Outcome::Missed) => Canary::Missed,
            Some(Outcome::Untried) | None => Canary::Untried,
        };
        proto::ClassCoverage {
            class: class_of(*class).into(),
            back_end: coverage.back_end.map_or("none", BackEnd::name).to_owned(),
            reason: coverage.reasons.join("; "),
            canary: canary.into(),
            canary_time: entry.and_then(|entry| entry.seen_ns).map(|seen| clock.to_wall(seen)),
            canary_note: entry.map(|entry| entry.note.clone()).unwrap_or_default(),
        }
    };
    coverage.classes.iter().map(one).collect()
}

/// Losses that subscribers were told of, by control group, class and reason. As large as the kernel's
/// own tables of them.
#[derive(Debug, Default)]
struct Told {
    counts: HashMap<(u64, Class, LossReason), u64>,
    /// Events beyond their bounds when the accounts were read last.
    limited: u64,
    /// The same by control group.
    by_group: Vec<Loss>,
    /// Control groups that are gone for good.
    buried: Vec<u64>,
}

impl Told {
    /// What has not been told yet.
    fn news(&self, losses: &[Loss], now: u64) -> Vec<LossReport> {
        let report = |loss: &Loss| {
            let Loss { cgroup, class, reason, count } = *loss;
            let before = self.counts.get(&(cgroup, class, reason)).copied().unwrap_or(0);
            let count = count.saturating_sub(before);
            (count > 0).then_some(LossReport { cgroup, class, reason, count, time_ns: now })
        };
        losses.iter().filter_map(report).collect()
    }

    /// Forgets what was told of a control group, and says what that was.
    fn forget(&mut self, cgroup: u64) -> Vec<(Class, LossReason)> {
        self.by_group.retain(|loss| loss.cgroup != cgroup);
        let of_group = |(group, _, _): &(u64, Class, LossReason), _: &mut u64| *group == cgroup;
        self.counts.extract_if(of_group).map(|((_, class, reason), _)| (class, reason)).collect()
    }

    /// All of it has been told.
    fn remember(&mut self, losses: &[Loss]) {
        self.counts.extend(losses.iter().map(|loss| ((loss.cgroup, loss.class, loss.reason), loss.count)));
    }
}

/// Resident memory of this process (`/proc/self/statm`, second field, in pages).
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_once() {
        let loss = |count| Loss { cgroup: 7, class: Class::ProcessExec, reason: LossReason::RingFull, count };
        let mut told = Told::default();
        assert_eq!(told.news(&[loss(3)], 1)[0].count, 3);
        assert_eq!(told.news(&[loss(3)], 1)[0].count, 3, "nobody was told yet");
        told.remember(&[loss(3)]);
        assert!(told.news(&[loss(3)], 2).is_empty());
        assert_eq!(told.news(&[loss(10)], 3)[0].count, 7);
    }

    #[test]
    fn a_control_group_that_is_gone_is_forgotten_whole() {
        let loss = |cgroup, reason| Loss { cgroup, class: Class::ProcessExec, reason, count: 3 };
        let losses =
            [loss(7, LossReason::RingFull), loss(7, LossReason::RateLimited), loss(8, LossReason::RingFull)];
        let mut told = Told::default();
        assert_eq!(told.forget(7), [], "nothing was told: nothing may be taken out of the kernel's table");
        told.remember(&losses);
        let mut forgotten = told.forget(7);
        forgotten.sort();
        let exec = Class::ProcessExec;
        assert_eq!(forgotten, [(exec, LossReason::RingFull), (exec, LossReason::RateLimited)]);
        assert_eq!(told.news(&losses[2..], 1).len(), 0, "the other's losses stay told");
        assert_eq!(told.counts.len(), 1);
    }

    #[test]
    fn memory_is_measured() {
        assert!(resident_bytes() > 100_000);
    }
}
