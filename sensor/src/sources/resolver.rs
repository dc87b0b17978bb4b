//! Looks containers up on disk, on a thread of its own: as soon as the kernel tells of a new
//! control group, which is well before the container's first program, and again for a while where
//! nothing was found.

use std::collections::VecDeque;
use std::sync::{
    Arc,
    mpsc::{Receiver, SyncSender},
};
use std::time::Duration;

use super::{
    adviser::{Advisers, Told},
    bundle::{BundleError, BundleReader},
    delay::{Births, Delays},
    lapses::Lapses,
    meter::Meter,
};
use crate::clock::{self, BootClock};
use crate::event::{Facts, decode::decode, text::lossy};
use crate::identity::{
    catalog::Catalog,
    cgroup_path::{self, Certainty, ContainerRef},
    container::{Container, Pod, Source},
    peer::PeerNews,
    store::{Answer, Known, Question, reference},
    usage::Usage,
    users::Users,
};
use crate::kernel::ring::{Ring, Waker};
use crate::policy::{Change, GroupKind};

/// Pauses before further tries where no bundle was found; a runtime may write it late.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(20),
    Duration::from_secs(60),
];

/// Look-ups that may wait for a further try; more give the oldest up, which was answered already.
const RETRIES_MAX: usize = 1024;

/// Records read at once.
const BATCH: usize = 256;

/// Lessons taken in between two looks at new control groups.
const LESSONS: usize = 64;

/// What the resolver tells the pipeline.
#[derive(Debug)]
pub enum News {
    /// An answer about a control group.
    Answer(Answer),
    /// Record of a control group that was created or removed.
    Group(Box<[u8]>),
    /// A control group was removed.
    Removed(u64),
    /// Who in the cluster has which address.
    Peers(Vec<PeerNews>),
    /// Users and groups of the host.
    HostUsers(Arc<Users>),
    /// What containers have used of the processors.
    Usage(Vec<Usage>),
}

/// The thread's state.
pub struct Resolver {
    ring: Ring,
    bundles: BundleReader,
    questions: Receiver<Question>,
    news: SyncSender<News>,
    pipeline: Waker,
    /// What the kernel is to know of control groups.
    changes: SyncSender<Change>,
    retries: VecDeque<Retry>,
    lapses: Arc<Lapses>,
    catalog: Catalog,
    advisers: Advisers,
    births: Births,
    clock: BootClock,
    /// `None`: nobody wants to know what containers use.
    meter: Option<Meter>,
    /// Advisers have more to tell.
    hurried: bool,
}

#[derive(Debug)]
struct Retry {
    question: Question,
    tries: usize,
    due_ns: u64,
}

/// The pipeline is gone, or the agent ends.
#[derive(Debug)]
struct Closed;

impl Resolver {
    /// A resolver that reads records of control groups from `ring` and answers to `news`.
    #[must_use]
    pub fn new(
        ring: Ring,
        bundles: BundleReader,
        questions: Receiver<Question>,
        news: SyncSender<News>,
        pipeline: Waker,
        changes: SyncSender<Change>,
        catalog: Catalog,
    ) -> Self {
        Self {
            ring,
            bundles,
            questions,
            news,
            pipeline,
            changes,
            retries: VecDeque::new(),
            lapses: Arc::default(),
            catalog,
            advisers: Advisers::default(),
            births: Births::default(),
            clock: BootClock::read(),
            meter: None,
            hurried: false,
        }
    }

    /// Asks these as well, and hears what they tell.
    #[must_use]
    pub fn with_advisers(mut self, advisers: Advisers) -> Self {
        self.advisers = advisers;
        self
    }

    /// Counts there what it gives up.
    #[must_use]
    pub fn with_lapses(mut self, lapses: Arc<Lapses>) -> Self {
        self.lapses = lapses;
        self
    }

    /// Measures there how late each source is.
    #[must_use]
    pub fn with_delays(mut self, delays: Arc<Delays>) -> Self {
        self.births = Births::new(delays);
        self
    }

    /// Reads with this what containers use.
    #[must_use]
    pub fn with_meter(mut self, meter: Option<Meter>) -> Self {
        self.meter = meter;
        self
    }

    /// Tries again what was looked up once, and not found.
    #[must_use]
    pub fn with_unanswered(mut self, questions: Vec<Question>) -> Self {
        let retry = |question| Retry { question, tries: 0, due_ns: 0 };
        self.lapses.retries.add(questions.len().saturating_sub(RETRIES_MAX));
        self.retries.extend(questions.into_iter().take(RETRIES_MAX).map(retry));
        self
    }

    /// Works until the pipeline ends or `stopped` says so.
    pub fn run(mut self, stopped: impl Fn() -> bool) {
        hurry();
        for (container, group) in self.catalog.known() {
            self.ask_users(container, group);
        }
        if let Some(meter) = &mut self.meter {
            let now = clock::boot_ns();
            self.catalog.groups().for_each(|(cgroup, path)| meter.add(cgroup, path, now));
        }
        while !stopped() {
            if let Err(error) = self.ring.wait(self.pause()) {
                tracing::error!(%error, "cannot wait for records of control groups; identity stops");
                return;
            }
            if self.turn(&stopped).is_err() {
                return;
            }
        }
    }

    /// Answers for one control group, now. Used at the start, before the pipeline reads.
    #[must_use]
    pub fn look_up(bundles: &BundleReader, cgroup: u64, path: String) -> Answer {
        let identity = cgroup_path::parse(&path).and_then(|found| match find(bundles, &found) {
            Ok(container) => Some(Known::new(container, None)),
            Err(_) if found.certainty == Certainty::Candidate => None,
            Err(reason) => {
                reference(&path).map(|(container, _)| Known::new(container, Some(reason.into_boxed_str())))
            }
        });
        Answer { cgroup, path, identity: identity.map(Arc::new) }
    }

    fn turn(&mut self, stopped: &impl Fn() -> bool) -> Result<(), Closed> {
        let mut created = Vec::new();
        let mut removed = Vec::new();
        let mut records = Vec::new();
        let (lapses, births) = (Arc::clone(&self.lapses), &mut self.births);
        self.ring.drain(BATCH, |bytes| match decode(bytes) {
            Ok(event) => {
                match event.facts {
                    Facts::CgroupCreate(path) => {
                        births.created(event.cgroup, event.time_ns);
                        created.push(Question { cgroup: event.cgroup, path: lossy(path).into_owned() });
                    }
                    Facts::CgroupRemove(_) => removed.push(event.cgroup),
                    _ => {}
                }
                records.push(Box::from(bytes));
            }
            Err(error) => {
                lapses.rejected.add(1);
                tracing::error!(%error, "a record of a control group was refused");
            }
        });
        while let Ok(question) = self.questions.try_recv() {
            created.push(question);
        }
        self.learn_some()?;
        for question in created {
            if stopped() {
                return Err(Closed);
            }
            self.answer(question, 0)?;
        }
        // After the answers, so that they wait for nothing and an event of a new group names its container.
        for record in records {
            self.tell(News::Group(record))?;
        }
        let now = clock::boot_ns();
        for _ in 0..self.retries.len() {
            let Some(retry) = self.retries.pop_front() else { break };
            if retry.due_ns > now {
                self.retries.push_back(retry);
            } else {
                self.answer(retry.question, retry.tries)?;
            }
        }
        for cgroup in removed {
            self.retries.retain(|retry| retry.question.cgroup != cgroup);
            self.catalog.removed(cgroup);
            self.births.removed(cgroup);
            if let Some(meter) = &mut self.meter {
                meter.removed(cgroup);
            }
            self.change(Change::Removed(cgroup))?;
            self.tell(News::Removed(cgroup))?;
        }
        self.measure(now)
    }

    /// Reads what some containers have used: last, since nobody waits for it.
    fn measure(&mut self, now_ns: u64) -> Result<(), Closed> {
        let Some(meter) = &mut self.meter else { return Ok(()) };
        let read = meter.read(now_ns, clock::boot_ns);
        if read.is_empty() { Ok(()) } else { self.tell(News::Usage(read)) }
    }

    fn answer(&mut self, question: Question, tries: usize) -> Result<(), Closed> {
        let mut answer = Self::look_up(&self.bundles, question.cgroup, question.path.clone());
        self.date(&mut answer);
        let answer = self.catalog.found(answer);
        if tries == 0
            && let Some(known) = &answer.identity
        {
            self.lapses.inquiries.add(self.advisers.ask(&known.container));
            self.ask_users(&known.container, &question.path);
            if let Some(meter) = self.meter.as_mut().filter(|_| !known.container.sandbox) {
                meter.add(question.cgroup, &question.path, clock::boot_ns());
            }
        }
        if is_unanswered(&answer)
            && let Some(pause) = PAUSES.get(tries)
        {
            if self.retries.len() >= RETRIES_MAX {
                self.retries.pop_front();
                self.lapses.retries.add(1);
            }
            let due_ns = clock::boot_ns().saturating_add(clock::nanos(*pause));
            self.retries.push_back(Retry { question, tries: tries + 1, due_ns });
        }
        if let Some(kind) = kind(&answer) {
            self.change(Change::Group { cgroup: answer.cgroup, kind })?;
        }
        self.births.answered(&answer, clock::boot_ns());
        self.tell(News::Answer(answer))
    }

    /// Without a better source a container starts with its control group.
    fn date(&self, answer: &mut Answer) {
        let born = self.births.time_ns(answer.cgroup).map(|born| self.clock.to_unix_ns(born));
        if let Some(known) = answer.identity.as_mut().and_then(Arc::get_mut) {
            let started = &mut known.container.details.started_ns;
            *started = started.or(born);
        }
    }

    /// A sandbox has nobody but its pause program.
    fn ask_users(&self, container: &Container, group: &str) {
        let asked = container.sandbox || self.advisers.ask_users(&container.id, group);
        self.lapses.users.add(usize::from(!asked));
    }

    /// Takes in what advisers tell; not all at once where they tell much, so that new control groups do not wait.
    fn learn_some(&mut self) -> Result<(), Closed> {
        self.hurried = false;
        for _ in 0..LESSONS {
            let Some(lesson) = self.advisers.lesson() else { return Ok(()) };
            self.learn(lesson)?;
        }
        self.hurried = true;
        Ok(())
    }

    fn learn(&mut self, lesson: Told) -> Result<(), Closed> {
        let answers = match lesson {
            Told::Lesson(lesson) => self.catalog.learn(*lesson),
            Told::PodGone(uid) => {
                self.catalog.pod_gone(&uid);
                return Ok(());
            }
            Told::Peers(news) => return self.tell(News::Peers(news)),
            Told::HostUsers(users) => return self.tell(News::HostUsers(users)),
            // Nothing that the kernel's policy or a source's delay depends on.
            Told::Users { container, users } => {
                let answers = self.catalog.learn_users(&container, users).into_iter();
                return answers.map(News::Answer).try_for_each(|news| self.tell(news));
            }
        };
        for answer in answers {
            if let Some(kind) = kind(&answer) {
                self.change(Change::Group { cgroup: answer.cgroup, kind })?;
            }
            self.births.answered(&answer, clock::boot_ns());
            self.tell(News::Answer(answer))?;
        }
        Ok(())
    }

    /// Waits for room: a group whose kind is lost would be wanted whole, one whose end is lost would stay in
    /// the tables for good. The policy's thread waits for nobody.
    fn change(&self, change: Change) -> Result<(), Closed> {
        self.changes.send(change).map_err(|_| Closed)
    }

    fn tell(&self, news: News) -> Result<(), Closed> {
        self.news.send(news).map_err(|_| Closed)?;
        self.pipeline.wake();
        Ok(())
    }

    /// Until the next try is due.
    fn pause(&self) -> Duration {
        const IDLE: Duration = Duration::from_millis(500);
        if self.hurried {
            return Duration::ZERO;
        }
        let now = clock::boot_ns();
        let due = self.retries.iter().map(|retry| retry.due_ns.saturating_sub(now)).min();
        due.map_or(IDLE, |ns| Duration::from_nanos(ns).min(IDLE))
    }
}

/// The thread has little to do and must do it before a container ends that lives for milliseconds, on a busy node,
/// too. Where the agent may not ask for that (`CAP_SYS_NICE`), it is as urgent as everybody else.
fn hurry() {
    const NICE: i32 = -10;
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
        tracing::debug!(%error, "the resolver is no more urgent than others");
    }
}

/// Whose the group is, as far as it is decided: one that may yet turn out to be a container's is
/// treated as unknown.
#[must_use]
pub fn kind(answer: &Answer) -> Option<GroupKind> {
    match &answer.identity {
        Some(_) => Some(GroupKind::Container),
        None if is_unanswered(answer) => None,
        None => Some(GroupKind::Host),
    }
}

/// True if a later look may find more.
#[must_use]
pub fn is_unanswered(answer: &Answer) -> bool {
    match &answer.identity {
        Some(known) => known.unresolved.is_some(),
        None => cgroup_path::parse(&answer.path).is_some(),
    }
}

/// Reads what the runtime keeps of a container; what the path alone tells fills the gaps.
///
/// A workload that may make control groups can name one like another pod's container. Then path and
/// bundle name different pods, and neither is believed.
fn find(bundles: &BundleReader, found: &ContainerRef<'_>) -> Result<Container, String> {
    let read = match (found.certainty, found.namespace) {
        (Certainty::Candidate, Some(namespace)) => bundles.read_in(namespace, found.id),
        (Certainty::Certain | Certainty::Candidate, _) => bundles.read(found.id),
    };
    let mut container = read.map_err(|error: BundleError| error.to_string())?;
    if let Some(uid) = found.pod_uid.map(|uid| uid.to_string()) {
        let pod = container.pod.get_or_insert_with(Pod::default);
        if pod.uid.is_empty() {
            pod.uid = uid;
        } else if pod.uid != uid {
            return Err(format!("the control group is of pod {uid}, the bundle of pod {}", pod.uid));
        }
    }
    container.runtime = container.runtime.or(found.runtime);
    container.sources = container.sources.with(Source::Bundle);
    Ok(container)
}
