//! Test: plays what happens in a container to a behaviour, event by event.

use std::net::IpAddr;
use std::sync::Arc;

use sensor_common::{
    class::Class,
    header::TaskRef,
    record::{
        file::FileRecord,
        network::{Address, Facts as NetFacts, NetRecord, Phase},
        process::{Capabilities, ExecRecord, FileFlags, FileIdentity, Ids, Stdio},
    },
};

use super::{Behaviour, Late};
use crate::detect::{
    context::{Given, Names},
    finding::{Finding, Severity},
    scene::Scene,
};
use crate::event::{
    Event, Facts,
    content::Content,
    network::SocketOperation,
    operation::FileOperation,
    path::Components,
    process::{Exec, Fork},
    text::Strings,
    wire::{
        dns::{End, Message, Question, RecordType},
        flow::Direction,
        protocol::{Protocol, Recognised},
    },
};
use crate::identity::{
    container::{Container, Pod},
    store::{Answer, Known, Store},
};
use crate::process::{
    TICK_NS,
    tree::{Limits, Tree},
};

/// Control group of the container.
pub(super) const CGROUP: u64 = 7;
/// A second, in nanoseconds.
pub(super) const SECOND: u64 = 1_000_000_000;
const HOST: u64 = 1;
const OVERLAY: u64 = 0x794c_7630;
const TMPFS: u64 = 0x0102_1994;

/// A program that begins, and what is not usual about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Start<'a> {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// Its pid in the container; the same as outside if 0.
    pub(super) vpid: u32,
    pub(super) exe: &'a str,
    /// All arguments, the first included; the name of the program alone if empty.
    pub(super) args: &'a [&'a str],
    pub(super) upper: bool,
    pub(super) memfd: bool,
    pub(super) terminal: bool,
    /// What the standard streams are: kind and inode.
    pub(super) stdio: [(&'a str, u64); 3],
}

/// What is at an address.
#[derive(Debug)]
struct Api;

impl Names for Api {
    fn any(&self, address: IpAddr, see: &mut dyn FnMut(&str) -> bool) -> bool {
        address.to_string() == "10.96.0.1" && see("kubernetes.default.svc.cluster.local")
    }
}

/// A behaviour with a container, whose runtime is process 2.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) behaviour: Box<dyn Behaviour>,
    tree: Tree,
    store: Store,
    pub(super) now_ns: u64,
    pub(super) cgroup: u64,
    pub(super) found: Vec<Finding>,
}

impl Play {
    pub(super) fn new(behaviour: Box<dyn Behaviour>) -> Self {
        let limits = Limits { processes_max: 100_000, retention_ns: 60 * SECOND };
        let store = Store::new(64);
        let mut play = Self {
            behaviour,
            tree: Tree::new(limits),
            store,
            now_ns: 1_000 * SECOND,
            cgroup: CGROUP,
            found: Vec::new(),
        };
        play.answer(CGROUP, "web");
        play.store.answer(Answer { cgroup: HOST, path: "/".into(), identity: None });
        play.cgroup = HOST;
        play.start(Start { pid: 2, parent: 1, exe: "/usr/bin/containerd-shim", ..Start::default() });
        play.cgroup = CGROUP;
        play
    }

    /// A container with its main program, which is `exe`, as process 10.
    pub(super) fn of(behaviour: Box<dyn Behaviour>, exe: &str) -> Self {
        let mut play = Self::new(behaviour);
        play.start(Start { pid: 10, parent: 2, vpid: 1, exe, ..Start::default() });
        play
    }

    fn answer(&mut self, cgroup: u64, name: &str) {
        let pod = Pod { namespace: "shop".into(), name: "web-0".into(), ..Pod::default() };
        let container = Container {
            id: name.repeat(16),
            name: name.into(),
            image: "web:1".into(),
            pod: Some(pod),
            ..Container::default()
        };
        let identity = Some(Arc::new(Known::new(container, None)));
        self.store.answer(Answer { cgroup, path: "/web".into(), identity });
    }

    /// Another container.
    pub(super) fn container(&mut self, cgroup: u64) {
        self.answer(cgroup, "more");
    }

    /// How much the behaviour remembers: characters in which it can be written down.
    pub(super) fn memory(&self) -> usize {
        format!("{:?}", self.behaviour).len()
    }

    /// Shows an event to the behaviour.
    pub(super) fn event(&mut self, class: Class, pid: u32, facts: Facts<'_>) {
        self.now_ns += 1_000_000;
        let event = self.blank(class, pid, facts);
        let scene = Scene::new(Given {
            event: &event,
            tree: &self.tree,
            identity: &self.store,
            owner: self.store.owner(event.cgroup),
            ids_before: None,
            other: None,
            other_owner: None,
            parent_owner: None,
            node: "node",
            host_users: None,
            wall_ns: 0,
            names: &Api,
        });
        let found = &mut self.found;
        self.behaviour.see(&scene, &mut |finding| found.push(finding));
    }

    fn blank<'a>(&self, class: Class, pid: u32, facts: Facts<'a>) -> Event<'a> {
        let process = TaskRef { start_ns: u64::from(pid) * TICK_NS, pid, tid: pid };
        Event {
            class,
            cpu: 0,
            sequence: 1,
            time_ns: self.now_ns,
            cgroup: self.cgroup,
            process,
            incomplete: 0,
            facts,
        }
    }

    /// A process comes into being.
    pub(super) fn fork(&mut self, pid: u32, parent: u32, vpid: u32) {
        let parent = TaskRef { start_ns: u64::from(parent) * TICK_NS, pid: parent, tid: parent };
        let fork = Fork {
            parent,
            creator: parent,
            ids: Ids::default(),
            container_pid: if vpid == 0 { pid + 1_000 } else { vpid },
        };
        let event = self.blank(Class::ProcessFork, pid, Facts::Fork(fork));
        self.tree.fork(&event, &fork);
        self.event(Class::ProcessFork, pid, Facts::Fork(fork));
    }

    /// A process begins a program; it is forked before if its parent is named.
    pub(super) fn start(&mut self, start: Start<'_>) {
        if start.parent != 0 {
            self.fork(start.pid, start.parent, start.vpid);
        }
        let exec = exec(&start);
        let event = self.blank(Class::ProcessExec, start.pid, Facts::Exec(exec.clone()));
        self.tree.exec(&event, &exec);
        self.event(Class::ProcessExec, start.pid, Facts::Exec(exec));
    }

    /// A program of the image is run, with a command line of words.
    pub(super) fn run(&mut self, pid: u32, parent: u32, exe: &str, line: &str) {
        let args: Vec<_> = line.split(' ').collect();
        self.start(Start { pid, parent, exe, args: &args, ..Start::default() });
    }

    /// A file is opened to be read.
    pub(super) fn open(&mut self, pid: u32, path: &str) {
        let record = FileRecord { file: file(false), ..FileRecord::default() };
        let operation = FileOperation {
            record,
            path: Some(components(path)),
            new_path: None,
            path_text: &[],
            new_path_text: &[],
            base: None,
            new_base: None,
            name: &[],
        };
        self.event(Class::FileOpen, pid, Facts::File(operation));
    }

    /// A file gets a further name; as the others of these tests, it has inode 9.
    pub(super) fn link(&mut self, pid: u32, path: &str, to: &str) {
        let record = FileRecord { file: file(false), ..FileRecord::default() };
        let operation = FileOperation {
            record,
            path: Some(components(path)),
            new_path: Some(components(to)),
            path_text: &[],
            new_path_text: &[],
            base: None,
            new_base: None,
            name: &[],
        };
        self.event(Class::FileLink, pid, Facts::File(operation));
    }

    /// A connection of TCP is made, with its end.
    pub(super) fn connect(&mut self, pid: u32, to: &str, answers: bool) {
        self.socket(Class::NetConnect, pid, NetRecord { phase: Phase::Attempt as u16, ..record(to) });
        let phase = if answers { Phase::Established } else { Phase::Failed };
        let error = if answers { 0 } else { -111 };
        self.socket(Class::NetConnect, pid, NetRecord { phase: phase as u16, error, ..record(to) });
    }

    /// Something happens to a socket.
    pub(super) fn socket(&mut self, class: Class, pid: u32, record: NetRecord) {
        self.event(class, pid, Facts::Socket(operation(record)));
    }

    /// First bytes that a process sends.
    pub(super) fn speak(&mut self, pid: u32, to: &str, protocol: Protocol, server_name: Option<&str>) {
        let recognised = Recognised { protocol, server_name: server_name.map(str::to_owned), detail: None };
        let content = content(record(to), Direction::Sent, Some(recognised), None);
        self.event(Class::NetPayload, pid, Facts::Content(content));
    }

    /// A question for a name, or the answer to it.
    pub(super) fn ask(&mut self, pid: u32, name: &str, kind: RecordType, answer: Option<u8>) {
        let message = Message {
            id: 1,
            response: answer.is_some(),
            opcode: 0,
            rcode: answer.unwrap_or(0),
            truncated: false,
            questions: vec![Question { name: name.to_owned(), kind, class: 1 }],
            answers: Vec::new(),
            question_count: 1,
            answer_count: 0,
            end: End::Whole,
        };
        let direction = if answer.is_some() { Direction::Received } else { Direction::Sent };
        let record = NetRecord { kind: 2, protocol: 17, ..record("10.96.0.10:53") };
        self.event(Class::NetDns, pid, Facts::Content(content(record, direction, None, Some(message))));
    }

    /// So many seconds pass.
    pub(super) fn wait(&mut self, seconds: u64) {
        self.now_ns += seconds * SECOND;
        let found = &mut self.found;
        self.behaviour.tick(self.now_ns, &mut |late: Late| found.push(late.finding));
    }

    /// What was found and how bad it is, and forgets it.
    pub(super) fn take(&mut self) -> Vec<(String, Severity)> {
        self.found.drain(..).map(|finding| (finding.id, finding.severity)).collect()
    }

    /// Asserts that nothing above low was found.
    pub(super) fn is_quiet(&mut self) {
        let loud: Vec<_> = self.found.drain(..).filter(|finding| finding.severity > Severity::Low).collect();
        assert!(loud.is_empty(), "{loud:#?}");
    }
}

fn exec(start: &Start<'_>) -> Exec<'static> {
    let name = start.exe.rsplit('/').next().unwrap_or_default();
    let args = if start.args.is_empty() { &[name][..] } else { start.args };
    let mut record = ExecRecord {
        file: FileIdentity { inode: u64::from(super::distinct::hash(start.exe)), ..file(start.upper) },
        container_pid: if start.vpid == 0 { start.pid + 1_000 } else { start.vpid },
        terminal: if start.terminal { 136 << 20 } else { 0 },
        session: start.pid,
        process_group: start.pid,
        capabilities: Capabilities::default(),
        stdio: start.stdio.map(|(kind, inode)| stream(kind, inode)),
        ..ExecRecord::default()
    };
    record.parent =
        TaskRef { start_ns: u64::from(start.parent) * TICK_NS, pid: start.parent, tid: start.parent };
    if start.memfd {
        record.file = FileIdentity {
            inode: 3,
            filesystem: TMPFS,
            flags: FileFlags::DETACHED,
            ..FileIdentity::default()
        };
    }
    let joined: Vec<u8> = args.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    Exec {
        executable: components(start.exe),
        command: name.as_bytes().to_vec().leak(),
        arguments: Strings(joined.leak()),
        ..Exec::bare(record)
    }
}

fn stream(kind: &str, inode: u64) -> Stdio {
    let (mode, rdev) = match kind {
        "" | "null" => (0o020_666, 1 << 20 | 3),
        "socket" => (0o140_777, 0),
        "pipe" => (0o010_600, 0),
        "tty" => (0o020_620, 136 << 20),
        "file" => (0o100_644, 0),
        other => panic!("{other} is no kind of stream"),
    };
    Stdio { inode, mode, rdev }
}

fn file(upper: bool) -> FileIdentity {
    let flags = if upper { FileFlags::OVERLAY_UPPER } else { 0 };
    FileIdentity {
        inode: 9,
        filesystem: OVERLAY,
        flags,
        mode: 0o100_755,
        links: 1,
        ..FileIdentity::default()
    }
}

/// A path as the kernel programs walk it. Leaked: a test is short.
fn components(path: &str) -> Components<'static> {
    let mut bytes = Vec::new();
    for part in path.split('/').rev().filter(|part| !part.is_empty()) {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    Components(bytes.leak())
}

/// A connection of TCP to an address.
pub(super) fn record(to: &str) -> NetRecord {
    let (ip, port) = to.rsplit_once(':').expect("address:port");
    let ip = match ip.trim_matches(['[', ']']).parse().expect("an address") {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let remote = Address { ip: ip.octets(), port: port.parse().expect("a port"), known: 1, scope: 0 };
    NetRecord { remote, family: 2, kind: 1, protocol: 6, socket: 1, ..NetRecord::default() }
}

/// The same that came from the other end.
pub(super) fn accepted(from: &str) -> NetRecord {
    NetRecord { facts: NetFacts::ACCEPTED, ..record(from) }
}

fn operation(record: NetRecord) -> SocketOperation<'static> {
    SocketOperation { record, name: &[], path: None, payload: &[] }
}

fn content(
    record: NetRecord,
    direction: Direction,
    recognised: Option<Recognised>,
    message: Option<Message>,
) -> Content<'static> {
    Content { socket: operation(record), direction, data: Vec::new(), cut: false, recognised, message }
}
