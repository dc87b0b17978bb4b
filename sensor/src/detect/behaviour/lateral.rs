//! Lateral movement: credentials that are read and used, networks that are scanned, and what was found.

mod about;
mod credential;
mod fan;
mod recon;
mod target;

use std::collections::VecDeque;

use sensor_common::{
    class::Class,
    record::network::{Facts as NetFacts, Phase},
};

use self::about::{COLLECTED, FOUND, RECON, SCAN, USED};
use self::credential::Kind;
use self::fan::{Fan, Outcome, Scan, Who};
use self::recon::Recon;
use self::target::Target;
use super::{About, Behaviour, Bounds, hand};
use crate::bounded::{Bounded, Table};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::detect::technique::{
    MS_TA9029, T1021_004, T1041, T1550_001, T1552_001, T1552_004, T1613, Technique,
};
use crate::event::{
    Facts,
    open_flags::{Access, access},
    operation::FileOperation,
    wire::protocol::Protocol,
};
use crate::policy::Judged;
use crate::process::Key;

/// Reads of credentials that are kept of a container.
const READS: usize = 16;
/// Uses of a kind that were told of a container: one for each pair of credential and target.
const TOLD: usize = 16;
/// Time in which a credential that was read is used.
const USE_NS: u64 = 600_000_000_000;
/// Time in which what is read belongs together.
const COLLECT_NS: u64 = 300_000_000_000;
/// Time in which what a scan found is used.
const FOUND_NS: u64 = 1_800_000_000_000;
/// A connection to somewhere in the internet, or to what only looks like the API server, says something only so soon.
const SOON_NS: u64 = 120_000_000_000;

/// Made to use credentials.
const CLIENTS: [&str; 36] = [
    "argocd",
    "aws",
    "az",
    "borg",
    "buildah",
    "crane",
    "doctl",
    "docker",
    "flux",
    "gcloud",
    "git",
    "gsutil",
    "helm",
    "ibmcloud",
    "k9s",
    "kopia",
    "kubectl",
    "kustomize",
    "oc",
    "oci",
    "podman",
    "pulumi",
    "rclone",
    "restic",
    "scp",
    "sftp",
    "skopeo",
    "ssh",
    "ssh-add",
    "ssh-agent",
    "ssh-keygen",
    "sshd",
    "sshd-session",
    "terraform",
    "tofu",
    "velero",
];

/// What it can find.
static ALL: [&About; 5] = [&USED, &COLLECTED, &SCAN, &FOUND, &RECON];

/// The behaviour.
#[derive(Debug)]
pub(super) struct Lateral {
    places: Bounded<u64, Place>,
}

/// What is remembered of a container.
#[derive(Debug, Default)]
struct Place {
    reads: VecDeque<Read>,
    told: VecDeque<(Kind, Target)>,
    collected: bool,
    hands: Option<Box<Fan>>,
    own: Option<Box<Fan>>,
    scanned: Option<(u64, Scan)>,
    recon: Option<Box<Recon>>,
}

/// A credential that was opened.
#[derive(Debug)]
struct Read {
    kind: Kind,
    at_ns: u64,
    by: Key,
    root: Key,
    /// Who did what, in a sentence.
    fact: String,
}

impl Lateral {
    pub(super) fn new(bounds: Bounds) -> Self {
        // An entry can take some ten kilobytes.
        Self { places: Bounded::new(bounds.entries_max / 4) }
    }

    fn place(&mut self, scene: &Scene<'_>) -> &mut Place {
        self.places.entry(scene.cgroup(), Place::default)
    }

    fn opened(&mut self, scene: &Scene<'_>, file: &FileOperation<'_>, found: &mut dyn FnMut(Finding)) {
        if !matches!(access(file.record.flags), Access::Read | Access::ReadWrite) {
            return;
        }
        let Some(kind) = file.path.and_then(credential::kind) else { return };
        let Some(hand) = hand::of(scene).filter(|hand| !is_client(scene, *hand)) else { return };
        if hand::is_building(scene) {
            return;
        }
        let (root, by, at_ns) = (hand::root(scene), scene.key(), scene.time_ns());
        let path = file.path.map(|path| path.to_text(crate::event::path::End::Root)).unwrap_or_default();
        let failed = if file.record.error < 0 { "tried to read" } else { "read" };
        let who = hand::told(scene.process(), by);
        let fact = format!("{who}, {}, {failed} {}: {path}.", hand.text(), kind.text());
        let place = self.place(scene);
        place
            .reads
            .retain(|read| at_ns.saturating_sub(read.at_ns) < USE_NS && (read.kind, read.by) != (kind, by));
        if place.reads.len() >= READS {
            place.reads.pop_front();
        }
        place.reads.push_back(Read { kind, at_ns, by, root, fact });
        if let Some(finding) = place.collection(root, at_ns) {
            found(finding);
        }
    }

    fn reached(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(place) = self.places.get_mut(&scene.cgroup()) else { return };
        if place.reads.is_empty() {
            return;
        }
        if let Some(target) = target::of(scene)
            && let Some(finding) = place.used(scene, target)
        {
            found(finding);
        }
    }

    fn tried(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(end) = scene.remote().filter(|(ip, port)| !ip.is_loopback() && *port != 0) else { return };
        let outcome = match (scene.class(), target::phase(scene)) {
            (Class::NetConnect, Some(Phase::Failed)) => Outcome::Missed,
            (Class::NetConnect, Some(Phase::Established)) if is_stream(scene) => Outcome::Answered,
            _ => Outcome::Tried,
        };
        let hand = hand::of(scene).filter(|_| !hand::is_building(scene));
        let now_ns = scene.time_ns();
        let place = self.place(scene);
        let (who, fan) = match hand {
            Some(_) => (Who::Hand, place.hands.get_or_insert_default()),
            None => (Who::Own, place.own.get_or_insert_default()),
        };
        if let Some(scan) = fan.see(who, end, outcome, now_ns) {
            found(scan_finding(scene, who, &scan));
            place.scanned = Some((now_ns, scan));
        }
    }

    fn spoke(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(place) = self.places.get_mut(&scene.cgroup()) else { return };
        let Some((at_ns, scan)) = &place.scanned else { return };
        if scene.time_ns().saturating_sub(*at_ns) > FOUND_NS {
            place.scanned = None;
            return;
        }
        if let Some(finding) = found_used(scene, *at_ns, scan) {
            // Once for a scan.
            place.scanned = None;
            found(finding);
        }
    }

    fn began(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(known) = scene.container() else { return };
        let place = self.places.entry(scene.cgroup(), Place::default);
        let Some(burst) = place.recon.get_or_insert_default().see(scene) else { return };
        if hand::is_building(scene) {
            return;
        }
        let admin =
            hand::is_entered(scene) && scene.process().is_some_and(|process| process.standing.terminal != 0);
        let severity = match (admin, burst.telling) {
            (true, _) => Severity::Low,
            (false, 0..=2) => Severity::Medium,
            (false, _) => Severity::High,
        };
        let name = &known.container.name;
        let summary = format!(
            "Somebody looks around in the container {name}: {} commands about the system, its rights and its secrets within \
             a minute.",
            burst.commands.len()
        );
        let mut finding = RECON.finding(severity, if burst.telling > 0 { 0.75 } else { 0.6 }, summary);
        finding.evidence = burst.commands.iter().map(|command| format!("Command: {command}")).collect();
        found(finding);
    }
}

impl Place {
    /// Many kinds of credentials by the same hands.
    fn collection(&mut self, root: Key, now_ns: u64) -> Option<Finding> {
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
    fn used(&mut self, scene: &Scene<'_>, target: Target) -> Option<Finding> {
        let (now_ns, key) = (scene.time_ns(), scene.key());
        let hand = hand::of(scene);
        let read = self.reads.iter().rev().find(|read| {
            let age = now_ns.saturating_sub(read.at_ns);
            let soon = age < SOON_NS || !matches!(target, Target::Internet | Target::PrivateTls);
            age < USE_NS
                && soon
                && fits(read.kind, target)
                && (hand.is_some() || read.by == key || is_ssh(scene))
        })?;
        let related = read.by == key || read.root == hand::root(scene);
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
        let mut finding = USED.finding(severity, confidence, summary);
        finding.techniques = techniques(kind, target);
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

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A program that is made for it and is part of the image.
fn is_client(scene: &Scene<'_>, hand: hand::Hand) -> bool {
    !matches!(hand, hand::Hand::Dropped | hand::Hand::Memory)
        && scene.process().is_some_and(|process| CLIENTS.binary_search(&hand::name(process)).is_ok())
}

fn is_ssh(scene: &Scene<'_>) -> bool {
    scene.process().is_some_and(|process| matches!(hand::name(process), "ssh" | "dbclient"))
}

fn is_stream(scene: &Scene<'_>) -> bool {
    const SOCK_STREAM: u16 = 1;
    scene.socket().is_some_and(|socket| socket.kind == SOCK_STREAM)
}

fn scan_finding(scene: &Scene<'_>, who: Who, scan: &Scan) -> Finding {
    let name = hand::told(scene.process(), scene.key());
    let time = if scan.slow { "slowly, over hours" } else { "within minutes" };
    let what = match scan.ports {
        Some((ports, ip)) => format!("{ports} ports of {ip}"),
        None => format!("{} addresses", scan.hosts),
    };
    let summary = format!(
        "A container scans the network: {name} and its like tried {what} {time}, most without an answer."
    );
    let confidence = match (who, scan.slow) {
        (Who::Hand, false) => 0.9,
        (Who::Hand, true) => 0.75,
        (Who::Own, false) => 0.7,
        (Who::Own, true) => 0.5,
    };
    let mut finding = SCAN.finding(Severity::High, confidence, summary);
    let Scan { hosts, targets, missed, .. } = scan;
    finding
        .evidence
        .push(format!("{targets} pairs of address and port at {hosts} addresses; {missed} never answered."));
    if let Some((first, last)) = scan.ends {
        finding.evidence.push(format!("Without an answer: {first} first, {last} last."));
    }
    let text = match hand::of(scene) {
        Some(hand) => format!("The latest was {name}, {}.", hand.text()),
        None => format!("The latest was {name}, a program of the container itself."),
    };
    finding.evidence.push(text);
    finding
}

fn found_used(scene: &Scene<'_>, at_ns: u64, scan: &Scan) -> Option<Finding> {
    let Facts::Content(content) = &scene.given.event.facts else { return None };
    let protocol = content.recognised.as_ref()?.protocol;
    let (ip, port) = scene.remote().filter(|(ip, _)| target::is_private(*ip))?;
    let worth = matches!(
        protocol,
        Protocol::Redis
            | Protocol::Postgres
            | Protocol::Mysql
            | Protocol::Ssh
            | Protocol::Kafka
            | Protocol::Http1
    );
    let accepted = content.socket.record.facts & NetFacts::ACCEPTED != 0;
    let hand = hand::of(scene).filter(|_| worth && !accepted && !hand::is_building(scene))?;
    let who = hand::told(scene.process(), scene.key());
    let summary = format!(
        "After a scan of the network a service that it found is used: {who} speaks {protocol} with {ip} port {port}."
    );
    let mut finding = FOUND.finding(Severity::Critical, 0.8, summary);
    finding.evidence.push(format!("The container tried {} pairs of address and port.", scan.targets));
    let when = capital(&hand::later(at_ns, scene.time_ns()));
    finding.evidence.push(format!("{when} {who}, {}, spoke {protocol} with {ip} port {port}.", hand.text()));
    Some(finding)
}

impl Behaviour for Lateral {
    fn about(&self) -> &'static [&'static About] {
        &ALL
    }

    fn wanted(&self) -> Judged {
        let classes =
            [Class::ProcessExec, Class::FileOpen, Class::NetConnect, Class::NetDatagram, Class::NetPayload];
        Judged { containers: classes.iter().fold(0, |bits, class| bits | class.bit()), host: 0, names: false }
    }

    fn could_open(&self, scene: &Scene<'_>) -> bool {
        match &scene.given.event.facts {
            Facts::File(file) => file.path.is_some_and(|path| credential::kind(path).is_some()),
            _ => false,
        }
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        if scene.container().is_none() {
            return;
        }
        match (&scene.given.event.facts, scene.class()) {
            (Facts::File(file), Class::FileOpen) => self.opened(scene, file, found),
            (Facts::Socket(_), Class::NetConnect | Class::NetDatagram) if scene.remote().is_some() => {
                self.reached(scene, found);
                self.tried(scene, found);
            }
            (Facts::Content(_), Class::NetPayload) => {
                self.reached(scene, found);
                self.spoke(scene, found);
            }
            (Facts::Exec(_), _) => self.began(scene, found),
            _ => {}
        }
    }

    fn removed(&mut self, cgroup: u64) {
        self.places.remove(&cgroup);
    }

    fn table(&self) -> Table {
        self.places.table()
    }
}

#[cfg(test)]
mod tests;
