//! An alert against what it should be: every difference, at once.

use std::collections::BTreeMap;
use std::fs;

use picket_tests::expect::text;
use serde_json::Value;

use super::book::{Part, Rule};

/// What a field should be.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// This value.
    Is(Value),
    /// A number above 0.
    Positive,
    /// A text that begins and ends so.
    Between(&'static str, &'static str),
}

/// What all fields should be, by their names.
pub(super) type Wanted = BTreeMap<String, Want>;

/// Compares all of an alert.
pub(super) fn check(alert: &Value, name: &str, rule: &Rule, wanted: &Wanted) {
    let mut wrong = Vec::new();
    let mut same = |what: &str, wanted: Value, got: &Value| {
        if *got != wanted {
            wrong.push(format!("{what}\n    wanted: {wanted}\n    got:    {got}"));
        }
    };
    same("rule", name.into(), &alert["rule"]);
    same("priority", rule.priority.into(), &alert["priority"]);
    same("source", "syscall".into(), &alert["source"]);
    same("tags", rule.tags.clone().into(), &alert["tags"]);
    same("hostname", host_name().into(), &alert["hostname"]);
    let fields = alert["output_fields"].as_object().expect("an alert has fields");
    let names: Vec<_> = fields.keys().cloned().collect();
    same("names of the fields", rule.fields().into(), &names.into());
    let keys: Vec<_> = alert.as_object().expect("an alert is an object").keys().cloned().collect();
    let known = ["hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"];
    same("keys", known.to_vec().into(), &keys.into());
    same("output", output(alert, rule).into(), &alert["output"]);
    let clock = text(alert, "output").split(": ").next().unwrap_or_default().to_owned();
    same("clock", clock_of(alert).into(), &clock.into());
    let in_date = text(alert, "time").get(10..).unwrap_or_default().to_owned();
    same("time", format!("T{}Z", clock_of(alert)).into(), &in_date.into());
    for name in rule.fields().iter().filter(|name| *name != "evt.time") {
        let want = wanted.get(name).unwrap_or_else(|| panic!("the test does not say what {name} is"));
        wrong.extend(want.difference(name, &alert["output_fields"][name]));
    }
    assert!(wrong.is_empty(), "{} differences:\n  {}\nin {alert:#}", wrong.len(), wrong.join("\n  "));
}

impl Want {
    fn difference(&self, name: &str, got: &Value) -> Option<String> {
        let right = match self {
            Self::Is(wanted) => got == wanted,
            Self::Positive => got.as_i64() > Some(0),
            Self::Between(start, end) => {
                got.as_str().is_some_and(|text| text.starts_with(start) && text.ends_with(end))
            }
        };
        (!right).then(|| format!("{name}\n    wanted: {self:?}\n    got:    {got}"))
    }
}

/// The rule's text with the fields' values.
fn output(alert: &Value, rule: &Rule) -> String {
    let parts = rule.parts().into_iter().map(|part| match part {
        Part::Text(text) => text,
        Part::Field(name) => match &alert["output_fields"][&name] {
            Value::Null => "<NA>".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
    });
    format!("{}: {} {}", clock_of(alert), rule.priority, parts.collect::<String>())
}

/// Time of the day in UTC, from `evt.time`.
fn clock_of(alert: &Value) -> String {
    let nanos = alert["output_fields"]["evt.time"].as_u64().expect("evt.time is a number");
    let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("{:02}:{:02}:{:02}.{rest:09}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").expect("/proc is mounted").trim().to_owned()
}
