//! What was found, as an event of its own.

use super::{Context, Subject, incomplete};
use crate::detect::finding::{Alert, Finding, Origin, Scalar, Severity};
use crate::detect::normal::{Learned, Seen};
use crate::event;
use crate::process::Process;
use crate::proto;

/// How a finding is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner<'a> {
    /// Others that were not told.
    pub repeats: u64,
    /// It is told for these alone.
    pub only_repeats: bool,
    /// Id of its incident.
    pub incident: &'a str,
}

impl Context {
    /// The message of a finding in `event`, whose cursor is `cursor`; without container and ancestors.
    #[must_use]
    pub fn finding(
        &self,
        event: &event::Event<'_>,
        subject: Subject<'_>,
        cursor: u64,
        found: (&Finding, Manner<'_>),
        sequence: u64,
    ) -> proto::Event {
        let mut message = self.blank(proto::Class::Finding, event.time_ns, sequence);
        message.process = self.actor(event, subject);
        // The other ones name fields of facts that are not here.
        message.incomplete = incomplete(event.class, event.incomplete)
            .into_iter()
            .filter(|field| field.starts_with("process."))
            .collect();
        message.facts = Some(proto::event::Facts::Finding(finding(found, &self.cursor(cursor))));
        message
    }

    /// The message of a finding that no event gave rise to, about a process if it is about one; without container and
    /// ancestors.
    #[must_use]
    pub fn late_finding(
        &self,
        process: Option<&Process>,
        time_ns: u64,
        found: (&Finding, Manner<'_>),
        sequence: u64,
    ) -> proto::Event {
        let mut message = self.blank(proto::Class::Finding, time_ns, sequence);
        message.process = process.map(|process| self.process(process));
        message.facts = Some(proto::event::Facts::Finding(finding(found, "")));
        message
    }
}

fn finding((finding, manner): (&Finding, Manner<'_>), cursor: &str) -> proto::Finding {
    let fact = |fact: String| proto::Evidence { cursor: cursor.to_owned(), fact };
    let mut evidence: Vec<_> = finding.evidence.iter().cloned().map(fact).collect();
    if evidence.is_empty() {
        evidence.push(fact(String::new()));
    }
    proto::Finding {
        id: finding.id.clone(),
        name: finding.name.clone(),
        source: match finding.origin {
            Origin::Rule => proto::finding::Source::Rule,
            Origin::Behaviour => proto::finding::Source::Behaviour,
        }
        .into(),
        severity: severity(finding.severity).into(),
        confidence: finding.confidence,
        techniques: finding.techniques.iter().map(ToString::to_string).collect(),
        summary: finding.summary.clone(),
        evidence,
        next: finding.next.clone(),
        repeats: manner.repeats,
        alert: finding.alert.as_ref().map(alert),
        incident: manner.incident.to_owned(),
        only_repeats: manner.only_repeats,
    }
}

/// What was learned of an image, as it is thought of at `now_s` seconds since 1970.
#[must_use]
pub fn learned(learned: Learned, now_s: i64) -> proto::LearnedImage {
    let time = |seconds: i64| Some(proto::Timestamp::from_unix_nanos(seconds.saturating_mul(1_000_000_000)));
    let fact = |(text, seen): (String, Seen)| proto::learned_image::Fact {
        text,
        since: time(seen.since_s),
        last: time(seen.last_s),
        occasions: seen.occasions,
        containers: u32::try_from(seen.containers.len()).unwrap_or(u32::MAX),
        normal: seen.is_normal(now_s),
    };
    proto::LearnedImage {
        image: learned.image,
        since: time(learned.since_s),
        facts: learned.facts.into_iter().map(fact).collect(),
    }
}

/// A severity, as the schema numbers it.
#[must_use]
pub const fn severity(severity: Severity) -> proto::finding::Severity {
    match severity {
        Severity::Low => proto::finding::Severity::Low,
        Severity::Medium => proto::finding::Severity::Medium,
        Severity::High => proto::finding::Severity::High,
        Severity::Critical => proto::finding::Severity::Critical,
    }
}

fn alert(alert: &Alert) -> proto::Alert {
    use proto::alert_value::Value;
    let value = |scalar: &Scalar| match scalar {
        Scalar::Bool(flag) => Value::Flag(*flag),
        Scalar::Number(number) => Value::Number(*number),
        Scalar::Text(text) => Value::Text(text.clone()),
    };
    let field = |(name, scalar): &(String, Option<Scalar>)| {
        (name.clone(), proto::AlertValue { value: scalar.as_ref().map(value) })
    };
    proto::Alert {
        rule: alert.rule.clone(),
        priority: alert.priority.clone(),
        tags: alert.tags.clone(),
        output: alert.output.clone(),
        output_fields: alert.fields.iter().map(field).collect(),
    }
}
