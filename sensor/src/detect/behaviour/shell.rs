//! Reverse and bind shells, by what a shell is connected to, however it came there.

mod about;
mod streams;

use sensor_common::{
    class::Class,
    record::network::{Facts as NetFacts, Phase},
};

use self::about::SHELL;
use self::streams::{Connection, End, Held, Way, ends};
use super::distinct::hash;
use super::{About, Behaviour, Bounds, hand};
use crate::bounded::{Bounded, Table};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::event::{
    Facts,
    file::StreamKind,
    network::{self, SocketOperation},
    process::Exec,
};
use crate::policy::Judged;
use crate::process::{Key, Process};

/// Ancestors whose streams a program may have got.
const LEVELS: usize = 6;
/// A program that carries what a shell says has just begun, and so has its connection.
const YOUNG_NS: u64 = 120_000_000_000;
/// Programs that a process starts with its socket for their output, from which it counts as a shell.
const COMMANDS: usize = 2;
/// The same of a script or dropped program that has a connection and runs one shell command after the other.
const REMOTE_COMMANDS: usize = 3;
/// `AF_INET` and `AF_INET6`
const INTERNET: [u16; 2] = [2, 10];

/// The behaviour.
#[derive(Debug)]
pub(super) struct Shell {
    held: Bounded<Key, Held>,
    /// Who reads from, and who writes to, a pipe: by its inode in a container.
    readers: Bounded<(u64, u64), Key>,
    writers: Bounded<(u64, u64), Key>,
}

/// What it can find.
static ALL: [&About; 1] = [&SHELL];

impl Shell {
    pub(super) fn new(bounds: Bounds) -> Self {
        let most = bounds.entries_max;
        Self { held: Bounded::new(most), readers: Bounded::new(most), writers: Bounded::new(most) }
    }

    fn began(&mut self, scene: &Scene<'_>, exec: &Exec<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(process) = scene.process() else { return };
        let [input, output] = ends(&exec.record);
        self.keep(scene, [input, output]);
        if hand::is_entered(scene) && self.inherited(scene).is_none() || is_served(scene) {
            return;
        }
        if let Some(finding) = self.connected(scene, process, [input, output]) {
            found(finding);
        } else if let Some(finding) = self.joined(scene, scene.key()) {
            found(finding);
        } else if let Some(finding) = self.commanded(scene, process, output) {
            found(finding);
        }
    }

    /// Remembers the streams of a program that is one of several that belong together.
    fn keep(&mut self, scene: &Scene<'_>, [input, output]: [End; 2]) {
        let (key, cgroup) = (scene.key(), scene.cgroup());
        let is_of_interest =
            |end: End| matches!(end.kind, StreamKind::Pipe | StreamKind::Socket | StreamKind::Terminal);
        if !is_of_interest(input) && !is_of_interest(output) {
            if let Some(held) = self.held.get_mut(&key) {
                held.streams = Some([input, output]);
            }
            return;
        }
        self.held.entry(key, Held::default).streams = Some([input, output]);
        if input.kind == StreamKind::Pipe {
            *self.readers.entry((cgroup, input.inode), || key) = key;
        }
        if output.kind == StreamKind::Pipe {
            *self.writers.entry((cgroup, output.inode), || key) = key;
        }
    }

    /// The connection that is input and output of the process, or of the nearest ancestor of which it is.
    fn inherited(&self, scene: &Scene<'_>) -> Option<(Key, Connection)> {
        let keys =
            std::iter::once(scene.key()).chain(scene.lineage().take(LEVELS).map(|process| process.key));
        keys.filter_map(|key| Some((key, *self.held.peek(&key)?.both()?))).next()
    }

    /// A shell whose input and output are a connection, or lead to one through a terminal or pipes of an ancestor.
    fn connected(
        &mut self,
        scene: &Scene<'_>,
        process: &Process,
        [input, output]: [End; 2],
    ) -> Option<Finding> {
        let (holder, connection) = self.inherited(scene)?;
        let direct = input.kind == StreamKind::Socket && output.kind == StreamKind::Socket;
        let through = matches!(input.kind, StreamKind::Terminal | StreamKind::Pipe) && holder != scene.key();
        let shell = hand::is_shell(process);
        let dropped = hand::is_dropped(process) || process.program.memfd;
        // Who answers calls (a server of scripts) hands the connection to a command, not to a bare shell.
        let suspicious = match (direct, through) {
            (true, _) => {
                shell && (is_bare(process) || connection.way == Way::Out)
                    || dropped && connection.way == Way::Out
            }
            (false, true) => shell && is_bare(process),
            _ => false,
        };
        if !suspicious || !self.untold(holder) {
            return None;
        }
        let how = match input.kind {
            StreamKind::Terminal => "through a terminal that was made for it",
            StreamKind::Pipe => "through pipes",
            _ => "directly",
        };
        let mut finding = finding(scene, &connection, if shell { 0.97 } else { 0.8 });
        let who = scene.given.tree.get(holder);
        finding.evidence.push(format!("{} has it for standard input and output.", hand::told(who, holder)));
        finding
            .evidence
            .push(format!("{} is connected with it {how}.", hand::told(Some(process), scene.key())));
        Some(finding)
    }

    /// Two programs joined by pipes, of which one is a bare shell and the other has a connection.
    fn joined(&mut self, scene: &Scene<'_>, key: Key) -> Option<Finding> {
        let cgroup = scene.cgroup();
        let [input, output] = self.held.peek(&key)?.streams?;
        let shell_at = |this: &Self, end: End, table: &Bounded<(u64, u64), Key>| {
            let other = *table.peek(&(cgroup, end.inode)).filter(|_| end.kind == StreamKind::Pipe)?;
            this.bare_shell(scene, other).then_some(other)
        };
        // This one is the shell, or next to it.
        let shell = if self.bare_shell(scene, key) {
            key
        } else {
            shell_at(self, input, &self.writers).or_else(|| shell_at(self, output, &self.readers))?
        };
        let [from, to] = self.held.peek(&shell)?.streams?;
        let other = |end: End, table: &Bounded<(u64, u64), Key>| {
            table
                .peek(&(cgroup, end.inode))
                .copied()
                .filter(|other| end.kind == StreamKind::Pipe && *other != shell)
        };
        let reader = other(to, &self.readers)?;
        let reads = self.held.peek(&reader)?;
        let feeds = other(from, &self.writers).and_then(|feeder| self.held.peek(&feeder));
        let connection = reads.connection.or_else(|| feeds.and_then(|held| held.connection))?;
        // What the other end says comes back to the shell: by the same program, another one with a connection, or a
        // named pipe.
        let back =
            reads.streams.is_some_and(|[_, out]| out.inode == from.inode || out.kind == StreamKind::Pipe)
                || feeds.is_some_and(|held| held.connection.is_some());
        if !back || !self.untold(shell) {
            return None;
        }
        let mut finding = finding(scene, &connection, 0.95);
        let tree = scene.given.tree;
        finding.evidence.push(format!(
            "Pipes join {} with {}, which has the connection.",
            hand::told(tree.get(shell), shell),
            hand::told(tree.get(reader), reader)
        ));
        Some(finding)
    }

    /// A program that is a shell by what it does: its children write into the socket that is its own input, or a script
    /// with a connection runs command after command.
    fn commanded(&mut self, scene: &Scene<'_>, process: &Process, output: End) -> Option<Finding> {
        let parent = scene.lineage().next()?;
        let key = parent.key;
        let own = self.held.peek(&scene.key()).and_then(|held| held.streams);
        let held = self.held.get_mut(&key)?;
        let same = held.both().is_some()
            || held.is_on_socket() && held.streams.is_some_and(|[input, _]| input.inode == output.inode);
        let by_socket = same && output.kind == StreamKind::Socket;
        let connection = held.both().copied().or(held.connection);
        let remote = connection.is_some_and(|connection| connection.way == Way::Out);
        let relay = remote
            && is_loose(parent)
            && hand::is_shell(process)
            && !is_bare(process)
            && !hand::is_building(scene);
        let bare_relay = is_carried(
            scene,
            process,
            parent,
            connection.as_ref(),
            own.filter(|own| held.streams != Some(*own)),
        );
        if !by_socket && !relay && !bare_relay {
            return None;
        }
        // Commands of one line of a server are many, too; those who type give one after the other.
        let served = by_socket && !remote && !is_bare(parent);
        let count = held.command(hash(process.program.command_line.whole()));
        let enough =
            bare_relay || by_socket && count >= COMMANDS && !served || relay && count >= REMOTE_COMMANDS;
        if !enough || !self.untold(key) {
            return None;
        }
        let unknown = Connection {
            ip: std::net::Ipv4Addr::UNSPECIFIED.into(),
            port: 0,
            way: Way::In,
            at_ns: scene.time_ns(),
        };
        let mut finding = finding(scene, &connection.unwrap_or(unknown), if bare_relay { 0.9 } else { 0.8 });
        if connection.is_none() {
            finding.severity = Severity::High;
            finding.evidence.clear();
        }
        finding.evidence.push(format!(
            "{} starts programs for whoever is at the other end; the latest is {}.",
            hand::told(Some(parent), key),
            hand::told(Some(process), scene.key())
        ));
        Some(finding)
    }

    /// A socket of the internet became a standard stream.
    fn taken(&mut self, scene: &Scene<'_>, socket: &SocketOperation<'_>, found: &mut dyn FnMut(Finding)) {
        let record = &socket.record;
        let Some((ip, port)) = network::end(&record.remote).filter(|_| INTERNET.contains(&record.family))
        else {
            return;
        };
        let way = if record.facts & NetFacts::ACCEPTED != 0 { Way::In } else { Way::Out };
        let connection = Connection { ip, port, way, at_ns: scene.time_ns() };
        let held = self.held.entry(scene.key(), Held::default);
        let mask = held
            .taken
            .filter(|(_, before)| (before.ip, before.port) == (ip, port))
            .map_or(0, |(mask, _)| mask);
        held.taken = Some((mask | 1 << record.descriptor.min(2), connection));
        let shell = scene.process().filter(|process| hand::is_shell(process));
        if held.both().is_none() || is_served(scene) {
            return;
        }
        // A shell that has just been forked runs a command: what that is shows when it begins.
        if let Some(process) = shell
            && process.exec_ns != 0
            && self.untold(scene.key())
        {
            let mut finding = finding(scene, &connection, 0.95);
            let who = hand::told(Some(process), scene.key());
            finding.evidence.push(format!("{who}, a shell, made it its own standard input and output."));
            found(finding);
        }
    }

    /// A process has a connection now.
    fn reached(&mut self, scene: &Scene<'_>, way: Way, found: &mut dyn FnMut(Finding)) {
        let Some(socket) = scene.socket().filter(|record| INTERNET.contains(&record.family)) else { return };
        let end =
            if way == Way::Listening { network::end(&socket.local) } else { network::end(&socket.remote) };
        let Some((ip, port)) = end.filter(|(ip, _)| way == Way::Listening || !ip.is_unspecified()) else {
            return;
        };
        let connection = Connection { ip, port, way, at_ns: scene.time_ns() };
        self.held.entry(scene.key(), Held::default).connection = Some(connection);
        if let Some(finding) = self.joined(scene, scene.key())
            && !is_served(scene)
        {
            found(finding);
        }
    }

    fn bare_shell(&self, scene: &Scene<'_>, key: Key) -> bool {
        scene.given.tree.get(key).is_some_and(|process| hand::is_shell(process) && is_bare(process))
            && self.held.peek(&key).is_some_and(|held| {
                held.streams.is_some_and(|[input, output]| {
                    [input, output].iter().all(|end| end.kind == StreamKind::Pipe)
                })
            })
    }

    /// True once for each process.
    fn untold(&mut self, key: Key) -> bool {
        !std::mem::replace(&mut self.held.entry(key, Held::default).told, true)
    }
}

/// A shell without a script or a command.
fn is_bare(process: &Process) -> bool {
    let line = &process.program.command_line;
    let mut words = line.arguments().skip(1).peekable();
    if matches!(hand::leaf(line.first()), "busybox" | "toybox") {
        words.next();
    }
    words.all(|word| {
        word.starts_with(['-', '+']) && !word.trim_start_matches('-').contains('c')
            || word.starts_with("--no")
    })
}

/// A bare shell behind pipes, a terminal or other sockets of a program that has a connection, and that was brought in or
/// has just begun.
fn is_carried(
    scene: &Scene<'_>,
    process: &Process,
    parent: &Process,
    connection: Option<&Connection>,
    streams: Option<[End; 2]>,
) -> bool {
    let now_ns = scene.time_ns();
    let young = |since_ns: u64| now_ns.saturating_sub(since_ns) < YOUNG_NS;
    let carried =
        |end: &End| matches!(end.kind, StreamKind::Pipe | StreamKind::Socket | StreamKind::Terminal);
    hand::is_shell(process)
        && is_bare(process)
        && !hand::is_shell(parent)
        && streams.is_some_and(|ends| ends.iter().all(carried))
        && connection.is_some_and(|connection| {
            is_loose(parent) || young(connection.at_ns) && young(parent.program.since_ns)
        })
        && !hand::is_building(scene)
}

/// A program that is not the container's own service: not of the image, in memory, or a script on a command line.
fn is_loose(process: &Process) -> bool {
    let inline =
        || process.program.command_line.arguments().skip(1).any(|word| matches!(word, "-c" | "-e" | "-r"));
    hand::is_dropped(process)
        || process.program.memfd
        || hand::is_interpreter(process) && inline()
        || matches!(hand::name(process), "gawk" | "awk" | "nc" | "ncat" | "socat" | "telnet" | "openssl")
}

/// A server of the image gives the program to those who log in.
fn is_served(scene: &Scene<'_>) -> bool {
    let is_server = |process: &Process| hand::is_login_server(process);
    scene.process().is_some_and(is_server) || scene.lineage().take(LEVELS).any(is_server)
}

fn finding(scene: &Scene<'_>, connection: &Connection, confidence: f64) -> Finding {
    let kind = match connection.way {
        Way::Out => "Reverse shell",
        Way::In | Way::Listening => "Bind shell",
    };
    let whom = if connection.port == 0 { "a socket".to_owned() } else { connection.text() };
    let summary = format!("{kind}: somebody at the other end of {whom} uses a shell in this container.");
    let mut finding = SHELL.finding(Severity::Critical, confidence, summary);
    let age = scene.time_ns().saturating_sub(connection.at_ns) / 1_000_000_000;
    finding.evidence.push(format!("There is {whom}, since {age} seconds."));
    finding
}

impl Behaviour for Shell {
    fn about(&self) -> &'static [&'static About] {
        &ALL
    }

    fn wanted(&self) -> Judged {
        let classes =
            [Class::ProcessExec, Class::ProcessExit, Class::NetConnect, Class::NetListen, Class::NetStdio];
        Judged { containers: classes.iter().fold(0, |bits, class| bits | class.bit()), host: 0, names: false }
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        if scene.container().is_none() {
            return;
        }
        match (&scene.given.event.facts, scene.class()) {
            (Facts::Exec(exec), _) => self.began(scene, exec, found),
            (Facts::Socket(socket), Class::NetStdio) => self.taken(scene, socket, found),
            (Facts::Socket(socket), Class::NetConnect) if socket.record.phase != Phase::Failed as u16 => {
                self.reached(scene, Way::Out, found);
            }
            (Facts::Socket(socket), Class::NetListen) if socket.record.error == 0 => {
                self.reached(scene, Way::Listening, found);
            }
            (Facts::Exit(_), _) => drop(self.held.remove(&scene.key())),
            _ => {}
        }
    }

    fn table(&self) -> Table {
        self.held.table().and(self.readers.table()).and(self.writers.table())
    }
}

#[cfg(test)]
mod tests;
