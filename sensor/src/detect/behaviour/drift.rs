//! Drift: programs and libraries that are not of the image, with how they came into the container.

mod pipes;
mod written;

use std::net::SocketAddr;

use sensor_common::{class::Class, record::network::Phase};

use self::pipes::Pipes;
use self::written::{Deed, Files, Id, Written, id, is_library};
use super::place::Place;
use super::{About, Behaviour, Bounds, mining, work};
use crate::bounded::{Bounded, Table};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::detect::technique::{
    T1036_004, T1036_005, T1059_004, T1070_004, T1105, T1204_002, T1204_003, T1574_006, T1620,
};
use crate::event::{Facts, operation::FileOperation, process::Exec};
use crate::policy::Judged;
use crate::process::{Key, Process};

/// That something was built or installed is told once in so long of a container.
const BUILT_NS: u64 = 3_600_000_000_000;
/// A program whose file goes so soon after its start was to leave no trace.
const TRACELESS_NS: u64 = 600_000_000_000;

/// What it can find.
pub(super) static ABOUT: About = About {
    id: "drift",
    name: "Program that is not of the image",
    severity: Severity::Critical,
    techniques: &[T1105, T1204_002, T1204_003, T1036_004, T1036_005, T1070_004, T1620, T1574_006],
    watches: "Files that processes of a container write, rename or make executable, with whoever does it and with whom \
              that one was connected; and programs that are then started from them, or libraries that are loaded. Low: \
              a compiler or package manager of the image wrote it, or another container. Medium: another program did. \
              High: it was downloaded by a tool or to a temporary folder, it is gone again, or a library is loaded into \
              other programs (LD_PRELOAD, ld.so.preload). Critical: without a file, by something that came over the \
              network; or it calls itself like a thread of the kernel.",
    why: "Images are made to be complete. What comes later was dropped by somebody, or nobody knows what runs.",
    evidence: "Who wrote the file, when, from where it came, who made it executable, and what became of it.",
    false_positives: "Programs that load plugins or update themselves; work by hand in a container.",
    tuning: "An exception for this finding by namespace, label, image or program.",
    next: &[
        "Look at who wrote the file, and at the parents of that process: is it how this service works?",
        "Keep a copy of the file (from /proc/PID/exe while it runs, if it was deleted).",
        "If nobody knows it: cut the container off, and delete its pod after a look.",
    ],
};

/// What else it can find.
pub(super) static RUN: About = About {
    id: "download-run-at-once",
    name: "Download that is run at once",
    severity: Severity::High,
    techniques: &[T1105, T1059_004],
    watches: "Shells of containers that read from a pipe into which a downloader, a decoder of text, or any program that is \
              connected writes; and scripts that were downloaded and are started. Not where a package manager or compiler \
              does it.",
    why: "What runs comes from elsewhere and leaves nothing to look at: so attacks begin.",
    evidence: "Who wrote into the pipe or the file, from where, and what ran it.",
    false_positives: "Installation scripts that an entry point downloads and runs at every start: put what they install \
                      into the image.",
    tuning: "An exception for this finding by namespace, label, image or program.",
    next: &[
        "Look at the parents of the shell: is it how this service works?",
        "Get what was downloaded, and look at what the shell started afterwards.",
    ],
};

static ABOUTS: &[&About] = &[&ABOUT, &RUN];

/// The detection.
#[derive(Debug)]
pub(super) struct Drift {
    files: Files,
    /// Programs that were started though nobody built them.
    started: Bounded<Id, Started>,
    /// What processes load before everything else (`LD_PRELOAD`, `LD_AUDIT`).
    preloads: Bounded<Key, Box<str>>,
    /// Containers whose `ld.so.preload` was written.
    preloaded: Bounded<Place, ()>,
    /// When it was told last of a container that programs were built.
    built: Bounded<Place, u64>,
    pipes: Pipes,
}

/// A program that was started.
#[derive(Debug)]
struct Started {
    place: Place,
    time_ns: u64,
    path: Box<str>,
    severity: Severity,
}

impl Drift {
    /// Nothing remembered.
    pub(super) fn new(bounds: Bounds) -> Self {
        let most = bounds.entries_max;
        Self {
            files: Files::new(most),
            started: Bounded::new(most),
            preloads: Bounded::new(most),
            preloaded: Bounded::new(most),
            built: Bounded::new(most),
            pipes: Pipes::new(most),
        }
    }

    fn executed(&mut self, scene: &Scene<'_>, exec: &Exec<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(process) = scene.process() else { return };
        self.preloads(scene.key(), exec);
        for inode in self.pipes.executed(process, &exec.record).into_iter().flatten() {
            self.piped(scene, inode, found);
        }
        self.script(scene, exec, process, found);
        if process.program.memfd {
            if !work::is_runtime(scene) {
                found(self.fileless(scene, process));
            }
            return;
        }
        let place = Place::of(scene);
        let Some((path, id)) = self.subject(place, process) else { return };
        let loaded = work::is_loader(&process.program);
        let fits = |written: &&Written| loaded || written.is_at(place, &process.program.file);
        let Some(written) = self.files.get(id).filter(fits) else { return };
        if written.built || self.files.is_built(scene) {
            self.installed(scene, place, process, found);
            return;
        }
        let from = self.from(written);
        let mut severity = severity(written, place, from, path);
        let name = process.program.command_line.first();
        let imitates = mining::is_kernel_thread(name);
        if imitates {
            severity = Severity::Critical;
        } else if loaded {
            severity = severity.max(Severity::High);
        }
        let summary = match (from, written.place == place) {
            (_, false) => format!("{path} is not of the image: another container wrote it."),
            (Some(_), true) => format!("{path} is not of the image: it was downloaded and started."),
            (None, true) => {
                format!("{path} is not of the image: it was written into the container and started.")
            }
        };
        let confidence = if severity >= Severity::High { 0.8 } else { 0.6 };
        let mut finding = ABOUT.finding(severity, confidence, summary);
        finding.evidence = history(written, from, scene.time_ns());
        finding.evidence.push(started_by(scene));
        finding.techniques = vec![T1105, T1204_002, T1036_005];
        if imitates {
            finding.evidence.push(format!("it calls itself {name}, like a thread of the kernel"));
            finding.techniques.push(T1036_004);
        }
        if work::is_loader(&process.program) {
            finding
                .evidence
                .push("the loader of libraries was told to start it, which hides its name".to_owned());
        }
        found(finding);
        let started = Started { place, time_ns: scene.time_ns(), path: path.into(), severity };
        self.started.insert(id, started);
    }

    /// What is really started: of a loader of libraries the program that it is told to load.
    fn subject<'p>(&self, place: Place, process: &'p Process) -> Option<(&'p str, Id)> {
        let program = &process.program;
        if work::is_loader(program) {
            let mut arguments = program.command_line.arguments().skip(1);
            return arguments.find_map(|path| Some((path, self.files.id_of(place, path)?)));
        }
        Some((program.executable.as_str(), id(&program.file)?))
    }

    /// A shell may read what was got from elsewhere.
    fn piped(&mut self, scene: &Scene<'_>, inode: u64, found: &mut dyn FnMut(Finding)) {
        let (files, now_ns) = (&self.files, scene.time_ns());
        let Some((writer, shell)) = self.pipes.run(inode, |key| files.fetched(key, None, now_ns).is_some())
        else {
            return;
        };
        if self.files.is_built(scene) {
            return;
        }
        let summary = "A shell runs what another program got from elsewhere, without any file.".to_owned();
        let mut finding = RUN.finding(Severity::High, 0.75, summary);
        finding.evidence.push(format!("{} (pid {}) wrote into a pipe", writer.line, writer.key.pid));
        if let Some(end) = self.files.fetched(writer.key, None, now_ns) {
            finding.evidence.push(format!("it was connected with {end}"));
        }
        finding.evidence.push(format!("{} (pid {}) runs what comes out of it", shell.line, shell.key.pid));
        found(finding);
    }

    /// A script may have been downloaded.
    fn script(&self, scene: &Scene<'_>, exec: &Exec<'_>, process: &Process, found: &mut dyn FnMut(Finding)) {
        let line = &process.program.command_line;
        let named = match exec.interpreter {
            Some(_) => String::from_utf8_lossy(exec.requested).into_owned(),
            None if work::is_shell(&process.program) => match line.arguments().nth(1) {
                Some(script) if !script.starts_with('-') => script.to_owned(),
                _ => return,
            },
            None => return,
        };
        let path = if named.starts_with('/') {
            named
        } else {
            format!("{}/{}", process.program.directory, named.trim_start_matches("./"))
        };
        let place = Place::of(scene);
        let Some(written) = self.files.named(place, &path).filter(|written| written.place == place) else {
            return;
        };
        let Some(end) = self.from(written).filter(|_| !written.built) else { return };
        if self.files.is_built(scene) {
            return;
        }
        let by_hand = work::is_hand_tool(&written.by.program) || is_hidden(&path);
        let severity = if by_hand { Severity::High } else { Severity::Medium };
        let mut finding =
            RUN.finding(severity, 0.75, format!("The script {path} was downloaded and is run."));
        finding.evidence = history(written, Some(end), scene.time_ns());
        finding.evidence.push(started_by(scene));
        found(finding);
    }

    /// Something that was built or installed is started.
    fn installed(
        &mut self,
        scene: &Scene<'_>,
        place: Place,
        process: &Process,
        found: &mut dyn FnMut(Finding),
    ) {
        let now_ns = scene.time_ns();
        let last = self.built.entry(place, || 0);
        if *last != 0 && now_ns.saturating_sub(*last) < BUILT_NS {
            return;
        }
        *last = now_ns;
        let path = &process.program.executable;
        let summary =
            format!("Programs are built or installed in the container and run there, such as {path}.");
        let mut finding = ABOUT.finding(Severity::Low, 0.9, summary);
        finding.evidence =
            vec!["a compiler or package manager of the image made it".to_owned(), started_by(scene)];
        finding.techniques = vec![T1204_003];
        found(finding);
    }

    fn fileless(&self, scene: &Scene<'_>, process: &Process) -> Finding {
        let path = &process.program.executable;
        let mut from = None;
        for key in std::iter::once(process.key).chain(scene.lineage().take(2).map(|process| process.key)) {
            from = from.or_else(|| self.files.fetched(key, None, scene.time_ns()));
        }
        let (severity, confidence) =
            if from.is_some() { (Severity::Critical, 0.9) } else { (Severity::High, 0.8) };
        let summary = match from {
            Some(_) => format!("{path} has no file: it came over the network and was started in memory."),
            None => format!("{path} has no file: it was written into memory and started there."),
        };
        let mut finding = ABOUT.finding(severity, confidence, summary);
        let came = from.map(|end| format!("who started it was connected with {end} before"));
        finding.evidence = came.into_iter().chain([started_by(scene)]).collect();
        finding.techniques = vec![T1620, T1105];
        finding
    }

    /// From where the content of a file came.
    fn from(&self, written: &Written) -> Option<SocketAddr> {
        let Deed { process, parent, time_ns, .. } = written.by;
        self.files.fetched(process, parent, time_ns)
    }

    /// Remembers what a process loads before everything else.
    fn preloads(&mut self, key: Key, exec: &Exec<'_>) {
        let mut named = String::new();
        for variable in exec.environment.iter() {
            let value = variable.strip_prefix(b"LD_PRELOAD=").or_else(|| variable.strip_prefix(b"LD_AUDIT="));
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                // Bounded by the record. A colon or space stands between two.
                named.push_str(&String::from_utf8_lossy(value));
                named.push(':');
            }
        }
        if named.is_empty() {
            self.preloads.remove(&key);
        } else {
            self.preloads.insert(key, named.into_boxed_str());
        }
    }

    fn opened(&mut self, scene: &Scene<'_>, operation: &FileOperation<'_>, found: &mut dyn FnMut(Finding)) {
        let name = operation.path.map(|path| path.first()).unwrap_or_default();
        if operation.is_written() {
            self.files.opened(scene, operation);
            if name == b"ld.so.preload" && operation.record.error == 0 {
                self.preloaded.insert(Place::of(scene), ());
            }
        } else if is_library(name) && operation.record.error == 0 {
            self.loaded(scene, operation, found);
        }
    }

    /// A library was opened to be read.
    fn loaded(&self, scene: &Scene<'_>, operation: &FileOperation<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(written) = id(&operation.record.file).and_then(|id| self.files.get(id)) else { return };
        let place = Place::of(scene);
        // Who wrote it may do with it what it likes.
        if written.built || written.by.process == scene.key() || written.place != place {
            return;
        }
        let Some(process) = scene.process().filter(|process| !work::is_hand_tool(&process.program)) else {
            return;
        };
        let mut path = String::new();
        operation.paths(scene.given.event.incomplete, &mut path, &mut String::new());
        let by_variable = self.preloads.peek(&process.key).is_some_and(|named| {
            named
                .split([':', ' '])
                .any(|one| one == path || one.ends_with(file_name(&path)) && !one.is_empty())
        });
        let by_file = self.preloaded.peek(&place).is_some();
        if !(by_variable || by_file) || self.files.is_built(scene) {
            return;
        }
        let program = &process.program.executable;
        let how = if by_variable { "LD_PRELOAD" } else { "/etc/ld.so.preload" };
        let summary =
            format!("{path} is not of the image and is loaded into {program} before its own libraries.");
        let mut finding = ABOUT.finding(Severity::High, 0.8, summary);
        finding.evidence = history(written, self.from(written), scene.time_ns());
        finding.evidence.push(format!("{how} makes programs load it"));
        finding.techniques = vec![T1574_006, T1105, T1204_003];
        found(finding);
    }

    /// The file of a program that was started is gone.
    fn unlinked(&mut self, scene: &Scene<'_>, operation: &FileOperation<'_>, found: &mut dyn FnMut(Finding)) {
        if operation.record.error != 0 {
            return;
        }
        let Some(id) = id(&operation.record.file) else { return };
        if self.started.peek(&id).is_none() {
            return;
        }
        let Some(started) = self.started.remove(&id) else { return };
        let after = scene.time_ns().saturating_sub(started.time_ns);
        let quiet = started.severity >= Severity::High || started.severity == Severity::Low;
        if quiet || after > TRACELESS_NS || started.place != Place::of(scene) {
            return;
        }
        let path = &started.path;
        let summary = format!("{path} is not of the image, was started, and its file was deleted.");
        let mut finding = ABOUT.finding(Severity::High, 0.75, summary);
        if let Some(written) = self.files.get(id) {
            finding.evidence = history(written, self.from(written), scene.time_ns());
        }
        finding.evidence.push(format!("its file was deleted {} after it was started", span(after)));
        finding.techniques = vec![T1070_004, T1105];
        found(finding);
    }
}

impl Behaviour for Drift {
    fn about(&self) -> &'static [&'static About] {
        ABOUTS
    }

    fn wanted(&self) -> Judged {
        const CLASSES: [Class; 6] = [
            Class::ProcessExec,
            Class::FileOpen,
            Class::FileMode,
            Class::FileUnlink,
            Class::FileMapExec,
            Class::NetConnect,
        ];
        let containers = CLASSES.iter().fold(0, |bits, class| bits | class.bit());
        Judged { containers, ..Judged::default() }
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        if scene.container().is_none() {
            return;
        }
        match (&scene.given.event.facts, scene.class()) {
            (Facts::Exec(exec), _) => self.executed(scene, exec, found),
            (Facts::File(operation), Class::FileOpen) => self.opened(scene, operation, found),
            (Facts::File(operation), Class::FileMapExec) => self.loaded(scene, operation, found),
            (Facts::File(operation), Class::FileMode) => self.files.changed(scene, operation),
            (Facts::File(operation), Class::FileUnlink) => self.unlinked(scene, operation, found),
            (Facts::Socket(socket), Class::NetConnect) if socket.record.phase != Phase::Failed as u16 => {
                self.files.connected(scene);
                if let Some(inode) = self.pipes.of(scene.key()) {
                    self.piped(scene, inode, found);
                }
            }
            _ => {}
        }
    }

    fn table(&self) -> Table {
        let rest = [self.started.table(), self.preloads.table(), self.preloaded.table(), self.built.table()];
        rest.into_iter().fold(self.files.table().and(self.pipes.table()), Table::and)
    }
}

/// How bad it is that a file is started which nobody built.
fn severity(written: &Written, place: Place, from: Option<SocketAddr>, path: &str) -> Severity {
    if written.place != place {
        // A container that prepares a volume for another one.
        return Severity::Low;
    }
    let by_hand = work::is_hand_tool(&written.by.program);
    if from.is_some() && (by_hand || is_hidden(path)) { Severity::High } else { Severity::Medium }
}

/// Where nobody looks, or everybody may write.
fn is_hidden(path: &str) -> bool {
    const FOLDERS: [&str; 5] = ["/tmp/", "/var/tmp/", "/dev/shm/", "/run/shm/", "/dev/mqueue/"];
    FOLDERS.iter().any(|folder| path.starts_with(folder)) || path.contains("/.")
}

/// How a file came to be what it is.
fn history(written: &Written, from: Option<SocketAddr>, now_ns: u64) -> Vec<String> {
    let Written { by, made_executable, .. } = written;
    let ago = |deed: &Deed| span(now_ns.saturating_sub(deed.time_ns));
    let mut history = vec![format!(
        "{} wrote it {} before ({}, pid {})",
        by.program.executable,
        ago(by),
        by.program.command_line.whole(),
        by.process.pid
    )];
    if let Some(end) = from {
        history.push(format!("at that time it, or what fed it, was connected with {end}"));
    }
    if let Some(deed) = made_executable {
        history.push(format!("{} made it executable {} before", deed.program.executable, ago(deed)));
    }
    history
}

fn started_by(scene: &Scene<'_>) -> String {
    scene.lineage().next().map_or_else(
        || "it was started from outside of the container".to_owned(),
        |parent| format!("{} (pid {}) started it", parent.program.executable, parent.key.pid),
    )
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn span(nanoseconds: u64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests;
