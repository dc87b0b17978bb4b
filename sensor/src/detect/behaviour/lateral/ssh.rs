//! ssh to other machines.

use sensor_common::{class::Class, record::network::Facts as NetFacts};

use super::super::distinct::{Distinct, hash};
use super::super::hand::{self, Hand};
use super::about::SSH;
use super::target::{self, Target};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;

/// Machines from which it is no ordinary work any more.
const MACHINES: usize = 5;
/// Time in which they are counted, and the same is not told again: an hour.
const HOUR_NS: u64 = 3_600_000_000_000;

/// What went out by ssh.
#[derive(Debug, Default)]
pub(super) struct Out {
    since_ns: u64,
    machines: Distinct,
    told: bool,
}

/// A client of ssh.
pub(super) fn is_client(scene: &Scene<'_>) -> bool {
    scene.process().is_some_and(|process| matches!(hand::name(process), "ssh" | "dbclient"))
}

/// A client of ssh that a shell started.
pub(super) fn is_by_hand(scene: &Scene<'_>) -> bool {
    is_client(scene) && scene.lineage().next().is_some_and(hand::is_shell)
}

/// A connection of ssh that this end made, or what is said on it.
pub(super) fn is_of_interest(scene: &Scene<'_>) -> bool {
    let out = scene.socket().is_some_and(|socket| socket.facts & NetFacts::ACCEPTED == 0);
    out && target::of(scene) == Some(Target::Ssh)
}

impl Out {
    pub(super) fn see(&mut self, scene: &Scene<'_>) -> Option<Finding> {
        let hand = if is_by_hand(scene) { Hand::Tool } else { hand::of(scene)? };
        let (ip, port) = scene.remote()?;
        let now_ns = scene.time_ns();
        if now_ns.saturating_sub(self.since_ns) >= HOUR_NS {
            *self = Self { since_ns: now_ns, ..Self::default() };
        }
        self.machines.insert(hash(ip));
        let machines = self.machines.count();
        // A shell or tool that only opens a connection looks whether somebody is there.
        let speaks = scene.class() == Class::NetPayload && !is_client(scene) && hand != Hand::Entered;
        if self.told || !(speaks || machines >= MACHINES) {
            return None;
        }
        self.told = true;
        let who = hand::told(scene.process(), scene.key());
        let summary = format!("Somebody goes on to other machines by ssh: {who} reached {ip} port {port}.");
        let mut finding = SSH.finding(Severity::High, if speaks { 0.85 } else { 0.8 }, summary);
        finding.evidence.push(format!("{who}, {}, reached {ip} port {port}.", hand.text()));
        if machines > 1 {
            finding.evidence.push(format!("{machines} machines were tried within an hour."));
        }
        Some(finding)
    }
}
