//! What conditions come to where only some facts are known: whether a rule could match at all.
//!
//! Exact as a superset: whatever the other facts are, a condition that comes to [`Truth::No`] does not hold, and one that
//! comes to [`Truth::Yes`] does.

use super::evaluate::{Judge, State};
use super::gate::{Gate, Gates, places};
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

/// Conditions of rules, and what is known when it is asked whether one of them could hold.
#[derive(Debug)]
pub(crate) struct Question {
    known: Known,
    gate: Gate,
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

    /// Whether a rule could match an event of this kind, of which `facts` has what `known` compares.
    pub(crate) fn could_match(
        &self,
        state: &mut State,
        facts: &impl Facts,
        known: &Known,
        kind: Kind,
    ) -> bool {
        let mut partial = Partial::new(&self.program, facts, state, known);
        let mut rules = self.by_kind.get(usize::from(kind.0)).into_iter().flatten();
        rules.any(|(_, condition)| partial.truth(*condition) != Truth::No)
    }

    /// To be asked often: whether a rule could match an event of one of these kinds.
    pub(crate) fn question(&self, known: Known, kinds: impl Iterator<Item = Kind>) -> Question {
        let rules = kinds.filter_map(|kind| self.by_kind.get(usize::from(kind.0))).flatten();
        let mut conditions: Vec<_> = rules.map(|(_, condition)| *condition).collect();
        conditions.sort_unstable();
        conditions.dedup();
        let gate = Gates::new(&self.program).gate(&conditions, &|test| known.has(test));
        Question { known, gate }
    }

    /// Whether a rule could match an event of which `facts` has what is known.
    pub(crate) fn could(&self, state: &mut State, facts: &impl Facts, question: &Question) -> bool {
        let mut partial = Partial::new(&self.program, facts, state, &question.known);
        let open = partial.judge.let_through(&question.gate);
        let could = places(&open)
            .filter_map(|place| question.gate.condition(place))
            .any(|condition| partial.truth(condition) != Truth::No);
        partial.judge.give_back(open);
        could
    }
}

impl Known {
    pub(super) fn has(&self, test: TestId) -> bool {
        self.0.get(test as usize).copied().unwrap_or_default()
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
        if !self.known.has(id) {
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
