//! What was found of a scene, against what should have been.

use std::collections::HashMap;

use picket_tests::expect::{number, text};
use serde_json::Value;

use crate::book::{Case, Severity};
use crate::play::{Played, is_attack};
use crate::stage::{has, value};

/// Technique of the finding that a powerful container has started: true of every scene in one, and the matter of one
/// case only.
const DEPLOYED: &str = "T1610";

/// What came of a scene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Why not.
    Bad(String),
}

/// Findings by container; those of the host under an empty id.
#[derive(Debug, Default)]
pub(crate) struct Findings(HashMap<String, Vec<Value>>);

impl Findings {
    pub(crate) fn add(&mut self, event: Value) {
        self.0.entry(text(&event, "container.id").to_owned()).or_default().push(event);
    }

    /// Those of a scene: of its container, or on the host of its processes.
    pub(crate) fn of(&self, played: &Played<'_>) -> Vec<&Value> {
        let all = self.0.get(&played.container).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|event| !played.container.is_empty() || descends(event, &played.pids)).collect()
    }

    pub(crate) fn judge(&self, played: &Played<'_>) -> Verdict {
        let found = self.of(played);
        if is_attack(played.scene) { attack(played, &found) } else { twin(played, &found) }
    }
}

fn attack(played: &Played<'_>, found: &[&Value]) -> Verdict {
    let case = played.case;
    if played.pids.is_empty() {
        return Verdict::Bad("the attack did not say which process it is".to_owned());
    }
    let technique: Vec<_> = found.iter().filter(|event| shows(event, case)).collect();
    let right: Vec<_> = technique.iter().filter(|event| severity(event) >= case.severity).collect();
    if right.iter().any(|event| descends(event, &played.pids)) {
        return Verdict::Good;
    }
    Verdict::Bad(match (right.is_empty(), technique.is_empty(), found.is_empty()) {
        (false, ..) => format!("another process than {:?}: {}", played.pids, list(found)),
        (_, false, _) => format!("not {:?}: {}", case.severity, list(found)),
        (_, _, false) => format!("none of {}: {}", case.techniques.join(" "), list(found)),
        _ => "nothing found".to_owned(),
    })
}

fn twin(played: &Played<'_>, found: &[&Value]) -> Verdict {
    let powerful = has(played.scene, "privileged") || value(played.scene, "caps").is_some();
    let expected =
        |event: &Value| powerful && played.case.id != "E30" && techniques(event).any(|one| one == DEPLOYED);
    let loud: Vec<_> =
        found.iter().copied().filter(|event| severity(event) > Severity::Low && !expected(event)).collect();
    if loud.is_empty() { Verdict::Good } else { Verdict::Bad(list(&loud)) }
}

fn techniques(event: &Value) -> impl Iterator<Item = &str> {
    event["finding"]["techniques"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn shows(event: &Value, case: &Case) -> bool {
    techniques(event).any(|one| case.techniques.iter().any(|wanted| wanted == one))
}

fn severity(event: &Value) -> Severity {
    Severity::from_name(text(event, "finding.severity")).unwrap_or(Severity::Low)
}

/// Whether the process of a finding, or one of its ancestors, is one of these, as seen in its pid namespace.
fn descends(event: &Value, pids: &[u64]) -> bool {
    let process = &event["process"];
    let line =
        [process, &process["parent"]].into_iter().chain(event["ancestors"].as_array().into_iter().flatten());
    let own = |one: &Value| number(one, "containerPid").or_else(|| number(one, "pid"));
    line.filter_map(own).any(|pid| pids.contains(&pid))
}

/// Findings in a line.
pub(crate) fn list(found: &[&Value]) -> String {
    let one = |event: &&Value| {
        let techniques: Vec<_> = techniques(event).collect();
        let program = text(event, "process.executable");
        let (severity, id) = (text(event, "finding.severity"), text(event, "finding.id"));
        format!("{severity} {id} [{}] of {program}", techniques.join(" "))
    };
    let mut all: Vec<_> = found.iter().map(one).collect();
    all.dedup();
    all.join("; ")
}
