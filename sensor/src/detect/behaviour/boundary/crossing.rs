//! Programs of a container in namespaces that are not its own.

use sensor_common::class::Class;

use super::super::super::{
    finding::{Finding, Severity},
    namespace::Kind,
    scene::Scene,
};
use super::{
    about,
    baseline::{Baseline, Foreign, Seen},
    name, tempered,
};

/// Rules tell of containers that enter namespaces of the node, by the call.
pub(super) fn is_told_by_rule(scene: &Scene<'_>, foreign: &[Foreign]) -> bool {
    scene.class() == Class::Setns
        && foreign.iter().any(|foreign| foreign.other.is_none() && is_whole(foreign))
}

/// Kinds that give away everything.
const fn is_whole(foreign: &Foreign) -> bool {
    matches!(foreign.kind, Kind::Mnt | Kind::Pid | Kind::User | Kind::Cgroup)
}

/// A program that works in namespaces that are not its container's.
pub(super) fn finding(scene: &Scene<'_>, baseline: &Baseline, foreign: &[Foreign]) -> Finding {
    let names = |others: bool| {
        let of = foreign.iter().filter(|foreign| foreign.other.is_some() == others);
        of.map(|foreign| format!("{} ({})", foreign.kind.holds(), foreign.kind.name())).collect::<Vec<_>>()
    };
    let (nodes, others) = (names(false), names(true));
    let program = name(scene);
    let summary = if nodes.is_empty() {
        format!(
            "{program} of this container works in namespaces of a container of another pod: {}",
            others.join(", ")
        )
    } else {
        format!("{program} of this container has left it: it works with the node's {}", nodes.join(", "))
    };
    let severity = if foreign.iter().any(is_whole) { Severity::Critical } else { Severity::High };
    let confidence = if baseline.seen == Seen::Start { 0.95 } else { 0.8 };
    let mut finding = about::CROSSED.finding(tempered(scene, severity), confidence, summary);
    for id in foreign.iter().filter_map(|foreign| foreign.other.as_ref()).take(2) {
        finding.evidence.push(format!("The other container has the id {id}."));
    }
    finding.evidence.push(beginning(scene, baseline));
    finding
}

/// How sure the comparison is, in words.
fn beginning(scene: &Scene<'_>, baseline: &Baseline) -> String {
    let seconds = scene.time_ns().saturating_sub(baseline.since_ns) / 1_000_000_000;
    match baseline.seen {
        Seen::Start => format!("The container began {seconds} seconds before, with namespaces of its own."),
        Seen::SetUp | Seen::Later => {
            format!(
                "The container ran before the sensor saw it, {seconds} seconds before, with namespaces of its own."
            )
        }
    }
}
