//! The order of a run: many short segments with and without the agent, one after the other.
//!
//! Each round measures every row in every variant, every second round in reverse, so that a machine that
//! gets slower or faster meanwhile does so for all. Later only segments of one round are compared.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya::sys::{Stats, enable_stats};
use serde_json::{Map, Value, json};

use crate::machine;
use crate::operation::{ROWS, Row};
use crate::programs::{Usage, usage};
use crate::stage::{Stage, Variant};

/// Slices of a segment; see `worker`.
const SLICES: u64 = 50;
/// The agent reads what a segment left in the rings.
const DRAIN: Duration = Duration::from_millis(20);

/// What was found out about one row.
#[derive(Debug)]
struct Findings {
    row: Row,
    each: u64,
    /// Nanoseconds per operation, by round, by variant.
    rounds: Vec<Map<String, Value>>,
    /// Operations, and what `picket status` counted during them, by variant.
    counts: BTreeMap<&'static str, (u64, Ledger)>,
    programs: Vec<Value>,
}

/// Counters of the classes in `GetStatusResponse`, by class and counter.
type Ledger = BTreeMap<(String, String), u64>;

/// Runs the benchmark and returns everything it found.
pub(crate) fn run(settings: &Value) -> Result<Value> {
    let texts = |name: &str| -> Vec<String> {
        let list = settings[name].as_array().into_iter().flatten();
        list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let rounds = settings["rounds"].as_u64().context("the settings lack `rounds`")?;
    let reported = settings["reported"].as_str().context("the settings lack `reported`")?;
    let wanted = texts("rows");
    let machine = machine::describe();
    let mut stage = Stage::set(texts("arguments"), reported)?;
    let mut findings = Vec::new();
    for row in ROWS {
        if wanted.is_empty() || wanted.iter().any(|part| row.name.contains(part.as_str())) {
            let each = stage.worker(row.place).calibrate(row.operation)?;
            let (rounds, counts, programs) = Default::default();
            findings.push(Findings { row, each, rounds, counts, programs });
        }
    }
    ensure!(!findings.is_empty(), "no row has such a name: {}", wanted.join(", "));
    stage.check()?;
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        one_round(&mut stage, &mut findings, round % 2 == 1)?;
    }
    stage.enter(Variant::Default)?;
    let status = stage.status().context("no agent")?;
    eprintln!("run times of the programs");
    run_times(&mut stage, &mut findings)?;
    stage.enter(Variant::Off)?;
    let rows: Vec<_> = findings.iter().map(Findings::json).collect();
    Ok(json!({ "machine": machine, "agent": agent(&status), "settings": settings, "rows": rows }))
}

fn one_round(stage: &mut Stage, findings: &mut [Findings], reverse: bool) -> Result<()> {
    let mut variants = Variant::ALL;
    if reverse {
        variants.reverse();
    }
    for finding in findings.iter_mut() {
        finding.rounds.push(Map::new());
    }
    for variant in variants {
        stage.enter(variant)?;
        let mut before = stage.status();
        for finding in findings.iter_mut() {
            let (row, each) = (finding.row, finding.each);
            let (median, operations) = stage.worker(row.place).measure(row.operation, SLICES, each)?;
            if let Some(round) = finding.rounds.last_mut() {
                round.insert(variant.name().to_owned(), json!(median));
            }
            sleep(DRAIN);
            let after = stage.status();
            if let (Some(before), Some(after)) = (&before, &after) {
                finding.count(variant, operations, &ledger(before), &ledger(after));
            }
            before = after;
        }
    }
    Ok(())
}

/// Counting costs time itself, so that it is on in a segment of its own. The kernel ends it with the
/// file, whatever becomes of this process.
fn run_times(stage: &mut Stage, findings: &mut [Findings]) -> Result<()> {
    let pid = stage.agent_pid().context("no agent")?;
    let counting = enable_stats(Stats::RunTime).context("the kernel does not count run times")?;
    for finding in findings {
        let before = usage(pid)?;
        let (_, operations) =
            stage.worker(finding.row.place).measure(finding.row.operation, SLICES, finding.each)?;
        for ((name, id), after) in usage(pid)? {
            let Usage { nanoseconds, runs } = before.get(&(name.clone(), id)).copied().unwrap_or_default();
            let (nanoseconds, runs) = (after.nanoseconds - nanoseconds, after.runs - runs);
            let per_operation = runs as f64 / operations as f64;
            // Others of the machine make programs run as well.
            if per_operation >= 0.1 {
                finding.programs.push(json!({
                    "name": name,
                    "runsPerOperation": per_operation,
                    "nanosecondsPerRun": nanoseconds as f64 / runs as f64,
                }));
            }
        }
    }
    drop(counting);
    Ok(())
}

impl Findings {
    fn count(&mut self, variant: Variant, operations: u64, before: &Ledger, after: &Ledger) {
        let (sum, counts) = self.counts.entry(variant.name()).or_default();
        *sum += operations;
        for (key, value) in after {
            let grown = value.saturating_sub(before.get(key).copied().unwrap_or_default());
            *counts.entry(key.clone()).or_default() += grown;
        }
    }

    fn json(&self) -> Value {
        let counts: Map<_, _> = self
            .counts
            .iter()
            .map(|(variant, counts)| {
                let (operations, ledger) = counts;
                let mut classes = Map::new();
                for ((class, counter), value) in ledger {
                    let counters = classes.entry(class.clone()).or_insert_with(|| json!({}));
                    counters[counter] = json!(*value as f64 / *operations as f64);
                }
                ((*variant).to_owned(), Value::Object(classes))
            })
            .collect();
        json!({
            "name": self.row.name,
            "kind": self.row.kind,
            "rounds": self.rounds,
            "countsPerOperation": counts,
            "programs": self.programs,
        })
    }
}

/// The counters are numbers in texts, as protobuf's JSON has them; one of 0 is left out there.
fn ledger(status: &Value) -> Ledger {
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

/// What of the agent's status explains the figures.
fn agent(status: &Value) -> Value {
    let names = ["version", "coverage", "hooks", "attachTime", "residentBytes"];
    names.into_iter().filter_map(|name| Some((name.to_owned(), status.get(name)?.clone()))).collect()
}
