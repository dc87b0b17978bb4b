//! Values of made events, in a small world: systemd, a shell in a container, and a program of it.

mod any;
mod files;
mod programs;
mod sockets;
mod systems;

use std::net::Ipv4Addr;
use std::sync::Arc;

use sensor_common::{
    ABI_VERSION,
    class::Class,
    header::{RecordHeader, TaskRef},
    record::{
        file::FileRecord,
        network::{Address, NetRecord},
        privilege::CallRecord,
        process::{Capabilities, ExecRecord, FileFlags, FileIdentity, ForkRecord, Ids},
    },
    tail::{Tail, TailHeader},
};
use zerocopy::{FromBytes as _, Immutable, IntoBytes};

use super::*;
use crate::detect::field::{self, Argument, Takes};
use crate::event::{Facts as EventFacts, decode::decode};
use crate::identity::{
    container::{Container, Pod, Runtime},
    details::{Details, Mount},
    users::Bounds,
};
use crate::process::tree::Limits;

const SECOND: u64 = 1_000_000_000;
/// 2026-01-31T12:00:00Z
const WALL: i64 = 1_769_860_800_000_000_000;
const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OVERLAY: u64 = 0x794c_7630;
const TMPFS: u64 = 0x0102_1994;

const INIT: TaskRef = task(1, 1);
const SHELL: TaskRef = task(100, 10);
const PROGRAM: TaskRef = task(101, 20);

const fn task(pid: u32, start_s: u64) -> TaskRef {
    TaskRef { start_ns: start_s * SECOND, pid, tid: pid }
}

/// A record of a class, 25 seconds after the start of the machine.
fn record<T: IntoBytes + Immutable + ?Sized>(class: Class, fixed: &T, tails: &[(Tail, &[u8])]) -> Vec<u8> {
    let mut bytes = fixed.as_bytes().to_vec();
    for (kind, value) in tails {
        let length = u32::try_from(value.len()).unwrap();
        bytes.extend(TailHeader { kind: *kind as u16, reserved: 0, length }.as_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    let (mut header, _) = RecordHeader::read_from_prefix(&bytes).unwrap();
    header.version = ABI_VERSION;
    header.class = class as u16;
    header.length = u32::try_from(bytes.len()).unwrap();
    header.sequence = 7;
    header.cpu = 3;
    header.time_ns = if header.time_ns == 0 { 25 * SECOND } else { header.time_ns };
    if header.process.pid == 0 {
        header.process = PROGRAM;
    }
    bytes[..size_of::<RecordHeader>()].copy_from_slice(header.as_bytes());
    bytes
}

/// Program and what it is told of.
struct Begun<'a> {
    process: TaskRef,
    parent: TaskRef,
    container_pid: u32,
    command: &'a [u8],
    executable: &'a [u8],
    arguments: &'a [u8],
    file: FileIdentity,
}

fn begun(of: &Begun<'_>) -> Vec<u8> {
    let mut fixed = ExecRecord {
        parent: of.parent,
        ids: Ids { uid: 33, gid: 33, euid: 33, egid: 33 },
        capabilities: Capabilities { permitted: 1 << 21 | 1, effective: 1, ..Capabilities::default() },
        container_pid: of.container_pid,
        session: 100,
        process_group: of.process.pid,
        terminal: 136 << 20 | 1,
        login_uid: 1000,
        modified_ns: 1_700_000_000_000_000_000,
        file: of.file,
        ..ExecRecord::default()
    };
    fixed.header.process = of.process;
    fixed.header.time_ns = of.process.start_ns + SECOND;
    fixed.stdio[0].mode = 0o010_600;
    record(
        Class::ProcessExec,
        &fixed,
        &[
            (Tail::Executable, of.executable),
            (Tail::Directory, b"shm\0dev\0"),
            (Tail::Arguments, of.arguments),
            (Tail::Environment, b"HTTP_PROXY=http://x\0LANG=C\0"),
            (Tail::Command, of.command),
            (Tail::Cgroup, b"pod\0kubepods\0"),
        ],
    )
}

fn program() -> Vec<u8> {
    begun(&Begun {
        process: PROGRAM,
        parent: SHELL,
        container_pid: 7,
        command: b"python3\0",
        executable: b"python3.11\0bin\0usr\0",
        arguments: b"/usr/bin/python3\0-m\0http server\0",
        file: FileIdentity {
            inode: 4711,
            changed_ns: u64::try_from(WALL).unwrap() - 10 * SECOND,
            filesystem: OVERLAY,
            mode: 0o100_755,
            uid: 33,
            flags: FileFlags::OVERLAY_UPPER,
            ..FileIdentity::default()
        },
    })
}

/// Everything that is known beside an event.
struct World {
    tree: Tree,
    owner: Option<Owner>,
    users: Users,
}

impl World {
    fn new() -> Self {
        let tree = Tree::new(Limits { processes_max: 100, retention_ns: 100 * SECOND });
        let users = Users::parse(b"root:x:0:0::/root:/bin/sh\nada:x:1000:1000\n", b"", Bounds::HOST);
        let mut world = Self { tree, owner: Some(Owner::Container(container())), users };
        let plain = FileIdentity { filesystem: 0xef53, mode: 0o100_755, ..FileIdentity::default() };
        let shell = Begun {
            process: SHELL,
            parent: INIT,
            container_pid: 1,
            command: b"bash\0",
            executable: b"bash\0bin\0",
            arguments: b"-bash\0",
            file: plain,
        };
        let init = Begun {
            process: INIT,
            parent: TaskRef::default(),
            command: b"systemd\0",
            executable: b"systemd\0lib\0",
            arguments: b"/sbin/init\0splash\0",
            ..shell
        };
        world.take_in(&begun(&init));
        world.take_in(&begun(&shell));
        world.take_in(&program());
        world
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let event = decode(bytes).unwrap();
        let creator = match &event.facts {
            EventFacts::Exec(exec) => {
                let parent = exec.record.parent;
                let mut fork = ForkRecord { parent, creator: parent, ..ForkRecord::default() };
                fork.header.process = event.process;
                record(Class::ProcessFork, &fork, &[])
            }
            _ => return,
        };
        let forked = decode(&creator).unwrap();
        if let EventFacts::Fork(fork) = &forked.facts {
            self.tree.fork(&forked, fork);
        }
        if let EventFacts::Exec(exec) = &event.facts {
            self.tree.exec(&event, exec);
        }
    }

    fn with<R>(&self, bytes: &[u8], look: impl FnOnce(&Context<'_>) -> R) -> R {
        let event = decode(bytes).unwrap();
        let store = Store::new(1);
        let context = Context::new(Given {
            event: &event,
            tree: &self.tree,
            identity: &store,
            owner: self.owner.as_ref(),
            ids_before: None,
            other: self.tree.get(SHELL.into()),
            other_owner: self.owner.as_ref(),
            parent_owner: self.owner.as_ref(),
            node: "node-1",
            host_users: Some(&self.users),
            wall_ns: WALL,
            names: &Resolved,
        });
        look(&context)
    }

    /// Value of a field as text; `None` where it has none.
    fn value(&self, bytes: &[u8], name: &str) -> Option<String> {
        let field = parse(name);
        self.with(bytes, |context| context.value(&field, &mut b"rest of another".to_vec()).map(shown))
    }

    /// Every value that a comparison would be shown.
    fn values(&self, bytes: &[u8], name: &str) -> Vec<String> {
        let (field, mut seen) = (parse(name), Vec::new());
        self.with(bytes, |context| {
            context.any(&field, &mut Vec::new(), &mut |value| {
                seen.push(shown(value));
                false
            })
        });
        seen
    }

    /// Checks many fields of an event; `-` stands for no value.
    #[track_caller]
    fn check(&self, bytes: &[u8], expected: &[(&str, &str)]) {
        for (name, value) in expected {
            assert_eq!(self.value(bytes, name).as_deref().unwrap_or("-"), *value, "{name}");
        }
    }
}

/// One address has a name.
#[derive(Debug)]
struct Resolved;

impl Names for Resolved {
    fn any(&self, address: IpAddr, see: &mut dyn FnMut(&str) -> bool) -> bool {
        address == IpAddr::from([192, 0, 2, 1]) && (see("api.example") || see("www.example"))
    }
}

fn container() -> Arc<Known> {
    let mount = |source: &str, destination: &str| Mount {
        source: source.to_owned(),
        destination: destination.to_owned(),
        writable: true,
        propagation: "rprivate".to_owned(),
        ..Mount::default()
    };
    let users = Users::parse(b"web:x:33:33::/srv:/bin/false\n", b"webs:x:33:\n", Bounds::CONTAINER);
    let details = Details {
        started_ns: Some(WALL - 5_000_000_000),
        mounts: Some(Arc::new([mount("/etc", "/host/etc"), mount("/data", "/data")].into_iter().collect())),
        users: Some(Arc::new(users)),
        ..Details::default()
    };
    Arc::new(Known::new(
        Container {
            id: ID.to_owned(),
            name: "main".to_owned(),
            image: "registry.example:5000/team/web:1.2@sha256:ab".to_owned(),
            image_digest: "sha256:ab".to_owned(),
            runtime: Some(Runtime::Containerd),
            privileged: Some(true),
            details,
            pod: Some(Pod {
                namespace: "shop".to_owned(),
                name: "web-1".to_owned(),
                uid: "u-1".to_owned(),
                labels: [("app".to_owned(), "web".to_owned())].into(),
                ..Pod::default()
            }),
            ..Container::default()
        },
        None,
    ))
}

fn address(ip: [u8; 4], port: u16) -> Address {
    Address { ip: Ipv4Addr::from(ip).to_ipv6_mapped().octets(), port, known: 1, scope: 0 }
}

fn parse(text: &str) -> Field {
    let (name, argument) = match text.split_once('[') {
        None => (text, Argument::None),
        Some((name, rest)) => {
            let inside = rest.trim_end_matches(']');
            let id = field::find(name).unwrap_or_else(|| panic!("no field {name}"));
            let takes = field::DEFINITIONS[usize::from(id)].takes;
            let argument = match (takes, inside.parse()) {
                (Takes::Index | Takes::OptionalIndex, Ok(number)) => Argument::Index(number),
                _ => Argument::Key(inside.into()),
            };
            (name, argument)
        }
    };
    Field { id: field::find(name).unwrap_or_else(|| panic!("no field {name}")), argument }
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Address(address) => address.to_string(),
        Value::Addresses(both) => format!("{:?}", both.map(|end| end.map(|end| end.to_string()))),
        Value::Ports(both) => format!("{both:?}"),
    }
}
