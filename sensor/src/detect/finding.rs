//! What was found.

use super::technique::Technique;

/// How bad it is, if it is what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Look at it soon.
    Medium,
    /// Look at it now.
    High,
    /// Somebody is at work.
    Critical,
}

impl Severity {
    /// Name, as the schema has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

/// Who found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A rule.
    Rule,
    /// A behaviour.
    Behaviour,
}

/// Something that was found in one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Id that stays the same for the same detection: of a rule its name in lower case with dashes.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Who found it.
    pub origin: Origin,
    /// How bad it is.
    pub severity: Severity,
    /// From 0 to 1.
    pub confidence: f64,
    /// Techniques.
    pub techniques: Vec<Technique>,
    /// What happened, in a sentence.
    pub summary: String,
    /// Facts on which it rests.
    pub evidence: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
    /// What a rule says of it, for those who know Falco's alerts.
    pub alert: Option<Alert>,
}

/// A rule's alert in Falco's terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Name of the rule.
    pub rule: String,
    /// Priority, in Falco's spelling (`Warning`).
    pub priority: String,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Output, without time and priority.
    pub output: String,
    /// Fields of the output in the order of their names; `None` where there was no value.
    pub fields: Vec<(String, Option<Scalar>)>,
}

/// Value of a field of an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(i64),
    /// Text.
    Text(String),
}
