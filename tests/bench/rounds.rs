//! The order of a run: many short segments with and without the agent, by turns.
//!
//! A segment measures every row. The agent's segments of a round stand between two without it, and are
//! compared with the mean of these: a machine that gets slower or faster meanwhile falls out. How far
//! the two differ from each other is the noise.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya::sys::{Stats, enable_stats};
use serde_json::{Value, json};

use crate::findings::{Findings, ledger};
use crate::machine;
use crate::operation::ROWS;
use crate::programs::usage;
use crate::stage::{Stage, Variant};

/// Slices of a segment; see `worker`.
const SLICES: u64 = 50;
/// The agent reads what a segment left in the rings.
const DRAIN: Duration = Duration::from_millis(20);

/// Runs the benchmark and returns everything it found.
pub(crate) fn run(settings: &Value) -> Result<Value> {
    let rounds = settings["rounds"].as_u64().context("the settings lack `rounds`")?;
    let reported = settings["reported"].as_str().context("the settings lack `reported`")?;
    let machine = machine::describe();
    let mut stage = Stage::set(texts(settings, "arguments"), reported)?;
    let mut findings = rows(&mut stage, &texts(settings, "rows"))?;
    let mut before = segment(&mut stage, Variant::Off, &mut findings)?;
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        before = one_round(&mut stage, &mut findings, round % 2 == 1, &before)?;
    }
    stage.enter(Variant::Default)?;
    let status = stage.status().context("no agent")?;
    eprintln!("run times of the programs");
    run_times(&mut stage, &mut findings)?;
    stage.enter(Variant::Off)?;
    let rows: Vec<_> = findings.iter().map(Findings::json).collect();
    Ok(json!({ "machine": machine, "agent": agent(&status), "settings": settings, "rows": rows }))
}

fn texts(settings: &Value, name: &str) -> Vec<String> {
    let list = settings[name].as_array().into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The rows whose names contain one of `wanted`; all, if nothing is.
fn rows(stage: &mut Stage, wanted: &[String]) -> Result<Vec<Findings>> {
    let mut findings = Vec::new();
    for row in ROWS {
        if wanted.is_empty() || wanted.iter().any(|part| row.name.contains(part.as_str())) {
            let each = stage.worker(row.place).calibrate(row.operation)?;
            findings.push(Findings::new(row, each));
        }
    }
    ensure!(!findings.is_empty(), "no row has such a name: {}", wanted.join(", "));
    Ok(findings)
}

/// `before` is the segment without the agent that ended the round before; the result is the one that
/// ends this round.
fn one_round(
    stage: &mut Stage,
    findings: &mut [Findings],
    reverse: bool,
    before: &[f64],
) -> Result<Vec<f64>> {
    let mut variants = [Variant::Default, Variant::Subscriber];
    if reverse {
        variants.reverse();
    }
    let first = segment(stage, variants[0], findings)?;
    let second = segment(stage, variants[1], findings)?;
    let after = segment(stage, Variant::Off, findings)?;
    let figures = before.iter().zip(&first).zip(&second).zip(&after);
    for (finding, (((before, first), second), after)) in findings.iter_mut().zip(figures) {
        finding.rounds.push(json!({
            "before": before,
            variants[0].name(): first,
            variants[1].name(): second,
            "after": after,
        }));
    }
    Ok(after)
}

/// Nanoseconds per operation of each row.
fn segment(stage: &mut Stage, variant: Variant, findings: &mut [Findings]) -> Result<Vec<f64>> {
    stage.enter(variant)?;
    let mut figures = Vec::new();
    let mut before = stage.status();
    for finding in findings {
        let (row, each) = (finding.row, finding.each);
        let (median, operations) = stage.worker(row.place).measure(row.operation, SLICES, each)?;
        figures.push(median);
        sleep(DRAIN);
        let after = stage.status();
        if let (Some(before), Some(after)) = (&before, &after) {
            finding.count(variant, operations, &ledger(before), &ledger(after));
        }
        before = after;
    }
    Ok(figures)
}

/// Counting costs time itself, so that it is on in a segment of its own. The kernel ends it with the
/// file, whatever becomes of this process.
fn run_times(stage: &mut Stage, findings: &mut [Findings]) -> Result<()> {
    let pid = stage.agent_pid().context("no agent")?;
    let counting = enable_stats(Stats::RunTime).context("the kernel does not count run times")?;
    for finding in findings {
        let (row, each) = (finding.row, finding.each);
        let before = usage(pid)?;
        let (_, operations) = stage.worker(row.place).measure(row.operation, SLICES, each)?;
        finding.add_programs(operations, &before, &usage(pid)?);
    }
    drop(counting);
    Ok(())
}

/// What of the agent's status explains the figures.
fn agent(status: &Value) -> Value {
    let names = ["version", "coverage", "hooks", "attachTime", "residentBytes"];
    names.into_iter().filter_map(|name| Some((name.to_owned(), status.get(name)?.clone()))).collect()
}
