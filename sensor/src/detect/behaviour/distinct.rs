//! How many different things there were, in little memory: exactly for a few, as an estimate for many.

use std::hash::Hash;

use crate::detect::told;

/// Things that are kept one by one.
const FEW: usize = 24;
/// Words of the bitmap of many.
const WORDS: usize = 64;
/// Its bits, which tell some ten thousand things from each other.
const BITS: usize = WORDS * 64;
/// Parts of one in which the estimate is added up.
const PARTS: usize = 1024;

/// A set of which only the size matters. Takes 600 bytes at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Distinct {
    few: Vec<u32>,
    many: Option<Box<Many>>,
}

#[derive(Clone, Debug)]
struct Many {
    words: [u64; WORDS],
    set: usize,
    /// How many things it takes on average to set so many bits, in parts.
    estimate: usize,
}

/// Of 32 bits.
pub(super) fn hash(value: impl Hash) -> u32 {
    let hash = told::hash(value);
    u32::try_from((hash ^ hash >> 32) & 0xffff_ffff).unwrap_or_default()
}

impl Distinct {
    /// Puts one in. True if it was not in; rarely false though it was not.
    pub(super) fn insert(&mut self, hash: u32) -> bool {
        if let Some(many) = &mut self.many {
            return many.insert(hash);
        }
        if self.few.contains(&hash) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(hash);
            return true;
        }
        let mut many = Box::new(Many { words: [0; WORDS], set: 0, estimate: 0 });
        for one in std::mem::take(&mut self.few) {
            many.insert(one);
        }
        let new = many.insert(hash);
        self.many = Some(many);
        new
    }

    /// Whether one is in; rarely true though it is not.
    pub(super) fn contains(&self, hash: u32) -> bool {
        match &self.many {
            Some(many) => many.contains(hash),
            None => self.few.contains(&hash),
        }
    }

    /// About how many are in.
    pub(super) fn count(&self) -> usize {
        self.many.as_ref().map_or(self.few.len(), |many| many.estimate.div_ceil(PARTS))
    }
}

impl Many {
    fn insert(&mut self, hash: u32) -> bool {
        let (at, bit) = place(hash);
        let Some(word) = self.words.get_mut(at).filter(|word| **word & bit == 0) else { return false };
        *word |= bit;
        self.estimate += PARTS * BITS / (BITS - self.set).max(1);
        self.set += 1;
        true
    }

    fn contains(&self, hash: u32) -> bool {
        let (at, bit) = place(hash);
        self.words.get(at).is_some_and(|word| word & bit != 0)
    }
}

fn place(hash: u32) -> (usize, u64) {
    let place = usize::try_from(hash).unwrap_or_default() % BITS;
    (place / 64, 1 << (place % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_exact_and_many_are_about_right() {
        let cases =
            [(0, 0, 0), (24, 24, 24), (100, 94, 106), (2_000, 1_900, 2_100), (1_000_000, 20_000, 60_000)];
        for (put, from, to) in cases {
            let mut set = Distinct::default();
            for number in 0..put {
                set.insert(hash(number));
                assert!(!set.insert(hash(number)));
            }
            assert!((from..=to).contains(&set.count()), "{put} counted as {}", set.count());
        }
    }

    #[test]
    fn knows_what_is_in() {
        let mut set = Distinct::default();
        for number in 0..10 {
            assert!(!set.contains(hash(number)) && set.insert(hash(number)) && set.contains(hash(number)));
        }
        for number in 10..100 {
            set.insert(hash(number));
        }
        assert!((0..100).all(|number| set.contains(hash(number))));
        assert!((100..200).filter(|number| set.contains(hash(number))).count() < 10);
    }
}
