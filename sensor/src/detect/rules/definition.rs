//! Items of rule files as they were written: which keys there are, and what they hold.

use std::rc::Rc;

use super::document::{Node, Scalar, Shape};
use super::problem::{Mark, Problems};

/// What an item is, by the key that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Macro,
    Rule,
    EngineVersion,
    PluginVersions,
}

const KINDS: [(&str, Kind); 5] = [
    ("list", Kind::List),
    ("macro", Kind::Macro),
    ("rule", Kind::Rule),
    ("required_engine_version", Kind::EngineVersion),
    ("required_plugin_versions", Kind::PluginVersions),
];

impl Kind {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::List => &["list", "items", "append", "override"],
            Self::Macro => &["macro", "condition", "append", "override"],
            Self::Rule => &[
                "rule",
                "condition",
                "output",
                "desc",
                "priority",
                "source",
                "enabled",
                "tags",
                "exceptions",
                "capture",
                "capture_duration",
                "warn_evttypes",
                "skip-if-unknown-filter",
                "append",
                "override",
            ],
            Self::EngineVersion => &["required_engine_version"],
            Self::PluginVersions => &["required_plugin_versions"],
        }
    }
}

/// A mapping with the keys that are known.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) at: Mark,
    fields: Vec<(&'static str, Mark, Rc<Node>)>,
}

impl Item {
    /// Reads an item; what is not known is warned of.
    pub(super) fn read(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let Shape::Mapping(pairs) = &node.shape else {
            let kind = node.kind();
            problems.error(node.at, format!("expected an item such as `- rule: NAME`, found {kind}"));
            return None;
        };
        let named = pairs.iter().find_map(|(key, _)| {
            let text = &*key.scalar()?.text;
            KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind)
        });
        let Some(kind) = named else {
            let names = KINDS.map(|(name, _)| name).join(", ");
            problems.warning(node.at, format!("this item has none of the keys {names}; it is ignored"));
            return None;
        };
        let fields = fields(pairs, kind.keys(), problems)?;
        Some(Self { kind, at: node.at, fields })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Rc<Node>> {
        self.fields.iter().find(|(name, _, _)| *name == key).map(|(_, _, node)| node)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&'static str, Mark)> + '_ {
        self.fields.iter().map(|(name, at, _)| (*name, *at))
    }

    /// A text that must be there and say something.
    pub(super) fn text(&self, key: &str, problems: &mut Problems<'_>) -> Option<&Scalar> {
        let node = self.get(key)?;
        match node.scalar().filter(|_| !node.is_null()) {
            Some(scalar) if !scalar.text.trim().is_empty() => Some(scalar),
            _ => {
                let kind = if node.scalar().is_some() { "nothing" } else { node.kind() };
                problems.error(node.at, format!("`{key}` must be a text, found {kind}"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str, problems: &mut Problems<'_>) -> Option<bool> {
        let node = self.get(key)?;
        let text = node.scalar().map(|scalar| scalar.text.to_ascii_lowercase());
        match text.as_deref() {
            Some("true" | "yes" | "on" | "y") => Some(true),
            Some("false" | "no" | "off" | "n") => Some(false),
            _ => {
                problems.error(node.at, format!("`{key}` must be `true` or `false`"));
                None
            }
        }
    }

    /// A sequence of texts.
    pub(super) fn texts(&self, key: &str, problems: &mut Problems<'_>) -> Option<Vec<Scalar>> {
        texts(key, self.get(key)?, problems)
    }
}

/// A sequence of texts.
pub(super) fn texts(key: &str, node: &Node, problems: &mut Problems<'_>) -> Option<Vec<Scalar>> {
    let Shape::Sequence(children) = &node.shape else {
        let kind = node.kind();
        problems.error(node.at, format!("`{key}` must be a sequence of texts, found {kind}"));
        return None;
    };
    let mut made = Vec::with_capacity(children.len());
    for child in children {
        match child.scalar() {
            Some(scalar) => made.push(scalar.clone()),
            None => {
                let kind = child.kind();
                problems.error(child.at, format!("each of `{key}` must be a text, found {kind}"));
                return None;
            }
        }
    }
    Some(made)
}

type Fields = Vec<(&'static str, Mark, Rc<Node>)>;

/// The known keys of a mapping; `None` if one is there twice.
pub(super) fn fields(
    pairs: &[(Rc<Node>, Rc<Node>)],
    keys: &[&'static str],
    problems: &mut Problems<'_>,
) -> Option<Fields> {
    let mut fields = Fields::new();
    for (key, value) in pairs {
        let text = key.scalar().map_or("", |scalar| &*scalar.text);
        let Some(name) = keys.iter().find(|known| **known == text) else {
            problems.warning(key.at, format!("unknown key `{}`; it is ignored", shown(text)));
            continue;
        };
        if fields.iter().any(|(known, _, _)| known == name) {
            problems.error(key.at, format!("`{name}` is there twice"));
            return None;
        }
        fields.push((name, key.at, Rc::clone(value)));
    }
    Some(fields)
}

/// A text for a message: not longer than a line.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}
