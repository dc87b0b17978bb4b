//! Findings become incidents, and incidents are told.

use std::sync::Arc;

use super::detection::Cause;
use super::{Output, Pipeline};
use crate::detect::finding::Finding;
use crate::detect::incident::{Actor, Bounds, Found, Incident, Incidents, Root, Scene, State, phase::Phase};
use crate::detect::told::{Verdict, hash};
use crate::identity::store::Known;
use crate::proto;
use crate::stream::hub::Published;

/// Ancestors that an incident keeps of the process by which it began.
const LINEAGE_MAX: usize = 8;
/// Open incidents that the status shows.
const SHOWN_MAX: usize = 32;
/// The first process of a system, and the one from which those descend that the kernel starts.
const INIT: u32 = 1;
const KTHREADD: u32 = 2;
/// How long after a container's attempt a program that the kernel starts is taken for its outcome.
const OUTCOME_NS: u64 = 60_000_000_000;

impl Pipeline {
    /// Incidents have these bounds from now on, and there is none.
    pub fn set_incidents(&mut self, bounds: Bounds) {
        self.detection.incidents = Incidents::new(bounds);
    }

    /// The incidents, for the status.
    #[must_use]
    pub fn incidents_status(&self) -> proto::Incidents {
        let incidents = &self.detection.incidents;
        let (counts, (entries, capacity)) = (incidents.counts(), incidents.table());
        let latest = incidents.iter().skip(entries.saturating_sub(SHOWN_MAX));
        proto::Incidents {
            open: latest.map(|incident| self.context.open_incident(incident)).collect(),
            table: Some(proto::Table {
                entries: entries as u64,
                capacity: capacity as u64,
                evicted: counts.given_up,
            }),
            opened: counts.opened,
            closed: counts.closed,
            findings: counts.findings,
            omitted: counts.omitted,
        }
    }

    /// Tells what was not told yet: nothing follows.
    pub fn finish(&mut self, output: &mut impl Output) {
        let mut incidents = std::mem::take(&mut self.detection.incidents);
        incidents
            .finish(&mut |incident, state| self.tell_incident(incident, state, incident.last_ns, output));
        self.detection.incidents = incidents;
    }

    /// Names the container of a control group, or a control group of the host.
    pub(super) fn place(&self, cgroup: u64) -> u64 {
        match self.identity.container(cgroup).map(|known| known.container.id.as_str()) {
            None | Some("") => cgroup,
            Some(id) => hash(id),
        }
    }

    /// Takes a finding into its incident, whose id it gives.
    pub(super) fn join(
        &mut self,
        finding: &Finding,
        cause: Cause<'_>,
        verdict: Verdict,
        output: &mut impl Output,
    ) -> Option<Arc<str>> {
        let (root, known) = self.root(cause, finding);
        let mut incidents = std::mem::take(&mut self.detection.incidents);
        let unknown = |key| Actor { key: Some(key), ..Actor::default() };
        let actor = || cause.process().map(|key| self.tree.get(key).map_or_else(|| unknown(key), Actor::of));
        let lineage = || {
            let ancestors = cause.process().into_iter().flat_map(|key| self.tree.ancestors(key));
            ancestors.take(LINEAGE_MAX).map(Actor::named).collect()
        };
        let scene = Scene {
            instance: &self.context.instance,
            cgroup: cause.cgroup(),
            known: known.as_ref(),
            actor: &actor,
            lineage: &lineage,
        };
        let found = Found {
            finding,
            time_ns: cause.time_ns(),
            cursor: self.sequence + 1,
            told: matches!(verdict, Verdict::Tell(_)),
            event: cause.event(),
        };
        let joined = incidents.take(&root, found, &scene);
        self.detection.incidents = incidents;
        if let Some(number) = joined.news
            && !self.detection.news.contains(&number)
        {
            self.detection.news.push(number);
        }
        if let Some(incident) = joined.given_up {
            self.tell_incident(&incident, State::Closed, cause.time_ns(), output);
        }
        joined.id
    }

    /// Id of the open incident that such a finding would belong to.
    pub(super) fn incident_of(&self, cause: Cause<'_>, finding: &Finding) -> Option<Arc<str>> {
        self.detection.incidents.id(&self.root(cause, finding).0)
    }

    /// Tells the incidents of which something new was found.
    pub(super) fn tell_incidents(&mut self, now_ns: u64, output: &mut impl Output) {
        if self.detection.news.is_empty() {
            return;
        }
        let mut incidents = std::mem::take(&mut self.detection.incidents);
        let mut news = std::mem::take(&mut self.detection.news);
        for number in news.drain(..) {
            if let Some((incident, state)) = incidents.tell(number, now_ns) {
                self.tell_incident(incident, state, now_ns, output);
            }
        }
        self.detection.news = news;
        self.detection.incidents = incidents;
    }

    /// Time has passed.
    pub(super) fn tick_incidents(&mut self, now_ns: u64, output: &mut impl Output) {
        let mut incidents = std::mem::take(&mut self.detection.incidents);
        incidents.tick(now_ns, &mut |incident, state| self.tell_incident(incident, state, now_ns, output));
        self.detection.incidents = incidents;
    }

    /// To what a finding belongs: its container, or that from which its process came, or its line of processes.
    fn root(&self, cause: Cause<'_>, finding: &Finding) -> (Root, Option<Arc<Known>>) {
        let cgroup = cause.cgroup();
        if let Some(known) = self.identity.container(cgroup) {
            return (container(known, cgroup), Some(Arc::clone(known)));
        }
        let Some(key) = cause.process() else { return (Root::Group(cgroup), None) };
        let mut started_by_kernel = false;
        let mut top = key;
        let mut within = true;
        for ancestor in self.tree.ancestors(key) {
            if let Some(known) = self.identity.container(ancestor.cgroup) {
                return (container(known, ancestor.cgroup), Some(Arc::clone(known)));
            }
            started_by_kernel |= ancestor.key.pid == KTHREADD;
            within &= ancestor.cgroup == cgroup && !matches!(ancestor.key.pid, INIT | KTHREADD);
            if within {
                top = ancestor.key;
            }
        }
        if started_by_kernel
            && Phase::of(finding) == Phase::Escape
            && let Some(root) = self.detection.incidents.escaping(cause.time_ns(), OUTCOME_NS)
        {
            return (root, None);
        }
        (Root::Lineage(top), None)
    }

    fn tell_incident(&mut self, incident: &Incident, state: State, now_ns: u64, output: &mut impl Output) {
        let known = self.latest(incident);
        let class = proto::Class::Incident;
        self.sequence += 1;
        if !output.wants(class, known.as_ref().map(|known| &known.container)) {
            return;
        }
        let message = self.context.incident(incident, state, now_ns, self.sequence);
        self.encode(&message, known.as_deref());
        self.ancestors.clear();
        output.publish(&Published {
            class,
            container: known.as_ref().map(|known| &known.container),
            finding: None,
            incident: Some(incident),
            cursor: &message.cursor,
            time: message.time.unwrap_or_default(),
            event: &self.buffer,
            ancestors: &self.ancestors,
        });
    }

    /// What is known of an incident's container by now.
    fn latest(&self, incident: &Incident) -> Option<Arc<Known>> {
        let then = incident.known.as_ref()?;
        let now = self.identity.container(incident.cgroup);
        let same = now.filter(|now| now.container.id == then.container.id && now.unresolved.is_none());
        Some(Arc::clone(same.unwrap_or(then)))
    }
}

fn container(known: &Known, cgroup: u64) -> Root {
    match known.container.id.as_str() {
        "" => Root::Group(cgroup),
        id => Root::Container(id.into()),
    }
}
