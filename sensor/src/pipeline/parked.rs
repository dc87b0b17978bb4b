//! Records of control groups of which nothing is known yet, for the moment that the resolver needs.
//!
//! The kernel tells of a new control group before its first process runs, and the resolver reads
//! what the runtime wrote; but a runtime's own first program can follow within a millisecond. Only
//! the records of that group wait, in order, until the answer is there or their time is over.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::state::Waiting;

/// Most records that wait at once; further ones go on without waiting.
pub(super) const RECORDS_MAX: usize = 4096;
/// Most bytes of them.
const BYTES_MAX: usize = 4 << 20;

/// Records that wait.
#[derive(Debug, Default)]
pub(super) struct Parked {
    groups: HashMap<u64, Group>,
    /// Groups in the order in which their first record came.
    order: VecDeque<u64>,
    records: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Group {
    until_ns: u64,
    records: Vec<Box<[u8]>>,
}

impl Parked {
    /// True if records of that group wait: those that follow must wait too.
    #[must_use]
    pub(super) fn holds(&self, cgroup: u64) -> bool {
        !self.groups.is_empty() && self.groups.contains_key(&cgroup)
    }

    /// Keeps a record. False if there is no room.
    pub(super) fn add(&mut self, cgroup: u64, until_ns: u64, record: &[u8]) -> bool {
        if self.records >= RECORDS_MAX || self.bytes + record.len() > BYTES_MAX {
            return false;
        }
        let group = self.groups.entry(cgroup).or_insert_with(|| {
            self.order.push_back(cgroup);
            Group { until_ns, records: Vec::new() }
        });
        group.records.push(record.into());
        self.records += 1;
        self.bytes += record.len();
        true
    }

    /// Takes the records of a group out, in order.
    pub(super) fn take(&mut self, cgroup: u64) -> Vec<Box<[u8]>> {
        let Some(group) = self.groups.remove(&cgroup) else { return Vec::new() };
        self.order.retain(|other| *other != cgroup);
        self.records -= group.records.len();
        self.bytes -= group.records.iter().map(|record| record.len()).sum::<usize>();
        group.records
    }

    /// The records in the order of their groups.
    pub(super) fn state(&self) -> Vec<Waiting> {
        let groups = self.order.iter().filter_map(|cgroup| Some((*cgroup, self.groups.get(cgroup)?)));
        let mut waiting = Vec::with_capacity(self.records);
        for (on, Group { until_ns, records }) in groups {
            let records = records.iter().cloned();
            waiting.extend(records.map(|record| Waiting { on, until_ns: *until_ns, record }));
        }
        waiting
    }

    /// A group whose time is over.
    #[must_use]
    pub(super) fn due(&self, now_ns: u64) -> Option<u64> {
        self.order
            .iter()
            .copied()
            .find(|cgroup| self.groups.get(cgroup).is_some_and(|group| group.until_ns <= now_ns))
    }

    /// True if nothing waits.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_gives_back_whole_groups() {
        let mut parked = Parked::default();
        assert!(parked.add(1, 10, b"a") && parked.add(2, 20, b"x") && parked.add(1, 30, b"b"));
        assert!(parked.holds(1) && !parked.holds(3));
        assert_eq!(parked.due(9), None);
        assert_eq!(parked.due(25), Some(1), "from its first record on");
        assert_eq!(parked.take(1), [Box::from(*b"a"), Box::from(*b"b")] as [Box<[u8]>; 2]);
        assert_eq!(parked.due(25), Some(2));
        assert_eq!(parked.take(2).len(), 1);
        assert!(parked.is_empty());
        assert_eq!((parked.records, parked.bytes), (0, 0));
    }

    #[test]
    fn is_bounded() {
        let mut parked = Parked::default();
        let large = vec![0; BYTES_MAX / 4];
        assert!((0..4).all(|_| parked.add(1, 10, &large)));
        assert!(!parked.add(1, 10, b"more"));
        parked.take(1);
        assert!((0..RECORDS_MAX).all(|_| parked.add(1, 10, b"")));
        assert!(!parked.add(2, 10, b""));
    }
}
