//! Rules as they are judged: distinct comparisons, joined by nodes that rules and macros share.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use ipnet::IpNet;
use memchr::memmem::Finder;
use regex::bytes::Regex;

use super::kinds::KindSet;
use super::prefix::Prefixes;
use super::scan::Scanner;
use super::tree::{Operator, Transformer};
use crate::detect::field::{Field, Type};

/// Number of a node.
pub(crate) type NodeId = u32;
/// Number of a comparison.
pub(crate) type TestId = u32;
/// Number of what has a value.
pub(crate) type SlotId = u32;
/// Number of a text of the rules.
pub(crate) type Symbol = u32;

/// What a condition consists of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// Never true.
    Never,
    /// Always true.
    Always,
    /// The event is of one of these kinds: index into [`Program::kinds`].
    Kinds(u32),
    /// A comparison.
    Test(TestId),
    /// It is not so.
    Not(NodeId),
    /// All of it.
    And(Box<[NodeId]>),
    /// Any of it.
    Or(Box<[NodeId]>),
}

/// What has a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// A field. With `many` it has several values; with `list` these are a list, of which `in` wants all.
    Field {
        /// Which.
        field: Field,
        /// It has several.
        many: bool,
        /// They are one list.
        list: bool,
    },
    /// A text of the rule.
    Text(Symbol),
    /// A list of the rule.
    List(Box<[SlotId]>),
    /// What a function makes.
    Transform {
        /// Which function.
        transformer: Transformer,
        /// Of what.
        arguments: Box<[SlotId]>,
        /// The option that `getopt` is asked for.
        option: Option<u8>,
    },
}

/// What kind of value a slot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) kind: Type,
    pub(crate) list: bool,
}

/// A comparison of a slot.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) slot: SlotId,
    pub(crate) operator: Operator,
    /// Every value must fit (`allof`), not any.
    pub(crate) all: bool,
    /// Values of the rule as texts, for whoever walks conditions.
    pub(crate) values: Box<[Symbol]>,
    pub(crate) test: Test,
}

/// How is compared, with values of the right type.
#[derive(Debug)]
pub(crate) enum Test {
    /// There is a value.
    Exists,
    /// Equal, unequal or one of: sorted.
    Symbols(Box<[Symbol]>),
    /// Before or after, begins or ends with, fits a pattern, has it in it without regard to case: the values are texts.
    Texts,
    /// Stands in it.
    Finders(Box<[Finder<'static>]>),
    /// Bytes written in hexadecimal.
    Bytes(Box<[Box<[u8]>]>),
    /// Regular expressions.
    Regexes(Box<[Regex]>),
    /// Paths.
    Prefixes(Prefixes),
    /// `true` or `false`.
    Flags(Box<[bool]>),
    /// Numbers: sorted.
    Numbers(Box<[i64]>),
    /// Addresses: sorted.
    Addresses(Box<[std::net::IpAddr]>),
    /// Networks.
    Networks(Box<[IpNet]>),
    /// Another slot.
    Slot(SlotId),
}

/// Everything that is compared.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    /// Whether more than one node consists of it: then it is remembered for the event.
    pub(crate) shared: Vec<bool>,
    pub(crate) kinds: Vec<KindSet>,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) symbols: Symbols,
    /// By slot, where it is worth it: looks through its text for all that comparisons want to stand there.
    pub(super) scanners: Vec<Option<Scanner>>,
    /// By comparison: the scanner of its slot knows of it.
    pub(super) scanned: Vec<bool>,
}

impl Program {
    /// Whether what is found in the text of its slot settles a comparison, or that it need not be made.
    pub(super) fn is_scanned(&self, test: TestId) -> bool {
        self.scanned.get(test as usize).copied().unwrap_or_default()
    }
}

/// Texts of the rules, each once.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    texts: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, Symbol, BuildHasherDefault<Fold>>,
    longest: usize,
}

impl Symbols {
    /// Number of a text, if a rule has it.
    pub(crate) fn find(&self, text: &[u8]) -> Option<Symbol> {
        if text.len() > self.longest { None } else { self.numbers.get(text).copied() }
    }

    /// The text with this number.
    pub(crate) fn text(&self, symbol: Symbol) -> &[u8] {
        self.texts.get(symbol as usize).map(AsRef::as_ref).unwrap_or_default()
    }

    pub(super) fn intern(&mut self, text: &[u8]) -> Symbol {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let symbol = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.into());
        self.numbers.insert(text.into(), symbol);
        self.longest = self.longest.max(text.len());
        symbol
    }
}

/// A fast hash. Whoever makes events cannot make entries, so collisions are the rules' own affair.
#[derive(Debug)]
pub(crate) struct Fold(u64);

impl Default for Fold {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Fold {
    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
    }
}

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        if let Some(place) = last.get_mut(..rest.len()) {
            place.copy_from_slice(rest);
            self.add(u64::from_le_bytes(last));
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
