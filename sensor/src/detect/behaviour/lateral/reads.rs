//! Credentials that were read in a container by hand, and what was contacted then.

use std::collections::VecDeque;

use super::super::hand;
use super::about::{COLLECTED, USED};
use super::credential::Kind;
use super::target::{Target, is_private};
use super::{USE_NS, capital, ssh};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::detect::technique::{
    MS_TA9006, MS_TA9029, T1021_004, T1041, T1550_001, T1552_001, T1552_004, T1609, T1613, Technique,
};
use crate::process::Key;

/// Reads of credentials that are kept of a container.
const READS: usize = 16;
/// Uses of a kind that were told of a container: one for each pair of credential and target.
const TOLD: usize = 16;
/// Time in which what is read belongs together.
const COLLECT_NS: u64 = 300_000_000_000;
/// A connection to somewhere in the internet, or to what only looks like the API server, says something only so soon.
const SOON_NS: u64 = 120_000_000_000;

/// Reads of a container, the latest last.
#[derive(Debug, Default)]
pub(super) struct Reads {
    reads: VecDeque<Read>,
    told: VecDeque<(Kind, Target)>,
    collected: bool,
}

/// A credential that was opened.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) kind: Kind,
    pub(super) at_ns: u64,
    pub(super) by: Key,
    pub(super) root: Key,
    /// Who did what, in a sentence.
    pub(super) fact: String,
}

impl Reads {
    /// True if there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.reads.is_empty()
    }

    /// Takes one in.
    pub(super) fn add(&mut self, read: Read) {
        self.reads.retain(|before| {
            read.at_ns.saturating_sub(before.at_ns) < USE_NS
                && (before.kind, before.by) != (read.kind, read.by)
        });
        if self.reads.len() >= READS {
            self.reads.pop_front();
        }
        self.reads.push_back(read);
    }

    /// Many kinds of credentials by the same hands.
    pub(super) fn collection(&mut self, root: Key, now_ns: u64) -> Option<Finding> {
        let recent = |read: &&Read| read.root == root && now_ns.saturating_sub(read.at_ns) < COLLECT_NS;
        let mut kinds: Vec<Kind> = Vec::new();
        for read in self.reads.iter().filter(recent) {
            if !kinds.contains(&read.kind) {
                kinds.push(read.kind);
            }
        }
        if kinds.len() < 3 || std::mem::replace(&mut self.collected, true) {
            return None;
        }
        let names: Vec<_> = kinds.iter().map(|kind| kind.text()).collect();
        let summary =
            format!("Credentials of {} kinds are collected by hand: {}.", kinds.len(), names.join(", "));
        let mut finding = COLLECTED.finding(Severity::High, 0.85, summary);
        finding.evidence = self.reads.iter().filter(recent).map(|read| read.fact.clone()).collect();
        Some(finding)
    }

    /// A credential that was read is used.
    pub(super) fn used(&mut self, scene: &Scene<'_>, target: Target) -> Option<Finding> {
        let (now_ns, key) = (scene.time_ns(), scene.key());
        let hand = hand::of(scene);
        let read = self.reads.iter().rev().find(|read| {
            let age = now_ns.saturating_sub(read.at_ns);
            let soon = age < SOON_NS || !matches!(target, Target::Internet | Target::PrivateTls);
            age < USE_NS
                && soon
                && fits(read.kind, target)
                && (hand.is_some() || read.by == key || ssh::is_client(scene))
        })?;
        let related = read.by == key || read.root == hand::root(scene);
        let own_key = read.by == key && ssh::is_client(scene);
        if own_key && !scene.remote().is_some_and(|(ip, _)| is_private(ip)) {
            return None;
        }
        if !related && matches!(target, Target::Internet | Target::PrivateTls) || hand::is_building(scene) {
            return None;
        }
        let (kind, at_ns) = (read.kind, read.at_ns);
        if self.told.contains(&(kind, target)) {
            return None;
        }
        let summary = format!(
            "{} was read by hand and then {} was contacted: somebody {} with it.",
            capital(kind.text()),
            target.text(),
            purpose(target)
        );
        let (severity, confidence) = weight(kind, target, related);
        let confidence = if own_key { 0.6 } else { confidence };
        let mut finding = USED.finding(severity, confidence, summary);
        finding.techniques = techniques(kind, target);
        if hand::is_entered(scene) {
            finding.techniques.extend([T1609, MS_TA9006]);
        }
        finding.evidence = vec![read.fact.clone(), contact(scene, target, at_ns)];
        let text = if related {
            "Both were done by one lineage."
        } else {
            "Both were done by hand in one container."
        };
        finding.evidence.push(text.to_owned());
        if self.told.len() >= TOLD {
            self.told.pop_front();
        }
        self.told.push_back((kind, target));
        Some(finding)
    }
}

/// Whether a credential is of use there.
const fn fits(kind: Kind, target: Target) -> bool {
    match target {
        Target::Api | Target::Kubelet => matches!(kind, Kind::Token | Kind::Kubeconfig | Kind::ClusterKey),
        Target::PrivateTls => matches!(kind, Kind::Token | Kind::Kubeconfig),
        Target::Etcd => matches!(kind, Kind::ClusterKey),
        Target::Runtime => matches!(kind, Kind::Registry),
        Target::Ssh => matches!(kind, Kind::SshKey),
        Target::Registry => matches!(kind, Kind::Registry),
        Target::Internet => matches!(kind, Kind::Token | Kind::Kubeconfig | Kind::ClusterKey | Kind::SshKey),
    }
}

const fn weight(kind: Kind, target: Target, related: bool) -> (Severity, f64) {
    let severity = match (kind, target) {
        (_, Target::Api | Target::PrivateTls | Target::Kubelet | Target::Etcd) => Severity::Critical,
        _ => Severity::High,
    };
    let confidence = match target {
        Target::Internet => 0.6,
        Target::PrivateTls => 0.8,
        _ if related => 0.95,
        _ => 0.8,
    };
    (severity, confidence)
}

fn techniques(kind: Kind, target: Target) -> Vec<Technique> {
    let of_use: &[Technique] = match target {
        Target::Api | Target::PrivateTls | Target::Kubelet => &[T1550_001, T1613, MS_TA9029],
        Target::Etcd => &[T1552_004, T1613],
        Target::Ssh => &[T1021_004],
        Target::Runtime | Target::Registry => &[T1552_001],
        Target::Internet => &[T1041],
    };
    let mut all = kind.techniques().to_vec();
    for technique in of_use {
        if !all.contains(technique) {
            all.push(technique.clone());
        }
    }
    all
}

const fn purpose(target: Target) -> &'static str {
    match target {
        Target::Api | Target::PrivateTls | Target::Kubelet | Target::Etcd => "acts in the cluster",
        Target::Ssh => "logs in to other machines",
        Target::Runtime | Target::Registry => "pulls or pushes images",
        Target::Internet => "may take it away",
    }
}

fn contact(scene: &Scene<'_>, target: Target, since_ns: u64) -> String {
    let who = hand::told(scene.process(), scene.key());
    let hand = hand::of(scene).map(|hand| format!(", {},", hand.text())).unwrap_or_default();
    let when = hand::later(since_ns, scene.time_ns());
    let (ip, port) = scene.remote().map_or((String::new(), 0), |(ip, port)| (ip.to_string(), port));
    format!("{} {who}{hand} contacted {}: {ip} port {port}.", capital(&when), target.text())
}
