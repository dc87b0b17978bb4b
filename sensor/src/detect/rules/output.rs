//! What a rule says when it fires: its output text, Falco's alert, and the finding.

use super::Rule;
use super::check::{Fault, lookup};
use super::definition::shown;
use super::parse::Wrong;
use super::{Priority, tree::Transformer};
use crate::detect::field::Field;
use crate::detect::finding::{Alert, Finding, Origin, Scalar, Severity};
use crate::detect::technique::Technique;
use crate::detect::value::{Facts, Value};

/// Fields that are added to every output, as users of the language know it.
pub(super) const SUGGESTED: &str = " container_id=%container.id container_name=%container.name \
    container_image_repository=%container.image.repository container_image_tag=%container.image.tag \
    k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

/// How sure a rule is by itself: it says that something happened, not that somebody means harm.
const CONFIDENCE: f64 = 0.6;
/// What stands for a value that there is not.
const MISSING: &str = "<NA>";
/// Room for a usual line.
const LINE: usize = 512;

/// An output, ready to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    parts: Vec<Part>,
    /// How many of the parts are the rule's own: suggested ones follow.
    own: usize,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    Field { field: Field, name: Box<str>, width: usize, transformers: Vec<Transformer> },
}

impl Output {
    /// Reads an output, with the suggested fields if wanted.
    pub(super) fn parse(text: &str, suggested: bool) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        read(text.trim_end(), &mut parts)?;
        let own = parts.len();
        if suggested {
            read(SUGGESTED, &mut parts)?;
        }
        Ok(Self { parts, own })
    }

    /// Each field asked for once.
    fn fill(&self, facts: &impl Facts) -> Filled<'_> {
        let mut values: Vec<(&str, Option<Scalar>)> = Vec::with_capacity(self.parts.len());
        let (mut line, mut buffer, mut middle) = (String::with_capacity(LINE), Vec::new(), None);
        for (number, part) in self.parts.iter().enumerate() {
            if number == self.own {
                middle = Some((line.len(), values.len()));
            }
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Field { field, name, width, transformers } => {
                    let known = values.iter().position(|(known, _)| **known == **name);
                    let place = known.unwrap_or_else(|| {
                        values.push((name, shown_value(field, facts, &mut buffer)));
                        values.len() - 1
                    });
                    let value = values.get(place).and_then(|(_, value)| value.as_ref());
                    write_value(value, transformers, *width, &mut line);
                }
            }
        }
        let (own_bytes, own_values) = middle.unwrap_or((line.len(), values.len()));
        Filled { line, own_bytes, values, own_values }
    }
}

/// An output with its values.
struct Filled<'o> {
    line: String,
    /// Bytes of the rule's own part, before the suggested ones.
    own_bytes: usize,
    /// Each field by its name.
    values: Vec<(&'o str, Option<Scalar>)>,
    /// How many of these are of the rule's own part.
    own_values: usize,
}

impl Filled<'_> {
    /// The rule's own part.
    fn summary(&self) -> String {
        escaped(self.line.get(..self.own_bytes).unwrap_or_default())
    }

    /// The rule's own fields with their values, in the order of their names.
    fn evidence(&self) -> Vec<String> {
        let mut own: Vec<_> = self.values.iter().take(self.own_values).collect();
        own.sort_unstable_by_key(|(name, _)| *name);
        let shown = |(name, value): &(&str, Option<Scalar>)| match value.as_ref()? {
            Scalar::Bool(flag) => Some(format!("{name}={flag}")),
            Scalar::Number(number) => Some(format!("{name}={number}")),
            Scalar::Text(text) => Some([name, "=", &*escaped(text)].concat()),
        };
        own.into_iter().filter_map(shown).collect()
    }

    /// Each field by its name, in order.
    fn fields(self) -> Vec<(String, Option<Scalar>)> {
        let mut fields: Vec<_> =
            self.values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        fields.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        fields
    }
}

/// Writes a value, or what stands for one.
fn write_value(value: Option<&Scalar>, transformers: &[Transformer], width: usize, line: &mut String) {
    if width == 0 && transformers.is_empty() {
        match value {
            None => line.push_str(MISSING),
            Some(Scalar::Text(text)) => line.push_str(text),
            Some(other) => line.push_str(&as_text(other)),
        }
        return;
    }
    let text = value.map_or_else(
        || MISSING.to_owned(),
        |scalar| transformers.iter().fold(as_text(scalar), |text, transformer| apply(*transformer, &text)),
    );
    match width {
        0 => line.push_str(&text),
        width => {
            line.extend(text.chars().take(width));
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(text.chars().count())));
        }
    }
}

/// Reads a text with `%field`, `%30field`, `%field[argument]` and `%transformer(field)`.
fn read(text: &str, parts: &mut Vec<Part>) -> Result<(), Fault> {
    let wrong = |at: usize, reason: String| Fault { wrong: Wrong { at, reason }, unknown: false };
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(found) = rest.find('%') else {
            parts.push(Part::Text(rest.into()));
            return Ok(());
        };
        if found > 0 {
            parts.push(Part::Text(rest.get(..found).unwrap_or_default().into()));
        }
        let start = at + found;
        at = start + 1;
        let mut rest = text.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Err(wrong(start, "a field is expected behind %".to_owned()));
        }
        // An old way to ask for what is added anyway.
        if let Some(after) = rest.strip_prefix("container.info") {
            at = text.len() - after.len();
            continue;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let width = rest.get(..digits).unwrap_or_default();
        let width: usize = if digits == 0 {
            0
        } else {
            width
                .parse()
                .ok()
                .filter(|width| *width <= 1024)
                .ok_or_else(|| wrong(start, "a width is at most 1024".to_owned()))?
        };
        rest = rest.get(digits..).unwrap_or_default();
        let mut transformers = Vec::new();
        while let Some((transformer, after)) = opening(rest) {
            transformers.insert(0, transformer);
            rest = after;
        }
        let (field, name, after) = field(rest, start)?;
        rest = after;
        for _ in &transformers {
            rest = rest
                .trim_start()
                .strip_prefix(')')
                .ok_or_else(|| wrong(start, "`)` is missing behind the field".to_owned()))?;
        }
        parts.push(Part::Field { field, name: name.into(), width, transformers });
        at = text.len() - rest.len();
    }
    Ok(())
}

/// A transformer of one text, with its bracket.
fn opening(rest: &str) -> Option<(Transformer, &str)> {
    Transformer::ALL.iter().filter(|(_, transformer)| is_simple(*transformer)).find_map(
        |(name, transformer)| {
            let after = rest.strip_prefix(name)?.strip_prefix('(')?;
            Some((*transformer, after.trim_start()))
        },
    )
}

fn is_simple(transformer: Transformer) -> bool {
    use Transformer as T;
    matches!(transformer, T::Lower | T::Upper | T::Base64 | T::Basename | T::Length)
}

/// The longest field name that the text begins with.
fn field(rest: &str, at: usize) -> Result<(Field, &str, &str), Fault> {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let length = rest.bytes().take_while(|byte| word(byte)).count();
    let mut end = length;
    while end > 0 {
        let name = rest.get(..end).unwrap_or_default();
        let after = rest.get(end..).unwrap_or_default();
        let (argument, after) = match after.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((argument, after)) => (Some(argument.trim_matches(['"', '\''])), after),
            None => (None, after),
        };
        if crate::detect::field::find(name).is_some() {
            let (field, _) = lookup(name, argument, at)?;
            let whole = rest.get(..rest.len() - after.len()).unwrap_or_default();
            return Ok((field, whole, after));
        }
        end -= 1;
    }
    let name = shown(rest.get(..length).unwrap_or_default());
    Err(Fault {
        wrong: Wrong { at, reason: format!("unknown field `%{name}` in the output") },
        unknown: true,
    })
}

fn scalar(value: Value<'_>) -> Option<Scalar> {
    Some(match value {
        Value::Bool(flag) => Scalar::Bool(flag),
        Value::Number(number) => Scalar::Number(number),
        Value::Text(text) => Scalar::Text(String::from_utf8_lossy(text).into_owned()),
        Value::Address(address) => Scalar::Text(address.to_canonical().to_string()),
        Value::Addresses(ends) => Scalar::Text(ends.into_iter().flatten().next()?.to_canonical().to_string()),
        Value::Ports(ends) => Scalar::Number(i64::from(ends.into_iter().flatten().next()?)),
    })
}

fn shown_value(field: &Field, facts: &impl Facts, buffer: &mut Vec<u8>) -> Option<Scalar> {
    if let Some(value) = facts.value(field, buffer) {
        return scalar(value);
    }
    let many = field.definition().many && field.argument == crate::detect::field::Argument::None;
    let mut texts = Vec::new();
    if many {
        facts.any(field, buffer, &mut |value| {
            texts.extend(scalar(value).map(|scalar| as_text(&scalar)));
            false
        });
    }
    (!texts.is_empty()).then(|| Scalar::Text(format!("({})", texts.join(","))))
}

fn as_text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

fn apply(transformer: Transformer, text: &str) -> String {
    let mut arena = text.as_bytes().to_vec();
    let whole = super::evaluate::Stored::Text { start: 0, end: arena.len() };
    match super::transform::apply(transformer, whole, super::evaluate::Stored::Missing, None, &mut arena) {
        super::evaluate::Stored::Text { start, end } => {
            String::from_utf8_lossy(arena.get(start..end).unwrap_or_default()).into_owned()
        }
        super::evaluate::Stored::Number(number) => number.to_string(),
        _ => MISSING.to_owned(),
    }
}

/// Control characters as JSON writes them: what a process is called must not steer a terminal or split a line.
fn escaped(line: &str) -> String {
    // The first byte of those beyond ASCII is 0xC2.
    if !line.bytes().any(|byte| matches!(byte, 0..0x20 | 0x7f | 0xc2)) {
        return line.to_owned();
    }
    let mut made = String::with_capacity(line.len());
    for character in line.chars() {
        match character {
            '\n' => made.push_str("\\n"),
            '\r' => made.push_str("\\r"),
            '\t' => made.push_str("\\t"),
            '\u{8}' => made.push_str("\\b"),
            '\u{c}' => made.push_str("\\f"),
            control if control.is_control() => made.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => made.push(other),
        }
    }
    made
}

impl Rule {
    /// What the rule says of an event, as Falco does; `evt.time` is added by whoever writes it.
    #[must_use]
    pub fn alert(&self, facts: &impl Facts) -> Alert {
        self.alert_of(self.output.fill(facts))
    }

    fn alert_of(&self, filled: Filled<'_>) -> Alert {
        Alert {
            rule: self.name.to_string(),
            priority: self.priority.name().to_owned(),
            tags: self.tags.clone(),
            output: escaped(&filled.line),
            fields: filled.fields(),
        }
    }

    /// The finding that the rule makes of an event.
    #[must_use]
    pub fn finding(&self, facts: &impl Facts) -> Finding {
        let filled = self.output.fill(facts);
        Finding {
            id: self.id.to_string(),
            name: self.name.to_string(),
            origin: Origin::Rule,
            severity: severity(self.priority),
            confidence: CONFIDENCE,
            techniques: self
                .tags
                .iter()
                .filter(|tag| is_technique(tag))
                .map(|tag| Technique::of(tag))
                .collect(),
            summary: filled.summary(),
            evidence: filled.evidence(),
            next: Vec::new(),
            alert: Some(self.alert_of(filled)),
        }
    }
}

fn severity(priority: Priority) -> Severity {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => Severity::Critical,
        Priority::Error => Severity::High,
        Priority::Warning => Severity::Medium,
        Priority::Notice | Priority::Informational | Priority::Debug => Severity::Low,
    }
}

/// `T1611`, `T1552.005`, `TA0003`, `MS-TA9018`.
fn is_technique(tag: &str) -> bool {
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = tag.strip_prefix("MS-TA").or_else(|| tag.strip_prefix("TA")) {
        return digits(rest, 4);
    }
    let Some(rest) = tag.strip_prefix('T') else { return false };
    match rest.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(rest, 4),
    }
}
