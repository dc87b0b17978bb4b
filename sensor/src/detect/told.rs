//! What was told already: a storm of findings is told once, and counted.
//!
//! For each id in each container, within a window: equal findings are one, whichever processes gave rise to them, and of
//! those that differ only so many are told. How many were not is told with the next one, or when the window ends.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::finding::Finding;
use crate::bounded::Bounded;
use crate::process::Key;

/// Ids in containers that are remembered.
pub const ENTRIES_MAX: usize = 4096;
/// Of them, those whose repeats wait to be told.
const WAITING_MAX: usize = 512;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Length of a window in nanoseconds; 0: everything is told.
    pub window_ns: u64,
    /// Findings of one id in one container that are told within it.
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

/// Where something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Names the container; of the host, the control group.
    pub place: u64,
    /// Control group.
    pub cgroup: u64,
    /// Process.
    pub process: Option<Key>,
}

/// Findings that were not told, one of them for all.
#[derive(Debug)]
pub struct Repeats {
    /// The first of them.
    pub finding: Finding,
    /// Where it was found.
    pub at: At,
    /// How many.
    pub count: u64,
}

/// What was told.
#[derive(Debug)]
pub struct Told {
    bounds: Bounds,
    entries: HashMap<(u64, u64), Entry>,
    /// In the order in which they were made.
    order: VecDeque<(u64, u64)>,
    /// The first of those that were not told.
    waiting: Bounded<(u64, u64), (Finding, At)>,
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
        Self {
            bounds,
            entries: HashMap::new(),
            order: VecDeque::new(),
            waiting: Bounded::new(WAITING_MAX),
            evicted: 0,
            combined: 0,
            limited: 0,
        }
    }

    /// Other bounds hold from now on.
    pub const fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// What becomes of a finding in an event of `now_ns`.
    pub fn verdict(&mut self, finding: &Finding, at: At, now_ns: u64) -> Verdict {
        if self.bounds.window_ns == 0 {
            return Verdict::Tell(0);
        }
        let key = (hash(&finding.id), at.place);
        let (hash, bounds) = (sameness(finding), self.bounds);
        let entry = self.entry(key, now_ns);
        // A storm that goes on over the end of its window is told as one, by the next tick.
        let windows = if entry.untold > 0 { 2 } else { 1 };
        if now_ns.saturating_sub(entry.since_ns) >= bounds.window_ns.saturating_mul(windows) {
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
        match verdict {
            Verdict::Tell(repeats) => {
                if repeats > 0 {
                    self.waiting.remove(&key);
                }
            }
            Verdict::Combined | Verdict::Limited => {
                self.waiting.entry(key, || (finding.clone(), at));
            }
        }
        self.combined += u64::from(verdict == Verdict::Combined);
        self.limited += u64::from(verdict == Verdict::Limited);
        verdict
    }

    /// Time has passed: gives what was not told of windows that are over.
    pub fn tick(&mut self, now_ns: u64, told: &mut dyn FnMut(Repeats)) {
        let (entries, Bounds { window_ns, burst }) = (&self.entries, self.bounds);
        let is_over = |key: &(u64, u64)| {
            entries.get(key).is_none_or(|entry| now_ns.saturating_sub(entry.since_ns) >= window_ns)
        };
        let over: Vec<_> = self.waiting.iter().map(|(key, _)| *key).filter(is_over).collect();
        for key in over {
            let Some((finding, at)) = self.waiting.remove(&key) else { continue };
            // One that was given up meanwhile took its number along.
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            entry.since_ns = now_ns;
            // Room for others, where a storm of many took it.
            if entry.hashes.len() >= burst {
                entry.hashes.clear();
            }
            told(Repeats { finding, at, count: std::mem::take(&mut entry.untold) });
        }
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

/// The same for findings of one id that say the same.
#[must_use]
pub fn sameness(finding: &Finding) -> u64 {
    let text = finding.alert.as_ref().map_or(&finding.summary, |alert| &alert.output);
    hash((finding.severity as u8, text))
}

/// The same in every run: a recording gives the same findings again.
#[must_use]
pub fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::finding::{Origin, Severity};

    const BOUNDS: Bounds = Bounds { window_ns: 100, burst: 2 };

    fn at(place: u64, pid: u32) -> At {
        At { place, cgroup: place, process: Some(Key { pid, start_ticks: 2 }) }
    }

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
        assert_eq!(told.verdict(&one, at(7, 1), 10), Verdict::Tell(0));
        assert_eq!(told.verdict(&one, at(7, 2), 20), Verdict::Combined, "another process");
        assert_eq!(told.verdict(&one, at(7, 1), 110), Verdict::Combined, "it goes on");
        assert_eq!(told.verdict(&one, at(7, 1), 210), Verdict::Tell(2), "where nobody tells the time");
        assert_eq!(told.verdict(&one, at(7, 1), 310), Verdict::Tell(0));
        assert_eq!((told.combined(), told.limited()), (2, 0));
    }

    #[test]
    fn others_are_told_up_to_the_bound() {
        let mut told = Told::new(BOUNDS);
        assert_eq!(told.verdict(&finding("a", "x"), at(7, 1), 0), Verdict::Tell(0));
        assert_eq!(told.verdict(&finding("a", "z"), at(7, 1), 1), Verdict::Tell(0));
        assert_eq!(told.verdict(&finding("a", "y"), at(7, 1), 2), Verdict::Limited);
        assert_eq!(told.verdict(&finding("a", "y"), at(8, 1), 2), Verdict::Tell(0), "another container");
        assert_eq!(told.verdict(&finding("b", "y"), at(7, 1), 2), Verdict::Tell(0), "another rule");
        assert_eq!(told.verdict(&finding("a", "y"), at(7, 1), 200), Verdict::Tell(1));
        assert_eq!((told.combined(), told.limited()), (0, 1));
    }

    #[test]
    fn what_was_not_told_is_counted_when_the_window_ends() {
        let mut told = Told::new(BOUNDS);
        let one = finding("a", "x");
        for pid in 0..10_000 {
            told.verdict(&one, at(7, pid), 10);
        }
        let mut repeats = Vec::new();
        told.tick(109, &mut |all| repeats.push(all));
        assert!(repeats.is_empty());
        told.tick(110, &mut |all| repeats.push(all));
        let [Repeats { finding, at: where_found, count: 9_999 }] = repeats.as_slice() else {
            panic!("{repeats:?}")
        };
        assert_eq!((finding, *where_found), (&one, at(7, 1)));
        assert_eq!(told.verdict(&one, at(7, 1), 120), Verdict::Combined, "it goes on in the next window");
        told.tick(300, &mut |all| repeats.push(all));
        assert_eq!(repeats.get(1).map(|all| all.count), Some(1));
        assert_eq!(told.verdict(&one, at(7, 1), 400), Verdict::Tell(0), "it paused for a window");
    }

    #[test]
    fn is_bounded_and_can_be_off() {
        let mut told = Told::new(BOUNDS);
        for cgroup in 0..=ENTRIES_MAX as u64 {
            assert_eq!(told.verdict(&finding("a", "x"), at(cgroup, 1), 0), Verdict::Tell(0));
        }
        assert_eq!(told.table(), (ENTRIES_MAX, ENTRIES_MAX, 1));
        assert_eq!(told.order.len(), ENTRIES_MAX);
        for cgroup in 0..=ENTRIES_MAX as u64 {
            told.verdict(&finding("a", "x"), at(cgroup, 1), 0);
            told.verdict(&finding("a", "x"), at(cgroup, 1), 0);
        }
        assert_eq!(told.waiting.len(), WAITING_MAX);
        told.set_bounds(Bounds { window_ns: 0, burst: 1 });
        for _ in 0..3 {
            assert_eq!(told.verdict(&finding("a", "x"), at(5, 1), 0), Verdict::Tell(0));
        }
    }
}
