//! The hot path's thread: reads the rings in order and drives the pipeline.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use sensor_common::{class::Class, limits::LOOK_AGAIN_NS};
use tokio::sync::oneshot;

use super::canary::Sighting;
use super::tap::Tap;
use crate::clock::{self, BootClock};
use crate::detect::{exception::Exceptions, judge::Judge, names::Names, normal::Learned, told::Bounds};
use crate::identity::{
    container::Container,
    store::{Known, Question},
};
use crate::kernel::ring::{Rings, Waker};
use crate::pipeline::{ClassCount, Judged, LossReport, Output, Pipeline};
use crate::policy::{Change, Policy};
use crate::proto;
use crate::record::Input;
use crate::sources::resolver::News;
use crate::stream::hub::{Hub, Published};

/// Records between two looks at answers and requests.
const BATCH: usize = 64;
/// Longest wait for a record: subscriptions are looked at that often.
const PATIENCE: Duration = Duration::from_millis(100);

/// The same while records wait for an identity.
const PARKED_PATIENCE: Duration = Duration::from_millis(10);

/// The same after there were records: the kernel wakes only so often.
const BUSY_PATIENCE: Duration = Duration::from_nanos(LOOK_AGAIN_NS);

/// Time between two ticks.
const TICK_NS: u64 = 1_000_000_000;

/// A request to the pipeline.
#[derive(Debug)]
pub(super) enum Control {
    /// Tell what you know.
    Report {
        /// Control groups whose containers are wanted.
        cgroups: Vec<u64>,
        /// Where to.
        reply: oneshot::Sender<Report>,
    },
    /// Tell subscribers of losses in the kernel.
    Losses(Vec<LossReport>),
    /// The clocks moved.
    Clock(BootClock),
    /// Another policy holds.
    Policy(Arc<Policy>),
    /// Hand inputs on from now on.
    Record {
        /// Where to.
        tap: Tap,
        /// False if they go somewhere already.
        reply: oneshot::Sender<bool>,
    },
    /// Another judge; the one before goes back, to be dropped elsewhere.
    Judge {
        /// `None`: nothing is judged.
        judge: Option<Box<dyn Judge>>,
        /// How much of what it finds is told.
        told: Bounds,
        /// What is not told.
        exceptions: Arc<Exceptions>,
        /// Where to.
        reply: oneshot::Sender<Option<Box<dyn Judge>>>,
    },
    /// Tell of so many images what was learned of them since the last time.
    Learned(usize, oneshot::Sender<Vec<Learned>>),
    /// Other addresses of names; those before go back.
    Names {
        /// The table.
        names: Arc<Names>,
        /// Where to.
        reply: oneshot::Sender<Arc<Names>>,
    },
}

/// What the pipeline knows.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) classes: Vec<(Class, ClassCount)>,
    pub(super) rejected: u64,
    pub(super) processes: proto::Table,
    pub(super) groups: proto::Table,
    pub(super) first_execs: (u64, u64),
    pub(super) flows: proto::Table,
    pub(super) peers: proto::Table,
    pub(super) judged: Judged,
    pub(super) incidents: proto::Incidents,
    /// What the pipeline's thread gave up.
    pub(super) given_up: proto::GivenUp,
    pub(super) containers: Vec<Option<Arc<Known>>>,
}

/// The way to the pipeline for the rest of the agent.
#[derive(Clone, Debug)]
pub(super) struct Controls {
    sender: SyncSender<Control>,
    waker: Waker,
}

impl Controls {
    pub(super) const fn new(sender: SyncSender<Control>, waker: Waker) -> Self {
        Self { sender, waker }
    }

    /// False if the pipeline is gone or has too much to do.
    pub(super) fn send(&self, control: Control) -> bool {
        let sent = self.sender.try_send(control).is_ok();
        self.waker.wake();
        sent
    }
}

/// Where the pipeline's output goes.
#[derive(Debug)]
pub(super) struct Exits {
    hub: Hub,
    questions: SyncSender<Question>,
    resolver: Waker,
    /// What the kernel is to know.
    changes: SyncSender<Change>,
    /// What the agent's own trials made.
    sightings: SyncSender<Sighting>,
    /// Questions that found no room.
    unasked: u64,
    /// Verdicts that found no room.
    untold: u64,
    /// Inputs that a recording lacks.
    unrecorded: u64,
}

impl Exits {
    pub(super) const fn new(
        hub: Hub,
        questions: SyncSender<Question>,
        resolver: Waker,
        changes: SyncSender<Change>,
        sightings: SyncSender<Sighting>,
    ) -> Self {
        Self { hub, questions, resolver, changes, sightings, unasked: 0, untold: 0, unrecorded: 0 }
    }
}

/// Where its input other than records comes from.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) news: Receiver<News>,
    pub(super) controls: Receiver<Control>,
}

/// The thread's state.
pub(super) struct Hot {
    rings: Rings,
    pipeline: Pipeline,
    exits: Exits,
    entries: Entries,
    /// Where inputs go while somebody records.
    tap: Option<Tap>,
    /// When it was told last that time passes.
    ticked_ns: u64,
}

impl Output for Exits {
    fn wants(&self, class: proto::Class, container: Option<&Container>) -> bool {
        self.hub.wants(class, container)
    }

    fn ancestors_wanted(&self) -> usize {
        self.hub.ancestors_wanted()
    }

    fn publish(&mut self, published: &Published<'_>) {
        self.hub.publish(published);
    }

    /// A sighting that finds no room was not seen.
    fn canary(&mut self, class: Class, event: &[u8]) {
        self.sightings.try_send(Sighting { class, event: event.to_vec() }).ok();
    }

    /// A question that finds no room is not asked: the event goes out with the container's id, and
    /// says that it was not looked up.
    fn ask(&mut self, question: Question) {
        match self.questions.try_send(question) {
            Ok(()) => self.resolver.wake(),
            Err(_) => self.unasked += 1,
        }
    }

    /// A change that finds no room is not made: the kernel goes on sending.
    fn change(&mut self, change: Change) {
        self.untold += u64::from(self.changes.try_send(change).is_err());
    }
}

impl Hot {
    pub(super) const fn new(rings: Rings, pipeline: Pipeline, exits: Exits, entries: Entries) -> Self {
        Self { rings, pipeline, exits, entries, tap: None, ticked_ns: 0 }
    }

    /// Works until `stopped`.
    pub(super) fn run(mut self, stopped: impl Fn() -> bool) {
        let mut busy = false;
        while !stopped() {
            let patience = match (busy, self.pipeline.has_parked()) {
                (true, _) => BUSY_PATIENCE,
                (false, true) => PARKED_PATIENCE,
                (false, false) => PATIENCE,
            };
            if let Err(error) = self.rings.wait(patience) {
                tracing::error!(%error, "cannot wait for records; the pipeline stops");
                break;
            }
            busy = false;
            loop {
                let records = self.turn();
                busy |= records > 0;
                if records < BATCH || stopped() {
                    break;
                }
            }
        }
        if let Some(tap) = self.tap.take() {
            tap.end();
        }
    }

    /// One batch; how many records there were.
    fn turn(&mut self) -> usize {
        let Self { rings, pipeline, exits, entries, tap, ticked_ns } = self;
        while let Ok(news) = entries.news.try_recv() {
            take(news, pipeline, exits, tap.as_mut());
        }
        while let Ok(control) = entries.controls.try_recv() {
            obey(control, pipeline, exits, tap);
        }
        exits.hub.poll();
        let now = clock::boot_ns();
        if let Some(tap) = tap
            && pipeline.has_parked()
        {
            tap.add(Input::Release { now_ns: now });
        }
        pipeline.release(now, exits);
        if now.saturating_sub(*ticked_ns) >= TICK_NS {
            *ticked_ns = now;
            if let Some(tap) = tap {
                tap.add(Input::Tick { now_ns: now });
            }
            pipeline.tick(now, exits);
        }
        let records = rings.drain(BATCH, |bytes| {
            if let Some(tap) = tap {
                tap.add(Input::Record { now_ns: now, bytes: bytes.into() });
            }
            pipeline.record(bytes, now, exits);
        });
        if let Some(tap) = tap {
            exits.unrecorded += tap.flush(now, pipeline.sequence());
        }
        if tap.as_ref().is_some_and(|tap| !tap.is_wanted()) {
            *tap = None;
        }
        records
    }
}

fn take(news: News, pipeline: &mut Pipeline, exits: &mut Exits, tap: Option<&mut Tap>) {
    let now_ns = clock::boot_ns();
    if let Some(tap) = tap {
        match &news {
            News::Answer(answer) => tap.add(Input::Answer { now_ns, answer: answer.clone() }),
            News::Group(record) => tap.add(Input::Group(record.clone())),
            News::Removed(cgroup) => tap.add(Input::Removed(*cgroup)),
            News::HostUsers(users) => tap.add(Input::HostUsers(Arc::clone(users))),
            News::Usage(read) => read.iter().for_each(|usage| tap.add(Input::Usage(*usage))),
            News::Peers(news) => news.iter().for_each(|news| tap.add(Input::Peer(news.clone()))),
        }
    }
    match news {
        News::Answer(answer) => pipeline.answer(answer, now_ns, exits),
        News::Group(record) => pipeline.group_record(&record, exits),
        News::Removed(cgroup) => pipeline.removed(cgroup),
        News::HostUsers(users) => pipeline.set_host_users(users),
        News::Usage(read) => read.iter().for_each(|usage| pipeline.usage(usage, exits)),
        News::Peers(news) => news.into_iter().for_each(|news| pipeline.peer(news)),
    }
}

fn obey(control: Control, pipeline: &mut Pipeline, exits: &mut Exits, tap: &mut Option<Tap>) {
    let mut record = |input: Input| {
        if let Some(tap) = tap {
            tap.add(input);
        }
    };
    match control {
        Control::Report { cgroups, reply } => {
            // Nobody waits any more: fine.
            reply.send(report(pipeline, exits, &cgroups)).ok();
        }
        Control::Losses(losses) => {
            for loss in losses {
                record(Input::Lost(loss));
                pipeline.lost(loss, exits);
            }
        }
        Control::Clock(clock) => {
            record(Input::Clock(clock));
            pipeline.set_clock(clock);
        }
        Control::Judge { judge, told, exceptions, reply } => {
            drop(pipeline.set_exceptions(exceptions));
            let some = judge.is_some();
            let before = pipeline.set_judge(judge, told);
            if some || before.is_some() {
                replace(pipeline, exits);
            }
            // If nobody waits any more, the agent ends.
            drop(reply.send(before));
        }
        Control::Learned(most, reply) => drop(reply.send(pipeline.learned(most))),
        Control::Names { names, reply } => {
            record(Input::Names(Arc::clone(&names)));
            drop(reply.send(pipeline.set_names(names)));
        }
        Control::Policy(policy) => {
            record(Input::Policy(Arc::clone(&policy)));
            pipeline.set_policy(policy);
            replace(pipeline, exits);
        }
        Control::Record { tap: new, reply } => {
            let busy = tap.as_ref().is_some_and(Tap::is_wanted);
            let begins = !busy && new.begin(pipeline.context().clone(), pipeline.state());
            if begins {
                *tap = Some(new);
            }
            // Who asked is gone: then the recorder's end is, too.
            reply.send(begins).ok();
        }
    }
}

/// Tells the kernel the pipeline's new policy, the verdicts of which it heeds only from here on.
fn replace(pipeline: &Pipeline, exits: &Exits) {
    if exits.changes.send(Change::Replace(Arc::clone(pipeline.policy()))).is_err() {
        tracing::error!("the policy's thread has ended: the kernel keeps the old policy");
    }
}

const fn table(entries: usize, capacity: usize, evicted: u64) -> proto::Table {
    proto::Table { entries: entries as u64, capacity: capacity as u64, evicted }
}

fn report(pipeline: &Pipeline, exits: &Exits, cgroups: &[u64]) -> Report {
    let (tree, identity, flows) = (pipeline.tree(), pipeline.identity(), pipeline.flows());
    let peers = pipeline.peers();
    Report {
        classes: Class::ALL.iter().map(|class| (*class, pipeline.counts(*class))).collect(),
        rejected: pipeline.rejected(),
        processes: table(tree.len(), tree.capacity(), tree.evicted()),
        groups: table(identity.len(), identity.capacity(), identity.evicted()),
        first_execs: identity.first_execs(),
        flows: table(flows.len(), flows.capacity(), flows.evicted()),
        peers: table(peers.len(), peers.capacity(), peers.evicted()),
        judged: pipeline.judged(),
        incidents: pipeline.incidents_status(),
        given_up: proto::GivenUp {
            questions: exits.unasked,
            verdicts: exits.untold,
            identity_waits: pipeline.unparked(),
            owner_waits: pipeline.unowned(),
            recorded_inputs: exits.unrecorded,
            ..proto::GivenUp::default()
        },
        containers: cgroups.iter().map(|cgroup| identity.container(*cgroup).cloned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use sensor_common::policy::{FileKey, Verdict};

    use super::*;
    use crate::stream::hub::Limits;

    #[test]
    fn what_finds_no_room_is_counted() {
        let limits = Limits { subscribers_max: 1, queue_events: 1, queue_bytes: 1 };
        let (hub, _handle) = Hub::new(limits, "node".to_owned());
        let (questions, _asked) = sync_channel(1);
        let (changes, _changed) = sync_channel(1);
        let (sightings, _sighted) = sync_channel(1);
        let mut exits = Exits::new(hub, questions, Waker::new().unwrap(), changes, sightings);
        for _ in 0..3 {
            exits.ask(Question { cgroup: 1, path: String::new() });
            exits.change(Change::File { key: FileKey::default(), verdict: Verdict::Quiet, generation: 1 });
        }
        assert_eq!((exits.unasked, exits.untold), (2, 2));
    }
}
