//! How often a value was how large: counts by fixed bounds. One thread owns it and counts without a lock;
//! who reads it gets a copy.

use crate::proto;

/// Bounds for the delay of an answer, in nanoseconds: 0 for one that was there before it was needed, then
/// 0.1 ms to 30 s.
pub const DELAY_BOUNDS_NS: [u64; 15] = [
    0,
    100_000,
    1_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// Counts by bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Ascending.
    bounds: &'static [u64],
    /// One more than there are bounds: the last counts what is beyond them.
    counts: Box<[u64]>,
    sum: u64,
}

impl Histogram {
    /// Empty, with these bounds, which ascend.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1].into(), sum: 0 }
    }

    /// Counts a value, with the first bound that it does not exceed.
    pub fn observe(&mut self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(value);
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl From<&Histogram> for proto::Histogram {
    fn from(histogram: &Histogram) -> Self {
        let Histogram { bounds, counts, sum } = histogram;
        Self { bounds: bounds.to_vec(), counts: counts.to_vec(), sum: *sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_with_the_first_bound_that_holds_it() {
        let mut histogram = Histogram::new(&[0, 10, 100]);
        for value in [0, 1, 10, 11, 100, 101, u64::MAX] {
            histogram.observe(value);
        }
        let told = proto::Histogram::from(&histogram);
        assert_eq!(told.counts, [1, 2, 2, 2]);
        assert_eq!((told.bounds.as_slice(), told.sum), ([0, 10, 100].as_slice(), u64::MAX));
        assert_eq!(histogram.count(), 7);
    }

    #[test]
    fn the_bounds_of_delays_ascend() {
        assert!(DELAY_BOUNDS_NS.is_sorted_by(|one, next| one < next));
    }
}
