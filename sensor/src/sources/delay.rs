//! How long after the creation of a container's control group each source told of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::histogram::{DELAY_BOUNDS_NS, Histogram};
use crate::identity::{
    container::{Source, Sources},
    store::Answer,
};

/// Control groups whose delays are still measured; more give the oldest up.
const BIRTHS_MAX: usize = 4096;

/// The delays of each source in nanoseconds: written by the resolver's thread, read by the status.
#[derive(Debug)]
pub struct Delays(Mutex<[Histogram; Source::ALL.len()]>);

impl Default for Delays {
    fn default() -> Self {
        Self(Mutex::new(Source::ALL.map(|_| Histogram::new(&DELAY_BOUNDS_NS))))
    }
}

impl Delays {
    /// What was measured of each source.
    #[must_use]
    pub fn read(&self) -> Vec<(Source, Histogram)> {
        let delays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Source::ALL.into_iter().zip(delays.iter().cloned()).collect()
    }

    fn observe(&self, source: Source, ns: u64) {
        let mut delays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_source = Source::ALL.iter().zip(delays.iter_mut()).find(|(other, _)| **other == source);
        if let Some((_, histogram)) = of_source {
            histogram.observe(ns);
        }
    }
}

/// Control groups whose creation was seen.
#[derive(Debug, Default)]
pub(super) struct Births {
    born: HashMap<u64, Birth>,
    /// In the order in which they came; those that are gone are skipped.
    order: VecDeque<u64>,
    delays: Arc<Delays>,
}

#[derive(Debug)]
struct Birth {
    time_ns: u64,
    /// Sources whose answers were sent.
    told: Sources,
}

impl Births {
    /// Measures into `delays`.
    pub(super) fn new(delays: Arc<Delays>) -> Self {
        Self { delays, ..Self::default() }
    }

    /// A control group was created at this time (nanoseconds since boot, as the kernel says).
    pub(super) fn created(&mut self, cgroup: u64, time_ns: u64) {
        while self.order.len() >= BIRTHS_MAX {
            match self.order.pop_front() {
                Some(oldest) => drop(self.born.remove(&oldest)),
                None => break,
            }
        }
        if self.born.insert(cgroup, Birth { time_ns, told: Sources::default() }).is_none() {
            self.order.push_back(cgroup);
        }
    }

    /// When a control group was created, if that was seen.
    pub(super) fn time_ns(&self, cgroup: u64) -> Option<u64> {
        self.born.get(&cgroup).map(|birth| birth.time_ns)
    }

    /// An answer goes to the pipeline at this time.
    pub(super) fn answered(&mut self, answer: &Answer, now_ns: u64) {
        let Some(known) = &answer.identity else { return };
        let Some(birth) = self.born.get_mut(&answer.cgroup) else { return };
        for source in known.container.sources.iter().filter(|source| !birth.told.has(*source)) {
            self.delays.observe(source, now_ns.saturating_sub(birth.time_ns));
        }
        birth.told = birth.told.and(known.container.sources);
    }

    /// A control group was removed.
    pub(super) fn removed(&mut self, cgroup: u64) {
        self.born.remove(&cgroup);
        // The groups that come and go would fill the order, and push living ones out.
        if self.order.len() > self.born.len().saturating_mul(2).max(64) {
            let born = &self.born;
            self.order.retain(|cgroup| born.contains_key(cgroup));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{container::Container, store::Known};

    fn answer(cgroup: u64, sources: Sources) -> Answer {
        let container = Container { sources, ..Container::default() };
        Answer { cgroup, path: String::new(), identity: Some(Known::new(container, None).into()) }
    }

    const MILLISECOND: u64 = 1_000_000;

    fn counts(delays: &Delays) -> Vec<u64> {
        delays.read().iter().map(|(_, histogram)| histogram.count()).collect()
    }

    #[test]
    fn each_source_is_measured_once_for_a_group() {
        let delays = Arc::new(Delays::default());
        let mut births = Births::new(Arc::clone(&delays));
        births.created(1, 1000);
        births.answered(&answer(1, Source::Bundle.into()), 1000 + MILLISECOND);
        let both = Sources::from(Source::Bundle).with(Source::Cri);
        births.answered(&answer(1, both), 1000 + 30 * MILLISECOND);
        births.answered(&answer(1, both), 1000 + 900 * MILLISECOND);
        births.answered(&answer(2, both), 5);
        assert_eq!(counts(&delays), [0, 1, 1, 0], "nothing of a group whose creation was not seen");
        let (_, cri) = delays.read().swap_remove(2);
        let mut expected = Histogram::new(&DELAY_BOUNDS_NS);
        expected.observe(30 * MILLISECOND);
        assert_eq!(cri, expected);
        births.removed(1);
        births.answered(&answer(1, Source::Kubernetes.into()), 10_000);
        assert_eq!(counts(&delays), [0, 1, 1, 0]);
    }

    #[test]
    fn the_table_is_bounded_whatever_comes_and_goes() {
        let mut births = Births::default();
        births.created(0, 1);
        for cgroup in 1..20_000 {
            births.created(cgroup, 1);
            births.removed(cgroup);
        }
        assert!(births.born.contains_key(&0) && births.order.len() <= 66, "the living one stays");
        for cgroup in 1..20_000 {
            births.created(cgroup, 1);
        }
        assert!(births.born.len() <= BIRTHS_MAX && births.order.len() <= BIRTHS_MAX);
    }
}
