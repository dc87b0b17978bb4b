//! Looks once through a text for all that the comparisons of a slot want to stand in it.

use std::collections::HashMap;

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::needle::{Place, needles};
use super::program::{Program, TestId};
use super::tree::Operator;

/// Bytes of all needles of a slot. Of a slot with more nothing is looked for at once: the tables would be too large.
const NEEDLES_BYTES_MAX: usize = 256 * 1024;
/// Up to so many the fastest tables are made, of up to 4 MB; more take longer by a few nanoseconds a byte.
const NEEDLES_BYTES_FAST: usize = 4096;
/// What it must spare to be worth it, in the unit of [`weight`].
const WORTH: u32 = 24;

/// Looks through texts of one slot.
#[derive(Debug)]
pub(super) struct Scanner {
    automaton: AhoCorasick,
    /// By number of what the automaton finds.
    wants: Box<[Box<[Want]>]>,
}

/// Who wants something to stand in a text.
#[derive(Clone, Copy, Debug)]
struct Want {
    place: Place,
    test: TestId,
    /// Then it holds; else it may.
    settles: bool,
}

impl Scanner {
    /// Tells the comparisons that hold of the text, or may: some several times. Those that it knows of and does not tell
    /// do not hold. `found` is told whether the comparison holds.
    pub(super) fn scan(&self, text: &[u8], mut found: impl FnMut(TestId, bool)) {
        let mut state = OverlappingState::start();
        loop {
            // Fails only for an anchored search, which this is not.
            self.automaton.find_overlapping(Input::new(text), &mut state);
            let Some(hit) = state.get_match() else { return };
            let wants = self.wants.get(hit.pattern().as_usize()).map(AsRef::as_ref).unwrap_or_default();
            for want in wants {
                if want.place.fits(hit.start(), hit.end(), text.len()) {
                    found(want.test, want.settles);
                }
            }
        }
    }
}

/// A scanner for each slot that is worth one, and the comparisons that they know of.
pub(super) fn scanners(program: &Program) -> (Vec<Option<Scanner>>, Vec<bool>) {
    let mut makers: Vec<Maker> = program.slots.iter().map(|_| Maker::default()).collect();
    for (test, comparison) in (0..).zip(&program.comparisons) {
        if let Some(maker) = makers.get_mut(comparison.slot as usize) {
            maker.add(program, test);
        }
    }
    let mut known = vec![false; program.comparisons.len()];
    let scanners = makers.into_iter().map(|maker| maker.finish(&mut known)).collect();
    (scanners, known)
}

/// A scanner in the making.
#[derive(Default)]
struct Maker {
    texts: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, usize>,
    wants: Vec<Vec<Want>>,
    tests: Vec<TestId>,
    bytes: usize,
    weight: u32,
}

impl Maker {
    fn add(&mut self, program: &Program, test: TestId) {
        let Some(comparison) = program.comparisons.get(test as usize) else { return };
        let Some(needles) = needles(comparison, &program.symbols) else { return };
        self.tests.push(test);
        for needle in needles.any {
            let next = self.texts.len();
            let number = *self.numbers.entry(needle.text.clone()).or_insert(next);
            if number == next {
                self.bytes += needle.text.len();
                self.texts.push(needle.text);
                self.wants.push(Vec::new());
            }
            if let Some(wants) = self.wants.get_mut(number) {
                wants.push(Want { place: needle.place, test, settles: needles.settle });
            }
            self.weight = self.weight.saturating_add(weight(comparison.operator));
        }
    }

    fn finish(self, known: &mut [bool]) -> Option<Scanner> {
        if self.weight < WORTH || self.bytes > NEEDLES_BYTES_MAX {
            return None;
        }
        let kind = if self.bytes <= NEEDLES_BYTES_FAST {
            AhoCorasickKind::DFA
        } else {
            AhoCorasickKind::ContiguousNFA
        };
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(kind))
            // Texts are too short for it.
            .prefilter(false)
            .build(&self.texts)
            .ok()?;
        for test in self.tests {
            if let Some(known) = known.get_mut(test as usize) {
                *known = true;
            }
        }
        Some(Scanner { automaton, wants: self.wants.into_iter().map(Vec::into_boxed_slice).collect() })
    }
}

/// What it takes to look for one alone, roughly in units of four nanoseconds.
const fn weight(operator: Operator) -> u32 {
    match operator {
        Operator::StartsWith | Operator::EndsWith => 1,
        Operator::Regex => 12,
        _ => 4,
    }
}
