//! What was told already: a storm of findings is told once, and counted.
//!
//! For each id in each control group, within a window: equal findings of one process are one, and of those that
//! differ only so many are told. The next one that is told says how many were not.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::finding::Finding;
use crate::process::Key;

/// Ids in control groups that are remembered.
pub const ENTRIES_MAX: usize = 4096;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Length of a window in nanoseconds; 0: everything is told.
    pub window_ns: u64,
    /// Findings of one id in one control group that are told within it.
    pub burst: usize,
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is told, and with it how many before it were not.
    Tell(u64),
    /// It equals one that was told.
    Combined,
    /// Too many were told.
    Limited,
}

/// What was told.
#[derive(Debug)]
pub struct Told {
    bounds: Bounds,
    entries: HashMap<(u64, u64), Entry>,
    /// In the order in which they were made.
    order: VecDeque<(u64, u64)>,
    evicted: u64,
    combined: u64,
    limited: u64,
}

#[derive(Debug)]
struct Entry {
    since_ns: u64,
    /// Of those that were told in this window.
    hashes: Vec<u64>,
    untold: u64,
}

impl Told {
    /// Nothing.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: HashMap::new(), order: VecDeque::new(), evicted: 0, combined: 0, limited: 0 }
    }

    /// Other bounds hold from now on.
    pub const fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// What becomes of a finding in an event of `now_ns`, in this control group, of this process while it runs one
    /// program.
    pub fn verdict(
        &mut self,
        finding: &Finding,
        cgroup: u64,
        process: (Option<Key>, u64),
        now_ns: u64,
    ) -> Verdict {
        if self.bounds.window_ns == 0 {
            return Verdict::Tell(0);
        }
        let key = (hash(&finding.id), cgroup);
        let text = finding.alert.as_ref().map_or(&finding.summary, |alert| &alert.output);
        let (hash, bounds) = (hash((process, text)), self.bounds);
        let entry = self.entry(key, now_ns);
        if now_ns.saturating_sub(entry.since_ns) >= bounds.window_ns {
            entry.since_ns = now_ns;
            entry.hashes.clear();
        }
        let verdict = if entry.hashes.contains(&hash) {
            Verdict::Combined
        } else if entry.hashes.len() >= bounds.burst {
            Verdict::Limited
        } else {
            entry.hashes.push(hash);
            Verdict::Tell(std::mem::take(&mut entry.untold))
        };
        entry.untold += u64::from(!matches!(verdict, Verdict::Tell(_)));
        self.combined += u64::from(verdict == Verdict::Combined);
        self.limited += u64::from(verdict == Verdict::Limited);
        verdict
    }

    fn entry(&mut self, key: (u64, u64), now_ns: u64) -> &mut Entry {
        if !self.entries.contains_key(&key) {
            // Those whose window is over are of use only for the number of what was not told.
            if self.entries.len() >= ENTRIES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
                self.evicted += 1;
            }
            self.order.push_back(key);
        }
        self.entries.entry(key).or_insert(Entry { since_ns: now_ns, hashes: Vec::new(), untold: 0 })
    }

    /// Findings that equalled one that was told.
    #[must_use]
    pub const fn combined(&self) -> u64 {
        self.combined
    }

    /// Findings beyond the bound.
    #[must_use]
    pub const fn limited(&self) -> u64 {
        self.limited
    }

    /// Entries, their bound, and how many were given up.
    #[must_use]
    pub fn table(&self) -> (usize, usize, u64) {
        (self.entries.len(), ENTRIES_MAX, self.evicted)
    }
}

/// The same in every run: a recording gives the same findings again.
fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::finding::{Origin, Severity};

    const BOUNDS: Bounds = Bounds { window_ns: 100, burst: 2 };
    const PROCESS: (Option<Key>, u64) = (Some(Key { pid: 1, start_ticks: 2 }), 3);

    fn finding(id: &str, summary: &str) -> Finding {
        Finding {
            id: id.into(),
            name: String::new(),
            origin: Origin::Rule,
            severity: Severity::Low,
            confidence: 1.0,
            techniques: Vec::new(),
            summary: summary.into(),
            evidence: Vec::new(),
            next: Vec::new(),
            alert: None,
        }
    }

    #[test]
    fn equal_ones_are_one_and_the_next_says_how_many() {
        let mut told = Told::new(BOUNDS);
        let one = finding("a", "x");
        assert_eq!(told.verdict(&one, 7, PROCESS, 10), Verdict::Tell(0));
        assert_eq!(told.verdict(&one, 7, PROCESS, 20), Verdict::Combined);
        assert_eq!(told.verdict(&one, 7, PROCESS, 109), Verdict::Combined);
        assert_eq!(told.verdict(&one, 7, PROCESS, 110), Verdict::Tell(2));
        assert_eq!(told.verdict(&one, 7, PROCESS, 300), Verdict::Tell(0));
        assert_eq!((told.combined(), told.limited()), (2, 0));
    }

    #[test]
    fn others_are_told_up_to_the_bound() {
        let mut told = Told::new(BOUNDS);
        assert_eq!(told.verdict(&finding("a", "x"), 7, PROCESS, 0), Verdict::Tell(0));
        let other_program = (PROCESS.0, 4);
        assert_eq!(told.verdict(&finding("a", "x"), 7, other_program, 1), Verdict::Tell(0));
        assert_eq!(told.verdict(&finding("a", "y"), 7, PROCESS, 2), Verdict::Limited);
        assert_eq!(told.verdict(&finding("a", "y"), 8, PROCESS, 2), Verdict::Tell(0), "another container");
        assert_eq!(told.verdict(&finding("b", "y"), 7, PROCESS, 2), Verdict::Tell(0), "another rule");
        assert_eq!(told.verdict(&finding("a", "y"), 7, PROCESS, 100), Verdict::Tell(1));
        assert_eq!((told.combined(), told.limited()), (0, 1));
    }

    #[test]
    fn is_bounded_and_can_be_off() {
        let mut told = Told::new(BOUNDS);
        for cgroup in 0..=ENTRIES_MAX as u64 {
            assert_eq!(told.verdict(&finding("a", "x"), cgroup, PROCESS, 0), Verdict::Tell(0));
        }
        assert_eq!(told.table(), (ENTRIES_MAX, ENTRIES_MAX, 1));
        assert_eq!(told.order.len(), ENTRIES_MAX);
        told.set_bounds(Bounds { window_ns: 0, burst: 1 });
        for _ in 0..3 {
            assert_eq!(told.verdict(&finding("a", "x"), 5, PROCESS, 0), Verdict::Tell(0));
        }
    }
}
