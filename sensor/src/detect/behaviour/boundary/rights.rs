//! Rights that a container's program has and nobody gave it.

use sensor_common::{
    class::Class,
    record::{
        privilege::{CallRecord, Facts as CallFacts},
        process::{FileIdentity, Namespaces},
    },
};

use super::super::super::{
    finding::{Finding, Severity},
    namespace::Kind,
    scene::Scene,
};
use super::{
    about,
    baseline::{Baseline, Now, beyond, is_nodes_root, lost_filter},
    name, tempered,
};
use crate::event::{Facts, capability};
use crate::identity::store::Known;

/// `CAP_SETUID`
const SETUID: u64 = 1 << 7;
/// `S_ISUID`
const SETUID_BIT: u32 = 0o4000;
/// Most capabilities that are named.
const NAMED_MAX: usize = 8;

/// Cheap: whether there is anything to tell.
pub(super) fn is_odd(baseline: &Baseline, known: &Known, now: &Now, scene: &Scene<'_>) -> bool {
    beyond(baseline, now) != 0
        || lost_filter(baseline, now)
        || is_nodes_root(baseline, known, now)
        || became_root(scene).is_some()
}

/// Tells what is beyond what was given.
pub(super) fn judge(
    scene: &Scene<'_>,
    known: &Known,
    baseline: &Baseline,
    now: &Now,
    found: &mut dyn FnMut(Finding),
) {
    let (mut evidence, mut confidence) = (Vec::new(), 0.95);
    let more = beyond(baseline, now);
    if more != 0 {
        let names: Vec<_> = capability::numbers(more).take(NAMED_MAX).map(capability::name).collect();
        let dots = if more.count_ones() as usize > NAMED_MAX { ", …" } else { "" };
        evidence.push(format!("Capabilities that nobody gave to the container: {}{dots}.", names.join(", ")));
    }
    if lost_filter(baseline, now) {
        evidence
            .push("The filter of system calls (seccomp) that the container began with is gone.".to_owned());
    }
    if is_nodes_root(baseline, known, now) {
        evidence.push("It runs as root of the node, although the container has users of its own.".to_owned());
    }
    if let Some((how, sure)) = became_root(scene) {
        if evidence.is_empty() {
            confidence = sure;
        }
        evidence.push(how.to_owned());
    }
    if evidence.is_empty() {
        return;
    }
    let what = if more == 0 { "more power" } else { "more rights" };
    let summary = format!(
        "{} has {what} than anybody gave to this container: most likely the kernel was attacked",
        name(scene)
    );
    let mut finding = about::RIGHTS.finding(tempered(scene, Severity::Critical), confidence, summary);
    finding.evidence = evidence;
    found(finding);
}

/// Root that nothing explains, and how sure that is.
fn became_root(scene: &Scene<'_>) -> Option<(&'static str, f64)> {
    match &scene.given.event.facts {
        Facts::Call(call) if scene.class() == Class::Credentials => by_call(&call.record),
        Facts::Exec(exec) => {
            let former = scene.past.former?;
            let record = &exec.record;
            let was_root = former.ids.uid == 0 || former.ids.euid == 0;
            let is_root = record.ids.uid == 0 || record.ids.euid == 0;
            // Who could become root by a call, may have done so and been lost.
            let could = former.standing.capabilities.is_none_or(|sets| sets.permitted & SETUID != 0);
            let same =
                former.standing.namespaces.is_some_and(|before| same_users(&before, &record.namespaces));
            let explained = was_root || could || !same || has_bit(&record.file) || before_by_file(scene);
            (is_root && !explained).then_some((
                "It became root without a program that lends rights (setuid), and without a call.",
                0.8,
            ))
        }
        _ => None,
    }
}

/// The file is root's and lends it.
const fn has_bit(file: &FileIdentity) -> bool {
    file.mode & SETUID_BIT != 0
}

/// A script's interpreter is told, not the file that was asked for: nothing follows from its bits. And a program of the
/// process that lent rights explains them as well.
fn before_by_file(scene: &Scene<'_>) -> bool {
    let parent = scene.lineage().next();
    parent.is_some_and(|parent| has_bit(&parent.program.file))
}

fn same_users(before: &Namespaces, after: &Namespaces) -> bool {
    Kind::User.of(before) == Kind::User.of(after)
}

/// Credentials that changed in the kernel, by whatever: only root, or who may set users, becomes root.
fn by_call(record: &CallRecord) -> Option<(&'static str, f64)> {
    if record.result < 0 || record.facts & CallFacts::BEFORE == 0 || record.number != record.namespaces.user {
        return None;
    }
    let before = [record.ids_before.uid, record.ids_before.euid, record.further_before.suid];
    let is_root = record.ids.uid == 0 || record.ids.euid == 0;
    let may = record.capabilities_before.effective & SETUID != 0;
    (is_root && !may && !before.contains(&0)).then_some((
        "Its credentials became root's within the kernel, although it had no right to set them.",
        0.95,
    ))
}
