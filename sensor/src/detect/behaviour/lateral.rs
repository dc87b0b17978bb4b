//! Lateral movement: credentials that are read and used, networks that are scanned, and what was found.

mod about;
mod credential;
mod fan;
mod links;
mod reads;
mod recon;
mod scans;
mod ssh;
mod target;

use sensor_common::{class::Class, record::network::Phase};

use self::about::{COLLECTED, ENTERED, FOUND, HIDDEN, RECON, SCAN, SSH, USED};
use self::credential::Kind;
use self::fan::{Fan, Outcome, Scan, Who};
use self::links::Links;
use self::reads::{Read, Reads};
use self::recon::{Burst, Recon};
use self::ssh::Out;
pub(super) use self::target::is_private;
use super::{About, Behaviour, Bounds, hand};
use crate::bounded::{Bounded, Table};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::detect::technique::T1609;
use crate::event::{
    Facts,
    open_flags::{Access, access},
    operation::FileOperation,
};
use crate::policy::Judged;

/// Time in which a credential that was read is used.
const USE_NS: u64 = 600_000_000_000;
/// Time in which what a scan found is used.
const FOUND_NS: u64 = 1_800_000_000_000;

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

/// What they start reads everything.
const BACKUPS: [&str; 4] = ["borg", "kopia", "restic", "velero"];

/// What it can find.
static ALL: [&About; 8] = [&USED, &COLLECTED, &HIDDEN, &SCAN, &FOUND, &SSH, &RECON, &ENTERED];

/// The behaviour.
#[derive(Debug)]
pub(super) struct Lateral {
    places: Bounded<u64, Place>,
}

/// What is remembered of a container.
#[derive(Debug, Default)]
struct Place {
    reads: Reads,
    hands: Option<Box<Fan>>,
    own: Option<Box<Fan>>,
    scanned: Option<(u64, Scan)>,
    recon: Option<Box<Recon>>,
    links: Links,
    ssh: Option<Box<Out>>,
    brought_ns: Option<u64>,
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
        let own = file.path.and_then(credential::kind);
        let links = self.places.peek(&scene.cgroup()).map(|place| &place.links).filter(|_| own.is_none());
        let linked = links.and_then(|links| links.kind(scene.given.event, file));
        let Some(kind) = own.or(linked) else { return };
        let Some(hand) = reader(scene, kind).filter(|_| !hand::is_building(scene)) else { return };
        let (root, by, at_ns) = (hand::root(scene), scene.key(), scene.time_ns());
        let path = file.path.map(|path| path.to_text(crate::event::path::End::Root)).unwrap_or_default();
        let failed = if file.record.error < 0 { "tried to read" } else { "read" };
        let who = hand::told(scene.process(), by);
        let fact = format!("{who}, {}, {failed} {}: {path}.", hand.text(), kind.text());
        if linked.is_some() {
            found(links::read(kind, &fact));
        }
        let place = self.place(scene);
        place.reads.add(Read { kind, at_ns, by, root, fact });
        if let Some(finding) = place.reads.collection(root, at_ns) {
            found(finding);
        }
    }

    fn reached(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(place) = self.places.get_mut(&scene.cgroup()) else { return };
        if place.reads.is_empty() {
            return;
        }
        if let Some(target) = target::of(scene)
            && let Some(finding) = place.reads.used(scene, target)
        {
            found(finding);
        }
    }

    fn tried(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(end) = scene.remote().filter(|(ip, port)| !ip.is_loopback() && *port != 0) else { return };
        let outcome = match (scene.class(), target::phase(scene)) {
            (Class::NetConnect, Some(Phase::Failed)) => Outcome::Missed,
            (Class::NetConnect, Some(Phase::Established)) if is_stream(scene) => Outcome::Answered,
            // A port that both ends have is one of servers that talk to each other.
            (Class::NetDatagram, _) if scene.socket().is_none_or(|socket| socket.local.port != end.1) => {
                Outcome::Sent
            }
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
            found(scans::finding(scene, who, &scan));
            place.scanned = Some((now_ns, scan));
        }
    }

    fn ssh(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        if !ssh::is_of_interest(scene) || hand::is_building(scene) {
            return;
        }
        if let Some(finding) = self.place(scene).ssh.get_or_insert_default().see(scene) {
            found(finding);
        }
    }

    fn spoke(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(place) = self.places.get_mut(&scene.cgroup()) else { return };
        let Some((at_ns, scan)) = &place.scanned else { return };
        if scene.time_ns().saturating_sub(*at_ns) > FOUND_NS {
            place.scanned = None;
            return;
        }
        if let Some(finding) = scans::used(scene, *at_ns, scan) {
            // Once for a scan.
            place.scanned = None;
            found(finding);
        }
    }

    fn began(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let place = self.places.entry(scene.cgroup(), Place::default);
        if let Some(finding) = place.brought(scene) {
            found(finding);
        }
        if let Some(burst) = place.recon.get_or_insert_default().see(scene) {
            found_burst(scene, &burst, found);
        }
    }

    /// A file was opened that tells where one is.
    fn looked(&mut self, scene: &Scene<'_>, file: &FileOperation<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(about) = recon::opened(file) else { return };
        if !matches!(hand::of(scene), Some(hand::Hand::Shell | hand::Hand::Tool | hand::Hand::Dropped)) {
            return;
        }
        if let Some(burst) = self.place(scene).recon.get_or_insert_default().open(scene, file, about) {
            found_burst(scene, &burst, found);
        }
    }
}

impl Place {
    /// Somebody who entered starts a program that is not of the image.
    fn brought(&mut self, scene: &Scene<'_>) -> Option<Finding> {
        let process = scene.process().filter(|process| hand::is_dropped(process))?;
        let again = self.brought_ns.is_some_and(|told| scene.time_ns().saturating_sub(told) < USE_NS);
        if again || !hand::is_entered(scene) || hand::is_building(scene) {
            return None;
        }
        self.brought_ns = Some(scene.time_ns());
        let who = hand::told(Some(process), scene.key());
        let summary = format!(
            "Somebody who entered the container started a program that is not part of its image: {who}."
        );
        let mut finding = ENTERED.finding(Severity::Medium, 0.8, summary);
        finding.evidence.push(format!("Program: {}", process.program.executable));
        let session = hand::top(scene)?;
        finding.evidence.push(format!(
            "Started under {}, which came from outside.",
            hand::told(Some(session), session.key)
        ));
        Some(finding)
    }
}

fn found_burst(scene: &Scene<'_>, burst: &Burst, found: &mut dyn FnMut(Finding)) {
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
    let name = scene.container().map_or("", |known| known.container.name.as_str());
    let summary = format!(
        "Somebody looks around in the container {name}: {} commands about the system, its rights and its secrets within a \
         minute.",
        burst.commands.len()
    );
    let mut finding = RECON.finding(severity, if burst.telling > 0 { 0.75 } else { 0.6 }, summary);
    if !hand::is_entered(scene) {
        finding.techniques.retain(|technique| *technique != T1609);
    }
    finding.evidence = burst.commands.iter().map(|command| format!("Command: {command}")).collect();
    found(finding);
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// By whose hands a credential is read: not a client of the image that is made for it, but for ssh that a shell starts.
fn reader(scene: &Scene<'_>, kind: Kind) -> Option<hand::Hand> {
    if kind == Kind::SshKey && ssh::is_by_hand(scene) {
        return Some(hand::Hand::Tool);
    }
    hand::of(scene).filter(|hand| !is_client(scene, *hand))
}

/// A program that is made for it and is part of the image.
fn is_client(scene: &Scene<'_>, hand: hand::Hand) -> bool {
    let is_made_for_it = || {
        scene.process().is_some_and(|process| CLIENTS.binary_search(&hand::name(process)).is_ok())
            || scene.lineage().next().is_some_and(|parent| BACKUPS.contains(&hand::name(parent)))
    };
    !matches!(hand, hand::Hand::Dropped | hand::Hand::Memory) && is_made_for_it()
}

fn is_stream(scene: &Scene<'_>) -> bool {
    const SOCK_STREAM: u16 = 1;
    scene.socket().is_some_and(|socket| socket.kind == SOCK_STREAM)
}

impl Behaviour for Lateral {
    fn about(&self) -> &'static [&'static About] {
        &ALL
    }

    fn wanted(&self) -> Judged {
        let classes = [
            Class::ProcessExec,
            Class::FileOpen,
            Class::FileLink,
            Class::FileRename,
            Class::NetConnect,
            Class::NetDatagram,
            Class::NetPayload,
        ];
        Judged { containers: classes.iter().fold(0, |bits, class| bits | class.bit()), host: 0, names: false }
    }

    fn could_open(&self, scene: &Scene<'_>) -> bool {
        match &scene.given.event.facts {
            Facts::File(file) => {
                let links = self.places.peek(&scene.cgroup()).map(|place| &place.links);
                file.path.is_some_and(|path| credential::kind(path).is_some())
                    || scene.container().is_some() && recon::opened(file).is_some()
                    || links.is_some_and(|links| links.kind(scene.given.event, file).is_some())
            }
            _ => false,
        }
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        if scene.container().is_none() {
            return;
        }
        match (&scene.given.event.facts, scene.class()) {
            (Facts::File(file), Class::FileOpen) => {
                self.opened(scene, file, found);
                self.looked(scene, file, found);
            }
            (Facts::File(file), Class::FileLink | Class::FileRename) => {
                if links::is_credential(scene.given.event, file) {
                    self.place(scene).links.add(scene.given.event, file);
                }
            }
            (Facts::Socket(_), Class::NetConnect | Class::NetDatagram) if scene.remote().is_some() => {
                self.reached(scene, found);
                self.tried(scene, found);
                self.ssh(scene, found);
            }
            (Facts::Content(_), Class::NetPayload) => {
                self.reached(scene, found);
                self.spoke(scene, found);
                self.ssh(scene, found);
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
