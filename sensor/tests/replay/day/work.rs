//! What a program does: the records of its calls, one after the other.

use sensor_common::{
    call::Call,
    class::Class,
    record::{
        file::{Facts as FileFacts, FileRecord},
        network::{NetRecord, Phase},
        privilege::{CallRecord, Facts as CallFacts},
        process::Namespaces,
    },
    tail::Tail,
};
use zerocopy::IntoBytes as _;

use super::node::{How, Node, Process, file, ip, walked};
use crate::records::{address, finish};

/// Between two calls.
const STEP_NS: u64 = 400_000;
const REGULAR: u32 = 0o100_644;
const WRITE_ONLY: u32 = 0o1;
const CREATE: u32 = 0o100;
const TRUNCATE: u32 = 0o1000;
/// `PTRACE_ATTACH`, `PTRACE_SEIZE` of `include/uapi/linux/ptrace.h`.
pub(crate) const SEIZE: u64 = 0x4206;

/// A program at work.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) node: &'a mut Node,
    pub(crate) process: Process,
    pub(crate) at: u64,
}

impl Work<'_> {
    fn next(&mut self) -> u64 {
        self.at += STEP_NS;
        self.at
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, time_ns: u64) -> &mut Self {
        self.at += time_ns;
        self
    }

    /// A child runs a program to its end.
    pub(crate) fn run(&mut self, words: &[&str]) -> &mut Self {
        self.run_as(words, How::default(), |_| {})
    }

    /// The same, and does something.
    pub(crate) fn run_and(&mut self, words: &[&str], does: impl FnOnce(&mut Work<'_>)) -> &mut Self {
        self.run_as(words, How::default(), does)
    }

    pub(crate) fn run_as(&mut self, words: &[&str], how: How, does: impl FnOnce(&mut Work<'_>)) -> &mut Self {
        let begin = self.next();
        let process = self.node.child(&self.process, begin);
        let mut work = Work { node: &mut *self.node, process, at: begin + STEP_NS };
        work.node.exec(&work.process, work.at, words, how);
        does(&mut work);
        let end = work.next();
        let child = work.process.clone();
        work.node.exit(&child, end);
        self.at = end;
        self
    }

    /// A child that does something without running a program.
    pub(crate) fn fork_and(&mut self, does: impl FnOnce(&mut Work<'_>)) -> &mut Self {
        let begin = self.next();
        let process = self.node.child(&self.process, begin);
        let mut work = Work { node: &mut *self.node, process, at: begin };
        does(&mut work);
        let end = work.next();
        let child = work.process.clone();
        work.node.exit(&child, end);
        self.at = end;
        self
    }

    /// Opens a file to read it.
    pub(crate) fn read(&mut self, path: &str) -> &mut Self {
        self.file(Class::FileOpen, Call::Openat, path, |_| {})
    }

    /// Makes a file, or writes it anew.
    pub(crate) fn write(&mut self, path: &str) -> &mut Self {
        self.file(Class::FileOpen, Call::Openat, path, |record| {
            record.flags = WRITE_ONLY | CREATE | TRUNCATE;
            record.facts = FileFacts::CREATED;
        })
    }

    /// Opens a device.
    pub(crate) fn device(&mut self, path: &str, mode: u32, number: (u32, u32)) -> &mut Self {
        self.file(Class::FileOpen, Call::Openat, path, |record| {
            record.file.mode = mode;
            record.rdev = number.0 << 20 | number.1;
            record.flags = 2;
        })
    }

    pub(crate) fn chmod(&mut self, path: &str, mode: u32) -> &mut Self {
        self.file(Class::FileMode, Call::Fchmodat, path, |record| record.mode = mode)
    }

    pub(crate) fn remove(&mut self, path: &str) -> &mut Self {
        self.file(Class::FileUnlink, Call::Unlinkat, path, |_| {})
    }

    pub(crate) fn make_node(&mut self, path: &str, mode: u32, number: (u32, u32)) -> &mut Self {
        self.file(Class::FileMknod, Call::Mknodat, path, |record| {
            record.mode = mode;
            record.rdev = number.0 << 20 | number.1;
        })
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> &mut Self {
        let at = self.next();
        let record = FileRecord {
            header: self.node.header(Class::FileRename, &self.process, at),
            file: file(&self.process.place, from, REGULAR, true),
            call: Call::Renameat2 as u32,
            ..FileRecord::default()
        };
        let [from_text, to_text] = [from, to].map(text);
        let tails: [(Tail, &[u8]); 4] = [
            (Tail::Path, &walked(from)),
            (Tail::NewPath, &walked(to)),
            (Tail::PathText, &from_text),
            (Tail::NewPathText, &to_text),
        ];
        self.node.record(at, finish(record.as_bytes(), &tails));
        self
    }

    fn file(
        &mut self,
        class: Class,
        call: Call,
        path: &str,
        change: impl FnOnce(&mut FileRecord),
    ) -> &mut Self {
        let at = self.next();
        let mut record = FileRecord {
            header: self.node.header(class, &self.process, at),
            file: file(&self.process.place, path, REGULAR, class != Class::FileOpen),
            call: call as u32,
            way: path.len() as u64,
            ..FileRecord::default()
        };
        change(&mut record);
        let tails: [(Tail, &[u8]); 2] = [(Tail::Path, &walked(path)), (Tail::PathText, &text(path))];
        self.node.record(at, finish(record.as_bytes(), &tails));
        self
    }

    /// Connects by TCP, and says something if there is something to say.
    pub(crate) fn connect(&mut self, to: &str, says: &[u8]) -> &mut Self {
        let at = self.next();
        let mut record = self.socket(Class::NetConnect, to, at);
        record.phase = Phase::Established as u16;
        record.call = Call::Connect as u32;
        self.node.record(at, finish(record.as_bytes(), &[]));
        self.payload(record, says)
    }

    /// Tries to connect where nobody listens.
    pub(crate) fn refused(&mut self, to: &str) -> &mut Self {
        let at = self.next();
        let mut record = self.socket(Class::NetConnect, to, at);
        (record.phase, record.error, record.call) = (Phase::Failed as u16, -111, Call::Connect as u32);
        self.node.record(at, finish(record.as_bytes(), &[]));
        self
    }

    /// Takes a connection.
    pub(crate) fn accept(&mut self, from: &str, port: u16) -> &mut Self {
        let at = self.next();
        let mut record = self.socket(Class::NetAccept, from, at);
        record.local.port = port;
        record.call = Call::Accept4 as u32;
        self.node.record(at, finish(record.as_bytes(), &[]));
        self
    }

    pub(crate) fn listen(&mut self, port: u16) -> &mut Self {
        let at = self.next();
        let mut record = self.socket(Class::NetListen, "0.0.0.0:0", at);
        record.remote = Default::default();
        record.local.port = port;
        record.call = Call::Listen as u32;
        self.node.record(at, finish(record.as_bytes(), &[]));
        self
    }

    /// A connection becomes a standard stream.
    pub(crate) fn stream(&mut self, descriptor: u32, with: &str) -> &mut Self {
        let at = self.next();
        let mut record = self.socket(Class::NetStdio, with, at);
        (record.descriptor, record.call) = (descriptor, Call::Dup2 as u32);
        self.node.record(at, finish(record.as_bytes(), &[]));
        self
    }

    /// A socket of the file system.
    pub(crate) fn connect_unix(&mut self, path: &str) -> &mut Self {
        let at = self.next();
        let record = NetRecord {
            family: 1,
            kind: 1,
            protocol: 0,
            phase: Phase::Established as u16,
            call: Call::Connect as u32,
            ..NetRecord {
                header: self.node.header(Class::NetConnect, &self.process, at),
                ..NetRecord::default()
            }
        };
        let tails: [(Tail, &[u8]); 2] = [(Tail::SocketName, &text(path)), (Tail::Path, &walked(path))];
        self.node.record(at, finish(record.as_bytes(), &tails));
        self
    }

    /// A raw, packet or netfilter socket.
    pub(crate) fn special(&mut self, family: u16, kind: u16, protocol: u16) -> &mut Self {
        let at = self.next();
        let record = NetRecord {
            header: self.node.header(Class::NetSocket, &self.process, at),
            family,
            kind,
            protocol,
            call: Call::Socket as u32,
            ..NetRecord::default()
        };
        self.node.record(at, finish(record.as_bytes(), &[]));
        self
    }

    /// A first datagram to a peer.
    pub(crate) fn datagram(&mut self, to: &str) -> &mut Self {
        let at = self.next();
        let mut record = self.socket(Class::NetDatagram, to, at);
        (record.kind, record.protocol, record.phase) = (2, 17, Phase::Sent as u16);
        record.call = Call::Sendto as u32;
        self.node.record(at, finish(record.as_bytes(), &[]));
        self
    }

    /// Asks for a name.
    pub(crate) fn asks(&mut self, name: &str, kind: u16) -> &mut Self {
        let at = self.next();
        let mut record = self.socket(Class::NetDns, "10.96.0.10:53", at);
        (record.kind, record.protocol, record.phase) = (2, 17, Phase::Sent as u16);
        let mut message = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap_or(63));
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        self.node.record(at, finish(record.as_bytes(), &[(Tail::Payload, &message)]));
        self
    }

    fn payload(&mut self, of: NetRecord, says: &[u8]) -> &mut Self {
        if says.is_empty() {
            return self;
        }
        let at = self.next();
        let header = self.node.header(Class::NetPayload, &self.process, at);
        let record = NetRecord { header, phase: Phase::Sent as u16, call: 0, ..of };
        self.node.record(at, finish(record.as_bytes(), &[(Tail::Payload, says)]));
        self
    }

    fn socket(&mut self, class: Class, to: &str, at: u64) -> NetRecord {
        let (host, port) = to.rsplit_once(':').expect("address:port");
        let number = self.node.random(20_000);
        let own =
            std::net::Ipv4Addr::new(10, 42, 0, u8::try_from(self.process.place.cgroup % 250).unwrap_or(1));
        NetRecord {
            header: self.node.header(class, &self.process, at),
            socket: at,
            local: address(own.into(), 40_000 + u16::try_from(number).unwrap_or(0)),
            remote: address(ip(host), port.parse().unwrap_or(0)),
            namespace: self.process.place.namespaces.net,
            family: 2,
            kind: 1,
            protocol: 6,
            ..NetRecord::default()
        }
    }

    /// A privileged call.
    pub(crate) fn call(&mut self, class: Class, call: Call, of: Asked<'_>) -> &mut Self {
        let at = self.next();
        let mut record = CallRecord {
            header: self.node.header(class, &self.process, at),
            arguments: of.arguments,
            result: of.result,
            namespaces: of.namespaces.unwrap_or(self.process.place.namespaces),
            number: of.number,
            call: call as u32,
            facts: CallFacts::NUMBERS,
            ..CallRecord::default()
        };
        if let Some(target) = of.target {
            (record.target, record.target_cgroup) = (target.task, target.place.cgroup);
            record.target_namespaces = target.place.namespaces;
            record.facts |= CallFacts::TARGET;
        }
        if !of.path.is_empty() {
            record.file = file(&self.process.place, of.path, REGULAR, false);
        }
        record.file.inode = if of.inode == 0 { record.file.inode } else { of.inode };
        let walks = match class {
            Class::Mount | Class::PivotRoot | Class::Chroot => Tail::NewPath,
            _ => Tail::Path,
        };
        let [path, first, second, name, kind, value] = [
            walked(of.path),
            text(of.first),
            text(of.path),
            text(of.name),
            text(of.filesystem),
            text(of.value),
        ];
        let tails: [(Tail, &[u8]); 6] = [
            (walks, &path),
            (Tail::PathText, if class == Class::Mount { &first } else { &second }),
            (Tail::NewPathText, if class == Class::Mount { &second } else { b"" }),
            (Tail::Name, &name),
            (Tail::Filesystem, &kind),
            (Tail::Value, &value),
        ];
        let tails: Vec<_> = tails.into_iter().filter(|(_, value)| value.len() > 1).collect();
        self.node.record(at, finish(record.as_bytes(), &tails));
        self
    }

    /// A file system is mounted.
    pub(crate) fn mount(&mut self, source: &str, at: &str, filesystem: &str, flags: u64) -> &mut Self {
        let arguments = [0, 0, 0, flags, 0, 0];
        self.call(
            Class::Mount,
            Call::Mount,
            Asked { arguments, path: at, first: source, filesystem, ..Asked::default() },
        )
    }

    /// New namespaces.
    pub(crate) fn unshare(&mut self, flags: u64) -> &mut Self {
        let arguments = [flags, 0, 0, 0, 0, 0];
        self.call(Class::Unshare, Call::Unshare, Asked { arguments, ..Asked::default() })
    }

    /// A network namespace is entered by its file, as CNI plugins do.
    pub(crate) fn enter_network(&mut self, net: u32) -> &mut Self {
        let namespaces = Namespaces { net, ..self.process.place.namespaces };
        let asked = Asked { inode: net.into(), namespaces: Some(namespaces), ..Asked::default() };
        self.call(Class::Setns, Call::Setns, asked)
    }

    /// A setting of the kernel is written.
    pub(crate) fn setting(&mut self, name: &str, value: &str) -> &mut Self {
        let path = format!("/proc/sys/{name}");
        self.file(Class::FileOpen, Call::Openat, &path, |record| record.flags = WRITE_ONLY);
        self.call(Class::ControlWrite, Call::Write, Asked { name, value, ..Asked::default() })
    }

    /// Another process is looked into.
    pub(crate) fn trace(&mut self, target: &Process, request: u64) -> &mut Self {
        let arguments = [request, u64::from(target.task.pid), 0, 0, 0, 0];
        self.call(Class::Ptrace, Call::Ptrace, Asked { arguments, target: Some(target), ..Asked::default() })
    }
}

/// What a privileged call is given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) arguments: [u64; 6],
    pub(crate) result: i64,
    pub(crate) number: u32,
    pub(crate) path: &'a str,
    pub(crate) first: &'a str,
    pub(crate) name: &'a str,
    pub(crate) filesystem: &'a str,
    pub(crate) value: &'a str,
    pub(crate) inode: u64,
    pub(crate) namespaces: Option<Namespaces>,
    pub(crate) target: Option<&'a Process>,
}

/// What the loader of a program opens, and what most programs open at their start.
pub(crate) fn load_libraries(node: &mut Node, process: &Process, at: u64) {
    const FILES: [&str; 8] = [
        "/etc/ld.so.cache",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/usr/lib/x86_64-linux-gnu/libm.so.6",
        "/usr/lib/x86_64-linux-gnu/libselinux.so.1",
        "/usr/lib/locale/locale-archive",
        "/usr/share/zoneinfo/Etc/UTC",
        "/etc/nsswitch.conf",
        "/app/settings.json",
    ];
    let mut work = Work { node, process: process.clone(), at: at + 1 };
    for file in FILES {
        work.at -= STEP_NS - 1_000;
        work.read(file);
    }
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}
