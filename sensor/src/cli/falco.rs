//! A finding in the form of Falco's JSON output, for what reads that.
//!
//! Times are in UTC. Numbers are whole numbers of 64 bits, exact to the last digit.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::proto::{AlertValue, Event, Finding, alert_value, finding::Severity};

/// Field that is there in every alert.
const TIME_FIELD: &str = "evt.time";

/// An alert; its fields in the order of their names.
#[derive(Debug, Serialize)]
pub(super) struct Alert<'a> {
    hostname: &'a str,
    output: String,
    output_fields: BTreeMap<&'a str, Value<'a>>,
    priority: &'a str,
    rule: &'a str,
    source: &'static str,
    tags: BTreeSet<&'a str>,
    time: String,
}

/// Value of a field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value<'a> {
    None,
    Flag(bool),
    Number(i64),
    Text(&'a str),
}

impl<'a> Alert<'a> {
    /// The alert of a finding. A behaviour is one, too, with what it knows.
    pub(super) fn of(event: &'a Event, found: &'a Finding) -> Self {
        let time = event.time.unwrap_or_default();
        let (clock, date) = time.precise();
        let (rule, priority, output) = match &found.alert {
            Some(alert) => (&alert.rule, alert.priority.as_str(), &alert.output),
            None => (&found.name, priority(found.severity()), &found.summary),
        };
        let tags = found.alert.as_ref().map_or(&found.techniques, |alert| &alert.tags);
        let told = found.alert.iter().flat_map(|alert| &alert.output_fields);
        let mut output_fields: BTreeMap<_, _> =
            told.map(|(name, field)| (name.as_str(), value(field))).collect();
        output_fields.entry(TIME_FIELD).or_insert_with(|| Value::Number(time.unix_nanos()));
        Self {
            hostname: &event.node,
            output: format!("{clock}: {priority} {output}"),
            output_fields,
            priority,
            rule,
            source: "syscall",
            tags: tags.iter().map(String::as_str).collect(),
            time: date,
        }
    }
}

fn value(field: &AlertValue) -> Value<'_> {
    match &field.value {
        None => Value::None,
        Some(alert_value::Value::Flag(flag)) => Value::Flag(*flag),
        Some(alert_value::Value::Number(number)) => Value::Number(*number),
        Some(alert_value::Value::Text(text)) => Value::Text(text),
    }
}

/// The priority that is nearest to a severity.
const fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "Error",
        Severity::Medium => "Warning",
        Severity::Low | Severity::Unspecified => "Notice",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{self, Timestamp};

    fn event() -> Event {
        let time = Timestamp { seconds: 1_719_000_000, nanos: 1 };
        Event { time: Some(time), node: "node1".into(), ..Event::default() }
    }

    fn text(event: &Event, found: &Finding) -> String {
        serde_json::to_string(&Alert::of(event, found)).unwrap()
    }

    #[test]
    fn an_alert_of_a_rule() {
        use alert_value::Value as Field;
        let field = |value: Option<Field>| AlertValue { value };
        let alert = proto::Alert {
            rule: "Read secret".into(),
            priority: "Warning".into(),
            tags: ["b", "T1555", "a"].map(str::to_owned).to_vec(),
            output: "it was | file=/x".into(),
            output_fields: [
                ("user.uid", Some(Field::Number(i64::MAX))),
                ("fd.name", Some(Field::Text("/\u{7}x".into()))),
                ("proc.is_exe_writable", Some(Field::Flag(false))),
                ("container.name", None),
            ]
            .map(|(name, value)| (name.to_owned(), field(value)))
            .into(),
        };
        let found = Finding { id: "read-secret".into(), alert: Some(alert), ..Finding::default() };
        let expected = concat!(
            r#"{"hostname":"node1","output":"20:00:00.000000001: Warning it was | file=/x","#,
            r#""output_fields":{"container.name":null,"evt.time":1719000000000000001,"fd.name":"/\u0007x","#,
            r#""proc.is_exe_writable":false,"user.uid":9223372036854775807},"priority":"Warning","#,
            r#""rule":"Read secret","source":"syscall","tags":["T1555","a","b"],"#,
            r#""time":"2024-06-21T20:00:00.000000001Z"}"#
        );
        assert_eq!(text(&event(), &found), expected);
    }

    #[test]
    fn a_behaviour_is_an_alert_too() {
        let found = Finding {
            name: "Escape".into(),
            summary: "out".into(),
            severity: Severity::Critical.into(),
            techniques: vec!["T1611".into()],
            ..Finding::default()
        };
        let text = text(&event(), &found);
        assert!(text.contains(r#""priority":"Critical","rule":"Escape""#), "{text}");
        assert!(text.contains(r#""output":"20:00:00.000000001: Critical out""#), "{text}");
        assert!(text.contains(r#""tags":["T1611"]"#), "{text}");
    }
}
