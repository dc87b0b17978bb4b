//! Judging an event: each field is asked for once, each comparison made once, nothing allocated once buffers have grown.

use std::net::IpAddr;

use super::compare::{decimal, fits, plain, symbols_hold};
use super::gate::Gate;
use super::partial::Truth;
use super::program::{Comparison, Node, NodeId, Program, Slot, SlotId, Symbol, Test, TestId};
use super::transform;
use super::tree::{Operator, Transformer};
use crate::detect::field::Type;
use crate::detect::value::{Facts, Value};

/// What was found out of the event at hand. One for each thread that judges.
#[derive(Debug, Default)]
pub struct State {
    /// Marks what belongs to the event at hand.
    generation: u32,
    comparisons: Vec<Compared>,
    /// Comparisons that hold or may, as was found by looking through texts.
    found: Vec<TestId>,
    nodes: Vec<Memo>,
    /// Which conditions are to be looked at; kept for its room.
    open: Vec<u64>,
    /// Of nodes of which only a part is known, by the generation that they belong to.
    truths: Vec<(u32, Truth)>,
    cells: Vec<Cell>,
    /// Texts of the event at hand.
    arena: Vec<u8>,
    /// Where facts put texts together.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Memo {
    generation: u32,
    holds: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Compared {
    generation: u32,
    outcome: Outcome,
}

/// What is known of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    Fails,
    Holds,
    /// It may hold: it must be made.
    Open,
}

/// A value that was asked for.
#[derive(Clone, Copy, Debug)]
struct Cell {
    generation: u32,
    /// Its text was looked through.
    scanned: bool,
    symbol: Known,
    stored: Stored,
}

impl Cell {
    const EMPTY: Self = Self::new(0, Stored::Missing);

    const fn new(generation: u32, stored: Stored) -> Self {
        Self { generation, scanned: false, symbol: Known::NotAsked, stored }
    }
}

/// Whether a text is one of the rules'.
#[derive(Clone, Copy, Debug)]
enum Known {
    NotAsked,
    Asked(Option<Symbol>),
}

/// A value whose texts stand in the arena.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stored {
    Missing,
    Flag(bool),
    Number(i64),
    Text {
        start: usize,
        end: usize,
    },
    Address(IpAddr),
    Addresses([Option<IpAddr>; 2]),
    Ports([Option<u16>; 2]),
    /// Texts, each behind its length in four bytes.
    List {
        start: usize,
        end: usize,
    },
}

impl State {
    /// Room for a program, and for texts of a usual event.
    pub(super) fn new(program: &Program) -> Self {
        const TEXTS_BYTES: usize = 64 * 1024;
        let mut state = Self::default();
        state.arena.reserve(TEXTS_BYTES);
        state.buffer.reserve(TEXTS_BYTES / 4);
        state.fit(program);
        state
    }

    fn fit(&mut self, program: &Program) {
        if self.comparisons.len() < program.comparisons.len() {
            self.comparisons.resize(program.comparisons.len(), Compared::default());
            self.found.reserve(program.comparisons.len());
        }
        if self.nodes.len() < program.nodes.len() {
            self.nodes.resize(program.nodes.len(), Memo::default());
        }
        if self.truths.len() < program.nodes.len() {
            self.truths.resize(program.nodes.len(), (0, Truth::Maybe));
        }
        if self.cells.len() < program.slots.len() {
            self.cells.resize(program.slots.len(), Cell::EMPTY);
        }
    }

    /// Forgets the event before.
    fn next(&mut self) {
        self.arena.clear();
        self.found.clear();
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.comparisons.fill(Compared::default());
            self.nodes.fill(Memo::default());
            self.truths.fill((0, Truth::Maybe));
            self.cells.iter_mut().for_each(|cell| cell.generation = 0);
            self.generation = 1;
        }
    }
}

/// One event being judged.
pub(super) struct Judge<'a, F: Facts> {
    program: &'a Program,
    facts: &'a F,
    state: &'a mut State,
}

impl<'a, F: Facts> Judge<'a, F> {
    pub(super) fn new(program: &'a Program, facts: &'a F, state: &'a mut State) -> Self {
        state.fit(program);
        state.next();
        Self { program, facts, state }
    }

    /// Whether a node holds. Ids are the program's own.
    pub(super) fn holds(&mut self, id: NodeId) -> bool {
        let program = self.program;
        let place = id as usize;
        match &program.nodes[place] {
            Node::Never => false,
            Node::Always => true,
            Node::Kinds(set) => program.kinds[*set as usize].contains(self.facts.kind()),
            Node::Test(test) => self.test(*test),
            Node::Not(child) => !self.holds(*child),
            Node::And(children) => {
                self.remembered(place, |judge| children.iter().all(|child| judge.holds(*child)))
            }
            Node::Or(children) => {
                self.remembered(place, |judge| children.iter().any(|child| judge.holds(*child)))
            }
        }
    }

    fn remembered(&mut self, place: usize, holds: impl FnOnce(&mut Self) -> bool) -> bool {
        if !self.program.shared[place] {
            return holds(self);
        }
        let memo = self.state.nodes[place];
        if memo.generation == self.state.generation {
            return memo.holds;
        }
        let holds = holds(self);
        self.state.nodes[place] = Memo { generation: self.state.generation, holds };
        holds
    }

    /// What a node was found to come to, of which only a part is known.
    pub(super) fn remembered_truth(&self, id: NodeId) -> Option<Truth> {
        let (generation, truth) = self.state.truths.get(id as usize)?;
        (*generation == self.state.generation).then_some(*truth)
    }

    pub(super) fn remember_truth(&mut self, id: NodeId, truth: Truth) {
        if let Some(place) = self.state.truths.get_mut(id as usize) {
            *place = (self.state.generation, truth);
        }
    }

    /// Whether a comparison holds.
    pub(super) fn test(&mut self, id: TestId) -> bool {
        let place = id as usize;
        let generation = self.state.generation;
        if self.state.comparisons[place].generation != generation && self.program.scanned[place] {
            self.scan(self.program.comparisons[place].slot);
            if self.state.comparisons[place].generation != generation {
                // What it wants does not stand there.
                self.state.comparisons[place] = Compared { generation, outcome: Outcome::Fails };
            }
        }
        let known = self.state.comparisons[place];
        if known.generation == generation && known.outcome != Outcome::Open {
            return known.outcome == Outcome::Holds;
        }
        let holds = self.compare(&self.program.comparisons[place]);
        let outcome = if holds { Outcome::Holds } else { Outcome::Fails };
        self.state.comparisons[place] = Compared { generation, outcome };
        holds
    }

    /// Looks through the text of a slot, once, for all that comparisons want to stand there.
    pub(super) fn scan(&mut self, slot: SlotId) {
        let stored = self.cell(slot);
        let State { generation, comparisons, found, cells, arena, .. } = &mut *self.state;
        let generation = *generation;
        let Some(scanner) = &self.program.scanners[slot as usize] else { return };
        if std::mem::replace(&mut cells[slot as usize].scanned, true) {
            return;
        }
        let mut tell = |test: TestId, settled: bool| {
            let known = &mut comparisons[test as usize];
            let outcome = if settled { Outcome::Holds } else { Outcome::Open };
            if known.generation != generation {
                *known = Compared { generation, outcome };
                found.push(test);
            } else if settled {
                known.outcome = outcome;
            }
        };
        if let Stored::List { start, end } = stored {
            for (item, _) in transform::items(arena.get(start..end).unwrap_or_default()) {
                // The other items count, too.
                scanner.scan(item, |test, _| tell(test, false));
            }
        } else if let Some(value) = stored.as_value(arena) {
            let mut digits = [0; 20];
            if let Value::Text(text) = plain(value, &mut digits) {
                scanner.scan(text, tell);
            }
        }
    }

    /// The comparisons that were found by looking through texts to hold, or that they may.
    pub(super) fn found(&self) -> &[TestId] {
        &self.state.found
    }

    /// Tells which of the rules' texts the value of a slot is; of several values each.
    pub(super) fn symbols(&mut self, slot: SlotId, see: &mut dyn FnMut(Symbol)) {
        let program = self.program;
        match self.cell(slot) {
            Stored::Missing => {}
            Stored::Text { start, end } => self.symbol(slot, start, end).into_iter().for_each(see),
            Stored::List { start, end } => {
                for (item, symbol) in transform::items(self.state.arena.get(start..end).unwrap_or_default()) {
                    symbol.unwrap_or_else(|| program.symbols.find(item)).into_iter().for_each(&mut *see);
                }
            }
            stored => {
                let mut digits = [0; 20];
                if let Some(Value::Text(text)) =
                    stored.as_value(&self.state.arena).map(|value| plain(value, &mut digits))
                {
                    program.symbols.find(text).into_iter().for_each(see);
                }
            }
        }
    }

    /// The conditions behind a gate that may hold, as bits by their places. To be given back for its room.
    pub(super) fn let_through(&mut self, gate: &Gate) -> Vec<u64> {
        let mut open = std::mem::take(&mut self.state.open);
        gate.open(self, &mut open);
        open
    }

    pub(super) fn give_back(&mut self, open: Vec<u64>) {
        self.state.open = open;
    }

    fn compare(&mut self, comparison: &Comparison) -> bool {
        let program = self.program;
        if let Slot::Field { field, many: true, .. } = &program.slots[comparison.slot as usize]
            && !is_text(program, comparison.slot)
        {
            let right = self.right(comparison);
            let (arena, buffer) = (&self.state.arena, &mut self.state.buffer);
            return self
                .facts
                .any(field, buffer, &mut |value| fits(program, comparison, value, right, arena, None));
        }
        let stored = self.cell(comparison.slot);
        let right = self.right(comparison);
        match stored {
            Stored::Missing => false,
            Stored::List { start, end } => {
                let arena = &self.state.arena;
                let mut items = transform::items(arena.get(start..end).unwrap_or_default());
                let mut fits = |(item, symbol): (&[u8], Option<Option<Symbol>>)| {
                    fits(program, comparison, Value::Text(item), right, arena, symbol)
                };
                match comparison.operator {
                    Operator::Exists => true,
                    Operator::In if program.shapes[comparison.slot as usize].list => {
                        end > start && items.all(&mut fits)
                    }
                    _ => items.any(&mut fits),
                }
            }
            stored => {
                // Most comparisons are of this form.
                if let (Test::Symbols(symbols), Stored::Text { start, end }) = (&comparison.test, stored) {
                    let symbol = self.symbol(comparison.slot, start, end);
                    return symbols_hold(comparison.operator, comparison.all, symbols, symbol);
                }
                let arena = &self.state.arena;
                let Some(value) = stored.as_value(arena) else { return false };
                let mut digits = [0; 20];
                let value = if is_text(program, comparison.slot) { plain(value, &mut digits) } else { value };
                fits(program, comparison, value, right, arena, None)
            }
        }
    }

    /// The other side, where it is a slot.
    fn right(&mut self, comparison: &Comparison) -> Stored {
        match comparison.test {
            Test::Slot(slot) => self.cell(slot),
            _ => Stored::Missing,
        }
    }

    /// The rules' number of a text, looked for once.
    fn symbol(&mut self, slot: SlotId, start: usize, end: usize) -> Option<Symbol> {
        let cell = &mut self.state.cells[slot as usize];
        match cell.symbol {
            Known::Asked(symbol) => symbol,
            Known::NotAsked => {
                let text = self.state.arena.get(start..end).unwrap_or_default();
                let symbol = self.program.symbols.find(text);
                cell.symbol = Known::Asked(symbol);
                symbol
            }
        }
    }

    /// The value of a slot, asked for once.
    fn cell(&mut self, slot: SlotId) -> Stored {
        let place = slot as usize;
        let cell = self.state.cells[place];
        if cell.generation == self.state.generation {
            return cell.stored;
        }
        let stored = self.make(slot);
        let generation = self.state.generation;
        self.state.cells[place] = Cell::new(generation, stored);
        stored
    }

    fn make(&mut self, slot: SlotId) -> Stored {
        let program = self.program;
        match &program.slots[slot as usize] {
            Slot::Field { field, many: false, .. } => {
                let (arena, buffer) = (&mut self.state.arena, &mut self.state.buffer);
                self.facts.value(field, buffer).map_or(Stored::Missing, |value| store(value, arena))
            }
            Slot::Field { field, .. } => {
                let (arena, buffer) = (&mut self.state.arena, &mut self.state.buffer);
                let start = arena.len();
                self.facts.any(field, buffer, &mut |value| {
                    let mut digits = [0; 20];
                    if let Value::Text(text) = plain(value, &mut digits) {
                        transform::push_known(arena, text, program.symbols.find(text));
                    }
                    false
                });
                if arena.len() == start { Stored::Missing } else { Stored::List { start, end: arena.len() } }
            }
            Slot::Text(symbol) => store(Value::Text(program.symbols.text(*symbol)), &mut self.state.arena),
            Slot::List(slots) => self.list(slots),
            Slot::Transform { transformer, arguments, option } => {
                self.transform(*transformer, arguments, *option)
            }
        }
    }

    fn list(&mut self, slots: &[SlotId]) -> Stored {
        // All first: what they put into the arena must not stand between the items.
        for slot in slots {
            if self.cell(*slot) == Stored::Missing {
                return Stored::Missing;
            }
        }
        let start = self.state.arena.len();
        for slot in slots {
            let mut digits = [0; 20];
            let (from, to) = match self.cell(*slot) {
                Stored::Text { start, end } => (start, end),
                Stored::List { start, end } => transform::first(&self.state.arena, start, end),
                Stored::Number(number) => {
                    let text = decimal(number, &mut digits);
                    transform::push_item(&mut self.state.arena, &[text]);
                    continue;
                }
                _ => continue,
            };
            transform::push_own(&mut self.state.arena, from, to);
        }
        Stored::List { start, end: self.state.arena.len() }
    }

    fn transform(&mut self, transformer: Transformer, arguments: &[SlotId], option: Option<u8>) -> Stored {
        let mut first = Stored::Missing;
        for (index, slot) in arguments.iter().enumerate() {
            let stored = self.cell(*slot);
            if stored == Stored::Missing {
                return Stored::Missing;
            }
            if index == 0 {
                first = stored;
            }
        }
        if transformer == Transformer::Concat {
            let start = self.state.arena.len();
            for slot in arguments {
                let (from, to) = match self.cell(*slot) {
                    Stored::Text { start, end } => (start, end),
                    // Of several values the first.
                    Stored::List { start, end } => transform::first(&self.state.arena, start, end),
                    _ => continue,
                };
                self.state.arena.extend_from_within(from..to);
            }
            return Stored::Text { start, end: self.state.arena.len() };
        }
        let second = arguments.get(1).map_or(Stored::Missing, |slot| self.cell(*slot));
        transform::apply(transformer, first, second, option, &mut self.state.arena)
    }
}

fn is_text(program: &Program, slot: SlotId) -> bool {
    matches!(program.shapes[slot as usize].kind, Type::Text | Type::Path | Type::Bytes)
}

fn store(value: Value<'_>, arena: &mut Vec<u8>) -> Stored {
    match value {
        Value::Bool(flag) => Stored::Flag(flag),
        Value::Number(number) => Stored::Number(number),
        Value::Text(text) => {
            let start = arena.len();
            arena.extend_from_slice(text);
            Stored::Text { start, end: arena.len() }
        }
        Value::Address(address) => Stored::Address(address),
        Value::Addresses(addresses) => Stored::Addresses(addresses),
        Value::Ports(ports) => Stored::Ports(ports),
    }
}

impl Stored {
    pub(super) fn as_value(self, arena: &[u8]) -> Option<Value<'_>> {
        Some(match self {
            Self::Missing | Self::List { .. } => return None,
            Self::Flag(flag) => Value::Bool(flag),
            Self::Number(number) => Value::Number(number),
            Self::Text { start, end } => Value::Text(arena.get(start..end).unwrap_or_default()),
            Self::Address(address) => Value::Address(address),
            Self::Addresses(addresses) => Value::Addresses(addresses),
            Self::Ports(ports) => Value::Ports(ports),
        })
    }
}
