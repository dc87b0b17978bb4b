//! The numbers of exec events, which show how many were not told.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::expect::number;

/// First and last number of each CPU, and how many events there were.
#[derive(Debug, Default)]
pub struct Numbers {
    cpus: BTreeMap<u64, (u64, u64)>,
    /// Events so far.
    pub events: u64,
}

impl Numbers {
    /// Adds an exec event.
    ///
    /// # Panics
    /// When it has no number.
    pub fn add(&mut self, event: &Value) {
        let cpu = number(event, "exec.number.cpu").unwrap_or_default();
        let count = number(event, "exec.number.count").expect("every exec has a number");
        let (first, last) = self.cpus.entry(cpu).or_insert((count, count));
        (*first, *last) = ((*first).min(count), (*last).max(count));
        self.events += 1;
    }

    /// Programs that were executed between the first and the last event of each CPU, and not told.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.cpus.values().map(|(first, last)| last - first + 1).sum::<u64>() - self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn gaps_of_each_cpu_are_added_up() {
        let mut numbers = Numbers::default();
        for (cpu, count) in [(0, 5), (1, 100), (0, 9), (1, 101), (0, 6)] {
            numbers.add(&json!({ "exec": { "number": { "cpu": cpu, "count": count } } }));
        }
        assert_eq!((numbers.missed(), numbers.events), (2, 5));
    }
}
