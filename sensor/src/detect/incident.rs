//! Incidents: findings of one container, or of one line of processes, are one thing that grows.
//!
//! An incident is opened by the first finding above LOW, told again when something new is found, and closed when it has
//! been quiet for a while. Everything that it keeps is bounded; what is beyond is counted.

mod growth;
pub mod phase;
pub mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use self::growth::{Actor, Entry, Incident, Origin};
use super::finding::{Finding, Severity};
use super::told::sameness;
use crate::bounded::Bounded;
use crate::identity::store::Known;
use crate::process::Key;

/// How often an incident is told again where nothing but counts has changed, at first; then ever more seldom.
const WAIT_MIN_NS: u64 = 5_000_000_000;
/// And at last.
const WAIT_MAX_NS: u64 = 300_000_000_000;

/// Bounds of what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// An incident in which nothing was found for so long is closed, in nanoseconds.
    pub quiet_ns: u64,
    /// Most incidents that are open.
    pub open_max: usize,
    /// Most entries of a timeline.
    pub timeline_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { quiet_ns: 600_000_000_000, open_max: 128, timeline_max: 64 }
    }
}

/// What findings have in common that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// A container, by its id.
    Container(Arc<str>),
    /// Processes of the host that descend from this one.
    Lineage(Key),
    /// A control group, where no process is known.
    Group(u64),
}

/// How an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is told for the first time.
    Opened,
    /// It grew.
    Updated,
    /// It is over, as far as anybody can tell.
    Closed,
}

/// A finding on its way to an incident.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// When, in nanoseconds since boot.
    pub time_ns: u64,
    /// Number of its event, had it one.
    pub cursor: u64,
    /// It is told by an event of its own.
    pub told: bool,
    /// Number of the event on which it rests; 0 for none.
    pub event: u64,
}

/// Where it was found.
pub struct Scene<'a> {
    /// Names the run of the agent.
    pub instance: &'a str,
    /// Control group.
    pub cgroup: u64,
    /// Container.
    pub known: Option<&'a Arc<Known>>,
    /// Who did it; asked for only where it is new.
    pub actor: &'a dyn Fn() -> Option<Actor>,
    /// From whom they descend; asked for only by the first of an incident.
    pub lineage: &'a dyn Fn() -> Vec<Actor>,
}

/// What became of a finding.
#[derive(Debug, Default)]
pub struct Joined {
    /// Id of the incident that it belongs to.
    pub id: Option<Arc<str>>,
    /// The incident is to be told now, behind the finding.
    pub news: Option<u64>,
    /// An incident that had to give way, to be told as closed.
    pub given_up: Option<Box<Incident>>,
}

/// Counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Incidents opened.
    pub opened: u64,
    /// Incidents closed because they were quiet.
    pub closed: u64,
    /// Incidents closed because there were too many.
    pub given_up: u64,
    /// Findings in incidents.
    pub findings: u64,
    /// Findings that found no room in a timeline.
    pub omitted: u64,
}

/// The incidents.
#[derive(Debug)]
pub struct Incidents {
    bounds: Bounds,
    /// By the order in which they were opened.
    open: BTreeMap<u64, Incident>,
    roots: HashMap<Root, u64>,
    /// Ids of those that are over.
    before: Bounded<Root, Arc<str>>,
    counts: Counts,
}

impl Default for Incidents {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl Incidents {
    /// None.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            open: BTreeMap::new(),
            roots: HashMap::new(),
            before: Bounded::new(bounds.open_max.saturating_mul(8)),
            counts: Counts::default(),
        }
    }

    /// Takes a finding in.
    pub fn take(&mut self, root: &Root, found: Found<'_>, scene: &Scene<'_>) -> Joined {
        let mut given_up = None;
        let number = match self.roots.get(root) {
            Some(number) => *number,
            None if found.finding.severity == Severity::Low => return Joined::default(),
            None => {
                given_up = self.make_room();
                self.open(root, found, scene)
            }
        };
        let Some(incident) = self.open.get_mut(&number) else { return Joined::default() };
        self.counts.findings += 1;
        let before = incident.omitted;
        let news = incident.add(found, sameness(found.finding), scene, self.bounds.timeline_max);
        self.counts.omitted += incident.omitted - before;
        Joined { id: Some(Arc::clone(&incident.id)), news: news.then_some(number), given_up }
    }

    /// An incident that is told now, and how it stands.
    pub fn tell(&mut self, number: u64, now_ns: u64) -> Option<(&Incident, State)> {
        let incident = self.open.get_mut(&number)?;
        let state = if incident.said.is_some() { State::Updated } else { State::Opened };
        incident.say(now_ns);
        Some((incident, state))
    }

    /// Time has passed: tells what grew without news, and what is over.
    pub fn tick(&mut self, now_ns: u64, told: &mut dyn FnMut(&Incident, State)) {
        let is_over = |incident: &Incident| now_ns.saturating_sub(incident.last_ns) >= self.bounds.quiet_ns;
        let over: Vec<_> =
            self.open.iter().filter(|(_, incident)| is_over(incident)).map(|(number, _)| *number).collect();
        for number in over {
            if let Some(mut incident) = self.close(number) {
                self.counts.closed += 1;
                incident.say(now_ns);
                told(&incident, State::Closed);
            }
        }
        for incident in self.open.values_mut().filter(|incident| incident.is_due(now_ns)) {
            incident.say(now_ns);
            told(incident, State::Updated);
        }
    }

    /// Tells what was not told yet: nothing follows.
    pub fn finish(&mut self, told: &mut dyn FnMut(&Incident, State)) {
        for incident in self.open.values_mut().filter(|incident| incident.has_grown()) {
            incident.say(incident.last_ns);
            told(incident, State::Updated);
        }
    }

    /// Id of the open incident of this root.
    #[must_use]
    pub fn id(&self, root: &Root) -> Option<Arc<str>> {
        let incident = self.open.get(self.roots.get(root)?)?;
        Some(Arc::clone(&incident.id))
    }

    /// The open incident of a container that tried its way to the node last, not longer ago than this.
    #[must_use]
    pub fn escaping(&self, now_ns: u64, within_ns: u64) -> Option<Root> {
        let tried = self.open.values().filter(|incident| {
            matches!(incident.root, Root::Container(_)) && incident.phases.contains(&phase::Phase::Escape)
        });
        let last = tried.max_by_key(|incident| incident.last_ns)?;
        (now_ns.saturating_sub(last.last_ns) <= within_ns).then(|| last.root.clone())
    }

    /// Those that are open, in the order in which they were opened.
    pub fn iter(&self) -> impl Iterator<Item = &Incident> {
        self.open.values()
    }

    /// Counters.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Those that are open, and how many may be.
    #[must_use]
    pub fn table(&self) -> (usize, usize) {
        (self.open.len(), self.bounds.open_max)
    }

    fn open(&mut self, root: &Root, found: Found<'_>, scene: &Scene<'_>) -> u64 {
        let id: Arc<str> = format!("{}-{:x}", scene.instance, found.cursor).into();
        let previous = self.before.get_mut(root).cloned();
        let number = self.counts.opened;
        self.counts.opened += 1;
        self.roots.insert(root.clone(), number);
        self.open.insert(number, Incident::new(id, root.clone(), previous, found, scene));
        number
    }

    fn close(&mut self, number: u64) -> Option<Incident> {
        let incident = self.open.remove(&number)?;
        self.roots.remove(&incident.root);
        self.before.remove(&incident.root);
        self.before.entry(incident.root.clone(), || Arc::clone(&incident.id));
        Some(incident)
    }

    /// Where there are too many, the one gives way that was quiet for longest: what it said was told.
    fn make_room(&mut self) -> Option<Box<Incident>> {
        if self.open.len() < self.bounds.open_max.max(1) {
            return None;
        }
        let least = self.open.iter().min_by_key(|(_, incident)| incident.last_ns)?;
        let mut incident = self.close(*least.0)?;
        self.counts.given_up += 1;
        incident.say(incident.last_ns);
        Some(Box::new(incident))
    }
}

#[cfg(test)]
mod tests;
