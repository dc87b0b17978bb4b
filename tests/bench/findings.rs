//! What was found out about one row, and its form in JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::operation::Row;
use crate::programs::Programs;
use crate::stage::Variant;

/// What was found out about one row.
#[derive(Debug)]
pub(crate) struct Findings {
    /// The row.
    pub(crate) row: Row,
    /// Operations a slice.
    pub(crate) each: u64,
    /// One object a round: nanoseconds per operation `before` the agent's start and `after` its end, and
    /// by variant.
    pub(crate) rounds: Vec<Value>,
    /// Operations, and what the agent counted during them, by variant.
    counts: BTreeMap<&'static str, (u64, Ledger)>,
    programs: Vec<Value>,
}

/// Counters of the classes in `GetStatusResponse`, by class and counter.
pub(crate) type Ledger = BTreeMap<(String, String), u64>;

impl Findings {
    pub(crate) fn new(row: Row, each: u64) -> Self {
        Self { row, each, rounds: Vec::new(), counts: BTreeMap::new(), programs: Vec::new() }
    }

    /// Adds what grew between two looks.
    pub(crate) fn count(&mut self, variant: Variant, operations: u64, before: &Ledger, after: &Ledger) {
        let (sum, counts) = self.counts.entry(variant.name()).or_default();
        *sum += operations;
        for (key, value) in after {
            let grown = value.saturating_sub(before.get(key).copied().unwrap_or_default());
            *counts.entry(key.clone()).or_default() += grown;
        }
    }

    /// Adds the programs that ran between two looks.
    pub(crate) fn add_programs(&mut self, operations: u64, before: &Programs, after: &Programs) {
        for (key, after) in after {
            let before = before.get(key).copied().unwrap_or_default();
            let runs = after.runs.saturating_sub(before.runs) as f64;
            let nanoseconds = after.nanoseconds.saturating_sub(before.nanoseconds) as f64;
            let per_operation = runs / operations as f64;
            // Others of the machine make programs run as well.
            if per_operation >= 0.1 {
                self.programs.push(json!({
                    "name": key.0,
                    "runsPerOperation": per_operation,
                    "nanosecondsPerRun": nanoseconds / runs,
                }));
            }
        }
    }

    /// As `cargo xtask bench hooks` reads it.
    pub(crate) fn json(&self) -> Value {
        let counts = self.counts.iter().map(|(variant, (operations, ledger))| {
            let mut classes = Map::new();
            for ((class, counter), value) in ledger {
                let counters = classes.entry(class.clone()).or_insert_with(|| json!({}));
                counters[counter] = json!(*value as f64 / *operations as f64);
            }
            ((*variant).to_owned(), Value::Object(classes))
        });
        json!({
            "name": self.row.name,
            "kind": self.row.kind,
            "rounds": self.rounds,
            "countsPerOperation": counts.collect::<Map<_, _>>(),
            "programs": self.programs,
        })
    }
}

/// The counters are numbers in texts, as protobuf's JSON has them; one of 0 is left out there.
pub(crate) fn ledger(status: &Value) -> Ledger {
    let mut ledger = Ledger::new();
    for class in status["classes"].as_array().into_iter().flatten() {
        let name = class["class"].as_str().unwrap_or("?");
        for (counter, value) in class.as_object().into_iter().flatten() {
            if let Some(value) = value.as_str().and_then(|text| text.parse().ok()) {
                ledger.insert((name.to_owned(), counter.clone()), value);
            }
        }
    }
    ledger
}
