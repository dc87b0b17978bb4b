//! From rule files to rules: all of it, or what is wrong.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::check::Fault;
use super::collect::{Collected, RuleText};
use super::compile::Compiler;
use super::definition::shown;
use super::gate::{Gate, Gates};
use super::kinds::{KindSet, own};
use super::output::Output;
use super::parse::{self, Wrong};
use super::problem::{Mark, Problem, Problems};
use super::program::{NodeId, Program};
use super::scan::scanners;
use super::specialise::{Specialiser, order};
use super::text::{Lists, Text};
use super::tree::{Node, Tree};
use super::{Loaded, Options, Rule, Ruleset, Source, Which, document, exception, glob};
use crate::detect::field::KINDS;

/// Reads, expands and compiles.
pub(super) fn load(sources: &[Source], options: &Options) -> Result<Loaded, Vec<Problem>> {
    let names = sources.iter().map(|source| source.name.as_str()).collect();
    let mut problems = Problems::new(names, options.problems_max.max(1));
    let texts: Vec<&str> = sources
        .iter()
        .enumerate()
        .map(|(index, source)| readable(index, source, options, &mut problems))
        .collect();
    let mut collected = Collected::default();
    for (index, text) in texts.iter().enumerate() {
        for document in document::read(index, text, options, &mut problems) {
            collected.document(&document, &mut problems);
        }
    }
    let loader = Loader { sources: &texts, options, compiler: Compiler::new(options), problems, spent: 0 };
    loader.finish(&collected)
}

/// The text of a file; empty if it cannot be read as one.
fn readable<'a>(index: usize, source: &'a Source, options: &Options, problems: &mut Problems<'_>) -> &'a str {
    let start = Mark { source: index, line: 1, column: 1 };
    if source.text.len() > options.file_bytes_max {
        let (size, most) = (source.text.len(), options.file_bytes_max);
        problems.error(start, format!("the file has {size} bytes; at most {most} are read"));
        return "";
    }
    match std::str::from_utf8(&source.text) {
        Ok(text) => text,
        Err(error) => {
            let before = source.text.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let last = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let column = String::from_utf8_lossy(before.get(last..).unwrap_or_default()).chars().count() + 1;
            problems.error(Mark { source: index, line, column }, "not UTF-8: rule files are text");
            ""
        }
    }
}

/// A condition as a tree, with its text for places.
type Parsed = (Text, Tree);

/// A macro on its way.
enum Macro {
    /// As it was parsed.
    Parsed(Rc<Parsed>),
    Compiling,
    Compiled(NodeId),
    /// It has faults. With true they are of names that are not known, nothing else; they are told by the first rule.
    Failed(Vec<(Mark, String)>, bool),
}

struct Loader<'a> {
    sources: &'a [&'a str],
    options: &'a Options,
    compiler: Compiler<'a>,
    problems: Problems<'a>,
    /// Bytes of conditions with their lists put in.
    spent: usize,
}

impl Loader<'_> {
    fn finish(mut self, collected: &Collected) -> Result<Loaded, Vec<Problem>> {
        let rules = self.rules(collected).unwrap_or_default();
        if !self.problems.errors.is_empty() {
            self.problems.errors.sort();
            self.problems.errors.dedup();
            return Err(self.problems.errors);
        }
        let ruleset = self.ruleset(rules)?;
        Ok(Loaded {
            rules: ruleset.rules.len(),
            macros: collected.macros.len(),
            lists: collected.lists.len(),
            ruleset,
            warnings: self.problems.warnings,
        })
    }

    fn rules(&mut self, collected: &Collected) -> Option<Vec<Rule>> {
        let lists = self.lists(collected)?;
        let mut macros = self.macros(collected, &lists);
        let mut rules = Vec::with_capacity(collected.rules.len());
        for rule in &collected.rules {
            if self.problems.is_full() {
                return None;
            }
            if let Some(rule) = self.rule(rule, collected, &lists, &mut macros) {
                rules.push(Rule { number: rules.len(), ..rule });
            }
        }
        Some(rules)
    }

    /// Lists with the items of lists in them, one level deep.
    fn lists(&mut self, collected: &Collected) -> Option<Lists> {
        let names: HashMap<&str, usize> =
            collected.lists.iter().enumerate().map(|(place, list)| (&*list.name, place)).collect();
        let most = self.options.expanded_bytes_max;
        let mut items: Vec<Vec<String>> = Vec::with_capacity(collected.lists.len());
        let mut total = 0;
        for list in &collected.lists {
            let mut made = Vec::with_capacity(list.items.len());
            for item in &list.items {
                let inner = names.get(item.as_str()).and_then(|place| collected.lists.get(*place));
                let visible = inner.filter(|inner| inner.index < list.visibility);
                let added: &[String] = visible.map_or(std::slice::from_ref(item), |inner| &inner.items);
                total += added.iter().map(|item| item.len() + 2).sum::<usize>();
                if total > most.saturating_mul(8) {
                    let reason =
                        format!("all lists with what they contain have more than {} bytes", most * 8);
                    self.problems.error(list.at, reason);
                    return None;
                }
                made.extend_from_slice(added);
            }
            items.push(made);
        }
        let named: Vec<_> =
            collected.lists.iter().zip(&items).map(|(list, items)| (&*list.name, items.as_slice())).collect();
        match Lists::new(&named, most) {
            Ok(lists) => Some(lists),
            Err(place) => {
                let list = collected.lists.get(place)?;
                let name = shown(&list.name);
                let reason = format!("list `{name}` with the lists in it has more than {most} bytes");
                self.problems.error(list.at, reason);
                None
            }
        }
    }

    /// A condition with its lists put in, as a tree.
    fn parse(&mut self, text: &Text, at: Mark, lists: &Lists) -> Option<Parsed> {
        let most = self.options.expanded_bytes_max;
        let expanded = match text.expand(lists, most) {
            Ok(expanded) => expanded,
            Err(place) => {
                let place = text.place(place, self.sources);
                self.problems
                    .error(place, format!("the condition with its lists has more than {most} bytes"));
                return None;
            }
        };
        self.spent += expanded.text.len();
        if self.spent > most.saturating_mul(8) {
            let reason = format!("all conditions with their lists have more than {} bytes", most * 8);
            self.problems.error(at, reason);
            return None;
        }
        match parse::parse(&expanded.text, self.options.depth_max) {
            Ok(tree) => Some((expanded, tree)),
            Err(wrong) => {
                let place = expanded.place(wrong.at, self.sources);
                self.problems.error(place, wrong.reason);
                None
            }
        }
    }

    fn macros(&mut self, collected: &Collected, lists: &Lists) -> HashMap<Rc<str>, (usize, Macro)> {
        let mut macros = HashMap::new();
        for text in &collected.macros {
            if self.problems.is_full() {
                break;
            }
            let parsed = match self.parse(&text.condition, text.at, lists) {
                Some(parsed) => Macro::Parsed(Rc::new(parsed)),
                None => Macro::Failed(Vec::new(), false),
            };
            macros.insert(Rc::clone(&text.name), (text.index, parsed));
        }
        for text in &collected.macros {
            let Some((_, Macro::Parsed(parsed))) = macros.get(&text.name) else { continue };
            let parsed = Rc::clone(parsed);
            for (name, at) in references(&parsed.1) {
                let visible = macros.get(name).is_some_and(|(index, _)| *index < text.visibility);
                if !visible {
                    let reason =
                        format!("there is no macro `{}` before macro `{}`", shown(name), shown(&text.name));
                    self.problems.error(parsed.0.place(at, self.sources), reason);
                }
            }
        }
        macros
    }

    /// Compiles what a condition refers to, deepest first, without recursion: chains of macros can be long.
    fn prepare(&mut self, tree: &Tree, collected: &Collected, macros: &mut HashMap<Rc<str>, (usize, Macro)>) {
        let mut stack: Vec<Rc<str>> = references(tree).map(|(name, _)| Rc::from(name)).collect();
        let mut open: Vec<(Rc<str>, Rc<Parsed>)> = Vec::new();
        while let Some(name) = stack.last().cloned() {
            if open.last().is_some_and(|(last, _)| *last == name) {
                stack.pop();
                let Some((name, parsed)) = open.pop() else { return };
                let made = self.compile_macro(&parsed, macros);
                if let Some(place) = macros.get_mut(&name) {
                    place.1 = made;
                }
                continue;
            }
            let Some((_, state)) = macros.get_mut(&name) else {
                stack.pop();
                continue;
            };
            match state {
                Macro::Parsed(parsed) => {
                    let parsed = Rc::clone(parsed);
                    *state = Macro::Compiling;
                    stack.extend(references(&parsed.1).map(|(name, _)| Rc::from(name)));
                    open.push((name, parsed));
                }
                Macro::Compiling => {
                    stack.pop();
                    let at = collected.macros.iter().find(|text| text.name == name).map(|text| text.at);
                    let round: Vec<_> = open.iter().map(|(name, _)| shown(name)).collect();
                    let reason = format!("macro `{}` contains itself: {}", shown(&name), round.join(" → "));
                    self.problems.error(at.unwrap_or_default(), reason);
                }
                Macro::Compiled(_) | Macro::Failed(..) => {
                    stack.pop();
                }
            }
        }
    }

    fn compile_macro(&mut self, parsed: &Parsed, macros: &HashMap<Rc<str>, (usize, Macro)>) -> Macro {
        let mut inherited = Inherited::default();
        let made = self.compiler.condition(&parsed.1, &mut |name| inherited.node(name, macros));
        self.note(&parsed.0);
        match made {
            Ok(node) => Macro::Compiled(node),
            Err(faults) => {
                let (places, unknown) = self.places(&parsed.0, faults, inherited);
                Macro::Failed(places, unknown)
            }
        }
    }

    /// Where faults are, and whether all are of names that are not known.
    fn places(&self, text: &Text, faults: Vec<Fault>, inherited: Inherited) -> (Vec<(Mark, String)>, bool) {
        let own: Vec<_> = faults.into_iter().filter(|fault| !fault.wrong.reason.is_empty()).collect();
        let unknown = own.iter().all(|fault| fault.unknown) && !inherited.other;
        let mut places = inherited.places;
        places.extend(
            own.into_iter().map(|fault| (text.place(fault.wrong.at, self.sources), fault.wrong.reason)),
        );
        (places, unknown)
    }

    fn note(&mut self, text: &Text) {
        for Wrong { at, reason } in std::mem::take(&mut self.compiler.notes) {
            let place = text.place(at, self.sources);
            self.problems.warning(place, reason);
        }
    }

    fn rule(
        &mut self,
        rule: &RuleText,
        collected: &Collected,
        lists: &Lists,
        macros: &mut HashMap<Rc<str>, (usize, Macro)>,
    ) -> Option<Rule> {
        let text = exception::condition(rule, &mut self.problems)?;
        let (text, tree) = self.parse(&text, rule.at, lists)?;
        for (name, at) in references(&tree) {
            if !macros.contains_key(name) {
                let place = text.place(at, self.sources);
                self.problems.error(place, format!("there is no macro `{}`", shown(name)));
            }
        }
        self.prepare(&tree, collected, macros);
        let mut inherited = Inherited::default();
        let made = self.compiler.condition(&tree, &mut |name| inherited.node(name, macros));
        self.note(&text);
        let (condition, output) =
            match (made, Output::parse(&rule.output.text, self.options.suggested_output)) {
                (Ok(condition), Ok(output)) => (condition, output),
                (made, output) => {
                    let (mut places, mut unknown) =
                        self.places(&text, made.err().unwrap_or_default(), inherited);
                    if let Err(fault) = output {
                        unknown &= fault.unknown;
                        places.push((rule.output.place(fault.wrong.at, self.sources), fault.wrong.reason));
                    }
                    self.refuse(rule, places, unknown);
                    return None;
                }
            };
        Some(Rule {
            number: 0,
            name: Arc::from(&*rule.name),
            id: Arc::from(id(&rule.name)),
            description: rule.description.clone(),
            priority: rule.priority,
            tags: sorted(&rule.tags),
            enabled: enabled(rule, self.options),
            kinds: KindSet::default(),
            condition,
            output,
        })
    }

    fn refuse(&mut self, rule: &RuleText, places: Vec<(Mark, String)>, unknown: bool) {
        let skip = rule.skip_unknown && unknown;
        for (at, reason) in places {
            if skip {
                let name = shown(&rule.name);
                self.problems.warning(at, format!("{reason}; rule `{name}` is skipped, as it says"));
            } else {
                self.problems.error(at, reason);
            }
        }
    }

    /// Sorts the rules by the kinds of events they can match.
    fn ruleset(&mut self, mut rules: Vec<Rule>) -> Result<Ruleset, Vec<Problem>> {
        let mut by_kind = vec![Vec::new(); KINDS.len()];
        let mut kinds = KindSet::default();
        for kind in own() {
            let mut specialiser = Specialiser::new(&mut self.compiler, kind);
            for (rule, number) in rules.iter_mut().zip(0..u32::MAX) {
                let left = specialiser.node(rule.condition);
                if specialiser.never(left) {
                    continue;
                }
                rule.kinds.insert(kind);
                if rule.enabled {
                    kinds.insert(kind);
                    if let Some(place) = by_kind.get_mut(usize::from(kind.0)) {
                        place.push((number, left));
                    }
                }
            }
            if self.compiler.program.nodes.len() > self.options.nodes_max.saturating_mul(2) {
                let reason = "all conditions together have too many parts for all kinds of events";
                self.problems.error(Mark { source: 0, line: 1, column: 1 }, reason);
                return Err(std::mem::take(&mut self.problems.errors));
            }
        }
        let program = &mut self.compiler.program;
        (program.scanners, program.scanned) = scanners(program);
        order(&mut self.compiler);
        let program = std::mem::take(&mut self.compiler.program);
        let gates = gates(&program, &by_kind);
        Ok(Ruleset { program, rules, matching: self.options.matching, kinds, by_kind, gates })
    }
}

/// A gate for the rules of each kind; one for all kinds with the same conditions.
fn gates(program: &Program, by_kind: &[Vec<(u32, NodeId)>]) -> Vec<Arc<Gate>> {
    let mut makers = Gates::new(program);
    let mut known: HashMap<Vec<NodeId>, Arc<Gate>> = HashMap::new();
    let of = |rules: &Vec<(u32, NodeId)>| {
        let conditions: Vec<_> = rules.iter().map(|(_, condition)| *condition).collect();
        let made = |conditions: &Vec<_>| Arc::new(makers.gate(conditions, &|_| true));
        Arc::clone(known.entry(conditions).or_insert_with_key(made))
    };
    by_kind.iter().map(of).collect()
}

/// What faults of macros a condition takes over.
#[derive(Default)]
struct Inherited {
    places: Vec<(Mark, String)>,
    other: bool,
}

impl Inherited {
    fn node(&mut self, name: &str, macros: &HashMap<Rc<str>, (usize, Macro)>) -> Option<NodeId> {
        match macros.get(name).map(|(_, state)| state) {
            Some(Macro::Compiled(node)) => Some(*node),
            Some(Macro::Failed(places, unknown)) => {
                self.places.extend(places.iter().take(10).cloned());
                self.other |= !unknown;
                None
            }
            // Told already: it contains itself, or there is none.
            _ => {
                self.other = true;
                None
            }
        }
    }
}

/// Macros that a condition names.
fn references(tree: &Tree) -> impl Iterator<Item = (&str, usize)> {
    tree.nodes.iter().filter_map(|node| match node {
        Node::Macro { name, at } => Some((name.as_str(), *at)),
        _ => None,
    })
}

/// A name in lower case, with a dash for everything else.
fn id(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

fn sorted(tags: &[String]) -> Vec<String> {
    let mut tags = tags.to_vec();
    tags.sort();
    tags.dedup();
    tags
}

fn enabled(rule: &RuleText, options: &Options) -> bool {
    let mut enabled = rule.enabled;
    for toggle in &options.toggles {
        let named = match &toggle.which {
            Which::Name(pattern) => glob::matches(pattern.as_bytes(), rule.name.as_bytes(), false),
            Which::Tag(tag) => rule.tags.contains(tag),
        };
        if named {
            enabled = toggle.enable;
        }
    }
    enabled && rule.priority <= options.priority_least
}
