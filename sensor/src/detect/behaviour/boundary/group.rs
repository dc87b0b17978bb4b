//! Processes of a container that are not in its control group any more.

use super::super::super::{
    finding::{Finding, Severity},
    scene::Scene,
};
use super::super::agents::is_node_agent;
use super::{
    Boundary, about,
    baseline::{Baseline, Seen, is_below},
    name,
};
use crate::event::{
    Moved,
    text::{lossy, until_nul},
};
use crate::identity::store::{Known, Owner};
use crate::process::{Key, Process};

/// Most ancestors that are looked at.
const ANCESTORS_MAX: usize = 16;

impl Boundary {
    /// A process was moved to another control group.
    pub(super) fn moved(&self, scene: &Scene<'_>, moved: &Moved<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(from) = scene.past.cgroup else { return };
        let Some(Owner::Container(known)) = scene.given.identity.owner(from) else { return };
        let Some(baseline) = self.baselines.peek(known.container.id.as_str()) else { return };
        let to = scene.container();
        if to.is_some_and(|to| to.container.id == known.container.id)
            || is_below(scene, baseline.cgroup, scene.cgroup())
        {
            return;
        }
        let mover = Key::from(moved.record.mover);
        let by_itself = mover == scene.key();
        let Some(process) = scene.given.tree.get(mover) else { return };
        let is_inside = by_itself
            || matches!(scene.given.identity.owner(process.cgroup), Some(Owner::Container(other))
                        if other.container.id == known.container.id);
        if !is_inside || !is_member(baseline, process) {
            return;
        }
        let whose = if to.is_some() { "another container" } else { "the node" };
        let path = lossy(until_nul(moved.path));
        let summary =
            format!("{} of a container was moved out of it, into a control group of {whose}", name(scene));
        let mut finding = about::LEFT_GROUP.finding(severity(known), 0.9, summary);
        finding.evidence.push(format!("The new control group is {path}."));
        finding
            .evidence
            .push(format!("It was moved by {}, a process of the container.", process.program.executable));
        finding.evidence.push(format!("The container has the id {}.", known.container.id));
        found(finding);
    }

    /// A program began outside of every container, or as the first one of another: does its process descend from a
    /// container?
    pub(super) fn strayed(&self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let from = scene.given.tree.ancestors(scene.key()).take(ANCESTORS_MAX).find_map(|ancestor| {
            let Some(Owner::Container(known)) = scene.given.identity.owner(ancestor.cgroup) else {
                return None;
            };
            let baseline = self.baselines.peek(known.container.id.as_str())?;
            is_member(baseline, ancestor).then_some((ancestor, known, baseline))
        });
        let Some((ancestor, known, baseline)) = from else { return };
        // A container that runs others within itself.
        if is_below(scene, baseline.cgroup, scene.cgroup()) || scene.is_inside(baseline.cgroup) {
            return;
        }
        let summary = format!(
            "{} descends from a container and runs outside of its control group: it escaped",
            name(scene)
        );
        let mut finding = about::LEFT_GROUP.finding(severity(known), 0.9, summary);
        finding.evidence.push(format!(
            "It descends from {} (pid {}) of the container {}.",
            ancestor.program.executable, ancestor.key.pid, known.container.id
        ));
        if let Some(pod) = &known.container.pod {
            finding.evidence.push(format!("The container is of the pod {}/{}.", pod.namespace, pod.name));
        }
        found(finding);
    }
}

/// The process is one of the container's programs, and not the runtime's.
fn is_member(baseline: &Baseline, process: &Process) -> bool {
    match process.standing.namespaces {
        Some(namespaces) => namespaces.mnt == baseline.namespaces.mnt,
        None => baseline.seen == Seen::Later,
    }
}

fn severity(known: &Known) -> Severity {
    if is_node_agent(&known.container) { Severity::Low } else { Severity::Critical }
}
