//! Conditions to programs: fields are looked up, types checked, values read, what is equal made one.

use std::collections::HashMap;

use regex::bytes::RegexBuilder;

use super::Options;
use super::check::Fault;
use super::check::{
    Made, allowed, comparable, fault, literal_holds, lookup, number_of_event, read, result, sorted, unknown,
};
use super::definition::shown;
use super::kinds::{KindSet, own};
use super::number;
use super::parse::Wrong;
use super::prefix::Prefixes;
use super::program::{Comparison, Node, NodeId, Program, Shape, Slot, SlotId, Symbol, Test, TestId};
use super::tree::{self, Argument, Check, Literal, Operand, Operator, Right, Transformer, Tree};
use crate::detect::field::{self, KINDS, Type};

type Key = (SlotId, Operator, Option<bool>, Box<[Symbol]>, Option<SlotId>);

/// Makes a program out of conditions.
pub(super) struct Compiler<'a> {
    pub(super) program: Program,
    pub(super) options: &'a Options,
    nodes: HashMap<Node, NodeId>,
    /// Depth of each node.
    depths: Vec<usize>,
    /// Whether a node asks for the kind of the event.
    pub(super) typed: Vec<bool>,
    kinds: HashMap<KindSet, u32>,
    tests: HashMap<Key, TestId>,
    slots: HashMap<Slot, SlotId>,
    regexes: usize,
    /// Where something is not as it seems.
    pub(super) notes: Vec<Wrong>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self {
            program: Program::default(),
            options,
            nodes: HashMap::new(),
            depths: Vec::new(),
            typed: Vec::new(),
            kinds: HashMap::new(),
            tests: HashMap::new(),
            slots: HashMap::new(),
            regexes: 0,
            notes: Vec::new(),
        }
    }

    /// Compiles a condition; `macros` gives the node of a macro by its name.
    pub(super) fn condition(
        &mut self,
        tree: &Tree,
        macros: &mut dyn FnMut(&str) -> Option<NodeId>,
    ) -> Result<NodeId, Vec<Fault>> {
        let mut made: Vec<NodeId> = Vec::with_capacity(tree.nodes.len());
        let mut faults = Vec::new();
        for node in &tree.nodes {
            let of = |ids: &[tree::NodeId]| ids.iter().filter_map(|id| made.get(*id).copied()).collect();
            let node = match node {
                tree::Node::And(children) => self.and(of(children)),
                tree::Node::Or(children) => self.or(of(children)),
                tree::Node::Not(child) => {
                    let child = made.get(*child).copied().unwrap_or_default();
                    self.not(child)
                }
                tree::Node::Macro { name, at } => match macros(name) {
                    Some(node) => node,
                    // Whoever asks knows why there is none.
                    None => {
                        faults.extend(fault::<()>(*at, String::new()).err());
                        self.add(Node::Never)
                    }
                },
                tree::Node::Check(check) => self.check(check).unwrap_or_else(|fault| {
                    faults.push(fault);
                    self.add(Node::Never)
                }),
            };
            made.push(node);
        }
        let root = made.get(tree.root).copied().unwrap_or_default();
        let depth = self.depths.get(root as usize).copied().unwrap_or_default();
        if depth > self.options.depth_max {
            let most = self.options.depth_max;
            faults.extend(
                fault::<()>(0, format!("the condition with its macros is nested more than {most} deep"))
                    .err(),
            );
        }
        if self.program.nodes.len() > self.options.nodes_max {
            let most = self.options.nodes_max;
            faults
                .extend(fault::<()>(0, format!("all conditions together have more than {most} parts")).err());
        }
        if faults.is_empty() { Ok(root) } else { Err(faults) }
    }

    /// A node, the same one for what is equal.
    pub(super) fn add(&mut self, node: Node) -> NodeId {
        if let Some(known) = self.nodes.get(&node) {
            return *known;
        }
        let of = |values: &[usize], ids: &[NodeId]| {
            ids.iter().map(|id| values[*id as usize]).max().unwrap_or(0) + 1
        };
        let any = |values: &[bool], ids: &[NodeId]| ids.iter().any(|id| values[*id as usize]);
        let (depth, typed) = match &node {
            Node::And(ids) | Node::Or(ids) => (of(&self.depths, ids), any(&self.typed, ids)),
            Node::Not(id) => (of(&self.depths, &[*id]), any(&self.typed, &[*id])),
            Node::Kinds(_) => (1, true),
            Node::Never | Node::Always | Node::Test(_) => (1, false),
        };
        let id = u32::try_from(self.program.nodes.len()).unwrap_or(u32::MAX);
        self.program.nodes.push(node.clone());
        self.depths.push(depth);
        self.typed.push(typed);
        self.nodes.insert(node, id);
        id
    }

    pub(super) fn not(&mut self, child: NodeId) -> NodeId {
        match self.node(child) {
            Node::Never => self.add(Node::Always),
            Node::Always => self.add(Node::Never),
            Node::Not(inner) => *inner,
            _ => self.add(Node::Not(child)),
        }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.program.nodes[id as usize]
    }

    pub(super) fn and(&mut self, children: Vec<NodeId>) -> NodeId {
        self.join(children, &Node::Always, &Node::Never, Node::And)
    }

    pub(super) fn or(&mut self, children: Vec<NodeId>) -> NodeId {
        self.join(children, &Node::Never, &Node::Always, Node::Or)
    }

    /// `neutral` makes no difference, `final_` decides.
    fn join(
        &mut self,
        mut children: Vec<NodeId>,
        neutral: &Node,
        final_: &Node,
        make: fn(Box<[NodeId]>) -> Node,
    ) -> NodeId {
        if children.iter().any(|child| self.node(*child) == final_) {
            return self.add(final_.clone());
        }
        children.retain(|child| self.node(*child) != neutral);
        let mut seen = std::collections::HashSet::new();
        children.retain(|child| seen.insert(*child));
        match children.as_slice() {
            [] => self.add(neutral.clone()),
            [only] => *only,
            _ => self.add(make(children.into_boxed_slice())),
        }
    }

    fn check(&mut self, check: &Check) -> Made<NodeId> {
        let (slot, shape) = self.operand(&check.left, 0)?;
        allowed(check.operator, shape, check.operator_at)?;
        if let Some(node) = self.constant(check)? {
            return Ok(self.add(node));
        }
        match &check.right {
            Right::Nothing => self.test(slot, check.operator, None, &[], shape),
            Right::Value(literal) => {
                self.test(slot, check.operator, None, std::slice::from_ref(literal), shape)
            }
            Right::List(literals) => {
                let literals = self.first_only(check, literals);
                self.test(slot, check.operator, None, literals, shape)
            }
            Right::Each { all, values } => self.test(slot, check.operator, Some(*all), values, shape),
            Right::Operand(operand) => {
                let (right, other) = self.operand(operand, 0)?;
                comparable(check.operator, shape, other, operand.at())?;
                let key = (slot, check.operator, None, Box::from([]), Some(right));
                Ok(self.comparison(key, || Ok(Test::Slot(right)))?)
            }
        }
    }

    /// `fd.net in (…)` looks at the first network only, as the rules' authors are used to.
    fn first_only<'l>(&mut self, check: &Check, literals: &'l [Literal]) -> &'l [Literal] {
        let net = matches!(&check.left, Operand::Field { name, .. } if name == "fd.net");
        match literals {
            [first, _, ..] if net => {
                let reason =
                    "`fd.net in` compares the first network only; use fd.cnet and fd.snet".to_owned();
                self.notes.push(Wrong { at: first.at, reason });
                std::slice::from_ref(first)
            }
            _ => literals,
        }
    }

    /// What is known before any event: the kind of events of a type, numbers of events, their direction.
    fn constant(&mut self, check: &Check) -> Made<Option<Node>> {
        let Operand::Field { name, argument: None, .. } = &check.left else { return Ok(None) };
        let (literals, all): (&[Literal], bool) = match &check.right {
            Right::Value(literal) => (std::slice::from_ref(literal), false),
            Right::List(literals) => (literals, false),
            Right::Each { all, values } => (values, *all),
            Right::Nothing => (&[], false),
            Right::Operand(_) => return Ok(None),
        };
        match name.as_str() {
            "evt.type" => self.kinds(check.operator, literals, all).map(Some),
            "evt.num" => Ok(number_of_event(check.operator, literals)),
            "evt.dir" if check.operator != Operator::Exists => {
                let holds = literal_holds(check.operator, literals, all, b"<");
                Ok(Some(if holds { Node::Always } else { Node::Never }))
            }
            _ => Ok(None),
        }
    }

    fn kinds(&mut self, operator: Operator, literals: &[Literal], all: bool) -> Made<Node> {
        let exact =
            matches!(operator, Operator::Equal | Operator::Unequal | Operator::In | Operator::Intersects);
        for literal in literals.iter().filter(|_| exact) {
            if !KINDS.iter().any(|kind| kind.name.as_bytes() == literal.bytes) {
                let name = shown(&String::from_utf8_lossy(&literal.bytes));
                return unknown(literal.at, format!("unknown kind of event `{name}`"));
            }
        }
        let mut set = KindSet::default();
        if operator == Operator::Unequal {
            let equal = |kind: &&field::KindDefinition| {
                literals.iter().any(|value| value.bytes == kind.name.as_bytes())
            };
            let not: Vec<_> =
                KINDS.iter().filter(equal).filter_map(|kind| field::Kind::named(kind.name)).collect();
            own().filter(|kind| !not.contains(kind)).for_each(|kind| set.insert(kind));
        } else {
            let fits = |kind: &&field::KindDefinition| {
                operator == Operator::Exists || literal_holds(operator, literals, all, kind.name.as_bytes())
            };
            KINDS
                .iter()
                .filter(fits)
                .filter_map(|kind| field::Kind::named(kind.name))
                .for_each(|kind| set.insert(kind));
        }
        if set.is_empty() {
            return Ok(Node::Never);
        }
        if own().all(|kind| set.contains(kind)) {
            return Ok(Node::Always);
        }
        let next = u32::try_from(self.program.kinds.len()).unwrap_or(u32::MAX);
        let id = *self.kinds.entry(set.clone()).or_insert(next);
        if id == next {
            self.program.kinds.push(set);
        }
        Ok(Node::Kinds(id))
    }

    fn test(
        &mut self,
        slot: SlotId,
        operator: Operator,
        each: Option<bool>,
        literals: &[Literal],
        shape: Shape,
    ) -> Made<NodeId> {
        let values: Box<[Symbol]> =
            literals.iter().map(|literal| self.program.symbols.intern(&literal.bytes)).collect();
        let key = (slot, operator, each, values, None);
        if let Some(known) = self.tests.get(&key) {
            return Ok(self.add(Node::Test(*known)));
        }
        let test = self.typed_test(operator, literals, shape, &key.3)?;
        self.comparison(key, || Ok(test))
    }

    fn comparison(&mut self, key: Key, test: impl FnOnce() -> Made<Test>) -> Made<NodeId> {
        let id = match self.tests.get(&key) {
            Some(known) => *known,
            None => {
                let id = u32::try_from(self.program.comparisons.len()).unwrap_or(u32::MAX);
                let (slot, operator, each, values) = (key.0, key.1, key.2, key.3.clone());
                let all = each.unwrap_or(false);
                self.program.comparisons.push(Comparison { slot, operator, all, values, test: test()? });
                self.tests.insert(key, id);
                id
            }
        };
        Ok(self.add(Node::Test(id)))
    }

    fn typed_test(
        &mut self,
        operator: Operator,
        literals: &[Literal],
        shape: Shape,
        values: &[Symbol],
    ) -> Made<Test> {
        if operator == Operator::Exists {
            return Ok(Test::Exists);
        }
        Ok(match shape.kind {
            Type::Bool => Test::Flags(read(literals, number::flag, "`true` or `false`")?),
            Type::Number => Test::Numbers(sorted(read(literals, number::number, "a whole number")?)),
            Type::Duration | Type::Time => {
                Test::Numbers(sorted(read(literals, number::number, "nanoseconds")?))
            }
            Type::Port => {
                Test::Numbers(sorted(read(literals, number::port, "a port, or the name of a service")?))
            }
            Type::Address => Test::Addresses(sorted(read(literals, number::address, "an IP address")?)),
            Type::Network => Test::Networks(read(literals, number::network, "a network such as 10.0.0.0/8")?),
            Type::Text | Type::Path | Type::Bytes => self.text_test(operator, literals, values)?,
        })
    }

    fn text_test(&mut self, operator: Operator, literals: &[Literal], values: &[Symbol]) -> Made<Test> {
        let long = |literal: &&Literal| literal.bytes.len() > self.options.pattern_bytes_max;
        Ok(match operator {
            Operator::Equal | Operator::Unequal | Operator::In | Operator::Intersects => {
                let mut symbols = values.to_vec();
                symbols.sort_unstable();
                symbols.dedup();
                Test::Symbols(symbols.into_boxed_slice())
            }
            Operator::Contains => Test::Finders(
                literals
                    .iter()
                    .map(|literal| memchr::memmem::Finder::new(&literal.bytes).into_owned())
                    .collect(),
            ),
            Operator::ContainsBytes | Operator::StartsWithBytes => {
                Test::Bytes(read(literals, number::bytes, "bytes in hexadecimal such as cafe")?)
            }
            Operator::Within => {
                Test::Prefixes(Prefixes::new(literals.iter().map(|literal| literal.bytes.as_slice())))
            }
            Operator::Glob | Operator::GlobFolded => match literals.iter().find(long) {
                Some(literal) => return fault(literal.at, too_long(self.options)),
                None => Test::Texts,
            },
            Operator::Regex => {
                Test::Regexes(literals.iter().map(|literal| self.regex(literal)).collect::<Made<_>>()?)
            }
            _ => Test::Texts,
        })
    }

    fn regex(&mut self, literal: &Literal) -> Made<regex::bytes::Regex> {
        let options = self.options;
        if literal.bytes.len() > options.pattern_bytes_max {
            return fault(literal.at, too_long(options));
        }
        if self.regexes >= options.regexes_max {
            return fault(literal.at, format!("more than {} regular expressions", options.regexes_max));
        }
        self.regexes += 1;
        let Ok(pattern) = std::str::from_utf8(&literal.bytes) else {
            return fault(literal.at, "a regular expression must be UTF-8");
        };
        RegexBuilder::new(&format!("\\A(?:{pattern})\\z"))
            .size_limit(options.regex_bytes_max)
            .dfa_size_limit(options.regex_bytes_max)
            .nest_limit(100)
            .build()
            .or_else(|error| {
                // Its form spans lines; the last one says what is wrong.
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                fault(literal.at, format!("not a usable regular expression: {last}"))
            })
    }

    fn operand(&mut self, operand: &Operand, depth: usize) -> Made<(SlotId, Shape)> {
        match operand {
            Operand::Field { name, argument, at } => {
                let (field, shape) = lookup(name, argument.as_deref(), *at)?;
                let slot = Slot::Field {
                    many: field.definition().many && field.argument == field::Argument::None,
                    list: shape.list,
                    field,
                };
                Ok((self.slot(slot, shape), shape))
            }
            Operand::Transform { transformer, arguments, argument, at } => {
                self.transform(*transformer, arguments, argument.as_deref(), *at, depth)
            }
        }
    }

    fn slot(&mut self, slot: Slot, shape: Shape) -> SlotId {
        if let Some(known) = self.slots.get(&slot) {
            return *known;
        }
        let id = u32::try_from(self.program.slots.len()).unwrap_or(u32::MAX);
        self.program.slots.push(slot.clone());
        self.program.shapes.push(shape);
        self.slots.insert(slot, id);
        id
    }

    fn transform(
        &mut self,
        transformer: Transformer,
        arguments: &[Argument],
        option: Option<&str>,
        at: usize,
        depth: usize,
    ) -> Made<(SlotId, Shape)> {
        let mut slots = Vec::with_capacity(arguments.len());
        let mut shapes = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let (slot, shape) = self.argument(argument, at, depth)?;
            slots.push(slot);
            shapes.push(shape);
        }
        let kind = result(transformer, &shapes).or_else(|reason| fault(at, reason))?;
        let option = match (option, transformer) {
            (None, _) => None,
            (Some(text), Transformer::Options) if text.len() == 1 => text.bytes().next(),
            (Some(_), Transformer::Options) => return fault(at, "the option in [ ] must be one character"),
            (Some(_), _) => return fault(at, "this transformer takes no argument in [ ]"),
        };
        let shape = Shape { list: kind.list && option.is_none(), ..kind };
        let slot = Slot::Transform { transformer, arguments: slots.into_boxed_slice(), option };
        Ok((self.slot(slot, shape), shape))
    }

    fn argument(&mut self, argument: &Argument, at: usize, depth: usize) -> Made<(SlotId, Shape)> {
        match argument {
            Argument::Operand(operand) => self.operand(operand, depth + 1),
            Argument::Text(text) => {
                let symbol = self.program.symbols.intern(text);
                let shape = Shape { kind: Type::Text, list: false };
                Ok((self.slot(Slot::Text(symbol), shape), shape))
            }
            Argument::List(items) => {
                let mut slots = Vec::with_capacity(items.len());
                for item in items {
                    let (slot, shape) = self.argument(item, at, depth)?;
                    if shape.list {
                        return fault(at, "lists cannot stand in lists");
                    }
                    slots.push(slot);
                }
                let shape = Shape { kind: Type::Text, list: true };
                Ok((self.slot(Slot::List(slots.into_boxed_slice()), shape), shape))
            }
        }
    }
}

fn too_long(options: &Options) -> String {
    format!("a pattern has at most {} bytes", options.pattern_bytes_max)
}
