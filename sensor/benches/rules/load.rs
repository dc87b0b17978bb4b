//! A made-up load: short programs in containers and on the host, that open files and connect, as a busy node has them.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sensor::clock::BootClock;
use sensor::identity::{
    container::{Container, Pod},
    store::{Answer, Known, Store},
};
use sensor::pipeline::Pipeline;
use sensor::process::tree::{Limits, Tree};
use sensor::record::Input;
use sensor::stream::encode::Context;
use sensor_common::{
    ABI_VERSION,
    call::Call,
    class::Class,
    header::{RecordHeader, TaskRef},
    record::{
        file::FileRecord,
        network::{NetRecord, Phase},
        process::{ExecRecord, ExitRecord, FileIdentity, ForkRecord},
    },
    tail::Tail,
};
use zerocopy::IntoBytes as _;

use crate::records::{address, finish};

const GROUPS: u64 = 64;
const PROCESSES: u32 = 4_000;
/// Between two events.
const STEP_NS: u64 = 50_000;
const OPENS: usize = 20;
const CONNECTS: u64 = 2;
/// Of so many programs one opens what rules look for.
const SUSPICIOUS: u32 = 100;

/// Programs, with their arguments.
const PROGRAMS: [(&[u8], &[u8]); 4] = [
    (b"python3.13\0bin\0usr\0", b"python3\0/srv/app/worker.py\0--queue=default\0"),
    (b"busybox\0bin\0", b"wget\0-q\0http://service.shop.svc/health\0"),
    (b"node\0bin\0local\0usr\0", b"node\0server.js\0"),
    (b"jq\0bin\0usr\0", b"jq\0.items[].metadata.name\0"),
];

/// Files that programs open: as walked, and as asked for.
const FILES: [(&[u8], &[u8]); 10] = [
    (b"ld.so.cache\0etc\0", b"/etc/ld.so.cache\0"),
    (b"libc.so.6\0x86_64-linux-gnu\0lib\0usr\0", b"/lib/x86_64-linux-gnu/libc.so.6\0"),
    (b"libm.so.6\0x86_64-linux-gnu\0lib\0usr\0", b"/lib/x86_64-linux-gnu/libm.so.6\0"),
    (b"worker.py\0app\0srv\0", b"/srv/app/worker.py\0"),
    (
        b"__init__.cpython-313.pyc\0__pycache__\0json\0python3.13\0lib\0usr\0",
        b"/usr/lib/python3.13/json/__pycache__/__init__.cpython-313.pyc\0",
    ),
    (b"resolv.conf\0etc\0", b"/etc/resolv.conf\0"),
    (b"hosts\0etc\0", b"/etc/hosts\0"),
    (b"localtime\0etc\0", b"/etc/localtime\0"),
    (b"cache-17.tmp\0app\0tmp\0", b"/tmp/app/cache-17.tmp\0"),
    (b"settings.json\0config\0app\0srv\0", b"config/settings.json\0"),
];

/// Stages with empty state, in the size that the settings give by default.
pub(crate) fn pipeline() -> Pipeline {
    let context = Context {
        node: "node-1".into(),
        instance: "bench".into(),
        clock: BootClock::with_offset(1_700_000_000_000_000_000),
        capability_last: 40,
        environment: Vec::new(),
    };
    let tree = Tree::new(Limits { processes_max: 65_536, retention_ns: 30_000_000_000 });
    Pipeline::new(context, tree, Store::new(4096), 250_000_000)
}

/// Who owns the control groups, and what happens in them.
pub(crate) fn inputs() -> Vec<Input> {
    let mut inputs: Vec<_> =
        (0..GROUPS).map(|group| Input::Answer { now_ns: 1, answer: answer(group) }).collect();
    let mut clock = Clock(1_000_000_000);
    for group in 0..GROUPS {
        let (shell, time_ns) = (shell(group), clock.next());
        inputs.push(record(
            time_ns,
            exec(header(Class::ProcessExec, group, shell, time_ns), 0, TaskRef::default()),
        ));
    }
    for number in 0..PROCESSES {
        program(number, &mut clock, &mut inputs);
    }
    inputs
}

struct Clock(u64);

impl Clock {
    fn next(&mut self) -> u64 {
        self.0 += STEP_NS;
        self.0
    }
}

/// A program from its beginning to its end.
fn program(number: u32, clock: &mut Clock, inputs: &mut Vec<Input>) {
    let group = u64::from(number) % GROUPS;
    let start_ns = clock.next();
    let (task, parent) = (TaskRef { start_ns, pid: 10_000 + number, tid: 10_000 + number }, shell(group));
    let mut add = |class: Class, make: &mut dyn FnMut(RecordHeader) -> Vec<u8>| {
        let time_ns = clock.next();
        inputs.push(record(time_ns, make(header(class, group, task, time_ns))));
    };
    add(Class::ProcessFork, &mut |header| {
        finish(ForkRecord { header, parent, creator: parent, ..ForkRecord::default() }.as_bytes(), &[])
    });
    add(Class::ProcessExec, &mut |header| exec(header, number as usize, parent));
    for file in 0..OPENS {
        let suspicious = number % SUSPICIOUS == 7 && file == 9;
        let shadow: (&[u8], &[u8]) = (b"shadow\0etc\0", b"/etc/shadow\0");
        let file = if suspicious { shadow } else { FILES[(file + number as usize) % FILES.len()] };
        add(Class::FileOpen, &mut |header| open(header, file));
    }
    for end in 0..CONNECTS {
        add(Class::NetConnect, &mut |header| connect(header, u64::from(number) * CONNECTS + end));
    }
    add(Class::ProcessExit, &mut |header| {
        finish(ExitRecord { header, parent, ..ExitRecord::default() }.as_bytes(), &[])
    });
}

fn shell(group: u64) -> TaskRef {
    let pid = 100 + u32::try_from(group).unwrap_or(0);
    TaskRef { start_ns: 500_000_000, pid, tid: pid }
}

fn record(now_ns: u64, bytes: Vec<u8>) -> Input {
    Input::Record { now_ns, bytes: bytes.into() }
}

fn header(class: Class, group: u64, process: TaskRef, time_ns: u64) -> RecordHeader {
    RecordHeader {
        version: ABI_VERSION,
        class: class as u16,
        sequence: 1,
        time_ns,
        cgroup: 1_000 + group,
        process,
        ..RecordHeader::default()
    }
}

fn file() -> FileIdentity {
    FileIdentity { inode: 4711, device: 8 << 20 | 1, mode: 0o100_644, links: 1, ..FileIdentity::default() }
}

fn exec(header: RecordHeader, number: usize, parent: TaskRef) -> Vec<u8> {
    let (executable, arguments) = PROGRAMS[number % PROGRAMS.len()];
    let command = arguments.split(|byte| *byte == 0).next().unwrap_or_default();
    let container_pid = header.process.pid;
    let record = ExecRecord {
        header,
        parent,
        file: file(),
        container_pid,
        argument_count: 2,
        ..ExecRecord::default()
    };
    let tails: [(Tail, &[u8]); 5] = [
        (Tail::Executable, executable),
        (Tail::Directory, b"app\0srv\0"),
        (Tail::Arguments, arguments),
        (Tail::Environment, b"PATH=/usr/bin:/bin\0HOME=/root\0"),
        (Tail::Command, &[command, b"\0"].concat()),
    ];
    finish(record.as_bytes(), &tails)
}

fn open(header: RecordHeader, (path, text): (&[u8], &[u8])) -> Vec<u8> {
    let record = FileRecord { header, file: file(), call: Call::Openat as u32, ..FileRecord::default() };
    let base: &[u8] = if text.starts_with(b"/") { b"" } else { b"app\0srv\0" };
    let tails = [(Tail::Path, path), (Tail::PathText, text), (Tail::Base, base)];
    finish(record.as_bytes(), if base.is_empty() { &tails[..2] } else { &tails })
}

fn connect(header: RecordHeader, number: u64) -> Vec<u8> {
    let low = u8::try_from(number % 200).unwrap_or(0);
    let record = NetRecord {
        header,
        socket: 1_000_000 + number,
        local: address(Ipv4Addr::new(10, 42, 0, low).into(), 40_000),
        remote: address(
            Ipv4Addr::new(10, 96, 0, low).into(),
            if number.is_multiple_of(2) { 53 } else { 443 },
        ),
        family: 2,
        kind: 1,
        protocol: 6,
        phase: Phase::Established as u16,
        call: Call::Connect as u32,
        ..NetRecord::default()
    };
    finish(record.as_bytes(), &[])
}

/// Three of four groups are containers of pods.
fn answer(group: u64) -> Answer {
    let cgroup = 1_000 + group;
    if group.is_multiple_of(4) {
        return Answer { cgroup, path: format!("/system.slice/unit-{group}.service"), identity: None };
    }
    let id = format!("{group:064x}");
    let pod = Pod {
        namespace: "shop".into(),
        name: format!("worker-{group}"),
        uid: format!("0f7a6a3c-5a63-4a3c-9d2c-{group:012x}"),
        ..Pod::default()
    };
    let container = Container {
        id: id.clone(),
        name: "main".into(),
        image: "registry.example/team/worker:v1".into(),
        pod: Some(pod),
        ..Container::default()
    };
    let path = format!("/kubepods/besteffort/pod{group:032x}/{id}");
    Answer { cgroup, path, identity: Some(Arc::new(Known::new(container, None))) }
}
