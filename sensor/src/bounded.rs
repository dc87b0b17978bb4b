//! A table that gives up entries when it is full, those first that were not touched for longest.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A table of so many entries at most.
///
/// Which entry goes is a matter of turns and not of exact times: one that was touched since its last turn gets another.
#[derive(Debug)]
pub struct Bounded<K, V> {
    most: usize,
    entries: HashMap<K, Slot<V>>,
    /// In the order of their turns; may name some that are gone.
    turns: VecDeque<(K, u64)>,
    made: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    /// Tells it from an earlier entry of the same key.
    number: u64,
    touched: bool,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    /// An empty table of at most so many entries, and at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), entries: HashMap::new(), turns: VecDeque::new(), made: 0, evicted: 0 }
    }

    /// An entry, which is not touched by it.
    pub fn peek<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|slot| &slot.value)
    }

    /// An entry.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let slot = self.entries.get_mut(key)?;
        slot.touched = true;
        Some(&mut slot.value)
    }

    /// An entry, made if it is not there.
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) {
            self.make_room();
            self.turns.push_back((key.clone(), self.made));
        }
        let made = &mut self.made;
        let slot = self.entries.entry(key).or_insert_with(|| {
            let number = *made;
            *made += 1;
            Slot { value: make(), number, touched: false }
        });
        slot.touched |= slot.number + 1 != *made;
        &mut slot.value
    }

    /// Puts a value in, in the place of the one that was there.
    pub fn insert(&mut self, key: K, value: V) {
        match self.get_mut(&key) {
            Some(known) => *known = value,
            None => {
                self.entry(key, || value);
            }
        }
    }

    /// Takes an entry out.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let slot = self.entries.remove(key)?;
        // Turns of those that are gone are not to grow without bound.
        if self.turns.len() > 2 * self.entries.len() + 16 {
            self.forget_turns();
        }
        Some(slot.value)
    }

    /// Takes out those that are not to stay, whatever their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain(|key, slot| keep(key, &mut slot.value));
        self.forget_turns();
    }

    /// Forgets the turns of those that are gone.
    fn forget_turns(&mut self) {
        let entries = &self.entries;
        self.turns.retain(|(key, number)| entries.get(key).is_some_and(|slot| slot.number == *number));
    }

    /// All entries, in the order of their turns.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.turns.iter().filter_map(|(key, number)| {
            let (key, slot) = self.entries.get_key_value(key)?;
            (slot.number == *number).then_some((key, &slot.value))
        })
    }

    /// Entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries, their bound, and how many were given up.
    #[must_use]
    pub fn table(&self) -> Table {
        Table { entries: self.entries.len(), most: self.most, evicted: self.evicted }
    }

    fn make_room(&mut self) {
        while self.entries.len() >= self.most {
            let Some((key, number)) = self.turns.pop_front() else { return };
            match self.entries.get_mut(&key) {
                Some(slot) if slot.number == number && slot.touched => {
                    slot.touched = false;
                    self.turns.push_back((key, number));
                }
                Some(slot) if slot.number == number => {
                    self.entries.remove(&key);
                    self.evicted += 1;
                }
                _ => {}
            }
        }
    }
}

/// How full a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Entries.
    pub entries: usize,
    /// Most entries.
    pub most: usize,
    /// Entries that were given up because it was full.
    pub evicted: u64,
}

impl Table {
    /// Of both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            most: self.most + other.most,
            evicted: self.evicted + other.evicted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(table: &Bounded<u32, char>) -> Vec<u32> {
        table.iter().map(|(key, _)| *key).collect()
    }

    #[test]
    fn what_was_not_touched_goes_first() {
        let mut table = Bounded::new(3);
        for key in 0..3 {
            table.entry(key, || 'x');
        }
        *table.get_mut(&0).unwrap() = 'y';
        table.entry(3, || 'x');
        assert_eq!((keys(&table), table.peek(&0)), (vec![2, 0, 3], Some(&'y')));
        table.entry(4, || 'x');
        assert_eq!(keys(&table), [0, 3, 4], "a touch is worth one turn");
        assert_eq!(table.table(), Table { entries: 3, most: 3, evicted: 2 });
    }

    #[test]
    fn an_entry_that_comes_again_is_another_one() {
        let mut table = Bounded::new(2);
        table.entry(1, || 'a');
        assert_eq!(table.remove(&1), Some('a'));
        table.entry(2, || 'b');
        table.entry(1, || 'c');
        assert_eq!(keys(&table), [2, 1]);
        table.entry(3, || 'd');
        assert_eq!((keys(&table), table.len()), (vec![1, 3], 2));
        table.retain(|key, _| *key == 3);
        assert!(keys(&table) == [3] && !table.is_empty());
    }

    #[test]
    fn what_is_put_in_takes_the_place_of_what_was_there() {
        let mut table = Bounded::new(2);
        table.insert(1, 'a');
        table.insert(1, 'b');
        assert_eq!((keys(&table), table.peek(&1)), (vec![1], Some(&'b')));
    }

    #[test]
    fn turns_of_those_that_are_gone_are_bounded() {
        let mut table = Bounded::new(4);
        for key in 0..10_000 {
            table.entry(key, || 'x');
            table.remove(&key);
        }
        assert!(table.turns.len() <= 17 && table.is_empty(), "{}", table.turns.len());
        for key in 0..10_000 {
            table.entry(key, || 'x');
            table.get_mut(&key);
        }
        assert!(table.len() == 4 && table.turns.len() == 4);
        assert_eq!(table.table().evicted, 9_996);
    }
}
