//! Comparisons without one of which a condition cannot hold.

use std::collections::HashMap;
use std::rc::Rc;

use super::program::{Comparison, Node, NodeId, Program, Slot, Test, TestId};
use super::tree::Operator;
use crate::detect::field::{Which, event};

/// Of larger programs no covers are looked for: it would take too long.
const NODES_MAX: usize = 1 << 16;
/// A cover of more comparisons is none.
const TESTS_MAX: usize = 256;
/// A cover that takes more is none: the condition is looked at instead.
const PRICE_MAX: f64 = 150.0;
/// What it takes to look through the text of a slot once, and to look one up.
const SCAN: f64 = 100.0;
const LOOK_UP: f64 = 30.0;
/// What it takes to look at a condition, roughly in nanoseconds.
const CONDITION: f64 = 60.0;
/// How often covers are looked for again, once it is known which slots many share.
const ROUNDS: usize = 8;
/// Fields that have one of few values, and mostly the one that rules ask for.
const COMMON: [&str; 10] = [
    "container.id",
    "container.type",
    "evt.category",
    "evt.is_open_read",
    "evt.res",
    "fd.l4proto",
    "fd.sockfamily",
    "fd.type",
    "fd.typechar",
    "proc.tty",
];
/// What it takes to have a value that is put together of names.
const NAMES: f64 = 50.0;

/// Comparisons without one of which a condition does not hold, and what it takes to have them.
#[derive(Clone, Debug)]
struct Cover {
    tests: Rc<[TestId]>,
    price: f64,
}

/// Looks for covers.
pub(super) struct Covers<'p> {
    program: &'p Program,
    allowed: &'p dyn Fn(TestId) -> bool,
    /// For how many conditions each slot is looked at anyway.
    users: Vec<f64>,
    known: HashMap<NodeId, Option<Cover>>,
}

impl<'p> Covers<'p> {
    /// A cover for each condition, where there is one, of nothing but what is `allowed`.
    pub(super) fn of(
        program: &'p Program,
        conditions: &[NodeId],
        allowed: &'p dyn Fn(TestId) -> bool,
    ) -> Vec<Option<Rc<[TestId]>>> {
        if program.nodes.len() > NODES_MAX {
            return vec![None; conditions.len()];
        }
        // First as if what all need were shared by many; then it is known by how many.
        let mut covers =
            Self { program, allowed, users: vec![8.0; program.slots.len()], known: HashMap::new() };
        let mut found = Vec::new();
        for _ in 0..ROUNDS {
            covers.known.clear();
            let before = found;
            found = conditions.iter().map(|condition| covers.affordable(*condition)).collect();
            if found == before {
                break;
            }
            covers.count(&found);
        }
        found
    }

    fn affordable(&mut self, condition: NodeId) -> Option<Rc<[TestId]>> {
        self.node(condition).filter(|cover| cover.price <= PRICE_MAX).map(|cover| cover.tests)
    }

    fn count(&mut self, found: &[Option<Rc<[TestId]>>]) {
        self.users.fill(0.5);
        for tests in found.iter().flatten() {
            let mut slots: Vec<_> = tests
                .iter()
                .filter_map(|test| Some(self.program.comparisons.get(*test as usize)?.slot))
                .collect();
            slots.sort_unstable();
            slots.dedup();
            for slot in slots {
                if let Some(users) = self.users.get_mut(slot as usize) {
                    *users += 1.0;
                }
            }
        }
    }

    /// The cheapest cover of a node. As deep as the condition, which is bounded.
    fn node(&mut self, id: NodeId) -> Option<Cover> {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let program = self.program;
        let found = match program.nodes.get(id as usize)? {
            Node::Never => Some(Cover { tests: Rc::from([]), price: 0.0 }),
            Node::Always | Node::Kinds(_) | Node::Not(_) => None,
            Node::Test(test) => self.test(*test),
            Node::And(children) => children
                .iter()
                .filter_map(|child| self.node(*child))
                .min_by(|one, other| one.price.total_cmp(&other.price)),
            Node::Or(children) => self.either(children),
        };
        self.known.insert(id, found.clone());
        found
    }

    fn either(&mut self, children: &[NodeId]) -> Option<Cover> {
        let mut tests = Vec::new();
        for child in children {
            tests.extend_from_slice(&self.node(*child)?.tests);
            if tests.len() > TESTS_MAX {
                return None;
            }
        }
        tests.sort_unstable();
        tests.dedup();
        Some(self.priced(tests.into()))
    }

    fn test(&self, test: TestId) -> Option<Cover> {
        (self.allowed)(test).then(|| self.priced(Rc::from([test])))
    }

    /// What a cover takes: each slot once, each comparison that is made by itself, and the condition when one holds.
    fn priced(&self, tests: Rc<[TestId]>) -> Cover {
        let (mut price, mut chance) = (0.0, 0.0);
        let mut slots = Vec::new();
        for test in tests.iter() {
            let Some(comparison) = self.program.comparisons.get(*test as usize) else { continue };
            let (once, effort, likely) = self.effort(*test, comparison);
            if !slots.contains(&comparison.slot) {
                slots.push(comparison.slot);
                price += once / self.users.get(comparison.slot as usize).copied().unwrap_or(1.0);
            }
            price += effort;
            chance += likely;
        }
        Cover { tests, price: price + f64::min(chance, 1.0) * CONDITION }
    }

    /// Of a comparison: what its slot takes once for all that look at it, what it takes itself, how likely it is to hold.
    fn effort(&self, test: TestId, comparison: &Comparison) -> (f64, f64, f64) {
        let many = match self.program.slots.get(comparison.slot as usize) {
            Some(Slot::Field { many: true, .. }) => 80.0,
            Some(Slot::List(_) | Slot::Transform { .. }) => 10.0,
            Some(Slot::Field { field, .. }) => match field.which() {
                Some(Which::Argument(_) | Which::Event(event::Name::Argument)) => NAMES,
                _ => 0.0,
            },
            Some(Slot::Text(_)) | None => 0.0,
        };
        let (once, effort, likely) = match (&comparison.test, comparison.operator) {
            (_, Operator::Unequal) | (Test::Exists, _) => (0.0, 5.0, 0.9),
            _ if self.is_common(comparison) => (LOOK_UP, 0.0, 0.9),
            _ if self.program.is_scanned(test) => (SCAN, 0.0, 0.03),
            (Test::Symbols(_), _) => (LOOK_UP, 0.0, 0.05),
            (Test::Flags(_), _) => (0.0, 5.0, 0.3),
            (Test::Numbers(_), Operator::Equal | Operator::In | Operator::Intersects) => (0.0, 5.0, 0.1),
            (Test::Numbers(_), _) => (0.0, 5.0, 0.5),
            (Test::Addresses(_), _) => (0.0, 8.0, 0.05),
            (Test::Networks(_) | Test::Slot(_), _) => (0.0, 20.0, 0.3),
            (Test::Texts, Operator::StartsWith | Operator::EndsWith) => (0.0, 4.0, 0.05),
            (Test::Texts | Test::Finders(_) | Test::Bytes(_), _) => (0.0, 15.0, 0.05),
            (Test::Prefixes(_), _) => (0.0, 20.0, 0.1),
            (Test::Regexes(_), _) => (0.0, 80.0, 0.1),
        };
        (once + many, effort, likely)
    }

    fn is_common(&self, comparison: &Comparison) -> bool {
        match self.program.slots.get(comparison.slot as usize) {
            Some(Slot::Field { field, .. }) => COMMON.contains(&field.definition().name),
            _ => false,
        }
    }
}
