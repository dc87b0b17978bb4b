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

/// What looking at a part takes, and how likely it is to hold.
#[derive(Clone, Copy)]
struct Estimate {
    cost: f64,
    chance: f64,
}

impl Estimate {
    /// What it takes to find one that does not hold, as of the parts of a conjunction.
    fn to_refute(self) -> f64 {
        self.cost / (1.0 - self.chance)
    }

    /// What it takes to find one that holds, as of the parts of a disjunction.
    fn to_confirm(self) -> f64 {
        self.cost / self.chance
    }
}

/// Puts first what settles the matter for the least effort: nothing that is compared has an effect, so the order is
/// free. Also finds what is shared.
pub(super) fn order(compiler: &mut Compiler<'_>) {
    let program = &mut compiler.program;
    let mut parents = vec![0_u8; program.nodes.len()];
    let mut estimates = vec![Estimate { cost: 1.0, chance: 0.5 }; program.nodes.len()];
    // What a node consists of always stands before it.
    for place in 0..program.nodes.len() {
        let mut node = std::mem::replace(&mut program.nodes[place], Node::Never);
        estimates[place] = match &mut node {
            Node::Never | Node::Always | Node::Kinds(_) => Estimate { cost: 1.0, chance: 0.5 },
            Node::Test(test) => estimate(program, *test),
            Node::Not(child) => {
                parents[*child as usize] = parents[*child as usize].saturating_add(1);
                let Estimate { cost, chance } = estimates[*child as usize];
                Estimate { cost, chance: 1.0 - chance }
            }
            Node::And(children) => {
                count(children, &mut parents);
                several(children, &estimates, Estimate::to_refute, |chance| chance)
            }
            Node::Or(children) => {
                count(children, &mut parents);
                // It holds unless all do not.
                let found = several(children, &estimates, Estimate::to_confirm, |chance| 1.0 - chance);
                Estimate { chance: within(1.0 - found.chance), ..found }
            }
        };
        program.nodes[place] = node;
    }
    program.shared = parents.iter().map(|parents| *parents > 1).collect();
}

fn count(children: &[NodeId], parents: &mut [u8]) {
    for child in children {
        parents[*child as usize] = parents[*child as usize].saturating_add(1);
    }
}

/// Sorts parts, of which each is looked at as long as those before it go `on`; how likely it is that all do.
fn several(
    children: &mut [NodeId],
    estimates: &[Estimate],
    effort: fn(Estimate) -> f64,
    on: fn(f64) -> f64,
) -> Estimate {
    let of = |child: &NodeId| estimates[*child as usize];
    children.sort_by(|one, other| effort(of(one)).total_cmp(&effort(of(other))));
    let (mut cost, mut chance) = (1.0, 1.0);
    for child in children.iter() {
        cost += of(child).cost * chance;
        chance *= on(of(child).chance);
    }
    Estimate { cost, chance: within(chance) }
}

/// A chance that nothing is divided by zero with.
fn within(chance: f64) -> f64 {
    chance.clamp(0.001, 0.999)
}

/// Most events are what no rule looks for.
fn estimate(program: &super::program::Program, test: u32) -> Estimate {
    let comparison = &program.comparisons[test as usize];
    let chance = match (&comparison.test, comparison.operator) {
        (Test::Exists, _) | (_, Operator::Unequal) => 0.9,
        (Test::Flags(_), _) => 0.3,
        (Test::Numbers(_), Operator::Equal | Operator::In | Operator::Intersects) => 0.1,
        (Test::Numbers(_), _) => 0.5,
        _ => 0.1,
    };
    Estimate { cost: f64::from(cost(program, test)), chance }
}

fn cost(program: &super::program::Program, test: u32) -> u32 {
    let comparison = &program.comparisons[test as usize];
    let slot = match &program.slots[comparison.slot as usize] {
        Slot::Field { many: true, .. } => 40,
        Slot::Field { .. } | Slot::Text(_) => 0,
        Slot::List(_) | Slot::Transform { .. } => 20,
    };
    let test = match (&comparison.test, comparison.operator) {
        // Once for all comparisons of the slot.
        _ if program.is_scanned(test) => 5,
        (Test::Exists | Test::Symbols(_) | Test::Flags(_) | Test::Numbers(_), _) => 2,
        (Test::Addresses(_) | Test::Networks(_), _) => 4,
        (Test::Texts, Operator::StartsWith | Operator::EndsWith) => 3,
        (Test::Texts | Test::Finders(_) | Test::Bytes(_) | Test::Slot(_), _) => 10,
        (Test::Prefixes(_), _) => 15,
        (Test::Regexes(_), _) => 60,
    };
    slot + test
}
