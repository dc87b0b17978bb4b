//! Containers that begin with rights over their node and with its processes in sight: the shipped rule knows the first
//! program of a container by its number 1, which it has in a pid namespace of its own only.

use super::super::super::{
    finding::{Finding, Severity},
    scene::Scene,
};
use super::super::agents::{is_builder_image, is_node_agent};
use super::{
    about,
    baseline::{Baseline, Seen},
};
use crate::event::{capability, process::Exec};
use crate::identity::store::Known;

/// Capabilities that lead to the node: `DAC_READ_SEARCH`, `SYS_MODULE`, `SYS_RAWIO`, `SYS_PTRACE` (over the node's processes),
/// `SYS_ADMIN`, `SYS_BOOT`, `BPF`.
const POWERFUL: u64 = 1 << 2 | 1 << 16 | 1 << 17 | 1 << 19 | 1 << 21 | 1 << 22 | 1 << 39;

/// A container begins.
pub(super) fn judge(
    scene: &Scene<'_>,
    baseline: Option<&Baseline>,
    known: &Known,
    exec: &Exec<'_>,
    found: &mut dyn FnMut(Finding),
) {
    let record = &exec.record;
    let Some(baseline) = baseline.filter(|baseline| baseline.seen == Seen::Start) else { return };
    let is_first = baseline.since_ns == scene.time_ns() && record.container_pid != 1;
    let powers = record.capabilities.effective & POWERFUL;
    if !is_first || powers == 0 || record.ids.uid != 0 || !baseline.shares_processes(scene) {
        return;
    }
    let is_agent = is_node_agent(&known.container) || is_builder_image(&known.container);
    let severity = if is_agent { Severity::Low } else { Severity::Medium };
    let names: Vec<_> = capability::numbers(powers).map(capability::name).collect();
    let summary = "This container begins with rights over its node and sees all of its processes: whoever gets into it owns \
                   the node"
        .to_owned();
    let mut finding = about::POWERFUL.finding(severity, 0.9, summary);
    finding.evidence.push(format!("It may use {}.", names.join(", ")));
    finding.evidence.push("It shares the node's processes (hostPID).".to_owned());
    found(finding);
}
