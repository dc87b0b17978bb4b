//! Events of the pipeline → the messages of the schema. One file each for what is done to files, to
//! sockets, what goes over them, and by privileged calls.

mod file;
mod finding;
mod incident;
mod payload;
mod privilege;
mod socket;

pub use self::finding::{Manner, learned, severity};
use sensor_common::{
    class::Class,
    header::{Incomplete, TaskRef},
    ledger::LossReason,
    record::process::{Capabilities, ExecFacts, Ids, Stdio},
};

use crate::clock::BootClock;
use crate::event::{
    self, Facts, capability,
    file::{Device, StreamKind, stream_kind},
    process::{Exec, Exit, Fork, Gain},
    signal,
    text::lossy,
};
use crate::identity::{
    container::{Pod, PodOwner, Role, Source},
    peer::Peer,
    store::{Known, Owner},
};
use crate::process::{Key, Process};
use crate::proto;

/// What encoding needs to know besides the event.
#[derive(Clone, Debug)]
pub struct Context {
    /// `Event.node`
    pub node: String,
    /// Names this run of the agent in cursors.
    pub instance: String,
    /// Converts the kernel's time.
    pub clock: BootClock,
    /// Highest capability of the running kernel.
    pub capability_last: u32,
    /// Names of the environment variables that are kept.
    pub environment: Vec<String>,
}

/// The process that an event is about, and its place.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// As the tree knows it.
    pub process: Option<&'a Process>,
    /// Its parent.
    pub parent: Option<&'a Process>,
    /// Owner of its control group.
    pub owner: Option<&'a Owner>,
    /// The other process: peer of a socket, target of a call.
    pub other: Option<&'a Process>,
    /// Owner of that one's control group.
    pub other_owner: Option<&'a Owner>,
    /// Who has the remote address of a socket.
    pub remote: Option<&'a Peer>,
    /// Ids of the process before the event changed them.
    pub ids_before: Option<Ids>,
    /// Path of the control group that the process was moved from.
    pub path_before: Option<&'a str>,
}

impl Context {
    /// Text of a position in the stream.
    #[must_use]
    pub fn cursor(&self, sequence: u64) -> String {
        format!("{}-{sequence:x}", self.instance)
    }

    /// Wall-clock time of a moment since boot.
    #[must_use]
    pub fn time(&self, boot_ns: u64) -> proto::Timestamp {
        self.clock.to_wall(boot_ns)
    }

    /// A message with the parts that every event has.
    #[must_use]
    pub fn blank(&self, class: proto::Class, time_ns: u64, sequence: u64) -> proto::Event {
        proto::Event {
            cursor: self.cursor(sequence),
            time: Some(self.time(time_ns)),
            node: self.node.clone(),
            class: class.into(),
            ..proto::Event::default()
        }
    }

    /// The message of an event, without its container: see [`container_field`].
    #[must_use]
    pub fn event(&self, event: &event::Event<'_>, subject: Subject<'_>, sequence: u64) -> proto::Event {
        let mut message = self.blank(class(event.class), event.time_ns, sequence);
        message.process = self.actor(event, subject);
        // What a process was told is said once: by the event of the program that it ran.
        if !matches!(event.facts, Facts::Exec(_))
            && let Some(parent) = message.process.as_mut().and_then(|process| process.parent.as_mut())
        {
            parent.arguments.truncate(1);
        }
        message.incomplete = incomplete(event.class, event.incomplete);
        message.facts = match &event.facts {
            Facts::Fork(fork) => Some(proto::event::Facts::Fork(forked(fork))),
            Facts::Exec(exec) => {
                let unchanged = subject.process.map(|process| process.program.executable.as_str());
                Some(proto::event::Facts::Exec(self.exec(exec, unchanged.unwrap_or_default())))
            }
            Facts::Exit(exit) => {
                let start = subject.process.map_or(event.process.start_ns, |process| process.start_ns);
                Some(proto::event::Facts::Exit(exited(exit, event.time_ns.saturating_sub(start))))
            }
            Facts::CgroupCreate(path) | Facts::CgroupRemove(path) => {
                Some(proto::event::Facts::ControlGroup(proto::ControlGroup {
                    path: lossy(path).into_owned(),
                    ..proto::ControlGroup::default()
                }))
            }
            Facts::CgroupMove(moved) => {
                let mover = moved.record.mover;
                let other = Key::from(mover) != Key::from(event.process);
                Some(proto::event::Facts::ControlGroup(proto::ControlGroup {
                    path: lossy(moved.path).into_owned(),
                    from: subject.path_before.unwrap_or_default().to_owned(),
                    mover: other
                        .then(|| subject.other.map_or_else(|| unknown(mover), |mover| self.process(mover))),
                }))
            }
            Facts::File(operation) => {
                Some(proto::event::Facts::File(file::operation(event.class, operation, event.incomplete)))
            }
            Facts::Socket(operation) => {
                Some(proto::event::Facts::Socket(self.socket(event, operation, subject)))
            }
            Facts::Content(content) => {
                Some(proto::event::Facts::Socket(self.content(event, content, subject)))
            }
            Facts::Call(call) => Some(proto::event::Facts::Call(self.call(event, call, subject))),
        };
        message
    }

    /// The process that an event is about, with its parent. Packets can come for a socket of which no owner is known.
    fn actor(&self, event: &event::Event<'_>, subject: Subject<'_>) -> Option<proto::Process> {
        if event.process.pid == 0 {
            return None;
        }
        let mut process = match subject.process {
            Some(process) => proto::Process {
                working_directory: process.program.directory.clone(),
                ..self.process(process)
            },
            None => self.recorded(event),
        };
        process.parent = subject.parent.map(|parent| Box::new(self.process(parent)));
        match subject.owner {
            // A group that comes or goes is not the one of the process that makes or removes it.
            Some(Owner::Host { unit: Some(unit) })
                if !matches!(event.facts, Facts::CgroupCreate(_) | Facts::CgroupRemove(_)) =>
            {
                process.unit = unit.as_ref().to_owned();
            }
            Some(_) | None => {}
        }
        Some(process)
    }

    /// The message of a process, without its parent and its working directory.
    #[must_use]
    pub fn process(&self, process: &Process) -> proto::Process {
        let other_pid = process.container_pid != 0 && process.container_pid != process.key.pid;
        proto::Process {
            exec_id: exec_id(process.key, process.exec_ns),
            pid: Some(process.key.pid),
            container_pid: other_pid.then_some(process.container_pid),
            executable: process.program.executable.clone(),
            arguments: process.program.command_line.arguments().map(str::to_owned).collect(),
            uid: Some(process.ids.uid),
            effective_uid: (process.ids.euid != process.ids.uid).then_some(process.ids.euid),
            start_time: Some(self.time(process.start_ns)),
            parent: None,
            unit: String::new(),
            working_directory: String::new(),
        }
    }

    /// A process that the tree did not take in: what the record itself says.
    fn recorded(&self, event: &event::Event<'_>) -> proto::Process {
        let mut process = unknown(event.process);
        process.start_time = Some(self.time(event.process.start_ns));
        let (ids, container_pid) = match &event.facts {
            Facts::Fork(fork) => (fork.ids, fork.container_pid),
            Facts::Exec(exec) => {
                process.exec_id = exec_id(event.process.into(), event.time_ns);
                process.executable = exec.executable.to_text(exec.executable_end());
                process.arguments = exec.arguments.iter().map(|text| lossy(text).into_owned()).collect();
                process.working_directory = exec.directory.to_text(exec.directory_end());
                (exec.record.ids, exec.record.container_pid)
            }
            _ => return process,
        };
        process.uid = Some(ids.uid);
        process.effective_uid = (ids.euid != ids.uid).then_some(ids.euid);
        process.container_pid =
            (container_pid != 0 && container_pid != event.process.pid).then_some(container_pid);
        process
    }

    fn exec(&self, exec: &Exec<'_>, executable: &str) -> proto::Exec {
        let record = &exec.record;
        let requested = lossy(exec.requested);
        let [stdin, stdout, stderr] = record.stdio;
        proto::Exec {
            file: Some(executed_file(exec)),
            requested_path: if requested == executable { String::new() } else { requested.into_owned() },
            interpreter: exec.interpreter.map(|path| lossy(path).into_owned()).unwrap_or_default(),
            argument_count: Some(record.argument_count),
            environment: self.environment(exec),
            credentials: Some(self.credentials(record.ids, record.capabilities)),
            gained: exec.gained().map(|gain| gained(gain).into()).collect(),
            namespaces: Some(namespaces(&record.namespaces)),
            tty: exec.terminal.map(|name| lossy(name).into_owned()).unwrap_or_default(),
            tty_device: device(record.terminal),
            stdin: Some(stream(&stdin)),
            stdout: Some(stream(&stdout)),
            stderr: Some(stream(&stderr)),
            command: lossy(exec.command).into_owned(),
            cgroup: exec.cgroup.to_text(exec.cgroup_end()),
            session_id: (record.session != 0).then_some(record.session),
            login_uid: (record.login_uid != u32::MAX).then_some(record.login_uid),
            seccomp: (record.seccomp != u32::MAX).then_some(record.seccomp),
            started_by_kernel: record.facts & ExecFacts::BY_KERNEL != 0,
            other_root: record.facts & ExecFacts::OTHER_ROOT != 0,
            process_group_id: (record.process_group != 0).then_some(record.process_group),
            number: (record.number != 0)
                .then(|| proto::ExecNumber { cpu: record.header.cpu.into(), count: record.number }),
        }
    }

    /// The selected variables; nothing else of the environment leaves the agent. A variable that
    /// was cut is left out.
    fn environment(&self, exec: &Exec<'_>) -> Vec<String> {
        let selected = |variable: &&[u8]| {
            let name = variable.split(|byte| *byte == b'=').next().unwrap_or_default();
            self.environment.iter().any(|selected| selected.as_bytes() == name)
        };
        exec.environment.whole().iter().filter(selected).map(|text| lossy(text).into_owned()).collect()
    }

    /// Sets that say nothing new are left out: permitted where equal to effective, bounding where
    /// equal to permitted, the others where empty.
    fn credentials(&self, ids: Ids, sets: Capabilities) -> proto::Credentials {
        let names = |set: u64, differs: bool| match (set, differs) {
            (_, false) => Vec::new(),
            (0, true) => vec!["NONE".to_owned()],
            (set, true) => capability::names(set, self.capability_last),
        };
        proto::Credentials {
            uid: Some(ids.uid),
            gid: Some(ids.gid),
            euid: (ids.euid != ids.uid).then_some(ids.euid),
            egid: (ids.egid != ids.gid).then_some(ids.egid),
            effective: names(sets.effective, true),
            permitted: names(sets.permitted, sets.permitted != sets.effective),
            bounding: names(sets.bounding, sets.bounding != sets.permitted),
            inheritable: names(sets.inheritable, sets.inheritable != 0),
            ambient: names(sets.ambient, sets.ambient != 0),
            ..proto::Credentials::default()
        }
    }
}

/// Names a process while it runs one program: pid, start, and when the program began.
#[must_use]
pub fn exec_id(key: Key, exec_ns: u64) -> String {
    format!("{:x}.{:x}.{:x}", key.pid, key.start_ticks, exec_ns)
}

/// A class, as the schema numbers it: the numbers are the same.
#[must_use]
pub fn class(class: Class) -> proto::Class {
    proto::Class::try_from(i32::from(class as u16)).unwrap_or_default()
}

/// Why records were lost, as the schema numbers it.
#[must_use]
pub const fn loss_reason(reason: LossReason) -> proto::loss::Reason {
    match reason {
        LossReason::RingFull => proto::loss::Reason::RingFull,
        LossReason::Unreadable => proto::loss::Reason::Unreadable,
        LossReason::NotCalled => proto::loss::Reason::NotCalled,
        LossReason::Preempted => proto::loss::Reason::Preempted,
        LossReason::RateLimited => proto::loss::Reason::RateLimited,
    }
}

/// The encoded field `Event.container`. Behind an event's other fields it is part of its message.
#[must_use]
pub fn container_field(known: &Known) -> &[u8] {
    const CONTAINER_FIELD: u32 = 6;
    known.encoded.get(|| {
        let mut field = Vec::new();
        prost::encoding::message::encode(CONTAINER_FIELD, &container(known), &mut field);
        field.into_boxed_slice()
    })
}

/// The message of a container.
#[must_use]
pub fn container(known: &Known) -> proto::Container {
    let container = &known.container;
    proto::Container {
        id: container.id.clone(),
        name: container.name.clone(),
        image: container.image.clone(),
        pod: container.pod.as_ref().map(pod),
        runtime: container.runtime.map(|runtime| runtime.name().to_owned()).unwrap_or_default(),
        sandbox: container.sandbox,
        unresolved: known.unresolved.as_deref().unwrap_or_default().to_owned(),
        image_digest: container.image_digest.clone(),
        role: container.role.map_or(proto::container::Role::Unspecified, role).into(),
        restarts: container.restarts,
        privileged: container.privileged.unwrap_or_default(),
        sources: container.sources.iter().map(|source| identity_source(source).into()).collect(),
    }
}

/// The message of a pod.
fn pod(pod: &Pod) -> proto::Pod {
    let owner = |owner: &PodOwner| proto::PodOwner { kind: owner.kind.clone(), name: owner.name.clone() };
    proto::Pod {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        labels: pod.labels.clone(),
        annotations: pod.annotations.clone(),
        owners: pod.owners.iter().map(owner).collect(),
        service_account: pod.service_account.clone(),
        sandbox_id: pod.sandbox_id.clone(),
        host_network: pod.shares.host_network,
        host_pid: pod.shares.host_pid,
        shared_pids: pod.shares.pids,
        static_pod: pod.static_pod,
    }
}

const fn role(role: Role) -> proto::container::Role {
    match role {
        Role::Main => proto::container::Role::Main,
        Role::Init => proto::container::Role::Init,
        Role::Sidecar => proto::container::Role::Sidecar,
        Role::Ephemeral => proto::container::Role::Ephemeral,
    }
}

/// The number of a source.
#[must_use]
pub const fn identity_source(source: Source) -> proto::IdentitySource {
    match source {
        Source::ControlGroup => proto::IdentitySource::ControlGroup,
        Source::Bundle => proto::IdentitySource::Bundle,
        Source::Cri => proto::IdentitySource::Cri,
        Source::Kubernetes => proto::IdentitySource::Kubernetes,
    }
}

/// A process of which nothing is known but its number.
fn unknown(task: TaskRef) -> proto::Process {
    proto::Process { exec_id: exec_id(task.into(), 0), pid: Some(task.pid), ..proto::Process::default() }
}

fn forked(fork: &Fork) -> proto::Fork {
    let other = Key::from(fork.creator) != Key::from(fork.parent);
    proto::Fork { creator: other.then(|| unknown(fork.creator)) }
}

fn exited(exit: &Exit, run_time_ns: u64) -> proto::Exit {
    proto::Exit {
        code: exit.code(),
        signal: exit.signal(),
        signal_name: exit.signal().and_then(signal::name).unwrap_or_default().to_owned(),
        core_dumped: exit.core_dumped(),
        run_time: Some(proto::Duration::from_nanos(i64::try_from(run_time_ns).unwrap_or(i64::MAX))),
    }
}

fn executed_file(exec: &Exec<'_>) -> proto::FileIdentity {
    let modified = i64::try_from(exec.record.modified_ns).unwrap_or_default();
    proto::FileIdentity {
        modified: (modified != 0).then(|| proto::Timestamp::from_unix_nanos(modified)),
        ..file::identity(&exec.record.file, exec.executable.leaf())
    }
}

const fn gained(gain: Gain) -> proto::PrivilegeGain {
    match gain {
        Gain::Setuid => proto::PrivilegeGain::Setuid,
        Gain::Setgid => proto::PrivilegeGain::Setgid,
        Gain::FileCapabilities => proto::PrivilegeGain::FileCapabilities,
    }
}

const fn namespaces(of: &sensor_common::record::process::Namespaces) -> proto::Namespaces {
    proto::Namespaces {
        mnt: of.mnt,
        pid: of.pid,
        net: of.net,
        ipc: of.ipc,
        uts: of.uts,
        cgroup: of.cgroup,
        user: of.user,
        time: of.time,
    }
}

fn stream(stdio: &Stdio) -> proto::Stream {
    use proto::stream::Kind;
    let kind = match stream_kind(stdio) {
        StreamKind::Closed => Kind::Closed,
        StreamKind::File => Kind::File,
        StreamKind::Directory => Kind::Directory,
        StreamKind::Pipe => Kind::Pipe,
        StreamKind::Socket => Kind::Socket,
        StreamKind::Terminal => Kind::Terminal,
        StreamKind::Null => Kind::Null,
        StreamKind::CharacterDevice => Kind::CharacterDevice,
        StreamKind::BlockDevice => Kind::BlockDevice,
        StreamKind::Other => Kind::Other,
    };
    proto::Stream { kind: kind.into(), inode: stdio.inode, device: device(stdio.rdev) }
}

/// A device as major:minor; nothing for none.
fn device(number: u32) -> String {
    if number == 0 { String::new() } else { Device::from_kernel(number).to_string() }
}

/// Names of the fields that are incomplete.
fn incomplete(class: Class, bits: u32) -> Vec<String> {
    let requested = if class == Class::FileOpen { "file.requestedPath" } else { "exec.requestedPath" };
    let names = [
        (Incomplete::EXECUTABLE, "process.executable"),
        (Incomplete::DIRECTORY, "process.workingDirectory"),
        (Incomplete::ARGUMENTS | Incomplete::ARGUMENTS_UNREADABLE, "process.arguments"),
        (Incomplete::ENVIRONMENT | Incomplete::ENVIRONMENT_UNREADABLE, "exec.environment"),
        (Incomplete::CGROUP, "exec.cgroup"),
        (Incomplete::REQUESTED, requested),
        (Incomplete::PATH, "path"),
        (Incomplete::NEW_PATH, "newPath"),
        (Incomplete::NAME, "name"),
        (Incomplete::VALUE, "value"),
        (Incomplete::PAYLOAD, "socket.payload"),
    ];
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| (*name).to_owned()).collect()
}
