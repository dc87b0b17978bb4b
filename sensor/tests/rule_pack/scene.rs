//! Events from a line of text, with the processes and the container around them.
//!
//! A line is a system call (or `exec`, `payload_sent`, `recvfrom`, `dns`, `setting`) and what is said of it, as
//! `name=value` or `name="a value"`; a name alone stands for yes. Unless it says otherwise, the process is `/bin/sh`
//! of the image, neither the container's first nor that one's child, in the pod `default/web`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use sensor::detect::context::{Given, Names};
use sensor::event::{
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
use sensor::identity::{
    container::{Container, Pod},
    store::{Known, Owner, Store},
};
use sensor::process::{
    Program, Running, Standing, TICK_NS,
    command_line::CommandLine,
    tree::{Limits, Tree},
};
use sensor_common::{
    call::Call,
    class::Class,
    header::TaskRef,
    record::{
        file::{Facts as FileFacts, FileRecord},
        network::{Address, Facts as NetFacts, NetRecord, Phase},
        privilege::{CallRecord, Facts as CallFacts},
        process::{Capabilities, ExecFacts, ExecRecord, FileFlags, FileIdentity, Ids, Stdio},
    },
};

const OWN: u32 = 100;
const PARENT: u32 = 90;
const GRANDPARENT: u32 = 80;
const TARGET: u32 = 70;
const OVERLAY: u64 = 0x794c_7630;
const TMPFS: u64 = 0x0102_1994;
const EXT4: u64 = 0xef53;
/// What Docker gives a container.
const USUAL_CAPABILITIES: &str = "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW \
                                  SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP";

/// A line of text, taken apart.
#[derive(Debug)]
pub(crate) struct Line {
    verb: String,
    said: BTreeMap<String, String>,
}

impl Line {
    pub(crate) fn parse(text: &str) -> Self {
        let mut words = words(text).into_iter();
        let verb = words.next().expect("a line names a call");
        let said = words.map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (word, "yes".to_owned()),
        });
        Self { verb, said: said.collect() }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.said.get(name).map(String::as_str)
    }

    fn or<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        self.get(name).unwrap_or(otherwise)
    }

    fn has(&self, name: &str) -> bool {
        self.said.contains_key(name)
    }

    fn number(&self, name: &str, otherwise: i64) -> i64 {
        self.get(name).map_or(otherwise, |text| {
            let (digits, base) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
            i64::from_str_radix(digits, base).unwrap_or_else(|_| panic!("{name}={text} is no number"))
        })
    }

    fn result(&self) -> i64 {
        match self.get("err") {
            None => self.number("res", 0),
            Some("EPERM") => -1,
            Some("ENOENT") => -2,
            Some("EACCES") => -13,
            Some("EROFS") => -30,
            Some("ECONNREFUSED") => -111,
            Some(other) => panic!("err={other} is not known here"),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in text.trim().chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            letter => word.push(letter),
        }
    }
    words.push(word);
    words
}

/// Address of each name is itself: rules that compare names of an address are shown what the line says.
#[derive(Debug)]
struct Named(Option<String>);

impl Names for Named {
    fn any(&self, _: IpAddr, see: &mut dyn FnMut(&str) -> bool) -> bool {
        self.0.as_deref().is_some_and(see)
    }
}

/// Shows what a line says, as the pipeline would.
pub(crate) fn with<T>(text: &str, judge: impl FnOnce(Given<'_>) -> T) -> T {
    let line = Line::parse(text);
    let (class, facts) = facts(&line);
    let event = Event {
        class,
        cpu: 0,
        sequence: 1,
        time_ns: 1_000 * TICK_NS,
        cgroup: 1,
        process: TaskRef { start_ns: u64::from(OWN) * TICK_NS, pid: OWN, tid: OWN },
        incomplete: 0,
        facts,
    };
    let tree = tree(&line);
    let [own, other] = [owner(&line, line.or("in", "container")), owner(&line, line.or("target_in", "host"))];
    let outside = line.or("parent", "inside") == "outside" || line.or("in", "container") == "host";
    let parent_owner = if outside { Owner::Host { unit: None } } else { own.clone() };
    let names = Named(line.get("name").map(str::to_owned));
    let target = line.has("target").then(|| tree.by_pid(TARGET)).flatten();
    judge(Given {
        event: &event,
        tree: &tree,
        identity: &Store::new(1),
        owner: Some(&own),
        ids_before: None,
        other: target,
        other_owner: target.map(|_| &other),
        parent_owner: Some(&parent_owner),
        node: "node",
        host_users: None,
        wall_ns: 1_700_000_000_000_000_000,
        names: &names,
    })
}

fn owner(line: &Line, which: &str) -> Owner {
    if which == "host" {
        return Owner::Host { unit: None };
    }
    let pod = Pod {
        namespace: line.or("ns", "default").to_owned(),
        name: "web".to_owned(),
        uid: if which == "other" { "2" } else { "1" }.to_owned(),
        ..Pod::default()
    };
    let id = if which == "container" { "a" } else { "b" }.repeat(64);
    let container = Container {
        id,
        name: "web".to_owned(),
        image: line.or("image", "registry.example/web:1").to_owned(),
        pod: Some(pod),
        privileged: Some(line.has("privileged")),
        ..Container::default()
    };
    Owner::Container(Arc::new(Known::new(container, None)))
}

fn tree(line: &Line) -> Tree {
    let mut tree = Tree::new(Limits { processes_max: 16, retention_ns: u64::MAX });
    let container_pid = number(line.number("vpid", 20));
    let own = Running {
        container_pid,
        ids: ids(line),
        standing: Standing {
            capabilities: Some(capabilities(line)),
            terminal: if line.has("tty") { 136 << 20 } else { 0 },
            ..Standing::default()
        },
        program: program(line, "exe", "/bin/sh"),
        ..process(OWN, PARENT)
    };
    let parent = Running {
        container_pid: number(line.number("pvpid", 7)),
        program: program(line, "pexe", "/app/server"),
        ..process(PARENT, GRANDPARENT)
    };
    let grandparent =
        Running { container_pid: 1, program: program(line, "gexe", "/app/init"), ..process(GRANDPARENT, 0) };
    let target = Running { program: program(line, "target", "/app/other"), ..process(TARGET, 0) };
    tree.snapshot(vec![own, parent, grandparent, target]);
    tree
}

fn process(pid: u32, parent_pid: u32) -> Running {
    Running {
        pid,
        start_ticks: pid.into(),
        parent_pid,
        cgroup: Some((1, String::new())),
        ..Running::default()
    }
}

fn ids(line: &Line) -> Ids {
    let uid = number(line.number("uid", 0));
    Ids { uid, gid: uid, euid: number(line.number("euid", uid.into())), egid: uid }
}

fn capabilities(line: &Line) -> Capabilities {
    let number = |name: &str| (0..64).find(|bit| sensor::event::capability::known(*bit) == Some(name));
    let set = line
        .or("caps", USUAL_CAPABILITIES)
        .split_whitespace()
        .map(|name| 1_u64 << number(name).unwrap_or_else(|| panic!("{name} is no capability")))
        .fold(0, |set, bit| set | bit);
    Capabilities { permitted: set, effective: set, bounding: set, ..Capabilities::default() }
}

/// Of `exe`, `pexe`, …; what else is said of it has that name before it, but for the process itself.
fn program(line: &Line, which: &str, otherwise: &str) -> Program {
    let path = line.or(which, otherwise);
    let say = |what: &str| {
        let name = if which == "exe" { what.to_owned() } else { format!("{which}_{what}") };
        line.get(&name).map(str::to_owned)
    };
    let leaf = path.rsplit('/').next().unwrap_or_default();
    let command: String = say("comm").unwrap_or_else(|| leaf.to_owned()).chars().take(15).collect();
    let first = say("arg0").unwrap_or_else(|| path.to_owned());
    let rest = say("args").unwrap_or_default();
    let arguments = std::iter::once(first.as_str()).chain(rest.split(' ').filter(|word| !word.is_empty()));
    Program {
        executable: path.to_owned(),
        command_line: CommandLine::new(&command, arguments),
        directory: "/".to_owned(),
        file: executed(line, path, say("layer").as_deref()),
        memfd: path.starts_with("memfd:"),
        ..Program::default()
    }
}

fn executed(line: &Line, path: &str, layer: Option<&str>) -> FileIdentity {
    let of_host = line.or("in", "container") == "host";
    let (filesystem, flags) = match layer {
        _ if path.starts_with("memfd:") => (TMPFS, FileFlags::DETACHED),
        Some("upper") => (OVERLAY, FileFlags::OVERLAY_UPPER),
        Some("none") => (EXT4, 0),
        None if of_host => (EXT4, 0),
        _ => (OVERLAY, 0),
    };
    let links = u32::from(!line.has("unlinked"));
    let bits = if line.has("setuid") { 0o4000 } else { 0 };
    FileIdentity { inode: 7, filesystem, flags, mode: 0o100_755 | bits, links, ..FileIdentity::default() }
}

/// A file that something is done to.
fn file(line: &Line) -> FileIdentity {
    if line.has("unreached") {
        return FileIdentity::default();
    }
    let (filesystem, flags) = match line.or("fs", "upper") {
        "upper" => (OVERLAY, FileFlags::OVERLAY_UPPER),
        "lower" => (OVERLAY, 0),
        "ext4" => (EXT4, 0),
        "tmpfs" => (TMPFS, 0),
        "proc" => (0x9fa0, 0),
        "sysfs" => (0x6265_6572, 0),
        "cgroup" => (0x27_e0eb, 0),
        other => panic!("fs={other} is not known here"),
    };
    let inode = u64::try_from(line.number("inode", 9)).unwrap();
    FileIdentity { inode, filesystem, flags, mode: kind(line), links: 1, ..FileIdentity::default() }
}

fn kind(line: &Line) -> u32 {
    match line.or("kind", "file") {
        "file" => 0o100_000,
        "block" => 0o060_000,
        "character" => 0o020_000,
        "directory" => 0o040_000,
        other => panic!("kind={other} is not known here"),
    }
}

fn number(number: i64) -> u32 {
    u32::try_from(number).expect("a number of the kernel")
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

fn text(line: &Line, name: &str) -> &'static [u8] {
    line.get(name).map_or(&[], |text| text.as_bytes().to_vec().leak())
}

fn facts(line: &Line) -> (Class, Facts<'static>) {
    let call = Call::ALL.iter().find(|call| call.name() == line.verb).copied();
    let number = call.map_or(0, |call| call as u32);
    let class = class(line);
    let facts = match class {
        Class::ProcessExec => Facts::Exec(exec(line)),
        Class::NetPayload | Class::NetDns => Facts::Content(content(line)),
        _ => match class.family() {
            sensor_common::class::Family::File => Facts::File(operation(line, class, number)),
            sensor_common::class::Family::Network => Facts::Socket(socket(line, number)),
            _ => Facts::Call(privileged(line, class, number)),
        },
    };
    (class, facts)
}

fn class(line: &Line) -> Class {
    match line.verb.as_str() {
        "exec" => Class::ProcessExec,
        "open" | "openat" | "openat2" | "creat" => Class::FileOpen,
        "rename" | "renameat" | "renameat2" => Class::FileRename,
        "unlink" | "unlinkat" => Class::FileUnlink,
        "link" | "linkat" => Class::FileLink,
        "symlink" | "symlinkat" => Class::FileSymlink,
        "chmod" | "fchmod" | "fchmodat" => Class::FileMode,
        "setxattr" | "fsetxattr" => Class::FileXattr,
        "mknod" | "mknodat" => Class::FileMknod,
        "truncate" => Class::FileTruncate,
        "socket" => Class::NetSocket,
        "connect" | "connect_attempt" => Class::NetConnect,
        "listen" => Class::NetListen,
        "sendto" => Class::NetDatagram,
        "dup" | "dup2" | "dup3" => Class::NetStdio,
        "payload_sent" | "recvfrom" => Class::NetPayload,
        "dns" => Class::NetDns,
        "unshare" => Class::Unshare,
        "setns" => Class::Setns,
        "mount" | "fsopen" | "fsconfig" | "fsmount" | "move_mount" | "open_tree" => Class::Mount,
        "pivot_root" => Class::PivotRoot,
        "chroot" => Class::Chroot,
        "ptrace" => Class::Ptrace,
        "process_vm_readv" | "process_vm_writev" => Class::ProcessMemory,
        "pidfd_getfd" => Class::PidfdGetfd,
        "kill" | "tgkill" | "pidfd_send_signal" => Class::Signal,
        "init_module" | "finit_module" | "kexec_load" => Class::ModuleLoad,
        "bpf" => Class::Bpf,
        "userfaultfd" => Class::Userfaultfd,
        "open_by_handle_at" => Class::OpenByHandle,
        "splice" => Class::Splice,
        "setting" => Class::ControlWrite,
        other => panic!("`{other}` is no event of these tests"),
    }
}

fn exec(line: &Line) -> Exec<'static> {
    let stdio = |name: &str| Stdio {
        inode: 5,
        mode: match line.or(name, "null") {
            "null" => 0o020_666,
            "socket" => 0o140_777,
            "pipe" => 0o010_600,
            other => panic!("{name}={other} is not known here"),
        },
        rdev: if line.or(name, "null") == "null" { 1 << 20 | 3 } else { 0 },
    };
    let mut record = ExecRecord {
        ids: ids(line),
        capabilities: capabilities(line),
        file: executed(line, line.or("exe", "/bin/sh"), line.get("layer")),
        stdio: [stdio("stdin"), stdio("stdout"), stdio("stderr")],
        container_pid: number(line.number("vpid", 20)),
        facts: if line.has("by_kernel") { ExecFacts::BY_KERNEL } else { 0 },
        ..ExecRecord::default()
    };
    record.namespaces.user = 1;
    let environment = line.get("env").map_or_else(Vec::new, |variable| [variable.as_bytes(), b"\0"].concat());
    Exec { environment: Strings(environment.leak()), ..Exec::bare(record) }
}

fn operation(line: &Line, class: Class, call: u32) -> FileOperation<'static> {
    let flags = match line.or("for", "read") {
        "read" => 0,
        "write" => 0o1,
        "cut" => 0o1001,
        other => panic!("for={other} is not known here"),
    };
    let permissions = u32::from_str_radix(line.or("mode", "0"), 8).expect("mode is octal");
    let record = FileRecord {
        file: if class == Class::FileMknod { FileIdentity::default() } else { file(line) },
        error: i32::try_from(line.result().min(0)).unwrap(),
        flags,
        mode: if class == Class::FileMknod { kind(line) } else { permissions },
        facts: if line.has("created") { FileFacts::CREATED } else { 0 },
        call,
        ..FileRecord::default()
    };
    let resolved = |name: &str| line.get(name).filter(|_| !line.has("unreached")).map(components);
    let asked = if line.has("asked") { "asked" } else { "path" };
    FileOperation {
        record,
        path: resolved("path"),
        new_path: resolved("to"),
        path_text: text(line, asked),
        new_path_text: text(line, "to"),
        base: None,
        new_base: None,
        name: text(line, "attribute"),
    }
}

fn address(text: &str) -> Address {
    let (ip, port) = text.rsplit_once(':').expect("address:port");
    let ip: IpAddr = ip.trim_matches(['[', ']']).parse().expect("an address");
    let ip = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    Address { ip: ip.octets(), port: port.parse().expect("a port"), known: 1, scope: 0 }
}

fn socket(line: &Line, call: u32) -> SocketOperation<'static> {
    let remote = line.get("to").map(address);
    let (family, kind, protocol) = match (line.get("family"), line.has("unix")) {
        (Some("packet"), _) => (17, 3, 0x300),
        (Some("netfilter"), _) => (16, 3, 12),
        (Some(other), _) => panic!("family={other} is not known here"),
        (None, true) => (1, 1, 0),
        (None, false) => {
            let v4 = remote.is_none_or(|remote| Ipv6Addr::from(remote.ip).to_ipv4_mapped().is_some());
            (if v4 { 2 } else { 10 }, 1, 6)
        }
    };
    let failed = line.result() < 0;
    let record = NetRecord {
        local: address(line.or("at", "10.1.1.1:40000")),
        remote: remote.unwrap_or_default(),
        family,
        kind,
        protocol,
        phase: match line.verb.as_str() {
            "connect_attempt" => Phase::Attempt,
            "payload_sent" => Phase::Sent,
            "recvfrom" => Phase::Received,
            _ if failed => Phase::Failed,
            _ => Phase::Established,
        } as u16,
        error: i32::try_from(line.result().min(0)).unwrap(),
        facts: if line.has("server") { NetFacts::ACCEPTED } else { 0 },
        descriptor: number(line.number("fd", 0)),
        call,
        ..NetRecord::default()
    };
    SocketOperation { record, name: text(line, "unix"), path: line.get("unix").map(components), payload: &[] }
}

fn content(line: &Line) -> Content<'static> {
    let protocols = [Protocol::Stratum, Protocol::Tls, Protocol::Http1, Protocol::Ssh, Protocol::Redis];
    let recognised = line.get("protocol").map(|name| Recognised {
        protocol: protocols.into_iter().find(|protocol| protocol.name() == name).expect("a protocol"),
        server_name: line.get("server_name").map(str::to_owned),
        detail: line.get("detail").map(str::to_owned),
    });
    let message = line.get("query").map(|name| Message {
        id: 1,
        response: false,
        opcode: 0,
        rcode: 0,
        truncated: false,
        questions: vec![Question { name: name.to_owned(), kind: RecordType(1), class: 1 }],
        answers: Vec::new(),
        question_count: 1,
        answer_count: 0,
        end: End::Whole,
    });
    let direction = if line.verb == "recvfrom" { Direction::Received } else { Direction::Sent };
    Content { socket: socket(line, 0), direction, data: Vec::new(), cut: false, recognised, message }
}

fn privileged(line: &Line, class: Class, call: u32) -> PrivilegedCall<'static> {
    let flags = u64::try_from(line.number("flags", 0)).unwrap();
    let mut arguments = [0; 6];
    match line.verb.as_str() {
        "unshare" => arguments[0] = flags,
        "setns" => arguments[1] = flags,
        "mount" => arguments[3] = flags,
        "ptrace" | "bpf" => arguments[0] = u64::try_from(line.number("request", 0)).unwrap(),
        _ => {}
    }
    let mut record = CallRecord {
        arguments,
        result: line.result(),
        file: if line.has("path") || line.has("inode") { file(line) } else { FileIdentity::default() },
        number: number(line.number("number", 0)),
        detail: u64::try_from(line.number("detail", 0)).unwrap(),
        call: if class == Class::ControlWrite { Call::Write as u32 } else { call },
        facts: CallFacts::NUMBERS,
        ..CallRecord::default()
    };
    // What was entered by a descriptor of a namespace is that namespace.
    record.namespaces.mnt = number(line.number("mnt", 0));
    record.namespaces.net = number(line.number("net", 0));
    let (first, second) = match class {
        Class::Mount => ("dev", "path"),
        Class::Chroot | Class::PivotRoot => ("", "path"),
        _ => ("path", ""),
    };
    PrivilegedCall {
        record,
        path: line.get(first).filter(|_| class != Class::Mount).map(components),
        new_path: line.get(second).map(components),
        path_text: text(line, first),
        new_path_text: text(line, second),
        base: None,
        name: text(line, if class == Class::ControlWrite { "setting" } else { "attribute" }),
        filesystem: text(line, "type"),
        value: text(line, "value"),
    }
}
