//! Distribution of durations: fixed buckets of counters that any thread may raise.

use std::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds of a millisecond and of a second, for bounds.
pub const MILLISECOND: u64 = 1_000_000;
/// See [`MILLISECOND`].
pub const SECOND: u64 = 1_000 * MILLISECOND;

/// Durations, counted by how long they are.
#[derive(Debug)]
pub struct Histogram {
    /// Longest duration of each bucket in nanoseconds, ascending.
    bounds: &'static [u64],
    /// One more than there are bounds: what is longer than all of them.
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

/// What a histogram held at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Longest duration in nanoseconds and number of durations that are not in a shorter bucket; `None` where
    /// there is no longest one.
    pub buckets: Vec<(Option<u64>, u64)>,
    /// Sum of all in nanoseconds.
    pub sum_ns: u64,
}

impl Reading {
    /// How many durations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

impl Histogram {
    /// An empty one with these bounds in nanoseconds, ascending.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum_ns: AtomicU64::new(0) }
    }

    /// Counts a duration of so many nanoseconds.
    pub fn record(&self, ns: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < ns);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
            self.sum_ns.fetch_add(ns, Ordering::Relaxed);
        }
    }

    /// What it holds now. What is counted meanwhile may be in the sum and not yet in a bucket, or the reverse.
    #[must_use]
    pub fn read(&self) -> Reading {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        Reading { buckets: bounds.zip(counts).collect(), sum_ns: self.sum_ns.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_one_bucket() {
        let histogram = Histogram::new(&[10, 20]);
        for ns in [0, 10, 11, 20, 21, 1000] {
            histogram.record(ns);
        }
        let reading = histogram.read();
        assert_eq!(reading.buckets, [(Some(10), 2), (Some(20), 2), (None, 2)]);
        assert_eq!((reading.count(), reading.sum_ns), (6, 1062));
    }
}
