//! Definitions put together: what a later one replaces, appends to or overrides.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::definition::{Item, Kind, shown};
use super::document::{Node, Scalar, Shape};
use super::exception::{self, Exception};
use super::problem::{Mark, Problems};
use super::text::Text;
use super::{Priority, version};

/// A list as its file says it.
#[derive(Debug)]
pub(super) struct ListText {
    pub(super) name: Rc<str>,
    pub(super) items: Vec<String>,
    pub(super) at: Mark,
    /// Number of its first definition.
    pub(super) index: usize,
    /// Number of its last definition.
    pub(super) visibility: usize,
}

/// A macro as its file says it.
#[derive(Debug)]
pub(super) struct MacroText {
    pub(super) name: Rc<str>,
    pub(super) condition: Text,
    pub(super) at: Mark,
    pub(super) index: usize,
    pub(super) visibility: usize,
}

/// A rule as its file says it.
#[derive(Clone, Debug)]
pub(super) struct RuleText {
    pub(super) name: Rc<str>,
    pub(super) at: Mark,
    pub(super) condition: Text,
    pub(super) output: Text,
    pub(super) description: String,
    pub(super) priority: Priority,
    pub(super) enabled: bool,
    pub(super) tags: Vec<String>,
    pub(super) exceptions: Vec<Exception>,
    pub(super) skip_unknown: bool,
}

/// Everything that was defined, in the order of the first definitions.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) lists: Vec<ListText>,
    pub(super) macros: Vec<MacroText>,
    pub(super) rules: Vec<RuleText>,
    list_names: HashMap<Rc<str>, usize>,
    macro_names: HashMap<Rc<str>, usize>,
    rule_names: HashMap<Rc<str>, usize>,
    /// Rules that were left out because of their source.
    foreign: HashSet<Rc<str>>,
    sequence: usize,
}

/// What an item does with what was defined before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Append,
    Replace,
}

/// Keys and what is allowed with them in `override`.
const RULE_OVERRIDES: [(&str, bool); 11] = [
    ("condition", true),
    ("output", true),
    ("desc", true),
    ("tags", true),
    ("exceptions", true),
    ("priority", false),
    ("enabled", false),
    ("capture", false),
    ("capture_duration", false),
    ("warn_evttypes", false),
    ("skip-if-unknown-filter", false),
];

type Overrides = Vec<(&'static str, Change)>;

impl Collected {
    /// Takes a document: a sequence of items.
    pub(super) fn document(&mut self, document: &Node, problems: &mut Problems<'_>) {
        let Shape::Sequence(items) = &document.shape else {
            if !document.is_null() {
                let kind = document.kind();
                problems.error(document.at, format!("a rule file must be a sequence of items, found {kind}"));
            }
            return;
        };
        for node in items {
            if problems.is_full() {
                return;
            }
            let Some(item) = Item::read(node, problems) else { continue };
            self.sequence += 1;
            match item.kind {
                Kind::List => self.list(&item, problems).unwrap_or_default(),
                Kind::Macro => self.macro_(&item, problems).unwrap_or_default(),
                Kind::Rule => self.rule(&item, problems).unwrap_or_default(),
                Kind::EngineVersion => version::engine(&item, problems).unwrap_or_default(),
                Kind::PluginVersions => version::plugins(&item, problems).unwrap_or_default(),
            }
        }
    }

    fn list(&mut self, item: &Item, problems: &mut Problems<'_>) -> Option<()> {
        let name = Rc::clone(&item.text("list", problems)?.text);
        let change = change(item, &[("items", true)], "list", problems)?;
        if item.get("items").is_none() {
            problems.error(item.at, format!("list `{}` has no `items`", shown(&name)));
            return None;
        }
        let items: Vec<_> =
            item.texts("items", problems)?.iter().map(|scalar| exception::quoted(&scalar.text)).collect();
        let visibility = self.sequence;
        let known = self.list_names.get(&name).and_then(|index| self.lists.get_mut(*index));
        match (known, change) {
            (Some(list), Some(Change::Append)) => {
                list.items.extend(items);
                list.visibility = visibility;
            }
            (None, Some(_)) => return unknown("list", &name, item.at, problems),
            (Some(list), _) => {
                again("list", &name, list.at, item.at, change, problems);
                (list.items, list.at, list.visibility) = (items, item.at, visibility);
            }
            (None, None) => {
                self.list_names.insert(Rc::clone(&name), self.lists.len());
                self.lists.push(ListText { name, items, at: item.at, index: visibility, visibility });
            }
        }
        Some(())
    }

    fn macro_(&mut self, item: &Item, problems: &mut Problems<'_>) -> Option<()> {
        let name = Rc::clone(&item.text("macro", problems)?.text);
        let change = change(item, &[("condition", true)], "macro", problems)?;
        if item.get("condition").is_none() {
            problems.error(item.at, format!("macro `{}` has no `condition`", shown(&name)));
            return None;
        }
        let condition = Text::of(item.text("condition", problems)?);
        let visibility = self.sequence;
        let known = self.macro_names.get(&name).and_then(|index| self.macros.get_mut(*index));
        match (known, change) {
            (Some(known), Some(Change::Append)) => {
                known.condition.append(&condition);
                known.visibility = visibility;
            }
            (None, Some(_)) => return unknown("macro", &name, item.at, problems),
            (Some(known), _) => {
                again("macro", &name, known.at, item.at, change, problems);
                (known.condition, known.at, known.visibility) = (condition, item.at, visibility);
            }
            (None, None) => {
                self.macro_names.insert(Rc::clone(&name), self.macros.len());
                self.macros.push(MacroText { name, condition, at: item.at, index: visibility, visibility });
            }
        }
        Some(())
    }

    fn rule(&mut self, item: &Item, problems: &mut Problems<'_>) -> Option<()> {
        let name = Rc::clone(&item.text("rule", problems)?.text);
        let append = item.flag("append", problems).unwrap_or(false);
        if let Some(node) = item.get("override") {
            if item.get("append").is_some() {
                problems
                    .error(item.at, "`append` and `override` cannot stand together; use `override` alone");
                return None;
            }
            let overrides = overrides(item, node, &RULE_OVERRIDES, "rule", problems)?;
            let rule = self.known(&name, item.at, problems)?;
            return apply(rule, item, &overrides, problems);
        }
        if append {
            problems.warning(item.at, "`append` is deprecated: use `override` with `condition: append`");
            let overrides: Overrides = ["condition", "exceptions"]
                .into_iter()
                .filter(|key| item.get(key).is_some())
                .map(|key| (key, Change::Append))
                .collect();
            if overrides.is_empty() {
                problems.error(item.at, "nothing to append: expected `condition` or `exceptions`");
                return None;
            }
            let rule = self.known(&name, item.at, problems)?;
            return apply(rule, item, &overrides, problems);
        }
        let required = ["condition", "output", "desc", "priority"];
        let missing: Vec<_> = required.into_iter().filter(|key| item.get(key).is_none()).collect();
        if missing.len() == required.len() && item.get("enabled").is_some() {
            problems.warning(
                item.at,
                "a rule with `enabled` alone is deprecated: use `override` with `enabled: replace`",
            );
            let enabled = item.flag("enabled", problems)?;
            self.known(&name, item.at, problems)?.enabled = enabled;
            return Some(());
        }
        if !missing.is_empty() {
            let missing = missing.join("`, `");
            problems.error(item.at, format!("rule `{}` has no `{missing}`", shown(&name)));
            return None;
        }
        self.whole(name, item, problems)
    }

    /// A rule that is complete by itself.
    fn whole(&mut self, name: Rc<str>, item: &Item, problems: &mut Problems<'_>) -> Option<()> {
        if let Some(source) = item.text("source", problems).filter(|source| &*source.text != "syscall") {
            let reason = format!(
                "rule `{}` is of the source `{}`, which there is not; it is skipped",
                shown(&name),
                shown(&source.text)
            );
            problems.warning(source.at, reason);
            self.foreign.insert(name);
            return Some(());
        }
        let rule = RuleText {
            at: item.at,
            condition: Text::of(item.text("condition", problems)?),
            output: Text::of(item.text("output", problems)?),
            description: item.get("desc")?.scalar().map(|scalar| scalar.text.to_string()).unwrap_or_default(),
            priority: priority(item, problems)?,
            enabled: if item.get("enabled").is_some() { item.flag("enabled", problems)? } else { true },
            tags: if item.get("tags").is_some() { tags(item, problems)? } else { Vec::new() },
            exceptions: match item.get("exceptions") {
                Some(node) => exception::read(node, true, problems)?,
                None => Vec::new(),
            },
            skip_unknown: item.flag("skip-if-unknown-filter", problems).unwrap_or(false),
            name: Rc::clone(&name),
        };
        match self.rule_names.get(&name).and_then(|index| self.rules.get_mut(*index)) {
            Some(known) => {
                again("rule", &name, known.at, item.at, None, problems);
                *known = rule;
            }
            None => {
                self.rule_names.insert(name, self.rules.len());
                self.rules.push(rule);
            }
        }
        Some(())
    }

    /// A rule that must have been defined. `None` also for one that was left out, without a word.
    fn known(&mut self, name: &Rc<str>, at: Mark, problems: &mut Problems<'_>) -> Option<&mut RuleText> {
        let index = self.rule_names.get(name).copied();
        if index.is_none() && !self.foreign.contains(name) {
            return unknown("rule", name, at, problems);
        }
        self.rules.get_mut(index?)
    }
}

fn unknown<T>(what: &str, name: &str, at: Mark, problems: &mut Problems<'_>) -> Option<T> {
    problems.error(at, format!("there is no {what} `{}` before this that could be changed", shown(name)));
    None
}

/// Twice in one file is more often a mistake than meant.
fn again(what: &str, name: &str, first: Mark, at: Mark, change: Option<Change>, problems: &mut Problems<'_>) {
    if first.source == at.source && change.is_none() {
        let reason = format!("{what} `{}` replaces the one of line {}", shown(name), first.line);
        problems.warning(at, reason);
    }
}

/// What a list or a macro does with the one before.
fn change(
    item: &Item,
    allowed: &[(&'static str, bool)],
    what: &str,
    problems: &mut Problems<'_>,
) -> Option<Option<Change>> {
    if let Some(node) = item.get("override") {
        if item.get("append").is_some() {
            problems.error(item.at, "`append` and `override` cannot stand together; use `override` alone");
            return None;
        }
        let overrides = overrides(item, node, allowed, what, problems)?;
        return Some(overrides.first().map(|(_, change)| *change));
    }
    if item.get("append").is_some() && item.flag("append", problems)? {
        problems.warning(item.at, "`append` is deprecated: use `override` with `append`");
        return Some(Some(Change::Append));
    }
    Some(None)
}

/// Reads `override`; each key of the item must be in it, and each of its keys in the item.
fn overrides(
    item: &Item,
    node: &Node,
    allowed: &[(&'static str, bool)],
    what: &str,
    problems: &mut Problems<'_>,
) -> Option<Overrides> {
    let Shape::Mapping(pairs) = &node.shape else {
        let kind = node.kind();
        problems.error(
            node.at,
            format!("`override` must be a mapping such as `condition: append`, found {kind}"),
        );
        return None;
    };
    let mut made = Overrides::new();
    for (key, value) in pairs {
        let text = key.scalar().map_or("", |scalar| &*scalar.text);
        let Some((name, append)) = allowed.iter().find(|(name, _)| *name == text) else {
            let names = allowed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            problems.error(key.at, format!("`{}` cannot be overridden; expected {names}", shown(text)));
            return None;
        };
        let change = match value.scalar().map_or("", |scalar| &*scalar.text) {
            "append" if *append => Change::Append,
            "replace" => Change::Replace,
            _ => {
                let expected = if *append { "`append` or `replace`" } else { "`replace`" };
                problems.error(value.at, format!("expected {expected} for `{name}`"));
                return None;
            }
        };
        if item.get(name).is_none() {
            problems.error(key.at, format!("`override` names `{name}`, which this item does not have"));
            return None;
        }
        made.push((name, change));
    }
    for (key, at) in item.keys() {
        if key != what && key != "override" && !made.iter().any(|(name, _)| *name == key) {
            problems.error(
                at,
                format!("`{key}` is not in `override`: say there whether it is appended or replaced"),
            );
            return None;
        }
    }
    if made.is_empty() {
        problems.error(node.at, "`override` says nothing");
        return None;
    }
    Some(made)
}

fn apply(rule: &mut RuleText, item: &Item, overrides: &Overrides, problems: &mut Problems<'_>) -> Option<()> {
    for (key, change) in overrides {
        let replace = *change == Change::Replace;
        match *key {
            "condition" | "output" => {
                let text = Text::of(item.text(key, problems)?);
                let place = if *key == "condition" { &mut rule.condition } else { &mut rule.output };
                if replace {
                    *place = text;
                } else {
                    place.append(&text);
                }
            }
            "desc" => {
                let text = &item.text(key, problems)?.text;
                if replace {
                    rule.description = text.to_string();
                } else {
                    rule.description = format!("{} {text}", rule.description);
                }
            }
            "tags" => {
                let tags = tags(item, problems)?;
                if replace {
                    rule.tags.clear();
                }
                rule.tags.extend(tags);
            }
            "exceptions" => {
                let exceptions = exception::read(item.get(key)?, replace, problems)?;
                if replace {
                    rule.exceptions = exceptions;
                } else {
                    exception::append(&mut rule.exceptions, exceptions, problems)?;
                }
            }
            "priority" => rule.priority = priority(item, problems)?,
            "enabled" => rule.enabled = item.flag(key, problems)?,
            "skip-if-unknown-filter" => rule.skip_unknown = item.flag(key, problems)?,
            // Captures and the warning about kinds of events do nothing here.
            _ => {}
        }
    }
    Some(())
}

fn tags(item: &Item, problems: &mut Problems<'_>) -> Option<Vec<String>> {
    Some(item.texts("tags", problems)?.iter().map(|scalar: &Scalar| scalar.text.to_string()).collect())
}

fn priority(item: &Item, problems: &mut Problems<'_>) -> Option<Priority> {
    let scalar = item.text("priority", problems)?;
    let priority = Priority::parse(&scalar.text);
    if priority.is_none() {
        let names = Priority::ALL.map(Priority::name).join(", ");
        problems.error(scalar.at, format!("unknown priority `{}`; expected {names}", shown(&scalar.text)));
    }
    priority
}
