//! What rules are expected to find, a JSON object a line, and how that differs from what they found.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Fields that say when: they are not written down, so that equal alerts are one line.
const TIMES: [&str; 4] = ["evt.time", "evt.rawtime", "evt.datetime", "evt.num"];

/// An alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Alert {
    /// The rule's name.
    pub(super) rule: String,
    /// Its output, without time and priority.
    pub(super) output: String,
    /// Fields of the output; `null` where there was no value.
    pub(super) fields: BTreeMap<String, Value>,
}

/// Alerts that are expected.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    rule: String,
    /// How many.
    #[serde(default = "one")]
    count: u64,
    /// The whole output, if that is to be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    /// Fields that are compared; others may have any value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, Value>,
}

const fn one() -> u64 {
    1
}

impl Expected {
    fn fits(&self, alert: &Alert) -> bool {
        self.rule == alert.rule
            && self.output.as_ref().is_none_or(|output| *output == alert.output)
            && self.fields.iter().all(|(name, value)| alert.fields.get(name) == Some(value))
    }

    /// How much it asks for: what asks for more chooses first.
    fn demands(&self) -> usize {
        self.fields.len() + usize::from(self.output.is_some())
    }
}

/// Reads expectations. Empty lines and those that begin with `#` say nothing.
pub(super) fn read(text: &str) -> Result<Vec<Expected>> {
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    lines
        .map(|(place, line)| {
            serde_json::from_str(line).with_context(|| {
                format!("line {} is no expectation such as {{\"rule\": \"…\", \"count\": 1}}", place + 1)
            })
        })
        .collect()
}

/// Writes what was found as expectations, in the order in which it was found.
pub(super) fn write(alerts: &[Alert]) -> Result<String> {
    let mut all: Vec<Expected> = Vec::new();
    for alert in alerts {
        let mut fields = alert.fields.clone();
        fields.retain(|name, _| !TIMES.iter().any(|time| name.starts_with(time)));
        match all.iter_mut().find(|known| known.rule == alert.rule && known.fields == fields) {
            Some(known) => known.count += 1,
            None => all.push(Expected { rule: alert.rule.clone(), count: 1, output: None, fields }),
        }
    }
    let lines = all.iter().map(|expected| Ok(serde_json::to_string(expected)? + "\n"));
    let lines: Result<String> = lines.collect();
    Ok("# Written by `picket rules test --write`: review each line.\n".to_owned() + &lines?)
}

/// What is missing, a line with `-` each, and what nobody expects, with `+`; empty if there is nothing of it.
pub(super) fn difference(expected: &[Expected], alerts: &[Alert]) -> String {
    let mut order: Vec<_> = expected.iter().map(|expected| (expected, expected.count)).collect();
    order.sort_by_key(|(expected, _)| std::cmp::Reverse(expected.demands()));
    let mut unexpected: Vec<(&Alert, u64)> = Vec::new();
    for alert in alerts {
        if let Some((_, left)) = order.iter_mut().find(|(expected, left)| *left > 0 && expected.fits(alert)) {
            *left -= 1;
        } else if let Some((_, count)) = unexpected.iter_mut().find(|(other, _)| same(other, alert)) {
            *count += 1;
        } else {
            unexpected.push((alert, 1));
        }
    }
    let missing = order.into_iter().filter(|(_, left)| *left > 0).map(|(expected, left)| {
        let Expected { rule, count, .. } = expected;
        format!("- {rule}: {count} expected, {} found{}\n", count - left, demands(expected))
    });
    let more = unexpected
        .into_iter()
        .map(|(alert, count)| format!("+ {}: {count} not expected: {}\n", alert.rule, alert.output));
    missing.chain(more).collect()
}

fn same(one: &Alert, other: &Alert) -> bool {
    one.rule == other.rule && one.output == other.output
}

/// What an expectation asks for besides the rule.
fn demands(expected: &Expected) -> String {
    let mut text = String::new();
    let fields = expected.fields.iter().map(|(name, value)| format!("{name}={value}"));
    let output = expected.output.iter().map(|output| format!("output={output:?}"));
    for (place, demand) in fields.chain(output).enumerate() {
        text.push_str(if place == 0 { " with " } else { ", " });
        text.push_str(&demand);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(rule: &str, name: &str, time: i64) -> Alert {
        let fields = [("evt.time".to_owned(), time.into()), ("proc.name".to_owned(), name.into())];
        Alert { rule: rule.into(), output: format!("{name} ran"), fields: fields.into() }
    }

    #[test]
    fn what_is_written_is_what_is_expected() {
        let alerts = [alert("A", "sh", 1), alert("B", "x", 2), alert("A", "sh", 3)];
        let text = write(&alerts).unwrap();
        let expected = read(&text).unwrap();
        assert_eq!(expected.len(), 2, "times do not make two of one: {text}");
        assert_eq!(difference(&expected, &alerts), "");
        assert_eq!(difference(&expected, &alerts[..2]), "- A: 2 expected, 1 found with proc.name=\"sh\"\n");
        let more = [&alerts[..], &[alert("A", "zsh", 4), alert("A", "zsh", 5)]].concat();
        assert_eq!(difference(&expected, &more), "+ A: 2 not expected: zsh ran\n");
    }

    #[test]
    fn what_asks_for_more_chooses_first() {
        let text = "# any\n\n{\"rule\": \"A\"}\n{\"rule\": \"A\", \"fields\": {\"proc.name\": \"sh\"}}\n";
        let expected = read(text).unwrap();
        assert_eq!(difference(&expected, &[alert("A", "sh", 1), alert("A", "x", 2)]), "");
        assert_eq!(
            difference(&expected, &[alert("A", "y", 1), alert("A", "x", 2)]),
            "- A: 1 expected, 0 found with proc.name=\"sh\"\n+ A: 1 not expected: x ran\n"
        );
        let output = read("{\"rule\": \"A\", \"output\": \"sh ran\"}").unwrap();
        assert_eq!(difference(&output, &[alert("A", "sh", 1)]), "");
        assert!(difference(&output, &[alert("A", "x", 1)]).contains("output=\"sh ran\""));
    }

    #[test]
    fn what_is_no_expectation_is_refused_with_its_line() {
        for text in
            ["{\"rule\": \"A\"}\nnonsense", "# x\n{\"rule\": \"A\", \"counts\": 2}", "\n{\"count\": 2}"]
        {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("line 2 "), "{error}");
        }
    }
}
