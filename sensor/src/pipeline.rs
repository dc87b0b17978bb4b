//! The stages in order, for one record: decode, process tree, identity, publish, detect.
//!
//! A pure function of its inputs (records, answers, snapshots, the clock's offset): no I/O, no
//! clock of its own, so that a recording of the inputs gives the same events again.

mod detection;
mod incident;
mod own;
mod parked;
mod payload;
pub mod state;
mod tuning;
mod wanted;
mod watched;

use std::sync::Arc;

use prost::Message as _;
use sensor_common::{class::Class, record::process::Ids};

pub use self::detection::Judged;
use self::{detection::Detection, own::Own, parked::Parked, payload::Payloads, watched::Watched};
use crate::clock::BootClock;
use crate::detect::finding::Finding;
use crate::event::{self, Facts, decode::decode, network};
use crate::identity::{
    container::Container,
    peer::{Peer, PeerNews, Peers},
    store::{Answer, Known, Owner, Question, Store},
    users::Users,
};
use crate::policy::{Change, Policy};
use crate::process::{Former, Key, Process, Running, tree::Tree};
use crate::proto;
use crate::stream::{
    encode::{self, Context, Subject},
    frame::EncodedAncestors,
    hub::Published,
};

/// Most ancestors that an event can carry.
pub const ANCESTORS_MAX: usize = 16;

/// Where events and questions go.
pub trait Output {
    /// Whether anybody wants such an event; if not, it is not encoded.
    fn wants(&self, class: proto::Class, container: Option<&Container>) -> bool;
    /// Most ancestors that anybody wants with it.
    fn ancestors_wanted(&self) -> usize;
    /// Hands an event over.
    fn publish(&mut self, published: &Published<'_>);
    /// Hands an event of the agent's own trials over, encoded as subscribers would get it.
    fn canary(&mut self, class: Class, event: &[u8]);
    /// Asks for the identity of a control group.
    fn ask(&mut self, question: Question);
    /// Tells the kernel what is not wanted of it any more.
    fn change(&mut self, change: Change);
}

/// Nobody reads along, and nothing is asked or told: at the start of the agent, and where only the stages count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Output for Nobody {
    fn wants(&self, _class: proto::Class, _container: Option<&Container>) -> bool {
        false
    }
    fn ancestors_wanted(&self) -> usize {
        0
    }
    fn publish(&mut self, _published: &Published<'_>) {}
    fn canary(&mut self, _class: Class, _event: &[u8]) {}
    fn ask(&mut self, _question: Question) {}
    fn change(&mut self, _change: Change) {}
}

/// Records lost since they were last told.
#[derive(Clone, Copy, Debug)]
pub struct LossReport {
    /// Control group.
    pub cgroup: u64,
    /// Class of the records.
    pub class: Class,
    /// Reason.
    pub reason: sensor_common::ledger::LossReason,
    /// How many more.
    pub count: u64,
    /// When it was noticed, in nanoseconds since boot.
    pub time_ns: u64,
}

/// Counters of one class.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClassCount {
    /// Records decoded.
    pub received: u64,
    /// Events that went through every stage.
    pub published: u64,
    /// Events that are not told: the settings do not want them, once all of them was known. Rules may have judged them.
    pub quiet: u64,
    /// Events of the agent's own trials, which are not published.
    pub canary: u64,
}

/// The stages and their state.
#[derive(Debug)]
pub struct Pipeline {
    context: Context,
    tree: Tree,
    identity: Store,
    peers: Peers,
    policy: Arc<Policy>,
    sequence: u64,
    counts: [ClassCount; Class::SLOTS as usize],
    rejected: u64,
    identity_wait_ns: u64,
    parked: Parked,
    unparked: u64,
    own: Own,
    payloads: Payloads,
    detection: Detection,
    buffer: Vec<u8>,
    /// Paths of the event at hand; kept for their room.
    paths: (String, String),
    /// Files whose opens all come: a cache, no part of the state.
    watched: Watched,
    ancestors: EncodedAncestors,
}

impl Pipeline {
    /// Stages with empty state. Records of an unknown control group wait for its identity for at
    /// most `identity_wait_ns` after they were made.
    #[must_use]
    pub fn new(context: Context, tree: Tree, identity: Store, identity_wait_ns: u64) -> Self {
        Self {
            identity_wait_ns,
            parked: Parked::default(),
            unparked: 0,
            own: Own::default(),
            payloads: Payloads::default(),
            detection: Detection::default(),
            context,
            tree,
            identity,
            peers: Peers::new(0),
            policy: Arc::new(Policy::everything()),
            sequence: 0,
            counts: [ClassCount::default(); Class::SLOTS as usize],
            rejected: 0,
            buffer: Vec::new(),
            paths: Default::default(),
            watched: Watched::default(),
            ancestors: EncodedAncestors::default(),
        }
    }

    /// A record of the kernel, read at `now_ns` since boot.
    pub fn record(&mut self, bytes: &[u8], now_ns: u64, output: &mut impl Output) {
        let event = match decode(bytes) {
            Ok(event) => event,
            Err(error) => {
                self.rejected += 1;
                tracing::error!(%error, "a record from the kernel was refused");
                return;
            }
        };
        self.count(event.class, |count| count.received += 1);
        let until_ns = event.time_ns.saturating_add(self.identity_wait_ns);
        let waits =
            self.parked.holds(event.cgroup) || (until_ns > now_ns && self.identity.is_expected(event.cgroup));
        if waits {
            if self.parked.add(event.cgroup, until_ns, bytes) {
                return;
            }
            self.unparked += 1;
        }
        // No room to wait: those of the group that do are older and go first.
        if self.parked.holds(event.cgroup) {
            self.resume(event.cgroup, output);
        }
        if !self.awaits_owner(&event, bytes, output) {
            self.process(&event, output);
        }
    }

    /// Lets go on what waited long enough, whether or not its control group is known by now.
    pub fn release(&mut self, now_ns: u64, output: &mut impl Output) {
        while let Some(cgroup) = self.parked.due(now_ns) {
            self.resume(cgroup, output);
        }
        self.release_payloads(now_ns, output);
    }

    /// True if records wait for an identity or an owner.
    #[must_use]
    pub fn has_parked(&self) -> bool {
        !self.parked.is_empty() || self.payloads.has_waiting()
    }

    fn resume(&mut self, cgroup: u64, output: &mut impl Output) {
        for record in self.parked.take(cgroup) {
            // It was decoded when it came.
            if let Ok(event) = decode(&record)
                && !self.awaits_owner(&event, &record, output)
            {
                self.process(&event, output);
            }
        }
    }

    fn process(&mut self, event: &event::Event<'_>, output: &mut impl Output) {
        let own = self.own.made(event);
        let mut before = Before::default();
        // The second end of a process is none, and first bytes are what is told of them.
        let mut is_news = !matches!(event.class, Class::NetPayload | Class::NetDns);
        let told = match &event.facts {
            Facts::Fork(fork) => {
                self.tree.fork(event, fork);
                true
            }
            Facts::Exec(exec) => {
                before.former = self.tree.exec(event, exec);
                let path = || exec.cgroup.to_text(exec.cgroup_end());
                if let Some(question) = self.identity.executed(event.cgroup, path) {
                    output.ask(question);
                }
                true
            }
            Facts::Exit(exit) => {
                is_news = self.tree.exit(event, exit.parent);
                if !is_news && !own {
                    self.count(event.class, |count| count.quiet += 1);
                }
                is_news
            }
            Facts::CgroupMove(_) => {
                before.cgroup = self.tree.moved(event.process.into(), event.cgroup);
                true
            }
            Facts::Call(call) => {
                if event.class == Class::Credentials {
                    let record = &call.record;
                    before.ids = self.tree.credentials(event.process.into(), record.ids, record.capabilities);
                }
                own || self.wants_class(event)
            }
            Facts::File(operation) => own || self.wants_file(event, operation, output),
            Facts::Socket(operation) => {
                self.socket(event, own, operation, output) && (own || self.wants_socket(event, operation))
            }
            Facts::CgroupCreate(_) | Facts::CgroupRemove(_) | Facts::Content(_) => true,
        };
        if told {
            self.publish(event, own, before, output);
        } else {
            // It has a place in the stream nevertheless, for findings to name.
            self.sequence += 1;
        }
        if is_news && !own {
            self.detect(event, before, output);
        }
        self.count(event.class, |count| match (own, told) {
            (true, _) => count.canary += 1,
            (false, true) => count.published += 1,
            (false, false) => {}
        });
        self.tree.expire(event.time_ns);
    }

    /// Names the thread of the agent, by its numbers in the initial pid namespace, whose events are trials.
    pub const fn set_canary(&mut self, process: u32, thread: u32) {
        self.own.set(process, thread);
    }

    /// Names the agent's process, by its number in the initial pid namespace: what is done to it is seen.
    pub const fn set_sensor(&mut self, process: u32) {
        self.own.set_sensor(process);
    }

    /// Another policy holds from now on, with what the judge wants.
    pub fn set_policy(&mut self, policy: Arc<Policy>) {
        let judged = self.wanted_by_judge();
        let generation = self.policy.generation.wrapping_add(1);
        self.policy = Arc::new(Policy { judged, generation, ..Arc::unwrap_or_clone(policy) });
    }

    /// The policy that holds.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// An answer about a control group.
    pub fn answer(&mut self, answer: Answer, now_ns: u64, output: &mut impl Output) {
        let cgroup = answer.cgroup;
        let corrected = self.identity.answer(answer);
        if self.parked.holds(cgroup) {
            self.resume(cgroup, output);
        }
        if let Some(known) = corrected {
            self.correct(&known, now_ns, output);
        }
    }

    /// Tells those who got events of a container without its identity what it is.
    fn correct(&mut self, known: &Arc<Known>, now_ns: u64, output: &mut impl Output) {
        let class = proto::Class::ContainerIdentified;
        if !output.wants(class, Some(&known.container)) {
            return;
        }
        let message = self.context.blank(class, now_ns, self.sequence + 1);
        self.send(class, None, &message, Some(known), output);
    }

    /// A record that another thread read, of a control group that was created or removed.
    pub fn group_record(&mut self, bytes: &[u8], output: &mut impl Output) {
        // It was decoded where it was read, and refused there if need be.
        if let Ok(event) = decode(bytes) {
            self.count(event.class, |count| count.received += 1);
            self.process(&event, output);
        }
    }

    /// Remembers who has so many addresses of the cluster.
    pub fn set_peers_max(&mut self, most: usize) {
        self.peers = Peers::new(most);
    }

    /// Who in the cluster has which address.
    pub fn peer(&mut self, news: PeerNews) {
        self.peers.learn(news);
    }

    /// The table of addresses of the cluster.
    #[must_use]
    pub const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Users and groups of the host.
    pub fn set_host_users(&mut self, users: Arc<Users>) {
        self.identity.set_host_users(users);
    }

    /// A control group was removed.
    pub fn removed(&mut self, cgroup: u64) {
        self.detection.removed(cgroup);
        self.identity.removed(cgroup);
    }

    /// Processes that ran before the hooks were attached.
    pub fn snapshot(&mut self, running: Vec<Running>) {
        self.tree.snapshot(running);
    }

    /// A process that others knew, where stages know a part of what they do.
    pub fn known_before(&mut self, process: Process) {
        self.tree.known_before(process);
    }

    /// Records that the kernel could not deliver.
    pub fn lost(&mut self, report: LossReport, output: &mut impl Output) {
        let class = proto::Class::Loss;
        let known = self.identity.container(report.cgroup).cloned();
        self.detection.lost(&report, known.as_deref());
        let mut message = self.context.blank(class, report.time_ns, self.sequence + 1);
        message.facts = Some(proto::event::Facts::Loss(proto::Loss {
            reason: encode::loss_reason(report.reason).into(),
            count: report.count,
            class: encode::class(report.class).into(),
        }));
        self.send(class, None, &message, known.as_deref(), output);
    }

    /// A recording lacks some inputs: so it is told where events would have been. `sequence` is the number of the
    /// last event that they made.
    pub fn gap(&mut self, inputs: u64, time_ns: u64, sequence: u64, output: &mut impl Output) {
        let class = proto::Class::Loss;
        // The loss stands for the last of them.
        self.sequence = sequence.saturating_sub(1);
        let mut message = self.context.blank(class, time_ns, self.sequence + 1);
        message.facts = Some(proto::event::Facts::Loss(proto::Loss {
            reason: proto::loss::Reason::Recording.into(),
            count: inputs,
            ..proto::Loss::default()
        }));
        self.send(class, None, &message, None, output);
    }

    /// The clocks moved against each other.
    pub const fn set_clock(&mut self, clock: BootClock) {
        self.context.clock = clock;
    }

    /// The process tree.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The control groups.
    #[must_use]
    pub const fn identity(&self) -> &Store {
        &self.identity
    }

    /// Counters of a class.
    #[must_use]
    pub fn counts(&self, class: Class) -> ClassCount {
        self.counts.get(class.index() as usize).copied().unwrap_or_default()
    }

    /// Records that could not be decoded.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Records that should have waited for the identity of their control group and found no room.
    #[must_use]
    pub const fn unparked(&self) -> u64 {
        self.unparked
    }

    fn count(&mut self, class: Class, change: impl FnOnce(&mut ClassCount)) {
        if let Some(count) = self.counts.get_mut(class.index() as usize) {
            change(count);
        }
    }

    fn publish(&mut self, event: &event::Event<'_>, own: bool, before: Before, output: &mut impl Output) {
        let known = self.identity.container(event.cgroup).cloned();
        let class = encode::class(event.class);
        let container = known.as_ref().map(|known| &known.container);
        if !own && !output.wants(class, container) {
            self.sequence += 1;
            return;
        }
        let message = self.context.event(event, self.subject(event, before), self.sequence + 1);
        if own {
            self.encode(&message, known.as_deref());
            output.canary(event.class, &self.buffer);
            return;
        }
        self.encode_ancestors(Key::from(event.process), output.ancestors_wanted());
        self.send(class, None, &message, known.as_deref(), output);
        self.identity.sent(event.cgroup);
    }

    /// Who an event is about, and what the tables say of the others in it.
    fn subject(&self, event: &event::Event<'_>, before: Before) -> Subject<'_> {
        let key = Key::from(event.process);
        let (other, other_owner) = self.other(&event.facts);
        Subject {
            process: self.tree.get(key),
            parent: self.tree.ancestors(key).next(),
            owner: self.identity.owner(event.cgroup),
            other,
            other_owner,
            remote: self.remote(&event.facts),
            ids_before: before.ids,
            path_before: before.cgroup.and_then(|cgroup| self.identity.path(cgroup)),
        }
    }

    /// Who in the cluster is at the other end of a socket.
    fn remote(&self, facts: &Facts<'_>) -> Option<&Peer> {
        let record = match facts {
            Facts::Socket(socket) => &socket.record,
            Facts::Content(content) => &content.socket.record,
            _ => return None,
        };
        let (address, _) = network::end(&record.remote)?;
        self.peers.get(address)
    }

    /// The other process of an event, the peer of a socket or the target of a call, and who owns its
    /// control group.
    fn other(&self, facts: &Facts<'_>) -> (Option<&Process>, Option<&Owner>) {
        let (task, cgroup) = match facts {
            Facts::Socket(socket) => (socket.record.peer, socket.record.peer_cgroup),
            Facts::Call(call) => (call.record.target, call.record.target_cgroup),
            Facts::CgroupMove(moved) => (moved.record.mover, 0),
            _ => return (None, None),
        };
        if task.pid == 0 {
            return (None, None);
        }
        let process = match task.start_ns {
            0 => self.tree.by_pid(task.pid),
            _ => self.tree.get(task.into()),
        };
        let cgroup = match cgroup {
            0 => process.map_or(0, |process| process.cgroup),
            told => told,
        };
        (process, self.identity.owner(cgroup))
    }

    /// Ancestors from the grandparent upwards: the parent is part of the process.
    fn encode_ancestors(&mut self, key: Key, wanted: usize) {
        self.ancestors.clear();
        if wanted == 0 {
            return;
        }
        let beyond_parent = self.tree.ancestors(key).skip(1);
        for ancestor in beyond_parent.take(wanted.min(ANCESTORS_MAX)) {
            self.ancestors.push(&self.context.process(ancestor));
        }
    }

    fn encode(&mut self, message: &proto::Event, known: Option<&Known>) {
        self.buffer.clear();
        // Fails only when the buffer cannot grow, which a `Vec` never reports.
        message.encode(&mut self.buffer).ok();
        if let Some(known) = known {
            self.buffer.extend_from_slice(encode::container_field(known));
        }
    }

    fn send(
        &mut self,
        class: proto::Class,
        finding: Option<&Finding>,
        message: &proto::Event,
        known: Option<&Known>,
        output: &mut impl Output,
    ) {
        self.sequence += 1;
        self.encode(message, known);
        output.publish(&Published {
            class,
            container: known.map(|known| &known.container),
            finding,
            incident: None,
            cursor: &message.cursor,
            time: message.time.unwrap_or_default(),
            event: &self.buffer,
            ancestors: &self.ancestors,
        });
        self.ancestors.clear();
    }
}

/// What the tables said before an event changed them.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    /// Ids of the process.
    ids: Option<Ids>,
    /// Control group of the process.
    cgroup: Option<u64>,
    /// What it was before it began its program.
    former: Option<Former>,
}

#[cfg(test)]
mod tests;
