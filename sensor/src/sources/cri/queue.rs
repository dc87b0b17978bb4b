//! Containers that a runtime is still to be asked about: bounded in number and in age, at a bounded rate, again
//! after growing pauses where it does not know them yet. And the ids of those that it told of.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::sources::adviser::Inquiry;

/// Pauses before further tries: containerd knows a sandbox only when its network is made.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(750),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
];
/// Longest time that a question waits.
const AGE_MAX: Duration = Duration::from_secs(120);
/// Most questions that wait.
pub(super) const WAITING_MAX: usize = 1024;
/// Time between two questions, on average.
const INTERVAL: Duration = Duration::from_millis(20);
/// Questions that may come at once after a rest.
const BURST: u32 = 100;
/// Between two questions about what ran already, which nobody waits for.
const UNHURRIED: Duration = Duration::from_millis(50);
/// Most ids that are remembered.
const IDS_MAX: usize = 8192;

/// A question that waits.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) inquiry: Inquiry,
    tries: usize,
    due: Instant,
    since: Instant,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Waiting {
    items: VecDeque<Item>,
    /// When the next question would be due at an even rate.
    paid_until: Instant,
    given_up: usize,
}

impl Waiting {
    pub(super) fn new(now: Instant) -> Self {
        Self { items: VecDeque::new(), paid_until: now, given_up: 0 }
    }

    /// Whether more would push others out.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= WAITING_MAX
    }

    /// A new question.
    pub(super) fn push(&mut self, inquiry: Inquiry, now: Instant) {
        self.add(Item { inquiry, tries: 0, due: now, since: now });
    }

    /// Questions about what ran already, one after the other.
    pub(super) fn extend(&mut self, inquiries: impl IntoIterator<Item = Inquiry>, now: Instant) {
        let mut due = now;
        for inquiry in inquiries {
            due += UNHURRIED;
            // It may have to wait for its turn longer than others.
            self.add(Item { inquiry, tries: 0, due, since: due });
        }
    }

    /// Once more after a pause; false if it was tried often enough.
    pub(super) fn again(&mut self, mut item: Item, now: Instant) -> bool {
        let Some(pause) = PAUSES.get(item.tries) else { return false };
        item.tries += 1;
        item.due = now + *pause;
        self.add(item);
        true
    }

    /// The next one that may be asked now.
    pub(super) fn due(&mut self, now: Instant) -> Option<Item> {
        let before = self.items.len();
        self.items.retain(|item| now.saturating_duration_since(item.since) <= AGE_MAX);
        self.given_up += before - self.items.len();
        if self.paid_until > now + INTERVAL * BURST {
            return None;
        }
        let (index, _) = self.earliest().filter(|(_, due)| *due <= now)?;
        self.paid_until = self.paid_until.max(now) + INTERVAL;
        self.items.remove(index)
    }

    /// When [`Waiting::due`] may have one, at the earliest.
    pub(super) fn next(&self) -> Option<Instant> {
        let allowed = self.paid_until.checked_sub(INTERVAL * BURST);
        self.earliest().map(|(_, due)| allowed.map_or(due, |allowed| due.max(allowed)))
    }

    /// Questions that were given up since this was asked last.
    pub(super) fn take_given_up(&mut self) -> usize {
        std::mem::take(&mut self.given_up)
    }

    fn earliest(&self) -> Option<(usize, Instant)> {
        self.items.iter().map(|item| item.due).enumerate().min_by_key(|(_, due)| *due)
    }

    fn add(&mut self, item: Item) {
        let same = |other: &Item| other.inquiry.container == item.inquiry.container;
        if let Some(other) = self.items.iter_mut().find(|other| same(other)) {
            other.due = other.due.min(item.due);
        } else if self.is_full() {
            self.given_up += 1;
        } else {
            self.items.push_back(item);
        }
    }
}

/// Ids that the runtime told of.
#[derive(Debug, Default)]
pub(super) struct Told {
    ids: HashSet<Box<str>>,
    order: VecDeque<Box<str>>,
}

impl Told {
    /// Remembers one more; the oldest is forgotten for it if need be.
    pub(super) fn add(&mut self, id: &str) {
        if self.ids.insert(id.into()) {
            self.order.push_back(id.into());
        }
        while self.order.len() > IDS_MAX {
            match self.order.pop_front() {
                Some(oldest) => drop(self.ids.remove(&oldest)),
                None => break,
            }
        }
    }

    /// Whether it was told of.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inquiry(number: usize) -> Inquiry {
        Inquiry { container: number.to_string(), pod: String::new(), sandbox: false }
    }

    fn all_due(waiting: &mut Waiting, now: Instant) -> Vec<Item> {
        std::iter::from_fn(|| waiting.due(now)).collect()
    }

    #[test]
    fn what_is_not_known_is_asked_again_after_growing_pauses_and_not_for_ever() {
        let mut now = Instant::now();
        let mut waiting = Waiting::new(now);
        waiting.push(inquiry(1), now);
        let mut tries = 0;
        loop {
            let item = waiting.due(now).unwrap();
            tries += 1;
            if !waiting.again(item, now) {
                break;
            }
            assert!(waiting.due(now).is_none(), "not before the pause is over");
            let next = waiting.next().unwrap();
            assert!(next > now);
            now = next;
        }
        assert_eq!(tries, 1 + PAUSES.len());
        assert_eq!((waiting.next(), waiting.take_given_up()), (None, 0));
    }

    #[test]
    fn a_burst_is_asked_at_once_and_the_rest_at_the_rate() {
        let now = Instant::now();
        let mut waiting = Waiting::new(now);
        for number in 0..500 {
            waiting.push(inquiry(number), now);
        }
        let first = all_due(&mut waiting, now).len();
        assert_eq!(first, BURST as usize + 1);
        assert!(waiting.next().unwrap() > now);
        let second = all_due(&mut waiting, now + Duration::from_secs(1)).len();
        assert_eq!(second, 50);
    }

    #[test]
    fn the_queue_is_bounded_in_number_and_age() {
        let now = Instant::now();
        let mut waiting = Waiting::new(now);
        for number in 0..WAITING_MAX + 3 {
            waiting.push(inquiry(number), now);
            waiting.push(inquiry(number), now);
        }
        assert!(waiting.is_full());
        assert_eq!(waiting.take_given_up(), 6, "the same question does not wait twice");
        let later = now + AGE_MAX + Duration::from_secs(1);
        assert!(waiting.due(later).is_none());
        assert_eq!(waiting.take_given_up(), WAITING_MAX);
    }

    #[test]
    fn what_ran_already_does_not_delay_what_is_new() {
        let now = Instant::now();
        let mut waiting = Waiting::new(now);
        waiting.extend((0..100).map(inquiry), now);
        waiting.push(inquiry(1000), now);
        waiting.push(inquiry(99), now);
        let first: Vec<_> =
            all_due(&mut waiting, now).into_iter().map(|item| item.inquiry.container).collect();
        assert_eq!(first, ["99", "1000"], "and what is asked for now comes first");
        let second = all_due(&mut waiting, now + Duration::from_secs(1)).len();
        assert_eq!(second, 20);
    }

    #[test]
    fn the_oldest_id_is_forgotten() {
        let mut told = Told::default();
        for number in 0..=IDS_MAX {
            told.add(&number.to_string());
            told.add(&number.to_string());
        }
        assert!(!told.has("0") && told.has("1") && told.has(&IDS_MAX.to_string()));
        assert_eq!((told.ids.len(), told.order.len()), (IDS_MAX, IDS_MAX));
    }
}
