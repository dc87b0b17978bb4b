//! Sets of kinds of events.

use crate::detect::field::{KINDS, Kind};

/// A set of kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KindSet(Vec<u64>);

impl KindSet {
    /// Adds a kind.
    pub fn insert(&mut self, kind: Kind) {
        let (word, bit) = (usize::from(kind.0) / 64, kind.0 % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    /// Whether it has a kind.
    #[must_use]
    pub fn contains(&self, kind: Kind) -> bool {
        self.0.get(usize::from(kind.0) / 64).is_some_and(|word| word & (1 << (kind.0 % 64)) != 0)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Its kinds, in order.
    pub fn iter(&self) -> impl Iterator<Item = Kind> + '_ {
        own().filter(|kind| self.contains(*kind))
    }
}

/// Every kind that events are of: not those that another one stands for.
pub(super) fn own() -> impl Iterator<Item = Kind> {
    let numbered = KINDS.iter().zip(0..u16::MAX);
    numbered.filter(|(definition, _)| definition.stands_for.is_none()).map(|(_, number)| Kind(number))
}
