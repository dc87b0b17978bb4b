//! Which rules need be looked at: of each a few comparisons are known without one of which it cannot match, and these
//! are found out for all rules at once. For most events nothing is left.

use super::cover::Covers;
use super::evaluate::Judge;
use super::program::{NodeId, Program, SlotId, Symbol, Test, TestId};
use super::tree::Operator;
use crate::detect::value::Facts;

/// Entries of all gates for texts that fields are compared with; beyond it each comparison is made by itself.
const TEXTS_MAX: usize = 1 << 20;
/// A list of the rules with more texts is compared by itself.
const LIST_MAX: usize = 1024;

/// Number of a condition of a gate.
type Place = u32;
/// Conditions behind keys, sorted.
type Behind<K> = Box<[(K, Place)]>;

/// What lets conditions through.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    conditions: Box<[NodeId]>,
    /// A bit for each condition that is always let through.
    always: Box<[u64]>,
    /// Slots whose texts are looked through, and the conditions behind what is found there, sorted.
    scanned: Box<[SlotId]>,
    behind: Behind<TestId>,
    /// Slots whose texts are looked up, and the conditions behind each text, sorted.
    texts: Box<[(SlotId, Behind<Symbol>)]>,
    /// Comparisons that are made, and the conditions behind each.
    direct: Box<[(TestId, Box<[Place]>)]>,
}

/// Makes gates, within bounds that hold for all of them.
#[derive(Debug)]
pub(super) struct Gates<'p> {
    program: &'p Program,
    texts_left: usize,
}

impl<'p> Gates<'p> {
    pub(super) const fn new(program: &'p Program) -> Self {
        Self { program, texts_left: TEXTS_MAX }
    }

    /// A gate for these conditions, which asks only what is `allowed`.
    pub(super) fn gate(&mut self, conditions: &[NodeId], allowed: &dyn Fn(TestId) -> bool) -> Gate {
        let mut made = Made { always: vec![0; conditions.len().div_ceil(64)], ..Made::default() };
        let covers = Covers::of(self.program, conditions, allowed);
        for (place, cover) in (0..).zip(covers) {
            match cover {
                Some(tests) => tests.iter().for_each(|test| self.put(&mut made, *test, place)),
                None => set(&mut made.always, place),
            }
        }
        made.finish(conditions)
    }

    fn put(&mut self, made: &mut Made, test: TestId, place: Place) {
        let Some(comparison) = self.program.comparisons.get(test as usize) else { return };
        if self.program.is_scanned(test) {
            made.scanned.push(comparison.slot);
            made.behind.push((test, place));
            return;
        }
        if let Test::Symbols(symbols) = &comparison.test
            && is_lookup(comparison.operator, comparison.all, symbols.len())
            && let Some(left) = self.texts_left.checked_sub(symbols.len())
        {
            self.texts_left = left;
            made.texts.extend(symbols.iter().map(|symbol| (comparison.slot, *symbol, place)));
            return;
        }
        made.direct.push((test, place));
    }
}

/// Whether it is the same to look the text up among those of a comparison.
fn is_lookup(operator: Operator, all: bool, texts: usize) -> bool {
    operator != Operator::Unequal && (!all || texts == 1) && texts <= LIST_MAX
}

fn set(bits: &mut [u64], place: Place) {
    if let Some(word) = bits.get_mut(place as usize / 64) {
        *word |= 1 << (place % 64);
    }
}

/// A gate in the making.
#[derive(Debug, Default)]
struct Made {
    always: Vec<u64>,
    scanned: Vec<SlotId>,
    behind: Vec<(TestId, Place)>,
    texts: Vec<(SlotId, Symbol, Place)>,
    direct: Vec<(TestId, Place)>,
}

impl Made {
    fn finish(mut self, conditions: &[NodeId]) -> Gate {
        self.scanned.sort_unstable();
        self.scanned.dedup();
        self.behind.sort_unstable();
        self.texts.sort_unstable();
        self.direct.sort_unstable();
        let by_slot = self.texts.chunk_by(|one, other| one.0 == other.0);
        let by_test = self.direct.chunk_by(|one, other| one.0 == other.0);
        Gate {
            conditions: conditions.into(),
            always: self.always.into(),
            scanned: self.scanned.into(),
            behind: self.behind.into(),
            texts: by_slot
                .filter_map(|all| {
                    Some((all.first()?.0, all.iter().map(|(_, text, place)| (*text, *place)).collect()))
                })
                .collect(),
            direct: by_test
                .filter_map(|all| Some((all.first()?.0, all.iter().map(|(_, place)| *place).collect())))
                .collect(),
        }
    }
}

/// What is behind a key in a sorted list.
fn behind<K: Ord + Copy>(list: &[(K, Place)], key: K) -> impl Iterator<Item = Place> {
    let first = list.partition_point(|(known, _)| *known < key);
    let rest = list.get(first..).unwrap_or_default();
    rest.iter().take_while(move |(known, _)| *known == key).map(|(_, place)| *place)
}

impl Gate {
    /// The conditions in the order in which they were given.
    pub(super) fn condition(&self, place: usize) -> Option<NodeId> {
        self.conditions.get(place).copied()
    }

    /// Marks in `open` the conditions that may hold: the others do not.
    pub(super) fn open<F: Facts>(&self, judge: &mut Judge<'_, F>, open: &mut Vec<u64>) {
        open.clear();
        open.extend_from_slice(&self.always);
        for slot in &self.scanned {
            judge.scan(*slot);
        }
        for test in judge.found() {
            behind(&self.behind, *test).for_each(|place| set(open, place));
        }
        for (slot, texts) in &self.texts {
            judge.symbols(*slot, &mut |symbol| behind(texts, symbol).for_each(|place| set(open, place)));
        }
        for (test, places) in &self.direct {
            // What was let through already need not be found out.
            if !places.iter().all(|place| is_set(open, *place)) && judge.test(*test) {
                places.iter().for_each(|place| set(open, *place));
            }
        }
    }
}

fn is_set(bits: &[u64], place: Place) -> bool {
    bits.get(place as usize / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
}

/// The places of set bits, in order.
pub(super) fn places(bits: &[u64]) -> impl Iterator<Item = usize> {
    bits.iter().enumerate().flat_map(|(word, bits)| {
        let mut left = *bits;
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(word * 64 + bit)
        })
    })
}
