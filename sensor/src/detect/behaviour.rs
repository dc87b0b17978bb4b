//! Behaviours: detections with memory. One file each; each keeps bounded state of its own and tells what it finds.

mod agents;
mod boundary;
mod distinct;
mod drift;
mod hand;
mod lateral;
mod mining;
mod names;
mod place;
#[cfg(test)]
mod play;
mod sensor;
mod service;
mod shell;
mod work;
#[cfg(test)]
mod world;

use std::collections::VecDeque;
use std::fmt::Debug;

use sensor_common::{class::Class, ledger::LossReason};

use super::finding::{Finding, Origin, Severity};
use super::scene::Scene;
use super::technique::Technique;
use crate::bounded::Table;
use crate::identity::store::Known;
use crate::identity::usage::Usage;
use crate::policy::Judged;
use crate::process::Key;

/// What a detection is: for documents, and for people who get its finding.
#[derive(Debug)]
pub struct About {
    /// Id of its findings; stays the same.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// The highest severity that it tells.
    pub severity: Severity,
    /// Techniques that its findings name.
    pub techniques: &'static [Technique],
    /// What it watches, and when it tells something.
    pub watches: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What its evidence is made of.
    pub evidence: &'static str,
    /// Normal work that may look alike.
    pub false_positives: &'static str,
    /// How it is made quiet, or sharper, where it must be.
    pub tuning: &'static str,
    /// What to do about a finding.
    pub next: &'static [&'static str],
}

impl About {
    /// A finding of this kind, with what is the same for all of them.
    #[must_use]
    pub fn finding(&self, severity: Severity, confidence: f64, summary: String) -> Finding {
        Finding {
            id: self.id.to_owned(),
            name: self.name.to_owned(),
            origin: Origin::Behaviour,
            severity: severity.min(self.severity),
            confidence: confidence.clamp(0.0, 1.0),
            techniques: self.techniques.to_vec(),
            summary,
            evidence: Vec::new(),
            next: self.next.iter().map(|step| (*step).to_owned()).collect(),
            alert: None,
        }
    }
}

/// Something that was found without an event: because time passed, or in a measurement.
#[derive(Debug)]
pub struct Late {
    /// Control group that it is about.
    pub cgroup: u64,
    /// Process that it is about, if it is one.
    pub process: Option<Key>,
    /// What was found.
    pub finding: Finding,
}

/// Records that the kernel could not deliver.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    /// Control group.
    pub cgroup: u64,
    /// Class of the records.
    pub class: Class,
    /// Why.
    pub reason: LossReason,
    /// How many.
    pub count: u64,
}

/// A detection with memory.
pub trait Behaviour: Debug + Send {
    /// What it can find.
    fn about(&self) -> &'static [&'static About];

    /// What it must see: the same for as long as it lives. Opens of files are asked for one by one, too.
    fn wanted(&self) -> Judged;

    /// Whether another open of the file that this event opened, by the same name, would say anything to it, whoever opens
    /// it. If not, the kernel need not send these.
    fn could_open(&self, _scene: &Scene<'_>) -> bool {
        false
    }

    /// Takes an event in, and tells what it finds.
    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding));

    /// About a second has passed.
    fn tick(&mut self, _now_ns: u64, _found: &mut dyn FnMut(Late)) {}

    /// What a container has used of the processors was read again.
    fn usage(&mut self, _usage: &Usage, _found: &mut dyn FnMut(Late)) {}

    /// Records were lost. Their container, if they are of one.
    fn lost(&mut self, _lost: &Lost, _container: Option<&Known>) {}

    /// A control group is gone.
    fn removed(&mut self, _cgroup: u64) {}

    /// What it remembers.
    fn table(&self) -> Table;
}

/// Bounds of what behaviours remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most entries of each of their tables.
    pub entries_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { entries_max: 8_192 }
    }
}

/// Ticks before behaviours are told that a control group is gone: its last events come by another way than this news, and
/// may be later.
const GONE_TICKS: u64 = 10;
/// Control groups that are gone and wait for that.
const GONE_MAX: usize = 16_384;

/// Those that are on.
#[derive(Debug, Default)]
pub struct Behaviours {
    all: Vec<Box<dyn Behaviour>>,
    judged: Judged,
    /// Control groups that are gone, by the tick at which that is told.
    gone: VecDeque<(u64, u64)>,
    ticks: u64,
}

impl Behaviours {
    /// These.
    #[must_use]
    pub fn new(all: Vec<Box<dyn Behaviour>>) -> Self {
        let judged = all.iter().fold(Judged::default(), |judged, behaviour| judged.and(behaviour.wanted()));
        Self { all, judged, gone: VecDeque::new(), ticks: 0 }
    }

    /// All that there are.
    #[must_use]
    pub fn all(bounds: Bounds) -> Self {
        Self::new(vec![
            Box::new(boundary::Boundary::new(bounds)),
            Box::new(mining::Mining::new(bounds)),
            Box::new(drift::Drift::new(bounds)),
            Box::new(lateral::Lateral::new(bounds)),
            Box::new(names::Names::new(bounds)),
            Box::new(sensor::Sensor::new(bounds)),
            Box::new(service::Service::new(bounds)),
            Box::new(shell::Shell::new(bounds)),
        ])
    }

    /// True if none is on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What they can find.
    pub fn about(&self) -> impl Iterator<Item = &'static About> {
        self.all.iter().flat_map(|behaviour| behaviour.about()).copied()
    }

    /// What they must see.
    #[must_use]
    pub const fn wanted(&self) -> Judged {
        self.judged
    }

    /// Whether one of them could say anything to another open of the same file.
    #[must_use]
    pub fn could_open(&self, scene: &Scene<'_>) -> bool {
        self.all.iter().any(|behaviour| behaviour.could_open(scene))
    }

    /// Shows them an event.
    pub fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Judged { containers, host, .. } = self.judged;
        let bit = scene.class().bit();
        if (containers | host) & bit == 0 {
            return;
        }
        for behaviour in &mut self.all {
            behaviour.see(scene, found);
        }
    }

    /// About a second has passed.
    pub fn tick(&mut self, now_ns: u64, found: &mut dyn FnMut(Late)) {
        self.ticks += 1;
        while self.gone.front().is_some_and(|(due, _)| *due <= self.ticks) {
            self.forget_oldest();
        }
        for behaviour in &mut self.all {
            behaviour.tick(now_ns, found);
        }
    }

    /// What a container has used of the processors was read again.
    pub fn usage(&mut self, usage: &Usage, found: &mut dyn FnMut(Late)) {
        for behaviour in &mut self.all {
            behaviour.usage(usage, found);
        }
    }

    /// Records were lost.
    pub fn lost(&mut self, lost: &Lost, container: Option<&Known>) {
        for behaviour in &mut self.all {
            behaviour.lost(lost, container);
        }
    }

    /// A control group is gone. What is remembered of it goes a little later.
    pub fn removed(&mut self, cgroup: u64) {
        self.gone.push_back((self.ticks + GONE_TICKS, cgroup));
        if self.gone.len() > GONE_MAX {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, cgroup)) = self.gone.pop_front() else { return };
        for behaviour in &mut self.all {
            behaviour.removed(cgroup);
        }
    }

    /// What they remember, together.
    #[must_use]
    pub fn table(&self) -> Table {
        self.all.iter().fold(Table::default(), |table, behaviour| table.and(behaviour.table()))
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod removal {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Notes which control groups it was told of.
    #[derive(Debug)]
    struct Noting(Arc<Mutex<Vec<u64>>>);

    impl Behaviour for Noting {
        fn about(&self) -> &'static [&'static About] {
            &[]
        }
        fn wanted(&self) -> Judged {
            Judged::default()
        }
        fn see(&mut self, _scene: &Scene<'_>, _found: &mut dyn FnMut(Finding)) {}
        fn removed(&mut self, cgroup: u64) {
            self.0.lock().unwrap().push(cgroup);
        }
        fn table(&self) -> Table {
            Table::default()
        }
    }

    #[test]
    fn what_a_group_did_last_may_be_later_than_its_end() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut behaviours = Behaviours::new(vec![Box::new(Noting(Arc::clone(&told)))]);
        behaviours.removed(7);
        for _ in 1..GONE_TICKS {
            behaviours.tick(0, &mut |_| ());
        }
        assert!(told.lock().unwrap().is_empty());
        behaviours.tick(0, &mut |_| ());
        assert_eq!(*told.lock().unwrap(), [7]);
        for cgroup in 0..=GONE_MAX as u64 {
            behaviours.removed(cgroup);
        }
        assert_eq!(*told.lock().unwrap(), [7, 0], "bounded");
    }
}
