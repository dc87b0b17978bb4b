//! Processes of others that a container reaches by their files in `/proc`, and the sockets that steer containers.

use super::super::super::{
    finding::{Finding, Severity},
    scene::Scene,
    technique,
};
use super::{about, baseline::Baseline, name, tempered};
use crate::event::{network::SocketOperation, operation::FileOperation, text::until_nul};
use crate::identity::store::{Known, Owner};
use crate::process::Process;

/// Magic number of procfs.
const PROC: u64 = 0x9fa0;
/// `AF_UNIX`
const UNIX: u16 = 1;

/// What of a process is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Memory,
    Environment,
    /// What lies behind its root, its working directory or one of its descriptors.
    Files,
    /// A namespace of it, to enter it.
    Namespace,
    /// The file of its program, to write it.
    Program,
}

/// Whether an open of this file may reach into a process.
pub(super) fn could_open(file: &FileOperation<'_>) -> bool {
    target(file).is_some()
}

/// The number of the process that is reached, as `/proc` has it, and how: by the path that the kernel resolved, else by the
/// one that was asked for, which may lead through a link to where the process is.
fn target(file: &FileOperation<'_>) -> Option<(u32, Part)> {
    if let (PROC, Some(path)) = (file.record.file.filesystem, file.path) {
        let part = match path.first() {
            b"mem" => Part::Memory,
            b"environ" => Part::Environment,
            _ => return asked(file),
        };
        return path.0.split(|byte| *byte == 0).skip(1).find_map(number).map(|pid| (pid, part));
    }
    asked(file)
}

/// By the path that was asked for, such as `/proc/PID/root/…`.
fn asked(file: &FileOperation<'_>) -> Option<(u32, Part)> {
    let text = until_nul(file.path_text);
    if !text.starts_with(b"/") {
        return None;
    }
    let mut parts = text.split(|byte| *byte == b'/').skip_while(|part| *part != b"proc").skip(1);
    let pid = number(parts.next()?)?;
    let mut part = parts.next()?;
    let mut next = parts.next();
    if let (b"task", Some(_)) = (part, next) {
        (part, next) = (parts.next()?, parts.next());
    }
    let part = match (part, next) {
        (b"root" | b"cwd" | b"fd", Some(_)) => Part::Files,
        (b"ns", Some(_)) => Part::Namespace,
        (b"exe", None) if file.is_written() => Part::Program,
        (b"mem", None) => Part::Memory,
        (b"environ", None) => Part::Environment,
        _ => return None,
    };
    Some((pid, part))
}

fn number(part: &[u8]) -> Option<u32> {
    std::str::from_utf8(part).ok()?.parse().ok()
}

/// A file was opened, or an attempt was refused.
pub(super) fn opened(
    scene: &Scene<'_>,
    baseline: &Baseline,
    file: &FileOperation<'_>,
    found: &mut dyn FnMut(Finding),
) {
    let Some((pid, part)) = target(file) else { return };
    if !baseline.shares_processes(scene) {
        return;
    }
    let Some(process) = scene.given.tree.by_pid(pid) else { return };
    let Some(whose) = stranger(scene, process) else { return };
    if !baseline.has_member(scene) {
        return;
    }
    let (what, severity, confidence) = match part {
        Part::Memory if file.is_written() => ("writes the memory", Severity::Critical, 0.9),
        Part::Memory => ("reads the memory", Severity::Critical, 0.8),
        Part::Environment => ("reads the environment", Severity::Low, 0.4),
        Part::Files => ("goes through the files", Severity::Critical, 0.7),
        Part::Namespace => ("takes hold of a namespace", Severity::Critical, 0.7),
        Part::Program => ("writes the program", Severity::Critical, 0.9),
    };
    let (attempt, confidence) = if file.record.error == 0 {
        ("", confidence)
    } else {
        ("An attempt, which failed: ", confidence * 0.8)
    };
    let target = &process.program.executable;
    let summary =
        format!("{attempt}{} of this container {what} of {target}, a process of {whose}", name(scene));
    let mut finding = about::REACHED.finding(tempered(scene, severity), confidence, summary);
    finding.evidence.push(format!("The process has the pid {pid}."));
    finding.evidence.push("The container sees the processes of its node (hostPID).".to_owned());
    let is_sensor = process.key.pid == scene.past.sensor;
    finding.techniques.retain(|technique| is_sensor || *technique != technique::T1562_001);
    if is_sensor {
        finding.evidence.push("It is the sensor itself.".to_owned());
    }
    found(finding);
}

/// Whose a process is, if it is not of the same container or pod.
fn stranger(scene: &Scene<'_>, process: &Process) -> Option<&'static str> {
    let own = scene.container()?;
    match scene.given.identity.owner(process.cgroup)? {
        Owner::Host { .. } => Some("the node"),
        Owner::Container(known) => (!is_same_pod(own, known)).then_some("another pod"),
    }
}

fn is_same_pod(own: &Known, other: &Known) -> bool {
    let pod =
        |known: &Known| known.container.pod.as_ref().map(|pod| pod.uid.clone()).filter(|uid| !uid.is_empty());
    own.container.id == other.container.id || pod(own).is_some_and(|uid| Some(uid) == pod(other))
}

/// A connection was made, or attempted: the sockets of containerd's shims have abstract names, which everybody in the node's
/// network namespace reaches (CVE-2020-15257).
pub(super) fn connected(scene: &Scene<'_>, socket: &SocketOperation<'_>, found: &mut dyn FnMut(Finding)) {
    if socket.record.family != UNIX || socket.name.first() != Some(&0) || scene.container().is_none() {
        return;
    }
    let is_shim = socket.name.windows(SHIM.len()).any(|part| part == SHIM);
    // What a container listens on itself it may call as it likes.
    if !is_shim || matches!(scene.given.other_owner, Some(Owner::Container(_))) {
        return;
    }
    let summary =
        format!("{} of this container speaks with containerd's own process for a container", name(scene));
    let confidence = if socket.record.error == 0 { 0.9 } else { 0.7 };
    let mut finding = about::REACHED.finding(tempered(scene, Severity::Critical), confidence, summary);
    finding.techniques = vec![technique::T1611];
    finding.evidence.push("By this socket, containerd starts programs as root of the node.".to_owned());
    found(finding);
}

const SHIM: &[u8] = b"containerd-shim";
