//! What the trials showed, class by class, and when each is due again; knows no clock.

use std::collections::BTreeMap;

use sensor_common::class::Class;

/// Before a trial that missed is repeated: the event may have been lost in a burst.
const REPEAT_NS: u64 = 1_000_000_000;
/// Trials of a class that is missed come at least so often, so that its recovery is noticed.
const MISSED_NS: u64 = 10_000_000_000;
/// Trials in a row without the event before a class counts as missed.
const MISSES_MAX: u32 = 2;
/// Between what was missing and why it could not be looked for again.
const SINCE: &str = "; since then it ";

/// Outcome of the trials of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent) enum Outcome {
    /// None yet, or there is none.
    Untried,
    /// The event came, with the right facts.
    Seen,
    /// It did not, twice in a row.
    Missed,
}

/// A class in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::agent) struct Entry {
    /// Outcome.
    pub(in crate::agent) outcome: Outcome,
    /// When its event came last, in nanoseconds since boot.
    pub(in crate::agent) seen_ns: Option<u64>,
    /// Why there is no trial, or what was missing.
    pub(in crate::agent) note: String,
    misses: u32,
    /// Whether a trial came to an end.
    settled: bool,
    due_ns: Option<u64>,
}

/// What a trial changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    Same,
    /// The class is missed from now on.
    Missed,
    /// It was missed and came again.
    Recovered,
}

/// The classes.
#[derive(Clone, Debug, Default)]
pub(in crate::agent) struct Book {
    entries: BTreeMap<Class, Entry>,
    /// Between two trials of a class that comes; `None`: it is tried at the start only.
    interval_ns: Option<u64>,
}

impl Book {
    /// A book in which the classes of `tried` are due at once, and those of `untried`, each with its
    /// reason, never.
    pub(super) fn new(tried: &[Class], untried: &[(Class, &str)], interval_ns: Option<u64>) -> Self {
        let entry = |due_ns: Option<u64>, note: &str| Entry {
            outcome: Outcome::Untried,
            seen_ns: None,
            note: note.to_owned(),
            misses: 0,
            settled: due_ns.is_none(),
            due_ns,
        };
        let tried = tried.iter().map(|class| (*class, entry(Some(0), "")));
        let untried = untried.iter().map(|(class, why)| (*class, entry(None, why)));
        Self { entries: untried.chain(tried).collect(), interval_ns }
    }

    /// A class.
    pub(in crate::agent) fn get(&self, class: Class) -> Option<&Entry> {
        self.entries.get(&class)
    }

    /// Classes that are missed, with what was missing.
    pub(in crate::agent) fn missed(&self) -> impl Iterator<Item = (Class, &str)> {
        let missed = self.entries.iter().filter(|(_, entry)| entry.outcome == Outcome::Missed);
        missed.map(|(class, entry)| (*class, entry.note.as_str()))
    }

    /// False until every class that has a trial was tried, and tried again where it was missed.
    pub(in crate::agent) fn is_complete(&self) -> bool {
        self.entries.values().all(|entry| entry.settled)
    }

    /// Classes to be tried now.
    pub(super) fn due(&self, now_ns: u64) -> Vec<Class> {
        let is_due = |entry: &Entry| entry.due_ns.is_some_and(|due| due <= now_ns);
        self.entries.iter().filter(|(_, entry)| is_due(entry)).map(|(class, _)| *class).collect()
    }

    /// The event came.
    pub(super) fn came(&mut self, class: Class, now_ns: u64) -> Turn {
        let due_ns = self.interval_ns.map(|interval| now_ns.saturating_add(interval));
        let Some(entry) = self.entries.get_mut(&class) else { return Turn::Same };
        let turn = if entry.outcome == Outcome::Missed { Turn::Recovered } else { Turn::Same };
        *entry = Entry {
            outcome: Outcome::Seen,
            seen_ns: Some(now_ns),
            note: String::new(),
            misses: 0,
            settled: true,
            due_ns,
        };
        turn
    }

    /// The event did not come.
    pub(super) fn did_not_come(&mut self, class: Class, now_ns: u64, note: &str) -> Turn {
        let pause = self.missed_pause_ns();
        let Some(entry) = self.entries.get_mut(&class) else { return Turn::Same };
        entry.misses = entry.misses.saturating_add(1);
        note.clone_into(&mut entry.note);
        if entry.misses < MISSES_MAX {
            entry.due_ns = Some(now_ns.saturating_add(REPEAT_NS));
            return Turn::Same;
        }
        entry.settled = true;
        entry.due_ns = Some(now_ns.saturating_add(pause));
        match std::mem::replace(&mut entry.outcome, Outcome::Missed) {
            Outcome::Missed => Turn::Same,
            Outcome::Untried | Outcome::Seen => Turn::Missed,
        }
    }

    /// The trial itself could not be made: nothing more is known of the class. One that was missed stays
    /// so: only an event shows that it comes again.
    pub(super) fn could_not(&mut self, class: Class, now_ns: u64, why: &str) {
        let (pause, interval_ns) = (self.missed_pause_ns(), self.interval_ns);
        let Some(entry) = self.entries.get_mut(&class) else { return };
        if entry.misses > 0 {
            let missing = entry.note.split(SINCE).next().unwrap_or_default();
            entry.note = format!("{missing}{SINCE}{why}");
            entry.due_ns = Some(now_ns.saturating_add(pause));
            return;
        }
        entry.outcome = Outcome::Untried;
        entry.settled = true;
        why.clone_into(&mut entry.note);
        entry.due_ns = interval_ns.map(|interval| now_ns.saturating_add(interval));
    }

    fn missed_pause_ns(&self) -> u64 {
        self.interval_ns.map_or(MISSED_NS, |interval| interval.min(MISSED_NS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const OPEN: Class = Class::FileOpen;

    fn book(interval_s: Option<u64>) -> Book {
        Book::new(&[OPEN], &[(Class::Keyctl, "no trial")], interval_s.map(|seconds| seconds * SECOND))
    }

    fn outcome(book: &Book) -> Outcome {
        book.get(OPEN).unwrap().outcome
    }

    #[test]
    fn one_miss_is_none() {
        let mut book = book(Some(60));
        assert_eq!((book.due(0), book.is_complete()), (vec![OPEN], false));
        assert_eq!(book.came(OPEN, SECOND), Turn::Same);
        assert_eq!((outcome(&book), book.is_complete()), (Outcome::Seen, true));
        assert!(book.due(60 * SECOND).is_empty());
        assert_eq!(book.due(61 * SECOND), [OPEN]);
        assert_eq!(book.did_not_come(OPEN, 61 * SECOND, "lost"), Turn::Same);
        assert_eq!((outcome(&book), book.missed().count()), (Outcome::Seen, 0));
        assert!(book.due(61 * SECOND).is_empty(), "after a second");
        assert_eq!(book.due(62 * SECOND), [OPEN]);
        assert_eq!(book.came(OPEN, 62 * SECOND), Turn::Same);
        assert_eq!(book.did_not_come(OPEN, 123 * SECOND, "lost"), Turn::Same, "not two in a row");
    }

    #[test]
    fn two_misses_are_a_problem_until_the_event_comes() {
        let mut book = book(Some(60));
        book.came(OPEN, 0);
        book.did_not_come(OPEN, 60 * SECOND, "no event");
        assert_eq!(book.did_not_come(OPEN, 61 * SECOND, "no event"), Turn::Missed);
        assert_eq!(book.missed().collect::<Vec<_>>(), [(OPEN, "no event")]);
        assert_eq!(book.get(OPEN).unwrap().seen_ns, Some(0), "when it came last stays known");
        assert_eq!(book.did_not_come(OPEN, 71 * SECOND, "no event"), Turn::Same, "told once");
        assert_eq!(book.due(81 * SECOND), [OPEN], "sooner than usual");
        assert_eq!(book.came(OPEN, 81 * SECOND), Turn::Recovered);
        assert_eq!((book.missed().count(), book.get(OPEN).unwrap().note.as_str()), (0, ""));
        assert_eq!(book.due(100 * SECOND), []);
    }

    #[test]
    fn a_class_that_never_came_is_missed_too() {
        let mut book = book(None);
        book.did_not_come(OPEN, 0, "no event");
        assert!(!book.is_complete(), "it is tried once more");
        assert_eq!(book.did_not_come(OPEN, SECOND, "no event"), Turn::Missed);
        assert!(book.is_complete());
        assert_eq!(book.due(11 * SECOND), [OPEN], "or it could not recover");
        assert_eq!(book.came(OPEN, 11 * SECOND), Turn::Recovered);
        assert!(book.due(u64::MAX).is_empty(), "only at the start");
    }

    #[test]
    fn a_trial_that_cannot_be_made_takes_no_miss_back() {
        let mut book = book(Some(60));
        book.did_not_come(OPEN, 0, "no event");
        book.did_not_come(OPEN, SECOND, "no event");
        for second in [11, 21] {
            book.could_not(OPEN, second * SECOND, "cannot be tried: EPERM");
            assert_eq!(outcome(&book), Outcome::Missed);
            assert_eq!(
                book.missed().collect::<Vec<_>>(),
                [(OPEN, "no event; since then it cannot be tried: EPERM")]
            );
            assert_eq!(book.due((second + 10) * SECOND), [OPEN], "as soon as any that is missed");
        }
        assert_eq!(book.came(OPEN, 31 * SECOND), Turn::Recovered);
        assert_eq!(book.missed().count(), 0);
        book.did_not_come(OPEN, 91 * SECOND, "no event");
        book.could_not(OPEN, 92 * SECOND, "EPERM");
        assert_eq!(book.did_not_come(OPEN, 102 * SECOND, "no event"), Turn::Missed, "two trials in a row");
    }

    #[test]
    fn what_cannot_be_tried_is_no_problem() {
        let mut book = book(Some(60));
        book.could_not(OPEN, SECOND, "EPERM");
        assert_eq!((outcome(&book), book.missed().count()), (Outcome::Untried, 0));
        assert!(book.is_complete());
        assert_eq!(book.due(61 * SECOND), [OPEN], "it may become possible");
        let without = book.get(Class::Keyctl).unwrap();
        assert_eq!((without.outcome, without.note.as_str()), (Outcome::Untried, "no trial"));
        assert_eq!(book.came(Class::Mount, 0), Turn::Same, "a class that is not in the book");
    }
}
