//! The node of the tests: what its processes are, and the records that they make.

use std::collections::HashMap;
use std::sync::Arc;

use sensor_common::{
    ABI_VERSION,
    class::Class,
    header::{RecordHeader, TaskRef},
    ledger::LossReason,
    record::{
        container::MoveRecord,
        file::FileRecord,
        network::NetRecord,
        privilege::{CallRecord, Facts as CallFacts},
        process::{Capabilities, ExecRecord, ExitRecord, FileIdentity, ForkRecord, Ids, Namespaces},
    },
    tail::{Tail, TailHeader},
};
use zerocopy::IntoBytes;

use crate::clock::BootClock;
use crate::detect::{
    behaviour::{Behaviour, Behaviours},
    finding::{Finding, Severity},
    told::Bounds,
};
use crate::identity::{
    container::{Container, Pod},
    store::{Answer, Known, Question, Store},
};
use crate::pipeline::{LossReport, Output, Pipeline};
use crate::policy::Change;
use crate::process::{
    TICK_NS,
    tree::{Limits, Tree},
};
use crate::proto;
use crate::stream::{encode::Context, hub::Published};

/// Namespaces of the node.
pub(in super::super) const HOST: Namespaces = Namespaces {
    mnt: 0xF000_0001,
    pid: 0xEFFF_FFFC,
    net: 0xF000_0000,
    ipc: 0xEFFF_FFFF,
    uts: 0xEFFF_FFFE,
    cgroup: 0xEFFF_FFFB,
    user: 0xEFFF_FFFD,
    time: 0xEFFF_FFFA,
};
/// What runtimes give.
pub(in super::super) const CONTAINER_CAPABILITIES: u64 = 0xA804_25FB;
/// Magic number of overlayfs.
pub(in super::super) const OVERLAY: u64 = 0x794c_7630;
const EXT4: u64 = 0xef53;
const ALL_CAPABILITIES: u64 = (1 << 41) - 1;
/// Control group of the node's own services, and its path.
const SERVICES: (u64, &str) = (2, "/system.slice/containerd.service");
const INIT: u32 = 1;
const RUNTIME: u32 = 20;

/// Namespaces of a container with a number; its users are the node's.
pub(in super::super) fn namespaces(number: u32) -> Namespaces {
    let first = 0xF000_1000 + number * 16;
    Namespaces {
        mnt: first,
        pid: first + 1,
        net: first + 2,
        ipc: first + 3,
        uts: first + 4,
        cgroup: first + 5,
        ..HOST
    }
}

/// A container with a number, in a pod of its own in a namespace of Kubernetes.
pub(in super::super) fn container(number: u32, namespace: &str) -> Container {
    let pod = Pod {
        namespace: namespace.to_owned(),
        name: format!("web-{number}"),
        uid: format!("uid-{number}"),
        ..Pod::default()
    };
    Container {
        id: format!("{number:064x}"),
        name: "main".to_owned(),
        image: "docker.io/library/web:1".to_owned(),
        pod: Some(pod),
        ..Container::default()
    }
}

/// What a process is.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Act {
    /// Its creator.
    pub(in super::super) parent: u32,
    /// Control group.
    pub(in super::super) cgroup: u64,
    /// Ids.
    pub(in super::super) ids: Ids,
    /// Capabilities.
    pub(in super::super) capabilities: Capabilities,
    /// Namespaces.
    pub(in super::super) namespaces: Namespaces,
    /// Seccomp mode.
    pub(in super::super) seccomp: u32,
    /// Device of the files that it runs.
    device: u32,
    filesystem: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub(in super::super) struct Told {
    /// Id of the finding.
    pub(in super::super) id: String,
    /// How bad it is.
    pub(in super::super) severity: Severity,
    /// All of it.
    pub(in super::super) finding: Finding,
    /// Id of the container that it is about; empty for the node.
    pub(in super::super) container: String,
}

#[derive(Debug, Default)]
struct Found(Vec<Told>);

impl Output for Found {
    fn wants(&self, class: proto::Class, _container: Option<&Container>) -> bool {
        class == proto::Class::Finding
    }
    fn ancestors_wanted(&self) -> usize {
        0
    }
    fn publish(&mut self, published: &Published<'_>) {
        let Some(finding) = published.finding else { return };
        let container = published.container.map(|container| container.id.clone()).unwrap_or_default();
        let finding = finding.clone();
        self.0.push(Told { id: finding.id.clone(), severity: finding.severity, finding, container });
    }
    fn canary(&mut self, _class: Class, _event: &[u8]) {}
    fn ask(&mut self, _question: Question) {}
    fn change(&mut self, _change: Change) {}
}

/// A node.
#[derive(Debug)]
pub(in super::super) struct Stage {
    /// The stages.
    pub(in super::super) pipeline: Pipeline,
    found: Found,
    processes: HashMap<u32, Act>,
    next_pid: u32,
    /// Time of the next record; each takes a millisecond.
    pub(in super::super) now_ns: u64,
}

impl Stage {
    /// A node on which these watch: systemd, and a container runtime.
    pub(in super::super) fn new(behaviours: Behaviours) -> Self {
        let context = Context {
            node: "n".into(),
            instance: "i".into(),
            clock: BootClock::with_offset(0),
            capability_last: 40,
            environment: Vec::new(),
        };
        let tree = Tree::new(Limits { processes_max: 20_000, retention_ns: 60_000_000_000 });
        let mut pipeline = Pipeline::new(context, tree, Store::new(20_000), 0);
        pipeline.set_behaviours(behaviours);
        // Everything is told, so that a test sees it.
        pipeline.set_judge(None, Bounds { window_ns: 0, burst: 1 });
        let mut stage = Self {
            pipeline,
            found: Found::default(),
            processes: HashMap::new(),
            next_pid: 1_000,
            now_ns: 1_000_000_000_000,
        };
        stage.group(1, "/", None);
        stage.group(SERVICES.0, SERVICES.1, None);
        stage.host(INIT, 0, 1, "/usr/lib/systemd/systemd");
        stage.host(RUNTIME, INIT, SERVICES.0, "/usr/bin/containerd-shim-runc-v2");
        stage
    }

    /// The same with one behaviour.
    pub(in super::super) fn of(behaviour: impl Behaviour + 'static) -> Self {
        Self::new(Behaviours::new(vec![Box::new(behaviour)]))
    }

    /// Whose a control group is.
    pub(in super::super) fn group(&mut self, cgroup: u64, path: &str, container: Option<Container>) {
        let identity = container.map(|container| Arc::new(Known::new(container, None)));
        let answer = Answer { cgroup, path: path.to_owned(), identity };
        self.pipeline.answer(answer, self.now_ns, &mut self.found);
    }

    /// A process of the node that runs a program.
    pub(in super::super) fn host(&mut self, pid: u32, parent: u32, cgroup: u64, path: &str) {
        let all = Capabilities {
            permitted: ALL_CAPABILITIES,
            effective: ALL_CAPABILITIES,
            bounding: ALL_CAPABILITIES,
            ..Capabilities::default()
        };
        let act = Act {
            parent,
            cgroup,
            ids: Ids::default(),
            capabilities: all,
            namespaces: HOST,
            seccomp: 0,
            device: 8 << 20 | 1,
            filesystem: EXT4,
        };
        self.processes.insert(pid, act);
        self.forked(pid, parent);
        self.exec(pid, path, |_| {});
    }

    /// A container with this number that the runtime starts, as `runc` does. Its first process, which runs `/app/server`.
    pub(in super::super) fn container(&mut self, number: u32, container: Container) -> u32 {
        self.container_with(number, container, |_| {})
    }

    /// The same; its first program is given what the test says.
    pub(in super::super) fn container_with(
        &mut self,
        number: u32,
        container: Container,
        change: impl FnOnce(&mut ExecRecord),
    ) -> u32 {
        let cgroup = Self::cgroup_of(number);
        let path = format!("/kubepods/pod{number}/{}", container.id);
        self.created(cgroup, &path);
        self.group(cgroup, &path, Some(container));
        let first = self.enter(number);
        self.exec(first, "/app/server", |record| {
            record.container_pid = 1;
            change(record);
        });
        first
    }

    /// Control group of a container.
    pub(in super::super) fn cgroup_of(number: u32) -> u64 {
        100 + u64::from(number)
    }

    /// A process of the runtime that has entered a container and is about to run a program there.
    pub(in super::super) fn enter(&mut self, number: u32) -> u32 {
        let runtime = self.fork(RUNTIME);
        self.exec(runtime, "/usr/bin/runc", |_| {});
        let process = self.fork(runtime);
        self.moved(process, runtime, Self::cgroup_of(number), "/x");
        self.exec(process, "memfd:runc_cloned:/proc/self/exe", |_| {});
        self.call(process, Class::Mount, |record| record.result = 0);
        let act = self.act(process);
        act.namespaces = namespaces(number);
        act.device = 0x20 + number;
        act.filesystem = OVERLAY;
        act.seccomp = 2;
        let set = CONTAINER_CAPABILITIES;
        act.capabilities =
            Capabilities { permitted: set, effective: set, bounding: set, ..Capabilities::default() };
        process
    }

    /// What a process is, for what comes next.
    pub(in super::super) fn act(&mut self, pid: u32) -> &mut Act {
        self.processes.get_mut(&pid).expect("a process of this stage")
    }

    /// A child of a process.
    pub(in super::super) fn fork(&mut self, parent: u32) -> u32 {
        let child = self.next_pid;
        self.next_pid += 1;
        let act = Act { parent, ..*self.act(parent) };
        self.processes.insert(child, act);
        self.forked(child, parent);
        child
    }

    fn forked(&mut self, child: u32, creator: u32) {
        let (header, act) = (self.header(Class::ProcessFork, child), *self.act(child));
        let (parent, creator) = (task(act.parent), task(creator));
        let record = ForkRecord { header, parent, creator, ids: act.ids, ..ForkRecord::default() };
        self.send(record.as_bytes(), &[]);
    }

    /// A process runs a program; the test may say what is different with it from now on.
    pub(in super::super) fn exec(&mut self, pid: u32, path: &str, change: impl FnOnce(&mut ExecRecord)) {
        let act = *self.act(pid);
        let mut record = ExecRecord {
            header: self.header(Class::ProcessExec, pid),
            parent: task(act.parent),
            ids: act.ids,
            capabilities: act.capabilities,
            namespaces: act.namespaces,
            seccomp: act.seccomp,
            container_pid: pid,
            file: FileIdentity {
                inode: 7,
                device: act.device,
                filesystem: act.filesystem,
                mode: 0o100_755,
                links: 1,
                ..FileIdentity::default()
            },
            ..ExecRecord::default()
        };
        change(&mut record);
        let act = self.act(pid);
        act.ids = record.ids;
        act.capabilities = record.capabilities;
        act.namespaces = record.namespaces;
        act.seccomp = record.seccomp;
        let arguments = [path.as_bytes(), b"\0"].concat();
        self.send(record.as_bytes(), &[(Tail::Executable, &components(path)), (Tail::Arguments, &arguments)]);
    }

    /// A process ends.
    pub(in super::super) fn exit(&mut self, pid: u32) {
        let header = self.header(Class::ProcessExit, pid);
        self.send(ExitRecord { header, ..ExitRecord::default() }.as_bytes(), &[]);
    }

    /// A privileged call.
    pub(in super::super) fn call(&mut self, pid: u32, class: Class, change: impl FnOnce(&mut CallRecord)) {
        self.call_with(pid, class, &[], change);
    }

    /// The same with texts.
    pub(in super::super) fn call_with(
        &mut self,
        pid: u32,
        class: Class,
        texts: &[(Tail, &[u8])],
        change: impl FnOnce(&mut CallRecord),
    ) {
        let act = *self.act(pid);
        let mut record = CallRecord {
            header: self.header(class, pid),
            ids_before: act.ids,
            ids: act.ids,
            capabilities_before: act.capabilities,
            capabilities: act.capabilities,
            namespaces: act.namespaces,
            number: if class == Class::Credentials { act.namespaces.user } else { 0 },
            ..CallRecord::default()
        };
        change(&mut record);
        let act = self.act(pid);
        if class != Class::ControlWrite {
            (act.ids, act.capabilities) = (record.ids, record.capabilities);
        }
        act.namespaces = record.namespaces;
        self.send(record.as_bytes(), texts);
    }

    /// A call that is aimed at another process.
    pub(in super::super) fn aimed(
        &mut self,
        pid: u32,
        class: Class,
        target: u32,
        change: impl FnOnce(&mut CallRecord),
    ) {
        let cgroup = self.act(target).cgroup;
        self.call(pid, class, |record| {
            record.target = task(target);
            record.target_cgroup = cgroup;
            record.facts |= CallFacts::TARGET;
            change(record);
        });
    }

    /// A file is opened by its path; it lies where the process's programs do.
    pub(in super::super) fn open(&mut self, pid: u32, path: &str, change: impl FnOnce(&mut FileRecord)) {
        self.file(pid, Class::FileOpen, path, path, change);
    }

    /// Something is done to a file that has one path and was asked for by another.
    pub(in super::super) fn file(
        &mut self,
        pid: u32,
        class: Class,
        path: &str,
        asked: &str,
        change: impl FnOnce(&mut FileRecord),
    ) {
        let act = *self.act(pid);
        let file = FileIdentity {
            inode: 9,
            device: act.device,
            filesystem: act.filesystem,
            mode: 0o100_644,
            links: 1,
            ..FileIdentity::default()
        };
        let mut record = FileRecord { header: self.header(class, pid), file, ..FileRecord::default() };
        change(&mut record);
        let asked = [asked.as_bytes(), b"\0"].concat();
        self.send(record.as_bytes(), &[(Tail::Path, &components(path)), (Tail::PathText, &asked)]);
    }

    /// Something happens to a socket with a name.
    pub(in super::super) fn socket(
        &mut self,
        pid: u32,
        class: Class,
        name: &[u8],
        change: impl FnOnce(&mut NetRecord),
    ) {
        let mut record = NetRecord { header: self.header(class, pid), ..NetRecord::default() };
        change(&mut record);
        self.send(record.as_bytes(), &[(Tail::SocketName, name)]);
    }

    /// A process is moved to another control group.
    pub(in super::super) fn moved(&mut self, pid: u32, mover: u32, cgroup: u64, path: &str) {
        self.act(pid).cgroup = cgroup;
        let header = self.header(Class::CgroupMove, pid);
        let record = MoveRecord { header, mover: task(mover), ..MoveRecord::default() };
        let path = [path.as_bytes(), b"\0"].concat();
        self.send(record.as_bytes(), &[(Tail::CgroupPath, &path)]);
    }

    /// A control group came.
    pub(in super::super) fn created(&mut self, cgroup: u64, path: &str) {
        let header = RecordHeader { cgroup, ..self.header(Class::CgroupCreate, RUNTIME) };
        let path = [path.as_bytes(), b"\0"].concat();
        let bytes = bytes(header.as_bytes(), &[(Tail::CgroupPath, &path)]);
        self.pipeline.group_record(&bytes, &mut self.found);
    }

    /// Records were lost.
    pub(in super::super) fn lost(&mut self, cgroup: u64, class: Class, reason: LossReason, count: u64) {
        let report = LossReport { cgroup, class, reason, count, time_ns: self.now_ns };
        self.pipeline.lost(report, &mut self.found);
    }

    /// A second passes.
    pub(in super::super) fn tick(&mut self) {
        self.now_ns += 1_000_000_000;
        self.pipeline.tick(self.now_ns, &mut self.found);
    }

    /// What was found since it was asked last.
    pub(in super::super) fn take(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.found.0)
    }

    /// Ids of that.
    pub(in super::super) fn ids(&mut self) -> Vec<String> {
        self.take().into_iter().map(|told| told.id).collect()
    }

    fn header(&mut self, class: Class, pid: u32) -> RecordHeader {
        self.now_ns += 1_000_000;
        RecordHeader {
            version: ABI_VERSION,
            class: class as u16,
            sequence: 1,
            time_ns: self.now_ns,
            cgroup: self.processes.get(&pid).map_or(1, |act| act.cgroup),
            process: task(pid),
            ..RecordHeader::default()
        }
    }

    fn send(&mut self, record: &[u8], texts: &[(Tail, &[u8])]) {
        self.pipeline.record(&bytes(record, texts), self.now_ns, &mut self.found);
    }
}

fn bytes(record: &[u8], texts: &[(Tail, &[u8])]) -> Vec<u8> {
    let mut bytes = record.to_vec();
    for (kind, value) in texts {
        let length = u32::try_from(value.len()).unwrap();
        bytes.extend(TailHeader { kind: *kind as u16, reserved: 0, length }.as_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

/// Every process began at the same time: its pid in clock ticks.
fn task(pid: u32) -> TaskRef {
    match pid {
        0 => TaskRef::default(),
        pid => TaskRef { start_ns: u64::from(pid) * TICK_NS, pid, tid: pid },
    }
}

/// A path as the kernel programs walk it.
fn components(path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in path.split('/').rev().filter(|part| !part.is_empty()) {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    bytes
}
