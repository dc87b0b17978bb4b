//! Cryptomining: evidence that adds up, by container and by lineage within it.

mod evidence;
mod flows;
mod load;
mod relay;
mod words;

pub(super) use words::is_kernel_thread;

use sensor_common::class::Class;

use self::evidence::{Kind, Lineage, Verdict};
use self::flows::{Flow, Flows};
use self::load::History;
use self::relay::Relays;
use super::place::Place;
use super::{About, Behaviour, Bounds, Late, agents, work};
use crate::bounded::{Bounded, Table};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::detect::technique::{MS_TA9039, T1496_001};
use crate::detect::told::hash;
use crate::event::{
    Facts, content::Content, file::Layer, file::layer, operation::FileOperation, wire::flow::Direction,
    wire::protocol::Protocol,
};
use crate::identity::usage::Usage;
use crate::policy::Judged;
use crate::process::{Key, Process};

/// Lineages of a container that are remembered.
const LINEAGES_MAX: usize = 4;
/// Ancestors by which a process is known as one of a lineage.
const ANCESTORS: usize = 2;
/// Device number of registers (`MSR_MAJOR` of `include/uapi/linux/major.h`).
const MSR_MAJOR: u32 = 202;
const MINOR_BITS: u32 = 20;
const S_IFMT: u32 = 0o170_000;
const S_IFCHR: u32 = 0o020_000;
/// `SOCK_STREAM` of `include/linux/net.h`.
const SOCK_STREAM: u16 = 1;
/// Nodes of registers that are remembered.
const NODES_MAX: usize = 256;
/// Containers with something to remember, beside the table's own bound: each takes some kilobytes.
const PLACES_MAX: usize = 2_048;

/// What it can find.
pub(super) static ABOUT: About = About {
    id: "mining",
    name: "Cryptomining",
    severity: Severity::Critical,
    techniques: &[T1496_001, MS_TA9039],
    watches: "First bytes of connections (in segments, behind proxies), names in DNS and TLS, ports, arguments and names of \
              programs, programs that are not of the image, have no file or lost it, processor registers, huge pages, \
              priority and affinity, processor time of containers against their history, and connections that stay open \
              and say little. Each kind has points, counts once in a lineage of processes, and fades with time. 100 \
              points are told as medium, 130 as high, 200 as critical; again only when it rises. What only hides, \
              without mining or load, is not told here.",
    why: "Somebody uses your processors to make money, and whoever could start a miner could start anything else.",
    evidence: "The items with their points, the heaviest first.",
    false_positives: "Software of nodes of a blockchain; volunteer computing; miners that you run yourself.",
    tuning: "An exception for this finding by namespace, label or image; behaviours.usage_interval_s = 0 leaves the \
             processor time out.",
    next: &[
        "Look at the program and its parents in the finding: how did it come there?",
        "Cut the container off (a network policy that denies all), keep it for a look, then delete its pod.",
        "Close the way in: the service, credentials or image through which it was started.",
    ],
};

static ABOUTS: &[&About] = &[&ABOUT, &relay::ABOUT];

/// The detection.
#[derive(Debug)]
pub(super) struct Mining {
    places: Bounded<Place, Vec<Lineage>>,
    /// Whose a control group is that evidence came from.
    owners: Bounded<u64, Place>,
    loads: Bounded<u64, History>,
    flows: Flows,
    /// Programs that are not of the image, by device and inode.
    dropped: Bounded<(u32, u64), Place>,
    /// Nodes of devices of registers that were made, by place and name.
    nodes: Bounded<u64, ()>,
    relays: Relays,
}

/// An item on its way.
struct Found<'a> {
    kind: Kind,
    points: u32,
    text: &'a dyn Fn() -> String,
}

impl Mining {
    /// Nothing remembered.
    pub(super) fn new(bounds: Bounds) -> Self {
        let places = bounds.entries_max.min(PLACES_MAX);
        Self {
            places: Bounded::new(places),
            owners: Bounded::new(bounds.entries_max),
            loads: Bounded::new(bounds.entries_max),
            flows: Flows::new(bounds.entries_max),
            dropped: Bounded::new(bounds.entries_max),
            nodes: Bounded::new(NODES_MAX),
            relays: Relays::new(bounds.entries_max),
        }
    }

    /// Adds an item to the lineage of the event's process, and tells what that comes to.
    fn add(&mut self, scene: &Scene<'_>, item: &Found<'_>, found: &mut dyn FnMut(Finding)) {
        let place = Place::of(scene);
        self.owners.insert(scene.cgroup(), place);
        let now_ns = scene.time_ns();
        let lineage = lineage(self.places.entry(place, Vec::new), scene);
        lineage.add(item.kind, item.points, now_ns, item.text);
        let load = self.loads.peek(&scene.cgroup()).and_then(History::load);
        if let Some(verdict) = lineage.rises(load.as_ref(), now_ns) {
            found(tell(lineage, verdict));
        }
    }

    fn executed(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(process) = scene.process() else { return };
        let program = &process.program;
        let (line, path) = (&program.command_line, program.executable.as_str());
        if let Some((points, argument)) = words::arguments(line.arguments())
            && !work::is_text_tool(program)
        {
            let text = || format!("{path} was given {argument}, as miners are");
            self.add(scene, &Found { kind: Kind::Arguments, points, text: &text }, found);
        }
        if words::hunts_rivals(work::tool(program), line.arguments().skip(1)) {
            let text = || format!("miners of others were looked for to be ended: {}", line.rest());
            self.add(scene, &Found { kind: Kind::Rivals, points: 110, text: &text }, found);
        }
        let loads = matches!(work::tool(program), "modprobe" | "insmod" | "kmod");
        if loads && scene.container().is_some() && line.arguments().skip(1).any(|argument| argument == "msr")
        {
            let text =
                || "the module for registers of the processor was to be loaded, as miners do".to_owned();
            self.add(scene, &Found { kind: Kind::Registers, points: 201, text: &text }, found);
        }
        let by_kernel = process.parent.is_none_or(|parent| parent.pid == 2);
        let name = line.first();
        if !by_kernel && is_kernel_thread(name) {
            let text = || format!("{path} calls itself {name}, like a thread of the kernel");
            self.add(scene, &Found { kind: Kind::Imitates, points: 50, text: &text }, found);
        }
        if words::is_miner(work::name(program)) || words::is_miner(line.command()) {
            let text = || format!("{path} has the name of a mining program");
            self.add(scene, &Found { kind: Kind::Program, points: 60, text: &text }, found);
        }
        if scene.container().is_some() {
            self.origin(scene, process, found);
        }
    }

    /// Where the program of a container came from.
    fn origin(&mut self, scene: &Scene<'_>, process: &Process, found: &mut dyn FnMut(Finding)) {
        let (program, path) = (&process.program, process.program.executable.as_str());
        if program.memfd {
            // A runtime copies itself so before it starts a container's own program.
            if !work::is_runtime(scene) {
                let text = || format!("{path} has no file: it was written into memory and started there");
                self.add(scene, &Found { kind: Kind::Fileless, points: 55, text: &text }, found);
            }
            return;
        }
        let file = &program.file;
        if file.inode == 0 || !is_dropped(scene, process) || work::builds(scene) {
            return;
        }
        let place = Place::of(scene);
        self.dropped.insert((file.device, file.inode), place);
        let text = || format!("{path} is not of the image: it was written after the container's start");
        self.add(scene, &Found { kind: Kind::Dropped, points: 50, text: &text }, found);
        if file.links == 0 {
            let text = || format!("the file of {path} was deleted before it was started");
            self.add(scene, &Found { kind: Kind::Deleted, points: 50, text: &text }, found);
        }
    }

    fn said(&mut self, scene: &Scene<'_>, content: &Content<'_>, found: &mut dyn FnMut(Finding)) {
        if let Some(message) = &content.message {
            // Who is asked, or answers, does it for others.
            let own = message.response == (content.direction == Direction::Received);
            let named = message.questions.iter().find_map(|question| {
                words::pool_name(&question.name).map(|points| (points, question.name.as_str()))
            });
            let Some((points, name)) = named.filter(|_| own) else { return };
            if scene.process().is_some_and(|process| work::is_resolver(&process.program)) {
                return;
            }
            let text = || format!("the name of a mining pool was looked up: {name}");
            self.add(scene, &Found { kind: Kind::Name, points, text: &text }, found);
            return;
        }
        let with = || scene.remote().map_or_else(|| "the other end".to_owned(), |(ip, port)| end(ip, port));
        let recognised = content.recognised.as_ref();
        let protocol = recognised.map(|recognised| recognised.protocol);
        self.flows.spoke(content.socket.record.socket, protocol);
        let Some(recognised) = recognised else { return };
        if recognised.protocol == Protocol::Stratum {
            let says = recognised.detail.as_deref().unwrap_or_default();
            let text = || format!("the protocol of miners and pools was spoken with {}: {says}", with());
            self.add(scene, &Found { kind: Kind::Protocol, points: 200, text: &text }, found);
        }
        if let Some(name) = recognised.server_name.as_deref()
            && let Some(points) = words::pool_name(name)
        {
            let spoken = recognised.protocol;
            let text =
                || format!("{name}, by its name a mining pool, was asked for at {} ({spoken})", with());
            self.add(scene, &Found { kind: Kind::Name, points, text: &text }, found);
        }
    }

    fn scheduled(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Facts::Call(call) = &scene.given.event.facts else { return };
        let record = &call.record;
        let path = || scene.process().map_or_else(String::new, |process| process.program.executable.clone());
        match flows::scheduling(record) {
            Some(flows::Scheduling::Idle { how, lowest }) => {
                let points = if lowest { 45 } else { 30 };
                lineage(self.places.entry(Place::of(scene), Vec::new), scene).lowest |= lowest;
                let text = || format!("{} runs only when nobody else wants the processor ({how})", path());
                self.add(scene, &Found { kind: Kind::Idle, points, text: &text }, found);
            }
            Some(flows::Scheduling::Bound(mask)) => self.bound(scene, mask, &path, found),
            None => {}
        }
    }

    /// A thread was bound to a single processor; it counts from the second processor on.
    fn bound(
        &mut self,
        scene: &Scene<'_>,
        mask: u64,
        path: &dyn Fn() -> String,
        found: &mut dyn FnMut(Finding),
    ) {
        let place = Place::of(scene);
        let lineage = lineage(self.places.entry(place, Vec::new), scene);
        lineage.processors |= mask;
        let processors = lineage.processors.count_ones();
        if processors < 2 {
            return;
        }
        let text = || format!("threads of {} are bound to {processors} processors, each to one", path());
        self.add(scene, &Found { kind: Kind::Pinned, points: 25, text: &text }, found);
    }

    fn opened(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Facts::File(operation) = &scene.given.event.facts else { return };
        // An attempt says enough, whatever it was for.
        if !operation.is_written() && operation.record.error == 0 {
            return;
        }
        let made = || self.nodes.peek(&named(scene, operation)).is_some();
        if !(is_register(scene) || !self.nodes.is_empty() && made()) || agents::is_agents_work(scene) {
            return;
        }
        let mut path = String::new();
        operation.paths(scene.given.event.incomplete, &mut path, &mut String::new());
        let text = || format!("registers of the processor were opened, as miners do to tune it: {path}");
        self.add(scene, &Found { kind: Kind::Registers, points: 201, text: &text }, found);
    }

    /// A node of a device was made: of registers, whatever its name.
    fn made(&mut self, scene: &Scene<'_>) {
        let Facts::File(operation) = &scene.given.event.facts else { return };
        if operation.record.rdev >> MINOR_BITS == MSR_MAJOR && operation.record.mode & S_IFMT == S_IFCHR {
            self.nodes.insert(named(scene, operation), ());
        }
    }

    fn unlinked(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Facts::File(operation) = &scene.given.event.facts else { return };
        let file = &operation.record.file;
        if operation.record.error != 0
            || self.dropped.peek(&(file.device, file.inode)) != Some(&Place::of(scene))
        {
            return;
        }
        let mut path = String::new();
        operation.paths(scene.given.event.incomplete, &mut path, &mut String::new());
        let place = Place::of(scene);
        let program = (file.device, file.inode);
        let Some(lineages) = self.places.get_mut(&place) else { return };
        let Some(lineage) = lineages.iter_mut().find(|lineage| lineage.is_of(&[], Some(program))) else {
            return;
        };
        let now_ns = scene.time_ns();
        lineage.add(Kind::Deleted, 50, now_ns, || {
            format!("the file of {path} was deleted after it was started")
        });
        let load = self.loads.peek(&scene.cgroup()).and_then(History::load);
        if let Some(verdict) = lineage.rises(load.as_ref(), now_ns) {
            found(tell(lineage, verdict));
        }
    }

    fn written(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Facts::Call(call) = &scene.given.event.facts else { return };
        let leaf = call.path.map_or(call.name, |path| path.first());
        if scene.container().is_some() && contains(leaf, b"hugepages") {
            let text = || "huge pages of memory were made from within the container".to_owned();
            self.add(scene, &Found { kind: Kind::Pages, points: 8, text: &text }, found);
        }
    }

    fn connected(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(record) = scene.socket() else { return };
        let Some(remote) = scene.remote().filter(|_| record.kind == SOCK_STREAM) else { return };
        let points = words::pool_port(remote.0, remote.1);
        let flow = Flow::new(scene, remote, Place::of(scene), points);
        if let Some(flow) = self.flows.connected(record, flow) {
            self.silent(scene, &flow, "it failed", found);
        }
    }

    /// A connection to a port of pools ended, or failed, and nothing else is known of it.
    fn silent(&mut self, scene: &Scene<'_>, flow: &Flow, how: &str, found: &mut dyn FnMut(Finding)) {
        let Some(points) = flow.port_points() else { return };
        let text = || format!("a connection to {}, a port of mining pools, was made; {how}", flow.end());
        self.add(scene, &Found { kind: Kind::Port, points, text: &text }, found);
    }

    fn closed(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(record) = scene.socket() else { return };
        let foreign = scene.process().is_some_and(|process| !work::is_of_image(&process.program));
        if foreign && scene.container().is_some() && !work::builds(scene) {
            self.relays.closed(scene, record, found);
        }
        let Some(flow) = self.flows.closed(record.socket, scene.time_ns()) else { return };
        self.silent(scene, &flow, "nothing that is known was said", found);
        let Some(thin) = flow.is_thin(record, scene.time_ns()) else { return };
        let text = || format!("a connection to {} {thin}", flow.end());
        self.add(scene, &Found { kind: Kind::Flow, points: 9, text: &text }, found);
    }

    /// What came of a connection without an event of its own.
    fn late(&mut self, flow: &Flow, item: &Found<'_>, now_ns: u64, found: &mut dyn FnMut(Late)) {
        let lineages = self.places.entry(flow.place, Vec::new);
        let lineage = of(lineages, &flow.chain(), None, now_ns);
        // Who computes is of more interest than who is connected.
        if lineage.process.is_none() {
            (lineage.cgroup, lineage.process) = (flow.cgroup, Some(flow.process));
            lineage.path = "a program".into();
        }
        let process = lineage.process;
        lineage.add(item.kind, item.points, now_ns, item.text);
        self.owners.insert(flow.cgroup, flow.place);
        let load = self.loads.peek(&flow.cgroup).and_then(History::load);
        if let Some(verdict) = lineage.rises(load.as_ref(), now_ns) {
            let finding = tell(lineage, verdict);
            found(Late { cgroup: flow.cgroup, process, finding });
        }
    }
}

impl Mining {
    /// Connections of lineages that compute as only miners do.
    fn modest(&self, now_ns: u64) -> Vec<Flow> {
        let mut flows = Vec::new();
        for (place, lineages) in self.places.iter() {
            let modest = lineages.iter().filter(|lineage| lineage.is_modest() && !lineage.has(Kind::Flow));
            flows.extend(modest.filter_map(|lineage| {
                self.flows.of(*place, now_ns, |flow| lineage.is_of(&flow.chain(), None))
            }));
        }
        flows
    }
}

impl Behaviour for Mining {
    fn about(&self) -> &'static [&'static About] {
        ABOUTS
    }

    fn wanted(&self) -> Judged {
        const BOTH: [Class; 6] = [
            Class::ProcessExec,
            Class::NetConnect,
            Class::NetClose,
            Class::NetPayload,
            Class::NetDns,
            Class::Scheduling,
        ];
        const INSIDE: [Class; 4] =
            [Class::FileOpen, Class::FileUnlink, Class::FileMknod, Class::ControlWrite];
        let bits = |classes: &[Class]| classes.iter().fold(0, |bits, class| bits | class.bit());
        Judged { containers: bits(&BOTH) | bits(&INSIDE), host: bits(&BOTH), names: false }
    }

    fn could_open(&self, scene: &Scene<'_>) -> bool {
        is_register(scene)
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        match scene.class() {
            Class::ProcessExec => self.executed(scene, found),
            Class::NetPayload | Class::NetDns => {
                if let Facts::Content(content) = &scene.given.event.facts {
                    self.said(scene, content, found);
                }
            }
            Class::NetConnect => self.connected(scene, found),
            Class::NetClose => self.closed(scene, found),
            Class::Scheduling => self.scheduled(scene, found),
            Class::FileOpen => self.opened(scene, found),
            Class::FileUnlink => self.unlinked(scene, found),
            Class::FileMknod => self.made(scene),
            Class::ControlWrite => self.written(scene, found),
            _ => {}
        }
    }

    fn tick(&mut self, now_ns: u64, found: &mut dyn FnMut(Late)) {
        for flow in self.flows.silent(now_ns) {
            let Some(points) = flow.port_points() else { continue };
            let text = || {
                format!("a connection to {}, a port of mining pools, says nothing that is known", flow.end())
            };
            self.late(&flow, &Found { kind: Kind::Port, points, text: &text }, now_ns, found);
        }
        for flow in self.modest(now_ns) {
            let text = || {
                format!(
                    "it keeps, or kept just before, a connection to {} while it computes with what is left",
                    flow.end()
                )
            };
            self.late(&flow, &Found { kind: Kind::Flow, points: 70, text: &text }, now_ns, found);
        }
        for flow in self.flows.long(now_ns) {
            let text = || format!("a connection to {} stays open for minutes", flow.end());
            self.late(&flow, &Found { kind: Kind::Flow, points: 9, text: &text }, now_ns, found);
        }
    }

    fn usage(&mut self, usage: &Usage, found: &mut dyn FnMut(Late)) {
        if self.loads.peek(&usage.cgroup).is_none() {
            self.loads.insert(usage.cgroup, History::new(*usage));
            return;
        }
        let Some(history) = self.loads.get_mut(&usage.cgroup) else { return };
        if !history.take(usage) {
            return;
        }
        let Some(place) = self.owners.peek(&usage.cgroup) else { return };
        let (Some(load), Some(lineages)) = (history.load(), self.places.get_mut(place)) else { return };
        for lineage in lineages.iter_mut().filter(|lineage| lineage.cgroup == usage.cgroup) {
            if let Some(verdict) = lineage.rises(Some(&load), usage.time_ns) {
                let finding = tell(lineage, verdict);
                found(Late { cgroup: usage.cgroup, process: lineage.process, finding });
            }
        }
    }

    fn removed(&mut self, cgroup: u64) {
        // What a container did stays: who may remove a control group within it would make it forgotten.
        self.loads.remove(&cgroup);
        self.owners.remove(&cgroup);
    }

    fn table(&self) -> Table {
        let tables = [self.owners.table(), self.loads.table(), self.flows.table(), self.dropped.table()];
        let tables = tables.into_iter().chain([self.nodes.table(), self.relays.table()]);
        tables.fold(self.places.table(), Table::and)
    }
}

/// The finding of a lineage.
fn tell(lineage: &Lineage, verdict: Verdict) -> Finding {
    let path = &lineage.path;
    let summary = match verdict.severity {
        Severity::Critical => format!("{path} mines cryptocurrency."),
        Severity::High => {
            format!("{path} very probably mines cryptocurrency: {} signs of it.", verdict.kinds)
        }
        _ => format!("{path} behaves as a miner of cryptocurrency does: {} signs of it.", verdict.kinds),
    };
    let evidence = verdict.evidence;
    Finding { evidence, ..ABOUT.finding(verdict.severity, verdict.confidence, summary) }
}

/// The lineage of the event's process, which becomes its latest member.
fn lineage<'a>(lineages: &'a mut Vec<Lineage>, scene: &Scene<'_>) -> &'a mut Lineage {
    let process = scene.process();
    let file = process.map(|process| &process.program.file).filter(|file| file.inode != 0);
    let program = file.map(|file| (file.device, file.inode));
    // The container's first process is everybody's ancestor.
    let above = scene.lineage().filter(|process| process.container_pid != 1).take(ANCESTORS);
    let chain: Vec<Key> = std::iter::once(scene.key()).chain(above.map(|process| process.key)).collect();
    let lineage = of(lineages, &chain, program, scene.time_ns());
    (lineage.cgroup, lineage.process) = (scene.cgroup(), Some(scene.key()));
    if let Some(process) = process {
        let path =
            if process.program.executable.is_empty() { "a program" } else { &process.program.executable };
        if *lineage.path != *path {
            lineage.path = path.into();
        }
    }
    lineage
}

/// The lineage that a chain of processes belongs to; if there is none it takes the place of the one that says least.
fn of<'a>(
    lineages: &'a mut Vec<Lineage>,
    chain: &[Key],
    program: Option<(u32, u64)>,
    now_ns: u64,
) -> &'a mut Lineage {
    let index = lineages.iter().position(|lineage| lineage.is_of(chain, program)).unwrap_or_else(|| {
        let least = || {
            let points = lineages.iter().map(|lineage| lineage.points(now_ns)).enumerate();
            points.min_by(|(_, one), (_, other)| one.total_cmp(other)).map_or(0, |(index, _)| index)
        };
        if lineages.len() >= LINEAGES_MAX { least() } else { lineages.len() }
    });
    if let Some(known) = lineages.get_mut(index) {
        if !known.is_of(chain, program) {
            *known = Lineage::default();
        }
    } else {
        lineages.push(Lineage::default());
    }
    // It is there: it was found, or was pushed.
    let lineage = &mut lineages[index];
    lineage.join(chain, program);
    lineage
}

/// Whether a program came into the container after its start.
fn is_dropped(scene: &Scene<'_>, process: &Process) -> bool {
    let file = &process.program.file;
    match layer(file) {
        Some(layer) => layer == Layer::Upper,
        None => {
            let started = scene.container().and_then(|known| known.container.details.started_ns);
            let changed = i64::try_from(file.changed_ns).unwrap_or(i64::MAX);
            crate::event::file::is_temporary(file) || started.is_some_and(|started| changed > started)
        }
    }
}

/// Registers of the processor as files (`/dev/cpu/*/msr`), and the switch that lets them be written.
fn is_register(scene: &Scene<'_>) -> bool {
    let Facts::File(operation) = &scene.given.event.facts else { return false };
    let Some(path) = operation.path else { return operation.path_text.ends_with(b"/msr") };
    let mut names = crate::event::text::Strings(path.0).iter();
    matches!(
        (names.next(), names.next(), names.next()),
        (Some(b"msr"), Some(_), Some(b"cpu")) | (Some(b"allow_writes"), Some(b"parameters"), Some(b"msr"))
    )
}

/// Name of a file in its container.
fn named(scene: &Scene<'_>, operation: &FileOperation<'_>) -> u64 {
    let mut path = String::new();
    operation.paths(scene.given.event.incomplete, &mut path, &mut String::new());
    hash((Place::of(scene), path))
}

fn end(ip: std::net::IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(ip, port).to_string()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests;
