//! What is left of a condition when the kind of the event is known, and the order in which parts are looked at.

use std::collections::HashMap;

use super::compile::Compiler;
use super::program::{Node, NodeId, Slot, Test};
use super::tree::Operator;
use crate::detect::field::Kind;

/// What is left of conditions for one kind.
pub(super) struct Specialiser<'c, 'o> {
    compiler: &'c mut Compiler<'o>,
    kind: Kind,
    known: HashMap<NodeId, NodeId>,
}

impl<'c, 'o> Specialiser<'c, 'o> {
    pub(super) fn new(compiler: &'c mut Compiler<'o>, kind: Kind) -> Self {
        Self { compiler, kind, known: HashMap::new() }
    }

    /// Whether a condition that was made for the kind cannot hold.
    pub(super) fn never(&self, id: NodeId) -> bool {
        *self.compiler.node(id) == Node::Never
    }

    /// A condition for this kind. As deep as the condition, which is bounded.
    pub(super) fn node(&mut self, id: NodeId) -> NodeId {
        if !self.compiler.typed[id as usize] {
            return id;
        }
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let made = match self.compiler.node(id).clone() {
            Node::Kinds(set) => {
                let contains = self.compiler.program.kinds[set as usize].contains(self.kind);
                self.compiler.add(if contains { Node::Always } else { Node::Never })
            }
            Node::Not(child) => {
                let child = self.node(child);
                self.compiler.not(child)
            }
            Node::And(children) => {
                let children = children.iter().map(|child| self.node(*child)).collect();
                self.compiler.and(children)
            }
            Node::Or(children) => {
                let children = children.iter().map(|child| self.node(*child)).collect();
                self.compiler.or(children)
            }
            Node::Never | Node::Always | Node::Test(_) => id,
        };
        self.known.insert(id, made);
        made
    }
}

/// Puts what costs least first: nothing that is compared has an effect, so the order is free. Also finds what is
/// shared.
pub(super) fn order(compiler: &mut Compiler<'_>) {
    let program = &mut compiler.program;
    let mut parents = vec![0_u8; program.nodes.len()];
    let mut costs = vec![0_u32; program.nodes.len()];
    // What a node consists of always stands before it.
    for place in 0..program.nodes.len() {
        let mut node = std::mem::replace(&mut program.nodes[place], Node::Never);
        costs[place] = match &mut node {
            Node::Never | Node::Always | Node::Kinds(_) => 1,
            Node::Test(test) => cost(program, *test),
            Node::Not(child) => {
                parents[*child as usize] = parents[*child as usize].saturating_add(1);
                costs[*child as usize]
            }
            Node::And(children) | Node::Or(children) => {
                children.sort_by_key(|child| costs[*child as usize]);
                for child in children.iter() {
                    parents[*child as usize] = parents[*child as usize].saturating_add(1);
                }
                children.iter().fold(1, |sum, child| sum.saturating_add(costs[*child as usize]))
            }
        };
        program.nodes[place] = node;
    }
    program.shared = parents.iter().map(|parents| *parents > 1).collect();
}

fn cost(program: &super::program::Program, test: u32) -> u32 {
    let comparison = &program.comparisons[test as usize];
    let slot = match &program.slots[comparison.slot as usize] {
        Slot::Field { many: true, .. } => 40,
        Slot::Field { .. } | Slot::Text(_) => 0,
        Slot::List(_) | Slot::Transform { .. } => 20,
    };
    let test = match (&comparison.test, comparison.operator) {
        (Test::Exists | Test::Symbols(_) | Test::Flags(_) | Test::Numbers(_), _) => 2,
        (Test::Addresses(_) | Test::Networks(_), _) => 4,
        (Test::Texts, Operator::StartsWith | Operator::EndsWith) => 3,
        (Test::Texts | Test::Finders(_) | Test::Bytes(_) | Test::Slot(_), _) => 10,
        (Test::Prefixes(_), _) => 15,
        (Test::Regexes(_), _) => 60,
    };
    slot + test
}
