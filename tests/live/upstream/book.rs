//! What the rules' file says of each rule, read by a few lines of its own: the truth for names, priorities, tags, and
//! for which fields an alert has.

use std::fs;
use std::path::Path;

/// What Falco adds to every output: how it names it there, and the field.
pub(super) const ADDED: [(&str, &str); 6] = [
    ("container_id", "container.id"),
    ("container_name", "container.name"),
    ("container_image_repository", "container.image.repository"),
    ("container_image_tag", "container.image.tag"),
    ("k8s_pod_name", "k8s.pod.name"),
    ("k8s_ns_name", "k8s.ns.name"),
];

/// Rules of a file.
pub(super) struct Book {
    rules: Vec<Rule>,
}

/// One rule.
pub(super) struct Rule {
    name: String,
    /// Text with `%field`.
    output: String,
    /// In the spelling of alerts.
    pub(super) priority: &'static str,
    /// Sorted.
    pub(super) tags: Vec<String>,
}

/// A part of an output.
pub(super) enum Part {
    Text(String),
    Field(String),
}

impl Book {
    pub(super) fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let blocks = text.split("\n- ").filter_map(|block| block.strip_prefix("rule: "));
        Self { rules: blocks.map(Rule::of_block).collect() }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    pub(super) fn rule(&self, name: &str) -> &Rule {
        self.rules.iter().find(|rule| rule.name == name).unwrap_or_else(|| panic!("no rule {name:?}"))
    }
}

impl Rule {
    fn of_block(block: &str) -> Self {
        // A value stands behind its key, or on the line below.
        let value = |key: &str| {
            let (_, rest) =
                block.split_once(&format!("\n  {key}:")).unwrap_or_else(|| panic!("{key}: {block}"));
            rest.trim_start().lines().next().unwrap_or_default().trim().to_owned()
        };
        let list = value("tags");
        let mut tags: Vec<_> =
            list.trim_matches(['[', ']']).split(',').map(|tag| tag.trim().to_owned()).collect();
        tags.sort_unstable();
        Self {
            name: block.lines().next().unwrap_or_default().trim().to_owned(),
            output: value("output"),
            priority: match value("priority").as_str() {
                "CRITICAL" => "Critical",
                "WARNING" => "Warning",
                "NOTICE" => "Notice",
                "INFO" => "Informational",
                other => panic!("priority {other}"),
            },
            tags,
        }
    }

    /// Its output in parts, with what is added to it.
    pub(super) fn parts(&self) -> Vec<Part> {
        let added = ADDED.map(|(name, field)| format!(" {name}=%{field}")).concat();
        let text = format!("{}{added}", self.output);
        let mut pieces = text.split('%');
        let mut parts = vec![Part::Text(pieces.next().unwrap_or_default().to_owned())];
        for piece in pieces {
            let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._[]".contains(&byte);
            let end = piece.bytes().position(|byte| !of_name(byte)).unwrap_or(piece.len());
            let (field, rest) = piece.split_at(end);
            parts.extend([Part::Field(field.to_owned()), Part::Text(rest.to_owned())]);
        }
        parts
    }

    /// Fields of its output, each once, and the time.
    pub(super) fn fields(&self) -> Vec<String> {
        let mut fields = vec!["evt.time".to_owned()];
        fields.extend(self.parts().into_iter().filter_map(|part| match part {
            Part::Field(name) => Some(name),
            Part::Text(_) => None,
        }));
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}
