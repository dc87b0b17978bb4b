//! The sensor itself as a target: who signals, traces or freezes it, takes away what it keeps in the kernel, writes its
//! files, or floods it until events are lost.
//!
//! It knows itself by its number, not by its name. Those who may are what it descends from (the service manager, the
//! runtime's shim, whoever started it by hand) with their children, and the programs of the node that manage services and
//! containers. Nothing tells them from one who is root of the node and takes their name; but who comes from a container
//! is none of them, whatever it is called.

mod about;
mod flood;

use sensor_common::class::Class;

use self::flood::Floods;
use super::super::{
    finding::{Finding, Severity},
    scene::Scene,
};
use super::{About, Behaviour, Bounds, Late, Lost, agents::is_agents_work};
use crate::bounded::Table;
use crate::event::{Facts, operation::FileOperation, path::End, request, signal};
use crate::event::{call::PrivilegedCall, text::until_nul};
use crate::identity::store::{Known, Owner};
use crate::policy::Judged;
use crate::process::Process;

/// Most ancestors that are looked at.
const ANCESTORS_MAX: usize = 16;
/// Programs of a node that stop, signal and move what runs on it.
const MANAGERS: &[&str] = &[
    "systemd",
    "systemd-shutdown",
    "init",
    "kubelet",
    "containerd",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "dockerd",
    "crio",
    "conmon",
    "podman",
    "runc",
    "crun",
];
/// Signals that neither end nor stop a process that does not want it: `SIGUSR1`, `SIGUSR2`, `SIGPIPE`, `SIGALRM`,
/// `SIGCHLD`, `SIGCONT`, `SIGURG`, `SIGWINCH`, and `SIGHUP`, by which it reads its settings anew.
const HARMLESS: &[u64] = &[1, 10, 12, 13, 14, 17, 18, 23, 28];
/// Magic number of the BPF file system.
const BPF: u64 = 0xcafe_4a11;
/// `BPF_OBJ_GET`, `BPF_LINK_UPDATE`, `BPF_LINK_DETACH`: what the rules do not tell of.
const TAKING: [u64; 3] = [7, 29, 34];
/// Files of control groups that stop or end what is in them.
const STOPPING: &[&str] = &["cgroup.freeze", "cgroup.kill", "freezer.state"];

/// The behaviour.
#[derive(Debug)]
pub(super) struct Sensor {
    floods: Floods,
}

impl Sensor {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { floods: Floods::new(bounds.entries_max) }
    }
}

/// From where somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// A container, or a process that descends from one.
    Container,
    /// The node.
    Node,
}

/// From where a process acts that may not.
fn stranger(scene: &Scene<'_>, process: &Process, sensor: &Process) -> Option<From> {
    let owner = |process: &Process| match scene.given.identity.owner(process.cgroup) {
        Some(Owner::Container(known)) => Some(known.container.id.as_str()),
        _ => None,
    };
    let tree = scene.given.tree;
    let own = owner(sensor);
    let line = || std::iter::once(process).chain(tree.ancestors(process.key).take(ANCESTORS_MAX));
    let foreign = line().filter_map(owner).find(|id| Some(*id) != own);
    if line().any(|ancestor| ancestor.key == sensor.key) {
        return None;
    }
    if foreign.is_some() {
        return Some(From::Container);
    }
    // Everything descends from the first process.
    let is_above = |key| tree.ancestors(sensor.key).take(ANCESTORS_MAX).any(|above| above.key == key);
    let is_of_family = line().any(|ancestor| ancestor.key.pid > 2 && is_above(ancestor.key));
    let name = process.program.executable.rsplit('/').next().unwrap_or_default();
    let is_manager = owner(process).is_none() && MANAGERS.contains(&name);
    let may = process.key.pid == 1 || is_of_family || is_manager;
    (!may).then_some(From::Node)
}

/// Whether the target of a call is the sensor.
fn is_aimed_at(call: &PrivilegedCall<'_>, sensor: &Process) -> bool {
    call.record.target.pid == sensor.key.pid
}

/// What a call does to the sensor, and how bad it is from the node.
fn done_by_call(
    scene: &Scene<'_>,
    call: &PrivilegedCall<'_>,
    sensor: &Process,
) -> Option<(String, Severity)> {
    let [first, second, third, ..] = call.record.arguments;
    match scene.class() {
        Class::Signal if is_aimed_at(call, sensor) => {
            use sensor_common::call::Call;
            let to_thread =
                [Call::Tgkill, Call::RtTgsigqueueinfo].map(|call| call as u32).contains(&call.record.call);
            let number = if to_thread { third } else { second };
            if HARMLESS.contains(&number) {
                return None;
            }
            let known = u32::try_from(number).ok().and_then(signal::name);
            let name = known.map_or_else(|| number.to_string(), str::to_owned);
            Some((format!("sent the signal {name} to"), Severity::Medium))
        }
        Class::Ptrace if is_aimed_at(call, sensor) && first != 0 => {
            Some(("traces".to_owned(), Severity::High))
        }
        Class::ProcessMemory if is_aimed_at(call, sensor) => {
            Some(("reads or writes the memory of".to_owned(), Severity::High))
        }
        Class::PidfdGetfd if is_aimed_at(call, sensor) => {
            Some(("takes descriptors of".to_owned(), Severity::High))
        }
        Class::ControlWrite => stopped_by(scene, call, sensor).map(|what| (what, Severity::High)),
        _ => None,
    }
}

/// By a control file of its control group, or of one above.
fn stopped_by(scene: &Scene<'_>, call: &PrivilegedCall<'_>, sensor: &Process) -> Option<String> {
    let path = call.path?;
    let leaf = std::str::from_utf8(path.first()).ok()?;
    if !STOPPING.contains(&leaf) || !matches!(until_nul(call.value).trim_ascii(), b"1" | b"FROZEN") {
        return None;
    }
    let path = path.to_text(End::Root);
    let folder = path.strip_suffix(leaf)?.trim_end_matches('/');
    let own = scene.given.identity.path(sensor.cgroup)?;
    let mut above = own.char_indices().filter(|(_, letter)| *letter == '/').map(|(at, _)| at).skip(1);
    let is_above =
        |end: usize| own.get(..end).is_some_and(|group| group.len() > 1 && folder.ends_with(group));
    let is_of_sensor = above.any(is_above) || is_above(own.len());
    is_of_sensor.then(|| format!("wrote {leaf} of the control group of"))
}

/// A finding about the sensor itself.
fn attacked(scene: &Scene<'_>, what: &str, from: From, of_node: Severity, error: bool) -> Finding {
    let path = scene.process().map_or("", |process| process.program.executable.as_str());
    let program = if path.is_empty() { "A program".to_owned() } else { format!("The program {path}") };
    let (whose, severity) = match from {
        From::Container if error => (" of a container", Severity::High),
        From::Container => (" of a container", Severity::Critical),
        From::Node => ("", of_node),
    };
    let attempt = if error { ", or rather tried to and failed" } else { "" };
    let summary =
        format!("{program}{whose} {what} the sensor itself{attempt}: who is blinded is told nothing more");
    let confidence = match (from, error) {
        (From::Container, false) => 0.9,
        (From::Container, true) => 0.8,
        (From::Node, _) => 0.5,
    };
    about::ATTACKED.finding(severity, confidence, summary)
}

/// A file of the sensor that a container changes.
fn is_of_sensor(scene: &Scene<'_>, file: &FileOperation<'_>) -> bool {
    let Some(path) = file.path else { return false };
    let mut parts = path.0.split(|byte| *byte == 0);
    match scene.class() {
        // Before the text is looked at: opens come in numbers.
        Class::FileOpen if !file.is_written() => false,
        Class::FileOpen => {
            let (leaf, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let above = parts.next().unwrap_or_default();
            let is_upper =
                file.record.file.flags & sensor_common::record::process::FileFlags::OVERLAY_UPPER != 0;
            !is_upper
                && (leaf == b"picket" && matches!(folder, b"bin" | b"sbin")
                    || folder == b"picket" && matches!(above, b"etc" | b"lib" | b"opt" | b"run"))
        }
        Class::FileUnlink | Class::FileRename | Class::FileRmdir => {
            file.record.file.filesystem == BPF && parts.any(|part| part.starts_with(b"picket"))
        }
        _ => false,
    }
}

impl Behaviour for Sensor {
    fn about(&self) -> &'static [&'static About] {
        about::ALL
    }

    fn wanted(&self) -> Judged {
        let calls =
            [Class::Signal, Class::Ptrace, Class::ProcessMemory, Class::PidfdGetfd, Class::ControlWrite];
        let host = calls.iter().fold(Class::CgroupMove.bit(), |bits, class| bits | class.bit());
        let files = [Class::FileOpen, Class::FileUnlink, Class::FileRename, Class::FileRmdir, Class::Bpf];
        let containers = files.iter().fold(host, |bits, class| bits | class.bit());
        Judged { containers, host, names: false }
    }

    fn could_open(&self, scene: &Scene<'_>) -> bool {
        scene.container().is_some() && scene.file().is_some_and(|file| is_of_sensor(scene, file))
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        match &scene.given.event.facts {
            Facts::Call(call) if scene.class() == Class::Bpf => taken(scene, call, found),
            Facts::Call(call) => {
                let is_one = matches!(
                    scene.class(),
                    Class::Signal
                        | Class::Ptrace
                        | Class::ProcessMemory
                        | Class::PidfdGetfd
                        | Class::ControlWrite
                );
                let (true, Some(sensor), Some(process)) = (is_one, itself(scene), scene.process()) else {
                    return;
                };
                let Some((what, of_node)) = done_by_call(scene, call, sensor) else { return };
                if let Some(from) = stranger(scene, process, sensor) {
                    found(attacked(scene, &what, from, of_node, call.record.result < 0));
                }
            }
            Facts::CgroupMove(_) => {
                let (Some(sensor), Some(mover)) = (itself(scene), scene.given.other) else { return };
                if scene.key() != sensor.key {
                    return;
                }
                if let Some(from) = stranger(scene, mover, sensor) {
                    let mut finding = attacked(
                        scene,
                        "was moved to another control group: it is",
                        from,
                        Severity::High,
                        false,
                    );
                    finding.evidence.push(format!("It was moved by {}.", mover.program.executable));
                    found(finding);
                }
            }
            Facts::File(file) if scene.container().is_some() && is_of_sensor(scene, file) => {
                changed(scene, file, found);
            }
            _ => {}
        }
    }

    fn lost(&mut self, lost: &Lost, container: Option<&Known>) {
        self.floods.lost(lost, container.is_some());
    }

    fn tick(&mut self, now_ns: u64, found: &mut dyn FnMut(Late)) {
        self.floods.tick(now_ns, found);
    }

    fn removed(&mut self, cgroup: u64) {
        self.floods.removed(cgroup);
    }

    fn table(&self) -> Table {
        self.floods.table()
    }
}

/// The sensor, if it knows its number.
fn itself<'a>(scene: &Scene<'a>) -> Option<&'a Process> {
    if scene.past.sensor == 0 { None } else { scene.given.tree.by_pid(scene.past.sensor) }
}

/// A container takes hold of what others have attached in the kernel.
fn taken(scene: &Scene<'_>, call: &PrivilegedCall<'_>, found: &mut dyn FnMut(Finding)) {
    let [command, ..] = call.record.arguments;
    if scene.container().is_none() || !TAKING.contains(&command) {
        return;
    }
    let severity = if is_agents_work(scene) { Severity::Low } else { Severity::High };
    let path = scene.process().map_or("", |process| process.program.executable.as_str());
    let summary = format!(
        "The program {path} of a container takes hold of programs that others attached in the kernel"
    );
    let mut finding = about::TAKEN.finding(severity, if call.record.result < 0 { 0.6 } else { 0.7 }, summary);
    finding.evidence.push(format!("Its call of bpf(2) is {}.", request::bpf(command)));
    found(finding);
}

/// A container changes a file of the sensor.
fn changed(scene: &Scene<'_>, file: &FileOperation<'_>, found: &mut dyn FnMut(Finding)) {
    let own = itself(scene).and_then(|sensor| scene.given.identity.container(sensor.cgroup));
    let is_own =
        own.is_some_and(|own| scene.container().is_some_and(|known| known.container.id == own.container.id));
    let Some(path) = file.path.filter(|_| !is_own) else { return };
    let severity = if is_agents_work(scene) { Severity::Low } else { Severity::Critical };
    let program = scene.process().map_or("", |process| process.program.executable.as_str());
    let failed = if file.record.error < 0 { ", or tried to" } else { "" };
    let path = path.to_text(End::Root);
    let summary =
        format!("The program {program} of a container changes {path}, a file of the sensor itself{failed}");
    found(about::ATTACKED.finding(severity, 0.7, summary));
}

#[cfg(test)]
mod tests;
