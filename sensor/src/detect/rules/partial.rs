//! What conditions come to where only some facts are known: whether a rule could match at all.
//!
//! Exact as a superset: whatever the other facts are, a condition that comes to [`Truth::No`] does not hold, and one that
//! comes to [`Truth::Yes`] does.

use super::evaluate::{Judge, State};
use super::program::{Node, NodeId, Program, Slot, SlotId, Test, TestId};
use super::{Ruleset, tree::Operator};
use crate::detect::field::{Field, Kind};
use crate::detect::value::Facts;

/// What follows from the facts that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    /// It does not hold.
    No,
    /// It depends on the others.
    #[default]
    Maybe,
    /// It holds.
    Yes,
}

impl Truth {
    const fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

/// Comparisons whose outcome is known: a flag for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Box<[bool]>);

impl Ruleset {
    /// The comparisons of nothing but such fields.
    pub(crate) fn comparing(&self, mut knows: impl FnMut(&Field) -> bool) -> Known {
        let program = &self.program;
        let comparisons = program.comparisons.iter();
        Known(
            comparisons
                .map(|comparison| {
                    let other = match comparison.test {
                        Test::Slot(slot) => consists_of(program, slot, &mut knows),
                        _ => true,
                    };
                    other && consists_of(program, comparison.slot, &mut knows)
                })
                .collect(),
        )
    }

    /// The comparisons of such fields that ask only whether they are this text, or are not.
    pub(crate) fn comparing_with(&self, text: &[u8], knows: impl Fn(&Field) -> bool) -> Known {
        let program = &self.program;
        let comparisons = program.comparisons.iter();
        Known(
            comparisons
                .map(|comparison| {
                    let Slot::Field { field, many: false, .. } = &program.slots[comparison.slot as usize]
                    else {
                        return false;
                    };
                    let exact = matches!(
                        comparison.operator,
                        Operator::Equal | Operator::Unequal | Operator::In | Operator::Intersects
                    );
                    exact
                        && matches!(comparison.test, Test::Symbols(_))
                        && comparison.values.iter().all(|value| program.symbols.text(*value) == text)
                        && knows(field)
                })
                .collect(),
        )
    }

    /// Whether a rule could match an event of one of these kinds, of which `facts` has what `known` compares.
    pub(crate) fn could_match(
        &self,
        state: &mut State,
        facts: &impl Facts,
        known: &Known,
        kinds: impl Iterator<Item = Kind>,
    ) -> bool {
        let mut partial = Partial::new(&self.program, facts, state, known);
        kinds
            .filter_map(|kind| self.by_kind.get(usize::from(kind.0)))
            .flatten()
            .any(|(_, condition)| partial.truth(*condition) != Truth::No)
    }
}

fn consists_of(program: &Program, slot: SlotId, knows: &mut impl FnMut(&Field) -> bool) -> bool {
    // As deep as functions stand in each other, which is bounded.
    match &program.slots[slot as usize] {
        Slot::Field { field, .. } => knows(field),
        Slot::Text(_) => true,
        Slot::List(slots) | Slot::Transform { arguments: slots, .. } => {
            slots.iter().all(|slot| consists_of(program, *slot, knows))
        }
    }
}

/// An event of which not all is known.
pub(super) struct Partial<'a, F: Facts> {
    program: &'a Program,
    judge: Judge<'a, F>,
    known: &'a Known,
}

impl<'a, F: Facts> Partial<'a, F> {
    pub(super) fn new(program: &'a Program, facts: &'a F, state: &'a mut State, known: &'a Known) -> Self {
        Self { program, judge: Judge::new(program, facts, state), known }
    }

    /// What a node comes to. Ids are the program's own.
    pub(super) fn truth(&mut self, id: NodeId) -> Truth {
        let program = self.program;
        match &program.nodes[id as usize] {
            Node::Never => Truth::No,
            Node::Always => Truth::Yes,
            // The kind is part of what was asked; what is left of conditions does not compare it.
            Node::Kinds(_) => Truth::Maybe,
            Node::Test(test) => self.test(*test),
            Node::Not(child) => self.truth(*child).not(),
            Node::And(children) => self.join(id, children, Truth::No, Truth::Yes),
            Node::Or(children) => self.join(id, children, Truth::Yes, Truth::No),
        }
    }

    fn test(&mut self, id: TestId) -> Truth {
        if !self.known.0.get(id as usize).copied().unwrap_or_default() {
            return Truth::Maybe;
        }
        if self.judge.test(id) { Truth::Yes } else { Truth::No }
    }

    /// `decides` of one part is the outcome; else one that is not known makes it unknown, and it is `otherwise`.
    fn join(&mut self, id: NodeId, children: &[NodeId], decides: Truth, otherwise: Truth) -> Truth {
        let shared = self.program.shared.get(id as usize).copied().unwrap_or_default();
        if shared && let Some(truth) = self.judge.remembered_truth(id) {
            return truth;
        }
        let mut joined = otherwise;
        for child in children {
            let truth = self.truth(*child);
            if truth == decides {
                joined = decides;
                break;
            }
            if truth == Truth::Maybe {
                joined = Truth::Maybe;
            }
        }
        if shared {
            self.judge.remember_truth(id, joined);
        }
        joined
    }
}
