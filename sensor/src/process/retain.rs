//! What may be forgotten, and when: ended processes stay for a while, and as long as a process
//! that descends from them is known.

use std::collections::VecDeque;

use super::Key;

/// Ended processes, oldest first.
#[derive(Debug, Default)]
pub struct Ended {
    queue: VecDeque<(u64, Key)>,
}

impl Ended {
    /// A process ended.
    pub fn add(&mut self, at_ns: u64, key: Key) {
        self.queue.push_back((at_ns, key));
    }

    /// The oldest, if it ended at or before that time.
    pub fn due(&mut self, until_ns: u64) -> Option<Key> {
        self.queue.pop_front_if(|(at, _)| *at <= until_ns).map(|(_, key)| key)
    }

    /// The oldest, whenever it ended.
    pub fn oldest(&mut self) -> Option<Key> {
        self.queue.pop_front().map(|(_, key)| key)
    }
}
