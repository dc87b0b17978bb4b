//! Rules in Falco's language: read from files, compiled once, judged for each event without allocating.
//!
//! Reading order: `document` (YAML) → `definition`, `collect` (what items say, what later ones change) → `text`
//! (lists put in) → `lex`, `parse`, `tree` (conditions) → `check`, `compile`, `program` → `specialise` (for each kind
//! of event) → `needle`, `literal`, `scan` (what must stand in a text, looked for at once), `cover`, `gate` (which rules
//! need be looked at) → `evaluate`, `compare`, `transform`, and `output` for what is said.

mod check;
mod collect;
mod compare;
mod compile;
mod cover;
mod definition;
mod document;
mod domains;
pub(crate) mod evaluate;
mod exception;
mod gate;
mod glob;
pub(crate) mod kinds;
mod lex;
mod literal;
mod load;
mod needle;
mod number;
mod output;
mod parse;
pub(crate) mod partial;
mod prefix;
mod problem;
pub(crate) mod program;
mod scan;
mod specialise;
mod text;
mod transform;
pub(crate) mod tree;
mod version;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::evaluate::State;
use self::gate::Gate;
pub use self::kinds::KindSet;
use self::output::Output;
pub use self::problem::Problem;
use self::program::{NodeId, Program};
use super::value::Facts;

/// A rule file.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Name for messages: its path.
    pub name: String,
    /// Its content, whatever that is.
    pub text: Vec<u8>,
}

/// Which rules fire for an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// The first that matches, in the order of loading, as Falco does by default.
    #[default]
    First,
    /// All that match.
    All,
}

/// Rules that are switched on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toggle {
    /// On or off.
    pub enable: bool,
    /// Which ones.
    pub which: Which,
}

/// How rules are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By name, with `*` and `?`.
    Name(String),
    /// By one of their tags.
    Tag(String),
}

/// How urgent a rule is, most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// The node is unusable.
    Emergency,
    /// Act at once.
    Alert,
    /// Critical.
    Critical,
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// Normal, but of note.
    Notice,
    /// For information.
    Informational,
    /// For debugging.
    #[default]
    Debug,
}

impl Priority {
    /// All, most urgent first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// By name, in letters of either case; `info` is `Informational`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let named = Self::ALL.into_iter().find(|priority| priority.name().eq_ignore_ascii_case(name));
        named.or_else(|| name.eq_ignore_ascii_case("info").then_some(Self::Informational))
    }

    /// As alerts spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }
}

/// How rules are loaded. The bounds refuse what no rule file needs, with its place.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which rules fire.
    pub matching: Matching,
    /// Applied one after the other; the last that names a rule decides.
    pub toggles: Vec<Toggle>,
    /// Less urgent rules are left out.
    pub priority_least: Priority,
    /// Add the container's and pod's fields to every output.
    pub suggested_output: bool,
    /// Bytes of a file.
    pub file_bytes_max: usize,
    /// Sequences and mappings in each other.
    pub yaml_depth_max: usize,
    /// Values in a file, aliases counted as often as they stand there.
    pub yaml_nodes_max: usize,
    /// Bytes of a condition with its lists put in; eight times that of all.
    pub expanded_bytes_max: usize,
    /// Brackets of a condition, and parts of it in each other with its macros.
    pub depth_max: usize,
    /// Parts of all conditions.
    pub nodes_max: usize,
    /// Bytes of a glob or regular expression.
    pub pattern_bytes_max: usize,
    /// Bytes of a compiled regular expression.
    pub regex_bytes_max: usize,
    /// Regular expressions.
    pub regexes_max: usize,
    /// Errors, and warnings, after which no more is said.
    pub problems_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            matching: Matching::First,
            toggles: Vec::new(),
            priority_least: Priority::Debug,
            suggested_output: true,
            file_bytes_max: 16 << 20,
            yaml_depth_max: 32,
            yaml_nodes_max: 1 << 20,
            expanded_bytes_max: 8 << 20,
            depth_max: 1000,
            nodes_max: 1 << 20,
            pattern_bytes_max: 2048,
            regex_bytes_max: 1 << 20,
            regexes_max: 512,
            problems_max: 100,
        }
    }
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its place among all rules.
    pub number: usize,
    /// Its name, unique.
    pub name: Arc<str>,
    /// Id of its findings: the name in lower case with dashes.
    pub id: Arc<str>,
    /// What it is for.
    pub description: String,
    /// How urgent it is.
    pub priority: Priority,
    /// Its tags, sorted, each once.
    pub tags: Vec<String>,
    /// Whether it is judged.
    pub enabled: bool,
    /// Kinds of events that it can match.
    pub kinds: KindSet,
    /// Its condition in [`Ruleset::program`].
    pub(crate) condition: NodeId,
    pub(crate) output: Output,
}

/// Rules that are loaded.
#[derive(Debug)]
pub struct Ruleset {
    pub(crate) program: Program,
    rules: Vec<Rule>,
    matching: Matching,
    kinds: KindSet,
    /// By kind: rules that can match, with what is left of their condition for that kind.
    by_kind: Vec<Vec<(u32, NodeId)>>,
    /// By kind: which of these need be looked at.
    gates: Vec<Arc<Gate>>,
}

/// What loading gave.
#[derive(Debug)]
pub struct Loaded {
    /// The rules.
    pub ruleset: Ruleset,
    /// What is odd, but does no harm.
    pub warnings: Vec<Problem>,
    /// Number of rules, those that are off included.
    pub rules: usize,
    /// Number of macros.
    pub macros: usize,
    /// Number of lists.
    pub lists: usize,
}

impl Ruleset {
    /// Loads rules from files, in this order: all of it or nothing.
    ///
    /// # Errors
    /// What is wrong, each with its place.
    pub fn load(sources: &[Source], options: &Options) -> Result<Loaded, Vec<Problem>> {
        load::load(sources, options)
    }

    /// All rules in the order of loading.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Kinds of events that some rule can match. Others need not be judged.
    #[must_use]
    pub fn kinds(&self) -> &KindSet {
        &self.kinds
    }

    /// Room to judge events in, one for each thread.
    #[must_use]
    pub fn state(&self) -> State {
        State::new(&self.program)
    }

    /// True if an event is judged until one rule fires.
    #[must_use]
    pub fn stops_at_first(&self) -> bool {
        self.matching == Matching::First
    }

    /// Judges an event: tells the rules that fire, in the order of loading.
    pub fn evaluate(&self, state: &mut State, facts: &impl Facts, hit: &mut dyn FnMut(&Rule)) {
        let Some(rules) = self.by_kind.get(usize::from(facts.kind().0)).filter(|rules| !rules.is_empty())
        else {
            return;
        };
        let Some(gate) = self.gates.get(usize::from(facts.kind().0)) else { return };
        let mut judge = evaluate::Judge::new(&self.program, facts, state);
        let open = judge.let_through(gate);
        for (rule, condition) in gate::places(&open).filter_map(|place| rules.get(place)) {
            if judge.holds(*condition) {
                hit(&self.rules[*rule as usize]);
                if self.matching == Matching::First {
                    break;
                }
            }
        }
        judge.give_back(open);
    }
}
