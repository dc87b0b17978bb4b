//! The table by class, the same as JSON, and what the stream had of scenes that failed.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use picket_tests::client::Client;
use picket_tests::expect::text;
use serde_json::{Value, json};

use crate::book::{CLASSES, Case, Scene};
use crate::judge::{self, Findings, Verdict};
use crate::play::{Played, is_attack};

/// Lines of the stream that are kept of a scene, and characters of each.
const LINES: usize = 400;
const WIDTH: usize = 420;

/// What came of every scene.
#[derive(Debug)]
pub(crate) struct Report<'book> {
    cases: Vec<&'book Case>,
    rows: Vec<Row<'book>>,
}

#[derive(Debug)]
struct Row<'book> {
    case: &'book Case,
    scene: &'book Scene,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Played(Verdict),
    Skipped(String),
}

impl<'book> Report<'book> {
    pub(crate) fn new(cases: &[&'book Case]) -> Self {
        Self { cases: cases.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn skip(&mut self, case: &'book Case, scene: &'book Scene, reason: String) {
        self.rows.push(Row { case, scene, outcome: Outcome::Skipped(reason) });
    }

    pub(crate) fn add(&mut self, played: &Played<'book>, findings: &Findings) {
        let outcome = Outcome::Played(findings.judge(played));
        self.rows.push(Row { case: played.case, scene: played.scene, outcome });
    }

    /// Nothing is wrong but what is known to be missed.
    pub(crate) fn is_good(&self) -> bool {
        self.rows
            .iter()
            .all(|row| row.scene.missed.is_some() || !matches!(row.outcome, Outcome::Played(Verdict::Bad(_))))
    }

    fn count(&self, class: &str, wanted: impl Fn(&Row<'_>) -> bool) -> usize {
        self.rows.iter().filter(|row| row.case.class == class && wanted(row)).count()
    }

    fn unshown(&self) -> impl Iterator<Item = (&Case, &str)> {
        self.cases.iter().flat_map(|case| case.unshown.iter().map(|why| (*case, why.as_str())))
    }

    pub(crate) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let (result, why) = match &row.outcome {
                Outcome::Played(Verdict::Good) => ("good", None),
                Outcome::Played(Verdict::Bad(why)) => ("bad", Some(why)),
                Outcome::Skipped(why) => ("skipped", Some(why)),
            };
            let kind = if is_attack(row.scene) { "attack" } else { "twin" };
            json!({
                "case": row.case.id, "class": row.case.class, "kind": kind, "variant": row.scene.name,
                "result": result, "why": why, "missed": row.scene.missed,
            })
        });
        let rows: Vec<_> = rows.collect();
        let unshown: Vec<_> =
            self.unshown().map(|(case, why)| json!({ "case": case.id, "why": why })).collect();
        json!({ "good": self.is_good(), "scenes": rows, "unshown": unshown })
    }
}

fn good(row: &Row<'_>) -> bool {
    matches!(row.outcome, Outcome::Played(Verdict::Good))
}

fn played(row: &Row<'_>) -> bool {
    matches!(row.outcome, Outcome::Played(_))
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let kind = if is_attack(row.scene) { "missed" } else { "not silent" };
            let (id, name) = (&row.case.id, &row.scene.name);
            match &row.outcome {
                Outcome::Played(Verdict::Good) => {
                    if row.scene.missed.is_some() {
                        writeln!(
                            formatter,
                            "note: {id} {name}: found, although the case says that it is missed"
                        )?;
                    }
                }
                Outcome::Played(Verdict::Bad(_)) if row.scene.missed.is_some() => {
                    let reason = row.scene.missed.as_deref().unwrap_or_default();
                    writeln!(formatter, "known to be missed: {id} {name}: {reason}")?;
                }
                Outcome::Played(Verdict::Bad(why)) => {
                    writeln!(formatter, "FAILED {id} {kind}: {name}: {why}")?
                }
                Outcome::Skipped(why) => writeln!(formatter, "SKIPPED: {id} {name}: {why}")?,
            }
        }
        for (case, why) in self.unshown() {
            writeln!(formatter, "not shown here: {}: {why}", case.id)?;
        }
        let line = "-".repeat(66);
        writeln!(
            formatter,
            "\n{:<12}{:>8}{:>12}{:>16}{:>18}",
            "class", "cases", "variants", "detected", "twins silent"
        )?;
        writeln!(formatter, "{line}")?;
        for class in CLASSES {
            let cases = self.cases.iter().filter(|case| case.class == class).count();
            if cases == 0 {
                continue;
            }
            let attacks = self.count(class, |row| is_attack(row.scene) && played(row));
            let detected = self.count(class, |row| is_attack(row.scene) && good(row));
            let twins = self.count(class, |row| !is_attack(row.scene) && played(row));
            let silent = self.count(class, |row| !is_attack(row.scene) && good(row));
            let (detected, silent) = (of(detected, attacks), of(silent, twins));
            writeln!(formatter, "{class:<12}{cases:>8}{attacks:>12}{detected:>16}{silent:>18}")?;
        }
        Ok(())
    }
}

fn of(some: usize, all: usize) -> String {
    if all == 0 { "-".to_owned() } else { format!("{some} of {all}") }
}

/// The stream by container, until a marker's container has ended; each event in a line.
pub(crate) fn collect(events: &mut Client) -> HashMap<String, Vec<String>> {
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    while let Some(event) = events.next_event() {
        // What the runtime does before the scene begins.
        let setup = event["process"]["arguments"][0] == "runc";
        if setup || matches!(text(&event, "class"), "PROCESS_FORK" | "CONTAINER_CGROUP_MOVE") {
            continue;
        }
        let lines = all.entry(text(&event, "container.id").to_owned()).or_default();
        if lines.len() < LINES {
            lines.push(brief(&event));
        }
        if crate::stage::ends_marker(&event) {
            break;
        }
    }
    all
}

fn brief(event: &Value) -> String {
    let mut line = format!("{} {}", text(event, "class"), text(event, "process.executable"));
    for field in ["command", "stdin", "stdout", "gained"] {
        if let Some(value) = event["exec"].get(field) {
            line.push_str(&format!(" {field}={value}"));
        }
    }
    for part in ["file", "socket", "call", "finding"] {
        if let Some(facts) = event.get(part) {
            line.push_str(&format!(" {facts}"));
        }
    }
    let arguments = &event["process"]["arguments"];
    let mut line = format!("{} {arguments} {}", event["process"]["containerPid"], line);
    if let Some((at, _)) = line.char_indices().nth(WIDTH) {
        line.truncate(at);
    }
    line
}

/// Writes what was found, said and streamed of each scene that failed.
pub(crate) fn explain(
    file: &Path,
    played: &[Played<'_>],
    findings: &Findings,
    events: &HashMap<String, Vec<String>>,
) -> Result<()> {
    let mut text = String::new();
    for one in played {
        let Verdict::Bad(why) = findings.judge(one) else { continue };
        let kind = if is_attack(one.scene) { "missed" } else { "not silent" };
        write!(text, "\n## {} {kind}: {}\n{why}\n", one.case.id, one.scene.name)?;
        write!(text, "findings: {}\noutput: {}\n", judge::list(&findings.of(one)), one.output.trim())?;
        for line in events.get(&one.container).into_iter().flatten() {
            writeln!(text, "  {line}")?;
        }
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
