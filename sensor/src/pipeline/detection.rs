//! The judge of events, and what becomes of what it finds.

use std::sync::Arc;

use super::{ANCESTORS_MAX, Before, LossReport, Output, Pipeline, tuning::Tuning};
use crate::bounded::Table;
use crate::detect::{
    behaviour::{Behaviours, Late, Lost},
    context::Given,
    finding::{Finding, Severity},
    incident::Incidents,
    judge::Judge,
    names::Names,
    scene::{Past, Scene},
    told::{At, Bounds, Repeats, Told, Verdict},
};
use crate::event;
use crate::identity::store::Known;
use crate::identity::usage::Usage;
use crate::process::Key;
use crate::proto;
use crate::stream::encode::Manner;

/// Nothing is bounded until the settings say so.
const UNBOUNDED: Bounds = Bounds { window_ns: 0, burst: 0 };

/// What was judged and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Events.
    pub events: u64,
    /// Findings that were told, by severity from the lowest.
    pub findings: [u64; 4],
    /// Findings that equalled one that was told.
    pub combined: u64,
    /// Findings beyond the bound.
    pub limited: u64,
    /// What is remembered of those that were told: entries, their bound, and how many were given up.
    pub told: (usize, usize, u64),
    /// What behaviours remember.
    pub remembered: Table,
    /// Findings that were not told because of an exception.
    pub excepted: u64,
    /// Images of which it is learned what is normal, and facts of them that were given up.
    pub learned: (Table, u64),
}

/// On what a finding rests.
#[derive(Clone, Copy)]
pub(super) enum Cause<'a> {
    /// An event; its number in the stream.
    Event(&'a event::Event<'a>, Before, u64),
    /// None: time passed, or something was measured.
    Late { cgroup: u64, process: Option<Key>, time_ns: u64 },
}

impl Cause<'_> {
    pub(super) const fn cgroup(&self) -> u64 {
        match self {
            Self::Event(event, ..) => event.cgroup,
            Self::Late { cgroup, .. } => *cgroup,
        }
    }

    pub(super) fn process(&self) -> Option<Key> {
        match self {
            Self::Event(event, ..) => Some(event.process.into()),
            Self::Late { process, .. } => *process,
        }
    }

    pub(super) const fn time_ns(&self) -> u64 {
        match self {
            Self::Event(event, ..) => event.time_ns,
            Self::Late { time_ns, .. } => *time_ns,
        }
    }

    /// Number of the event; 0 for none.
    pub(super) const fn event(&self) -> u64 {
        match self {
            Self::Event(_, _, cursor) => *cursor,
            Self::Late { .. } => 0,
        }
    }
}

/// The stage's state.
#[derive(Debug)]
pub(super) struct Detection {
    judge: Option<Box<dyn Judge>>,
    behaviours: Behaviours,
    pub(super) tuning: Tuning,
    names: Arc<Names>,
    told: Told,
    pub(super) incidents: Incidents,
    /// Incidents that are to be told behind the findings at hand.
    pub(super) news: Vec<u64>,
    judged: u64,
    findings: [u64; 4],
    /// Of the event at hand; kept for its room.
    found: Vec<Finding>,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            judge: None,
            behaviours: Behaviours::default(),
            tuning: Tuning::default(),
            names: Arc::default(),
            told: Told::new(UNBOUNDED),
            incidents: Incidents::default(),
            news: Vec::new(),
            judged: 0,
            findings: [0; 4],
            found: Vec::new(),
        }
    }
}

impl Detection {
    /// True if there is nobody to judge.
    fn is_blind(&self) -> bool {
        self.judge.is_none() && self.behaviours.is_empty()
    }

    /// Records were lost.
    pub(super) fn lost(&mut self, report: &LossReport, container: Option<&Known>) {
        let LossReport { cgroup, class, reason, count, .. } = *report;
        self.behaviours.lost(&Lost { cgroup, class, reason, count }, container);
    }

    /// A control group is gone.
    pub(super) fn removed(&mut self, cgroup: u64) {
        self.behaviours.removed(cgroup);
    }
}

impl Pipeline {
    /// Another judge from now on, and how much of what it finds is told. Gives back the one before, for others to drop.
    pub fn set_judge(&mut self, judge: Option<Box<dyn Judge>>, bounds: Bounds) -> Option<Box<dyn Judge>> {
        self.detection.told.set_bounds(bounds);
        let before = std::mem::replace(&mut self.detection.judge, judge);
        // Verdicts on files that the one before gave count for nothing.
        self.set_policy(Arc::clone(&self.policy));
        before
    }

    /// These behaviours from now on, with nothing in their memory.
    pub fn set_behaviours(&mut self, behaviours: Behaviours) {
        self.detection.behaviours = behaviours;
        self.set_policy(Arc::clone(&self.policy));
    }

    /// What rules and behaviours want to see.
    pub(super) fn wanted_by_judge(&self) -> crate::policy::Judged {
        let Detection { judge, behaviours, tuning, .. } = &self.detection;
        judge
            .as_ref()
            .map(|judge| judge.wanted())
            .unwrap_or_default()
            .and(behaviours.wanted())
            .and(tuning.wanted())
    }

    /// Whether anything could be found in other opens of a file.
    pub(super) fn could_open(&mut self, event: &event::Event<'_>) -> bool {
        let given = self.given(event, Before::default());
        if self.detection.behaviours.could_open(&Scene::new(given)) {
            return true;
        }
        let Some(mut judge) = self.detection.judge.take() else { return false };
        let could = judge.could_open(self.given(event, Before::default()));
        self.detection.judge = Some(judge);
        could
    }

    /// Other addresses of the names that rules compare. Gives back those before.
    pub fn set_names(&mut self, names: Arc<Names>) -> Arc<Names> {
        std::mem::replace(&mut self.detection.names, names)
    }

    /// The addresses of names that rules compare.
    #[must_use]
    pub const fn names(&self) -> &Arc<Names> {
        &self.detection.names
    }

    /// What was judged and found.
    #[must_use]
    pub fn judged(&self) -> Judged {
        let Detection { judged, findings, told, .. } = &self.detection;
        Judged {
            events: *judged,
            findings: *findings,
            combined: told.combined(),
            limited: told.limited(),
            told: told.table(),
            remembered: self.detection.behaviours.table(),
            excepted: self.detection.tuning.excepted,
            learned: self.detection.tuning.table(),
        }
    }

    /// About a second has passed: some things are found because nothing happens, or not any more.
    pub fn tick(&mut self, now_ns: u64, output: &mut impl Output) {
        let mut late = Vec::new();
        self.detection.behaviours.tick(now_ns, &mut |found| late.push(found));
        self.report_late(late, now_ns, output);
        let mut repeated = Vec::new();
        self.detection.told.tick(now_ns, &mut |repeats| repeated.push(repeats));
        for Repeats { finding, at, count } in repeated {
            let cause = Cause::Late { cgroup: at.cgroup, process: at.process, time_ns: now_ns };
            let incident = self.incident_of(cause, &finding);
            let incident = incident.as_deref().unwrap_or_default();
            self.tell_finding(
                &finding,
                cause,
                Manner { repeats: count, only_repeats: true, incident },
                output,
            );
        }
        self.tick_incidents(now_ns, output);
    }

    /// What a container has used of the processors was read again.
    pub fn usage(&mut self, usage: &Usage, output: &mut impl Output) {
        let mut late = Vec::new();
        self.detection.behaviours.usage(usage, &mut |found| late.push(found));
        self.report_late(late, usage.time_ns, output);
    }

    fn report_late(&mut self, late: Vec<Late>, time_ns: u64, output: &mut impl Output) {
        for Late { cgroup, process, finding } in late {
            self.report(finding, Cause::Late { cgroup, process, time_ns }, output);
        }
        self.tell_incidents(time_ns, output);
    }

    /// Judges an event that has a place in the stream, and tells what is found in it.
    pub(super) fn detect(&mut self, event: &event::Event<'_>, before: Before, output: &mut impl Output) {
        if self.detection.is_blind() {
            return;
        }
        let mut found = std::mem::take(&mut self.detection.found);
        if let Some(mut judge) = self.detection.judge.take() {
            judge.judge(self.given(event, before), &mut |finding| found.push(finding));
            self.detection.judge = Some(judge);
        }
        self.detection.judged += 1;
        let mut behaviours = std::mem::take(&mut self.detection.behaviours);
        let past = Past { former: before.former, cgroup: before.cgroup, sensor: self.own.sensor() };
        behaviours.see(&Scene { past, ..Scene::new(self.given(event, before)) }, &mut |finding| {
            found.push(finding)
        });
        self.detection.behaviours = behaviours;
        let cursor = self.sequence;
        for finding in found.drain(..) {
            self.report(finding, Cause::Event(event, before, cursor), output);
        }
        self.detection.found = found;
        self.tell_incidents(event.time_ns, output);
        self.learn(event, before);
    }

    /// What is known of an event.
    pub(super) fn given<'a>(&'a self, event: &'a event::Event<'a>, before: Before) -> Given<'a> {
        let (other, other_owner) = self.other(&event.facts);
        let parent = self.tree.ancestors(event.process.into()).next();
        Given {
            event,
            tree: &self.tree,
            identity: &self.identity,
            owner: self.identity.owner(event.cgroup),
            ids_before: before.ids,
            other,
            other_owner,
            parent_owner: parent.and_then(|parent| self.identity.owner(parent.cgroup)),
            node: &self.context.node,
            host_users: self.identity.host_users().map(AsRef::as_ref),
            wall_ns: self.context.time(event.time_ns).unix_nanos(),
            names: self.detection.names.as_ref(),
        }
    }

    fn report(&mut self, finding: Finding, cause: Cause<'_>, output: &mut impl Output) {
        let Some(finding) = self.weigh(finding, &cause) else { return };
        let finding = &finding;
        let at = At { place: self.place(cause.cgroup()), cgroup: cause.cgroup(), process: cause.process() };
        let verdict = self.detection.told.verdict(finding, at, cause.time_ns());
        let incident = self.join(finding, cause, verdict, output);
        let Verdict::Tell(repeats) = verdict else { return };
        if let Some(count) = self.detection.findings.get_mut(rank(finding.severity)) {
            *count += 1;
        }
        let incident = incident.as_deref().unwrap_or_default();
        self.tell_finding(finding, cause, Manner { repeats, only_repeats: false, incident }, output);
    }

    fn tell_finding(
        &mut self,
        finding: &Finding,
        cause: Cause<'_>,
        manner: Manner<'_>,
        output: &mut impl Output,
    ) {
        let (cgroup, key) = (cause.cgroup(), cause.process());
        let known = self.identity.container(cgroup).cloned();
        let class = proto::Class::Finding;
        if !output.wants(class, known.as_ref().map(|known| &known.container)) {
            self.sequence += 1;
            return;
        }
        let found = (finding, manner);
        let mut message = match cause {
            Cause::Event(event, before, cursor) => {
                let subject = self.subject(event, before);
                self.context.finding(event, subject, cursor, found, self.sequence + 1)
            }
            Cause::Late { time_ns, .. } => {
                let process = key.and_then(|key| self.tree.get(key));
                self.context.late_finding(process, time_ns, found, self.sequence + 1)
            }
        };
        // Lineage is part of a finding, whatever the subscriber asked for.
        if let Some(key) = key {
            let beyond_parent = self.tree.ancestors(key).skip(1).take(ANCESTORS_MAX);
            message.ancestors = beyond_parent.map(|ancestor| self.context.process(ancestor)).collect();
        }
        self.ancestors.clear();
        self.send(class, Some(finding), &message, known.as_deref(), output);
        // What was told without a name is corrected once there is one.
        self.identity.sent(cgroup);
    }
}

const fn rank(severity: Severity) -> usize {
    match severity {
        Severity::Low => 0,
        Severity::Medium => 1,
        Severity::High => 2,
        Severity::Critical => 3,
    }
}
