//! A node that is made up: its control groups, its processes, and what they do, as the kernel would tell it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use sensor::identity::{
    container::{Container, Pod, Runtime},
    store::{Answer, Known},
};
use sensor::record::Input;
use sensor_common::{
    ABI_VERSION,
    class::Class,
    header::{RecordHeader, TaskRef},
    record::{
        container::MoveRecord,
        process::{
            Capabilities, ExecRecord, ExitRecord, FileFlags, FileIdentity, ForkRecord, Ids, Namespaces, Stdio,
        },
    },
    tail::Tail,
};
use zerocopy::IntoBytes as _;

use crate::records::finish;

pub(crate) const SECOND: u64 = 1_000_000_000;
/// Between two things that a program does.
const STEP_NS: u64 = 300_000;
const OVERLAY: u64 = 0x794c_7630;
const EXT4: u64 = 0xef53;
const TMPFS: u64 = 0x0102_1994;
const PROC: u64 = 0x9fa0;
const SYSFS: u64 = 0x6265_6572;
/// What Docker gives a container.
const USUAL_CAPABILITIES: u64 = 0x0000_0000_a804_25fb;
/// All that there are.
const EVERY_CAPABILITY: u64 = 0x0000_01ff_ffff_ffff;
/// Namespaces of the host.
const HOST: Namespaces = Namespaces {
    mnt: 0xf000_0000,
    pid: 0xefff_fffc,
    net: 0xf000_0080,
    ipc: 0xefff_ffff,
    uts: 0xefff_fffe,
    cgroup: 0xefff_fffb,
    user: 0xefff_fffd,
    time: 0xefff_fffa,
};

/// Where processes are.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) cgroup: u64,
    pub(crate) namespaces: Namespaces,
    capabilities: u64,
    uid: u32,
    /// Device of its root; 0 for the host.
    device: u32,
}

impl Place {
    const fn is_host(&self) -> bool {
        self.device == 0
    }
}

/// A process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) task: TaskRef,
    parent: TaskRef,
    pub(crate) place: Rc<Place>,
    container_pid: u32,
    session: u32,
    terminal: u32,
}

/// What a container is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    pub(crate) image: &'static str,
    pub(crate) main: &'static [&'static str],
    pub(crate) uid: u32,
    pub(crate) privileged: bool,
    pub(crate) host_network: bool,
}

/// A pod of one container that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) main: Process,
    /// What the runtime keeps for it.
    shim: Process,
}

/// How a program is begun.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    /// Its file is not of the image.
    pub(crate) upper: bool,
    /// At a terminal.
    pub(crate) terminal: bool,
    /// Its standard streams are a socket.
    pub(crate) socket: bool,
    /// As this user.
    pub(crate) uid: Option<u32>,
}

/// The node.
#[derive(Debug)]
pub(crate) struct Node {
    /// By time and order of making.
    pending: BTreeMap<(u64, u64), Input>,
    made: u64,
    pids: u32,
    groups: u64,
    random: u64,
    pub(crate) host: Rc<Place>,
    pub(crate) records: u64,
    /// A program that begins opens its libraries.
    pub(crate) loads_libraries: bool,
}

impl Node {
    pub(crate) fn new(seed: u64) -> Self {
        let host = Place { cgroup: 10, namespaces: HOST, capabilities: EVERY_CAPABILITY, uid: 0, device: 0 };
        let mut node = Self {
            pending: BTreeMap::new(),
            made: 0,
            pids: 1_000,
            groups: 100,
            random: 0x2545_f491_4f6c_dd1d ^ seed,
            host: Rc::new(host),
            records: 0,
            loads_libraries: false,
        };
        let answer = Answer { cgroup: 10, path: "/system.slice/node.service".into(), identity: None };
        node.put(1, Input::Answer { now_ns: 1, answer });
        node
    }

    /// The same row on every run.
    pub(crate) fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// What happens before a time, in order.
    pub(crate) fn until(&mut self, time_ns: u64) -> BTreeMap<(u64, u64), Input> {
        let later = self.pending.split_off(&(time_ns, 0));
        std::mem::replace(&mut self.pending, later)
    }

    fn put(&mut self, time_ns: u64, input: Input) {
        self.made += 1;
        self.pending.insert((time_ns, self.made), input);
    }

    pub(crate) fn record(&mut self, time_ns: u64, bytes: Vec<u8>) {
        self.records += 1;
        self.put(time_ns, Input::Record { now_ns: time_ns, bytes: bytes.into() });
    }

    pub(crate) fn header(&self, class: Class, process: &Process, time_ns: u64) -> RecordHeader {
        RecordHeader {
            version: ABI_VERSION,
            class: class as u16,
            sequence: self.records,
            time_ns,
            cgroup: process.place.cgroup,
            process: process.task,
            ..RecordHeader::default()
        }
    }

    fn task(&mut self, time_ns: u64) -> TaskRef {
        self.pids += 1;
        TaskRef { start_ns: time_ns, pid: self.pids, tid: self.pids }
    }

    /// A process of the host that runs from the beginning.
    pub(crate) fn daemon(&mut self, at: u64, parent: Option<&Process>, words: &[&str]) -> Process {
        let task = self.task(at);
        let parent = parent.map_or(TaskRef::default(), |parent| parent.task);
        let place = Rc::clone(&self.host);
        let process =
            Process { task, parent, place, container_pid: task.pid, session: task.pid, terminal: 0 };
        self.fork(&process, at);
        self.exec(&process, at + STEP_NS, words, How::default());
        process
    }

    fn fork(&mut self, process: &Process, at: u64) {
        let header = self.header(Class::ProcessFork, process, at);
        let Place { uid, namespaces, .. } = *process.place;
        let record = ForkRecord {
            header,
            parent: process.parent,
            creator: process.parent,
            ids: Ids { uid, gid: uid, euid: uid, egid: uid },
            container_pid: process.container_pid,
            pid_namespace: namespaces.pid,
        };
        self.record(at, finish(record.as_bytes(), &[]));
    }

    pub(crate) fn exec(&mut self, process: &Process, at: u64, words: &[&str], how: How) {
        let (path, arguments) = words.split_first().expect("a program");
        let place = Rc::clone(&process.place);
        let uid = how.uid.unwrap_or(place.uid);
        let capabilities = if uid == 0 { place.capabilities } else { 0 };
        let stream = if how.socket {
            Stdio { inode: 90, mode: 0o140_777, rdev: 0 }
        } else if how.terminal {
            Stdio { inode: 6, mode: 0o020_620, rdev: 136 << 20 }
        } else {
            Stdio { inode: 5, mode: 0o020_666, rdev: 1 << 20 | 3 }
        };
        let record = ExecRecord {
            header: self.header(Class::ProcessExec, process, at),
            parent: process.parent,
            ids: Ids { uid, gid: uid, euid: uid, egid: uid },
            capabilities: Capabilities {
                permitted: capabilities,
                effective: capabilities,
                bounding: place.capabilities,
                ..Capabilities::default()
            },
            namespaces: place.namespaces,
            file: file(&place, path, 0o100_755, how.upper),
            stdio: [stream; 3],
            container_pid: process.container_pid,
            session: process.session,
            process_group: process.session,
            terminal: process.terminal,
            login_uid: u32::MAX,
            argument_count: u32::try_from(words.len()).unwrap(),
            seccomp: if place.is_host() { 0 } else { 2 },
            modified_ns: 1_600_000_000 * SECOND,
            ..ExecRecord::default()
        };
        let leaf = path.rsplit('/').next().unwrap_or_default();
        let command: String = leaf.chars().take(15).collect();
        let strings = |words: &mut dyn Iterator<Item = &str>| -> Vec<u8> {
            words.flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect()
        };
        let arguments = strings(&mut std::iter::once(*path).chain(arguments.iter().copied()));
        let tails: [(Tail, &[u8]); 5] = [
            (Tail::Executable, &walked(path)),
            (Tail::Directory, b"app\0"),
            (Tail::Arguments, &arguments),
            (Tail::Command, &strings(&mut std::iter::once(command.as_str()))),
            (Tail::Requested, &strings(&mut std::iter::once(*path))),
        ];
        self.record(at, finish(record.as_bytes(), &tails));
        if self.loads_libraries {
            super::work::load_libraries(self, process, at);
        }
    }

    pub(crate) fn exit(&mut self, process: &Process, at: u64) {
        let header = self.header(Class::ProcessExit, process, at);
        let record = ExitRecord { header, parent: process.parent, ..ExitRecord::default() };
        self.record(at, finish(record.as_bytes(), &[]));
    }

    /// A child, forked and not yet another program.
    pub(crate) fn child(&mut self, parent: &Process, at: u64) -> Process {
        let task = self.task(at);
        let container_pid = if parent.place.is_host() { task.pid } else { 20 + task.pid % 30_000 };
        let child = Process { task, parent: parent.task, container_pid, ..parent.clone() };
        self.fork(&child, at);
        child
    }

    fn moves(&mut self, process: &Process, to: &Rc<Place>, mover: &Process, at: u64) -> Process {
        let moved = Process { place: Rc::clone(to), ..process.clone() };
        let header = self.header(Class::CgroupMove, &moved, at);
        let record = MoveRecord { header, mover: mover.task, from: process.place.cgroup };
        self.record(at, finish(record.as_bytes(), &[]));
        moved
    }

    /// A container begins, as containerd and runc do it; then its program runs.
    pub(crate) fn start(&mut self, at: u64, containerd: &Process, spec: &Spec) -> Running {
        let place = Rc::new(self.place(spec));
        let id = format!("{:064x}", 0x7a11_0000 + place.cgroup);
        self.answer(at, spec, &place, &id);
        let mut at = at;
        let mut next = || {
            at += STEP_NS;
            at
        };
        let shim = self.child(containerd, next());
        self.exec(
            &shim,
            next(),
            &["/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", &id],
            How::default(),
        );
        let runc = self.child(&shim, next());
        self.exec(
            &runc,
            next(),
            &["/usr/bin/runc", "--root", "/run/containerd/runc/k8s.io", "create", &id],
            How::default(),
        );
        let init = self.child(&runc, next());
        self.exec(&init, next(), &["memfd:runc_cloned:/proc/self/exe", "init"], How::default());
        let inside = self.moves(&init, &place, &runc, next());
        super::setup::container(self, &inside, next());
        let main = Process { container_pid: 1, session: inside.task.pid, ..inside };
        let begin = next() + 40 * STEP_NS;
        self.exec(&main, begin, spec.main, How::default());
        self.exit(&runc, begin + STEP_NS);
        Running { main, shim }
    }

    /// A process of the runtime enters a container, for a program beside the first; the process and the time.
    pub(crate) fn enter(&mut self, at: u64, running: &Running, terminal: bool) -> (Process, Process, u64) {
        let runc = self.child(&running.shim, at);
        self.exec(
            &runc,
            at + STEP_NS,
            &["/usr/bin/runc", "--root", "/run/containerd/runc/k8s.io", "exec"],
            How::default(),
        );
        let init = self.child(&runc, at + 2 * STEP_NS);
        let inside = self.moves(&init, &running.main.place, &runc, at + 3 * STEP_NS);
        let container_pid = 20 + inside.task.pid % 30_000;
        let terminal = if terminal { 136 << 20 } else { 0 };
        let inside = Process { container_pid, session: inside.task.pid, terminal, ..inside };
        (runc, inside, at + 4 * STEP_NS)
    }

    /// A container is gone.
    pub(crate) fn stop(&mut self, at: u64, running: &Running) {
        self.exit(&running.main, at);
        self.exit(&running.shim, at + STEP_NS);
        self.put(at + 2 * STEP_NS, Input::Removed(running.main.place.cgroup));
    }

    fn place(&mut self, spec: &Spec) -> Place {
        self.groups += 1;
        let cgroup = self.groups;
        let number = u32::try_from(cgroup).unwrap();
        let own = |kind: u32| 0xf100_0000 + number * 16 + kind;
        let net = if spec.host_network { HOST.net } else { own(2) };
        let namespaces =
            Namespaces { mnt: own(0), pid: own(1), net, ipc: own(3), uts: own(4), cgroup: own(5), ..HOST };
        let capabilities = if spec.privileged { EVERY_CAPABILITY } else { USUAL_CAPABILITIES };
        Place { cgroup, namespaces, capabilities, uid: spec.uid, device: 40 + number }
    }

    fn answer(&mut self, at: u64, spec: &Spec, place: &Place, id: &str) {
        let uid = format!("0f7a6a3c-5a63-4a3c-9d2c-{:012x}", place.cgroup);
        let pod = Pod {
            namespace: spec.namespace.into(),
            name: format!("{}-{}", spec.name, place.cgroup),
            uid: uid.clone(),
            ..Pod::default()
        };
        let container = Container {
            id: id.to_owned(),
            name: spec.name.into(),
            image: spec.image.into(),
            runtime: Some(Runtime::Containerd),
            pod: Some(pod),
            privileged: Some(spec.privileged),
            ..Container::default()
        };
        let path = format!("/kubepods/burstable/pod{uid}/{id}");
        let identity = Some(Arc::new(Known::new(container, None)));
        let answer = Answer { cgroup: place.cgroup, path, identity };
        self.put(at, Input::Answer { now_ns: at, answer });
    }
}

/// A path as the kernel programs walk it: from the leaf to the root.
pub(crate) fn walked(path: &str) -> Vec<u8> {
    path.split('/')
        .rev()
        .filter(|part| !part.is_empty())
        .flat_map(|part| [part.as_bytes(), b"\0"].concat())
        .collect()
}

/// A file in a place.
pub(crate) fn file(place: &Place, path: &str, mode: u32, upper: bool) -> FileIdentity {
    let inode =
        path.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 1_000_000;
    let (filesystem, device, flags) = match path {
        _ if path.starts_with("memfd:") => (TMPFS, 1, FileFlags::DETACHED),
        _ if path.starts_with("/proc/") || path.starts_with("/host/proc/") => (PROC, 22, 0),
        _ if path.starts_with("/sys/") || path.starts_with("/host/sys/") => (SYSFS, 23, 0),
        _ if path.starts_with("/dev/") || path.starts_with("/run/") => (TMPFS, 24, 0),
        _ if place.is_host() || path.starts_with("/host/") => (EXT4, 8 << 20 | 1, 0),
        _ => (OVERLAY, place.device, if upper { FileFlags::OVERLAY_UPPER } else { 0 }),
    };
    FileIdentity {
        inode,
        changed_ns: 1_600_000_000 * SECOND,
        filesystem,
        device,
        mode,
        links: u32::from(!path.starts_with("memfd:")),
        mount_id: device,
        flags,
        ..FileIdentity::default()
    }
}

/// An address, as text.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
