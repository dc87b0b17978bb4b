//! For tests: a node with containers, in which processes do things, and behaviours look on.

use std::sync::Arc;

use sensor_common::{
    call::Call,
    class::Class,
    header::TaskRef,
    record::{
        file::FileRecord,
        network::{Address, NetRecord, Phase},
        privilege::{CallRecord, Facts as CallFacts},
        process::{ExecRecord, FileFlags, FileIdentity, Stdio},
    },
};

use super::{Behaviour, Late};
use crate::detect::context::{Given, NoNames};
use crate::detect::finding::Finding;
use crate::detect::scene::Scene;
use crate::event::{
    Event, Facts,
    call::PrivilegedCall,
    content::Content,
    network::SocketOperation,
    operation::FileOperation,
    path::Components,
    process::Exec,
    text::Strings,
    wire::{
        dns::{End, Message, Question, RecordType},
        flow::Direction,
        protocol::{Protocol, Recognised},
    },
};
use crate::identity::{
    container::Container,
    store::{Answer, Known, Store},
    usage::Usage,
};
use crate::process::tree::{Limits, Tree};

pub(super) const SECOND: u64 = 1_000_000_000;
/// Magic numbers of file systems.
pub(super) const OVERLAY: u64 = 0x794c_7630;
pub(super) const TMPFS: u64 = 0x0102_1994;
/// Control group of the host.
pub(super) const HOST: u64 = 1;
/// Device of all files.
pub(super) const DEVICE: u32 = 42;

/// A node under the eyes of one behaviour.
#[derive(Debug)]
pub(super) struct World<B> {
    pub(super) behaviour: B,
    pub(super) now_ns: u64,
    pub(super) found: Vec<Finding>,
    tree: Tree,
    store: Store,
}

/// Where a file lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lies {
    /// In the image.
    Image,
    /// In the container's own layer.
    Upper,
    /// In a tmpfs.
    Temporary,
    /// Nowhere.
    Memory,
}

pub(super) fn file(inode: u64, lies: Lies) -> FileIdentity {
    let (filesystem, flags) = match lies {
        Lies::Image => (OVERLAY, 0),
        Lies::Upper => (OVERLAY, FileFlags::OVERLAY_UPPER),
        Lies::Temporary => (TMPFS, 0),
        Lies::Memory => (TMPFS, FileFlags::DETACHED),
    };
    FileIdentity {
        inode,
        filesystem,
        flags,
        device: DEVICE,
        mode: 0o100_755,
        links: 1,
        ..FileIdentity::default()
    }
}

fn task(pid: u32) -> TaskRef {
    TaskRef { start_ns: u64::from(pid) * SECOND, pid, tid: pid }
}

/// A path as the kernel programs walk it. Leaked, as all that is made here: a test is short.
pub(super) fn components(path: &str) -> Components<'static> {
    // A file in memory has one name.
    if path.starts_with("memfd:") {
        return Components([path.as_bytes(), b"\0"].concat().leak());
    }
    let names = path.split('/').rev().filter(|name| !name.is_empty());
    Components(names.flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect::<Vec<_>>().leak())
}

impl<B: Behaviour> World<B> {
    pub(super) fn new(behaviour: B) -> Self {
        let tree = Tree::new(Limits { processes_max: 100_000, retention_ns: u64::MAX });
        let mut store = Store::new(100_000);
        store.answer(Answer { cgroup: HOST, path: "/init.scope".into(), identity: None });
        Self { behaviour, now_ns: 1_000 * SECOND, found: Vec::new(), tree, store }
    }

    /// A container with this control group.
    pub(super) fn container(&mut self, cgroup: u64) {
        let id = format!("{cgroup:064x}");
        let path = format!("/k8s.io/{id}");
        let container = Container { id, name: "main".into(), ..Container::default() };
        let identity = Some(Arc::new(Known::new(container, None)));
        self.store.answer(Answer { cgroup, path, identity });
    }

    /// Shows an event; what was found in it.
    pub(super) fn event(&mut self, cgroup: u64, pid: u32, class: Class, facts: Facts<'_>) -> Vec<Finding> {
        self.now_ns += 1_000_000;
        let event = Event {
            class,
            cpu: 0,
            sequence: 1,
            time_ns: self.now_ns,
            cgroup,
            process: task(pid),
            incomplete: 0,
            facts,
        };
        if let Facts::Exec(exec) = &event.facts {
            self.tree.exec(&event, exec);
        }
        let scene = Scene::new(Given {
            event: &event,
            tree: &self.tree,
            identity: &self.store,
            owner: self.store.owner(cgroup),
            ids_before: None,
            other: None,
            other_owner: None,
            parent_owner: None,
            node: "node",
            host_users: None,
            wall_ns: 0,
            names: &NoNames,
        });
        let mut found = Vec::new();
        self.behaviour.see(&scene, &mut |finding| found.push(finding));
        self.found.extend(found.iter().cloned());
        found
    }

    /// A program starts: `line` are its arguments, of which the first is its path.
    pub(super) fn exec(
        &mut self,
        cgroup: u64,
        (parent, pid): (u32, u32),
        line: &str,
        file: FileIdentity,
    ) -> Vec<Finding> {
        let path = line.split(' ').next().unwrap_or_default();
        self.exec_as(cgroup, (parent, pid), path, line, file)
    }

    /// The same, with a path that is not the first argument.
    pub(super) fn exec_as(
        &mut self,
        cgroup: u64,
        (parent, pid): (u32, u32),
        path: &str,
        line: &str,
        file: FileIdentity,
    ) -> Vec<Finding> {
        let record = ExecRecord { parent: task(parent), container_pid: pid, file, ..ExecRecord::default() };
        let arguments: String = line.split(' ').flat_map(|word| [word, "\0"]).collect();
        let leaf = path.rsplit('/').next().unwrap_or_default();
        let exec = Exec {
            executable: components(path),
            arguments: Strings(arguments.into_bytes().leak()),
            command: leaf.get(..leaf.len().min(15)).unwrap_or(leaf).as_bytes().to_vec().leak(),
            ..Exec::bare(record)
        };
        self.event(cgroup, pid, Class::ProcessExec, Facts::Exec(exec))
    }

    /// A program of the image starts with a variable of the environment.
    pub(super) fn exec_with(
        &mut self,
        cgroup: u64,
        (parent, pid): (u32, u32),
        path: &str,
        variable: &str,
    ) -> Vec<Finding> {
        let file = file(u64::from(pid) + 1_000_000, Lies::Image);
        let record = ExecRecord { parent: task(parent), container_pid: pid, file, ..ExecRecord::default() };
        let exec = Exec {
            executable: components(path),
            arguments: Strings(format!("{path}\0").into_bytes().leak()),
            environment: Strings(format!("{variable}\0").into_bytes().leak()),
            ..Exec::bare(record)
        };
        self.event(cgroup, pid, Class::ProcessExec, Facts::Exec(exec))
    }

    /// A program of the image starts with pipes as its standard input and output; 0 for none.
    pub(super) fn exec_piped(
        &mut self,
        cgroup: u64,
        (parent, pid): (u32, u32),
        path: &str,
        (input, output): (u64, u64),
    ) -> Vec<Finding> {
        let pipe = |inode| Stdio { inode, mode: if inode == 0 { 0o020_666 } else { 0o010_600 }, rdev: 0 };
        let stdio = [pipe(input), pipe(output), pipe(0)];
        let file = file(u64::from(pid) + 1_000_000, Lies::Image);
        let record =
            ExecRecord { parent: task(parent), container_pid: pid, file, stdio, ..ExecRecord::default() };
        let exec = Exec {
            executable: components(path),
            arguments: Strings(format!("{path}\0").into_bytes().leak()),
            ..Exec::bare(record)
        };
        self.event(cgroup, pid, Class::ProcessExec, Facts::Exec(exec))
    }

    /// A script starts.
    pub(super) fn exec_script(
        &mut self,
        cgroup: u64,
        (parent, pid): (u32, u32),
        interpreter: &str,
        script: &str,
    ) -> Vec<Finding> {
        let file = file(u64::from(pid) + 1_000_000, Lies::Image);
        let record = ExecRecord { parent: task(parent), container_pid: pid, file, ..ExecRecord::default() };
        let exec = Exec {
            executable: components(interpreter),
            arguments: Strings(format!("{interpreter}\0{script}\0").into_bytes().leak()),
            requested: script.as_bytes().to_vec().leak(),
            interpreter: Some(interpreter.as_bytes().to_vec().leak()),
            ..Exec::bare(record)
        };
        self.event(cgroup, pid, Class::ProcessExec, Facts::Exec(exec))
    }

    /// Something is done to a file.
    pub(super) fn touch(
        &mut self,
        cgroup: u64,
        pid: u32,
        class: Class,
        path: &str,
        record: FileRecord,
    ) -> Vec<Finding> {
        self.touch_to(cgroup, pid, class, (path, ""), record)
    }

    /// The same, with a new path.
    pub(super) fn touch_to(
        &mut self,
        cgroup: u64,
        pid: u32,
        class: Class,
        (path, new_path): (&str, &str),
        record: FileRecord,
    ) -> Vec<Finding> {
        let operation = FileOperation {
            record,
            path: Some(components(path)),
            new_path: (!new_path.is_empty()).then(|| components(new_path)),
            path_text: &[],
            new_path_text: &[],
            base: None,
            new_base: None,
            name: &[],
        };
        self.event(cgroup, pid, class, Facts::File(operation))
    }

    /// A call that sets how the process is scheduled.
    pub(super) fn schedule(
        &mut self,
        cgroup: u64,
        pid: u32,
        call: Call,
        number: u32,
        detail: u64,
    ) -> Vec<Finding> {
        let record = CallRecord {
            call: call as u32,
            facts: CallFacts::NUMBERS,
            number,
            detail,
            ..CallRecord::default()
        };
        let call = PrivilegedCall {
            record,
            path: None,
            new_path: None,
            path_text: &[],
            new_path_text: &[],
            base: None,
            name: &[],
            filesystem: &[],
            value: &[],
        };
        self.event(cgroup, pid, Class::Scheduling, Facts::Call(call))
    }

    /// Something happens to a connection.
    pub(super) fn connection(
        &mut self,
        cgroup: u64,
        pid: u32,
        class: Class,
        (socket, end): (u64, &str),
        record: NetRecord,
    ) -> Vec<Finding> {
        let operation = operation(socket, end, record);
        self.event(cgroup, pid, class, Facts::Socket(operation))
    }

    /// A connection comes to stand.
    pub(super) fn connect(&mut self, cgroup: u64, pid: u32, socket: u64, end: &str) -> Vec<Finding> {
        let record = NetRecord { phase: Phase::Established as u16, ..NetRecord::default() };
        self.connection(cgroup, pid, Class::NetConnect, (socket, end), record)
    }

    /// Something is said on it.
    pub(super) fn say(
        &mut self,
        cgroup: u64,
        pid: u32,
        (socket, end): (u64, &str),
        protocol: Option<Protocol>,
        name: Option<&str>,
    ) -> Vec<Finding> {
        let recognised = protocol.map(|protocol| Recognised {
            protocol,
            server_name: name.map(str::to_owned),
            detail: None,
        });
        let content = Content {
            socket: operation(socket, end, NetRecord::default()),
            direction: Direction::Sent,
            data: Vec::new(),
            cut: false,
            recognised,
            message: None,
        };
        self.event(cgroup, pid, Class::NetPayload, Facts::Content(content))
    }

    /// A name is looked up.
    pub(super) fn look_up(&mut self, cgroup: u64, pid: u32, name: &str) -> Vec<Finding> {
        let question = Question { name: name.to_owned(), kind: RecordType(1), class: 1 };
        let message = Message {
            id: 1,
            response: false,
            opcode: 0,
            rcode: 0,
            truncated: false,
            questions: vec![question],
            answers: Vec::new(),
            question_count: 1,
            answer_count: 0,
            end: End::Whole,
        };
        let content = Content {
            socket: operation(9, "10.96.0.10:53", NetRecord::default()),
            direction: Direction::Sent,
            data: Vec::new(),
            cut: false,
            recognised: None,
            message: Some(message),
        };
        self.event(cgroup, pid, Class::NetDns, Facts::Content(content))
    }

    /// Time passes, with ticks.
    pub(super) fn pass(&mut self, seconds: u64) -> Vec<Finding> {
        let mut found = Vec::new();
        for _ in 0..seconds {
            self.now_ns += SECOND;
            self.behaviour.tick(self.now_ns, &mut |late: Late| found.push(late.finding));
        }
        self.found.extend(found.iter().cloned());
        found
    }

    /// Time passes, and the container uses so many hundredths of a processor, measured every ten seconds.
    pub(super) fn work(&mut self, usage: &mut Usage, times: usize, hundredths: u64) -> Vec<Finding> {
        let mut found = Vec::new();
        for _ in 0..times {
            self.now_ns += 10 * SECOND;
            usage.cpu_ns += 10 * SECOND / 100 * hundredths;
            usage.time_ns = self.now_ns;
            self.behaviour.usage(usage, &mut |late: Late| found.push(late.finding));
        }
        self.found.extend(found.iter().cloned());
        found
    }
}

fn operation(socket: u64, end: &str, record: NetRecord) -> SocketOperation<'static> {
    let end: std::net::SocketAddr = end.parse().unwrap();
    let ip = match end.ip() {
        std::net::IpAddr::V4(address) => address.to_ipv6_mapped(),
        std::net::IpAddr::V6(address) => address,
    };
    let remote = Address { ip: ip.octets(), port: end.port(), known: 1, ..Address::default() };
    SocketOperation {
        record: NetRecord { socket, remote, kind: 1, ..record },
        name: &[],
        path: None,
        payload: &[],
    }
}
