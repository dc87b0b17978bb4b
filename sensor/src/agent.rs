//! Wiring: what runs where, in which order it starts and how it ends.
//!
//! Order at the start: the socket (so that a second agent is refused before it touches the
//! kernel), load, attach, snapshot of what runs already, threads, server.

mod advisers;
mod canary;
mod hot;
mod keeper;
mod learned;
mod own;
mod policy;
mod recorder;
mod rules;
mod start;
mod tap;

use std::path::PathBuf;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc::sync_channel,
};
use std::thread::JoinHandle;

pub use rules::{FilesError, Judging, RulesError, folder as rule_folder, judge};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock;
use crate::config::{
    Config,
    resolved::{Rules, Wanted},
};
use crate::identity::selection::KeyError;
use crate::kernel::{
    load::LoadError,
    ring::{Ring, Rings, Waker},
};
use crate::metrics::{self, MetricsError};
use crate::policy::file::PatternError;
use crate::sources::{delay::Delays, lapses::Lapses, meter::Meter, resolver::Resolver};
use crate::stream::{
    hub::Hub,
    listener::{ListenError, Listener},
    server::{self, Backend, ServeError},
    tls::{TlsError, TlsListener},
};

/// Questions and answers that may wait between pipeline and resolver.
const QUESTIONS_WAITING_MAX: usize = 4096;
/// Requests that may wait for the pipeline.
const CONTROLS_WAITING_MAX: usize = 64;
/// Changes of the kernel's policy that may wait.
const CHANGES_WAITING_MAX: usize = 8192;

/// Events of the agent's own trials that may wait: several times as many as a round makes.
const SIGHTINGS_WAITING_MAX: usize = 2048;

/// Why the agent ended.
#[derive(Debug, Error)]
pub enum AgentError {
    /// It may not use the kernel.
    #[error(
        "picket run needs root, or the capabilities BPF, PERFMON, NET_ADMIN, SYS_PTRACE and DAC_READ_SEARCH; it runs as user {uid} without them: use sudo"
    )]
    NotPermitted {
        /// User id.
        uid: u32,
    },
    /// Programs.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A pattern of a path.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A pattern of labels or annotations.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// Socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// TCP.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Hierarchy.
    #[error(transparent)]
    Hierarchy(#[from] crate::kernel::cgroup::HierarchyError),
    /// A state folder that is something else.
    #[error("{} is no folder: give the state folder of a container runtime with --runtime-state", path.display())]
    NoFolder {
        /// Path.
        path: PathBuf,
    },
    /// No control groups where they should be.
    #[error(
        "there are no control groups below {}: mount them there, or correct identity.host_root",
        path.display()
    )]
    NoControlGroups {
        /// Folder.
        path: PathBuf,
    },
    /// Something of the operating system.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Reason.
        source: std::io::Error,
    },
}

/// Tells threads to end.
#[derive(Clone, Debug, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Settings that can be changed while the agent runs.
#[derive(Clone, Debug)]
pub struct Reload {
    /// What is wanted.
    pub wanted: Wanted,
    /// Rules; their files are read anew in any case.
    pub rules: Rules,
}

/// Runs the agent until `stop` turns true. What comes through `reload` replaces what is wanted, and the rules.
///
/// # Errors
/// See [`AgentError`]; each message says what to do.
pub async fn run(
    config: Config,
    stop: watch::Receiver<bool>,
    reload: mpsc::Receiver<Reload>,
) -> Result<(), AgentError> {
    let started_ns = clock::boot_ns();
    start::permitted()?;
    let mut loaded = start::rules(&config.rules).await?;
    let listener = Listener::bind(&config.stream.listen)?;
    let remote = match &config.tls {
        Some(settings) => Some(TlsListener::bind(settings).await?),
        None => None,
    };
    let metrics = match config.metrics {
        Some(address) => Some(metrics::Endpoint::bind(address).await?),
        None => None,
    };
    let own = own::Own::find(&config.identity.host_root);
    let mut kernel = start::kernel(&config, own.unwatched())?;
    let judged = loaded.judge.as_ref().map(|judge| judge.wanted()).unwrap_or_default();
    let wanted = Arc::new(crate::policy::Policy { judged, ..config.wanted.policy(1)? });
    let lapses: Arc<Lapses> = Arc::default();
    let (forgotten, buried) = mpsc::channel(QUESTIONS_WAITING_MAX);
    let mut writer =
        policy::Writer::new(kernel.loaded.policy()?, Arc::clone(&wanted), forgotten, Arc::clone(&lapses));
    let (kernel, start::Attachment { running, attached, coverage, logger }) =
        kernel.attach(&config.kernel)?;
    let attach_ns = clock::boot_ns().saturating_sub(started_ns);
    let mut problems = start::report(&attached, &coverage, attach_ns);
    problems.extend(own.problem());

    let (hub, handle) = Hub::new(config.stream.limits, config.node.clone());
    let bundles = start::bundles(&config)?;
    let (mut pipeline, catalog, unanswered) =
        start::pipeline(&config, &kernel, &bundles, &wanted, &mut writer)?;

    pipeline.set_judge(loaded.judge.take(), config.rules.told);
    drop(pipeline.set_exceptions(Arc::clone(&loaded.exceptions)));
    let kept = if config.memory.normal.is_some() { learned::read(&config.memory) } else { Vec::new() };
    if let Some(normal) = learned::begin(&config.memory, &kept) {
        pipeline.set_normal(normal);
    }
    writer.replace(Arc::clone(pipeline.policy()));

    let ending = Stop::default();
    let obstacle = own.obstacle();
    if let Some(obstacle) = obstacle {
        tracing::warn!(obstacle, "the agent cannot try itself");
    }
    let book = canary::book(&coverage, config.kernel.canary_interval, obstacle);
    let (board, canary_book) = watch::channel(book.clone());
    let (sightings, sighted) = sync_channel(SIGHTINGS_WAITING_MAX);
    let perch = canary::Perch::new(
        canary::Canary::new(book, board, sighted, start::folder(&config)),
        ending.clone(),
    )?;
    if let Some(process) = own.process() {
        pipeline.set_sensor(process);
    }
    // Another process of the host may have these numbers.
    if obstacle.is_none() {
        writer.canary(perch.thread);
        pipeline.set_canary(std::process::id(), perch.thread);
    }

    let waker = |action| Waker::new().map_err(|source| AgentError::System { action, source });
    let pipeline_waker = waker("create an event descriptor for the pipeline")?;
    let resolver_waker = waker("create an event descriptor for the resolver")?;
    let (questions, asked) = sync_channel(QUESTIONS_WAITING_MAX);
    let (news, told) = sync_channel(QUESTIONS_WAITING_MAX);
    let (controls, control) = sync_channel(CONTROLS_WAITING_MAX);
    let (changes, changed) = sync_channel(CHANGES_WAITING_MAX);

    let hierarchy = kernel.facts().hierarchy;
    let advising =
        advisers::start(&config.identity, &config.node, &hierarchy, resolver_waker.clone(), &lapses)?;
    let delays: Arc<Delays> = Arc::default();
    let resolver = Resolver::new(
        Ring::new(running.cgroups, resolver_waker.clone()),
        bundles,
        asked,
        news,
        pipeline_waker.clone(),
        changes.clone(),
        catalog,
    )
    .with_lapses(Arc::clone(&lapses))
    .with_advisers(advising.advisers)
    .with_delays(Arc::clone(&delays))
    .with_unanswered(unanswered)
    .with_meter(config.usage_interval.map(|interval| {
        let mounts = config.identity.host_root.join("sys/fs/cgroup");
        Meter::new(&mounts, &hierarchy, interval, config.identity.containers_max)
    }));
    let hot = hot::Hot::new(
        Rings::new(running.vital, running.bulk, pipeline_waker.clone()),
        pipeline,
        hot::Exits::new(hub, questions, resolver_waker.clone(), changes, sightings),
        hot::Entries { news: told, controls: control },
    );
    let diagnostics = logger.map(start::diagnostics);
    let threads = Threads {
        resolver: spawn("resolver", {
            let stop = ending.clone();
            move || resolver.run(|| stop.is_set())
        })?,
        policy: spawn("policy", {
            let stop = ending.clone();
            move || writer.run(&changed, || stop.is_set())
        })?,
        pipeline: spawn("pipeline", {
            let stop = ending.clone();
            move || hot.run(|| stop.is_set())
        })?,
        canary: perch.go(),
    };

    let controls = hot::Controls::new(controls, pipeline_waker.clone());
    let (librarian, desk) = rules::Librarian::new(config.rules.clone(), loaded, controls.clone());
    let (names, name_account) = rules::NameSource::new(desk.domains, controls.clone());
    let reading = [tokio::spawn(librarian.run()), tokio::spawn(names.run())];

    let learning = learned::Keeper::new(&config.memory, kept, controls.clone());
    let (learned, asked_learned) = mpsc::channel(CONTROLS_WAITING_MAX);
    let (end_learning, learning_ended) = oneshot::channel();
    let learning = tokio::spawn(learning.run(asked_learned, learning_ended));

    let (requests, status) = mpsc::channel(CONTROLS_WAITING_MAX);
    let (recordings, recording) = mpsc::channel(1);
    let (ready, is_ready) = watch::channel(false);
    let keeper = keeper::Keeper {
        node: config.node.clone(),
        kernel: kernel.facts(),
        ledger: running.ledger,
        attached,
        coverage,
        unpinned: running.witness.reason().unwrap_or_default().to_owned(),
        attach_ns,
        started: clock::BootClock::read().to_wall(started_ns),
        clock: clock::BootClock::read(),
        problems,
        tls: remote.as_ref().map(TlsListener::observer),
        canary: canary_book,
        lapses,
        accounts: advising.accounts,
        delays,
        buried,
        reload,
        rules: keeper::Rules { settings: desk.settings, about: desk.about, names: name_account },
        controls,
        threads,
        ready,
    };
    let (end, ended) = oneshot::channel();
    let keeping = tokio::spawn(keeper.run(status, recording, ended));
    let backend = Backend { hub: handle, status: requests, recordings, learned, ready: is_ready, stop };
    let telling = metrics.map(|endpoint| tokio::spawn(endpoint.serve(backend.clone())));
    let served = server::serve(listener, remote, backend).await;
    if let Some(telling) = telling {
        telling.abort();
    }

    // Connections of clients that hang live on, and with them what the server was given: nothing
    // below waits for them.
    end_learning.send(()).ok();
    // The pipeline is asked once more, so it goes on until then.
    learning.await.ok();
    end.send(()).ok();
    ending.set();
    pipeline_waker.wake();
    resolver_waker.wake();
    drop(advising.tasks);
    reading.iter().for_each(tokio::task::JoinHandle::abort);
    if let Ok(threads) = keeping.await {
        threads.join();
    }
    if let Some(diagnostics) = diagnostics {
        diagnostics.abort();
    }
    // Last, because it takes seconds: subscribers have been told, the socket is free for the next agent.
    drop(running.hooks);
    running.witness.release();
    tracing::info!("ended");
    Ok(served?)
}

/// The agent's own threads.
#[derive(Debug)]
struct Threads {
    resolver: JoinHandle<()>,
    pipeline: JoinHandle<()>,
    policy: JoinHandle<()>,
    canary: JoinHandle<()>,
}

impl Threads {
    /// Names of those that ended although they should not.
    fn dead(&self) -> impl Iterator<Item = &'static str> {
        [
            ("the pipeline", self.pipeline.is_finished()),
            ("the resolver", self.resolver.is_finished()),
            ("the policy's thread", self.policy.is_finished()),
            ("the canary", self.canary.is_finished()),
        ]
        .into_iter()
        .filter_map(|(name, dead)| dead.then_some(name))
    }

    fn join(self) {
        let threads = [
            ("pipeline", self.pipeline),
            ("resolver", self.resolver),
            ("policy", self.policy),
            ("canary", self.canary),
        ];
        for (name, thread) in threads {
            if thread.join().is_err() {
                tracing::error!(name, "a thread ended by a panic");
            }
        }
    }
}

fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, AgentError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|source| AgentError::System { action: "start a thread", source })
}
