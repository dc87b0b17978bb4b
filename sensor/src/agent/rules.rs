//! Rules in the agent's life: read at the start, and anew when their files or the settings change, all or nothing.

mod compile;
mod files;
mod names;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::time::MissedTickBehavior;

pub use self::files::{FilesError, folder};
pub(super) use self::names::{Account as NameAccount, NameSource};
use super::hot::{Control, Controls};
use crate::clock::BootClock;
use crate::config::resolved::{DEFAULT_EXCEPTIONS, Rules as Settings};
use crate::detect::{
    exception::{ExceptionError, Exceptions},
    judge::Judge,
    told::Bounds,
};
use crate::proto;

/// How often files are looked at.
const ROUND: Duration = Duration::from_secs(5);
/// Longest file of exceptions.
const EXCEPTIONS_BYTES_MAX: u64 = 1 << 20;

/// Why rules are not in force.
#[derive(Debug, Error)]
pub enum RulesError {
    /// Files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// What is in them: a line for each problem, with its place.
    #[error("{0}")]
    Refused(String),
    /// Exceptions.
    #[error("{}: {error}", path.display())]
    Exceptions {
        /// File.
        path: PathBuf,
        /// What is wrong with it.
        error: ExceptionError,
    },
    /// The agent itself.
    #[error("the thread that reads rules ended")]
    Thread,
}

/// Rules that can be put in force.
pub(super) struct Loaded {
    /// `None` where there are no rules: nothing is judged.
    pub(super) judge: Option<Box<dyn Judge>>,
    /// For the status: what they are.
    about: proto::Rules,
    /// Domain names that they compare.
    domains: Vec<String>,
    /// How the files looked before they were read.
    look: files::Look,
    /// Findings that are not told.
    pub(super) exceptions: Arc<Exceptions>,
}

/// Reads and compiles what the settings name.
pub(super) fn load(settings: &Settings) -> Result<Loaded, RulesError> {
    // Before they are read: what changes meanwhile is read again.
    let look = files::look(&settings.files());
    let exceptions = exceptions(settings)?;
    let read = files::read(&settings.paths, settings.optional, settings.bytes_max)?;
    let names = read.iter().map(|file| file.path.display().to_string()).collect();
    let compiled = compile::compile(read, settings)?;
    let about = proto::Rules {
        paths: settings.paths.iter().map(|path| path.display().to_string()).collect(),
        files: names,
        load_time: Some(now()),
        ..compiled.about
    };
    Ok(Loaded { judge: compiled.judge, about, domains: compiled.domains, look, exceptions })
}

/// Reads the exceptions that the settings name.
fn exceptions(settings: &Settings) -> Result<Arc<Exceptions>, RulesError> {
    let path = &settings.exceptions;
    let optional = path == Path::new(DEFAULT_EXCEPTIONS) || path.as_os_str().is_empty();
    let refused = |error| RulesError::Exceptions { path: path.clone(), error };
    let text = match files::read(std::slice::from_ref(path), optional, EXCEPTIONS_BYTES_MAX)?.pop() {
        Some(file) => String::from_utf8(file.bytes)
            .map_err(|error| refused(ExceptionError::Syntax(format!("this is no UTF-8: {error}"))))?,
        None => String::new(),
    };
    let exceptions = Exceptions::parse(&text).map_err(refused)?;
    exceptions.without(&settings.behaviours_disable).map(Arc::new).map_err(refused)
}

/// How rules judge where there are no settings of an agent. No name is looked up: a recording has those of its time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judging {
    /// `rules.matching` is `all`.
    pub all: bool,
    /// `rules.pushdown`: what they do not look at may be held back.
    pub pushdown: bool,
}

/// Who judges by the rules in these files and folders, as a replay does.
///
/// # Errors
/// When they cannot be read or make no sense; says where.
pub fn judge(paths: &[PathBuf], how: Judging) -> Result<Option<Box<dyn Judge>>, RulesError> {
    const BYTES_MAX: u64 = 16 << 20;
    let settings = Settings {
        paths: paths.to_vec(),
        optional: false,
        all: how.all,
        minimum_priority: String::new(),
        disable: Vec::new(),
        enable: Vec::new(),
        bytes_max: BYTES_MAX,
        told: Bounds { window_ns: 0, burst: 0 },
        addresses: Vec::new(),
        resolve: false,
        pushdown: how.pushdown,
        exceptions: PathBuf::new(),
        behaviours_disable: Vec::new(),
    };
    Ok(load(&settings)?.judge)
}

/// Keeps the rules as their files are.
pub(super) struct Librarian {
    settings: watch::Receiver<Settings>,
    controls: Controls,
    about: watch::Sender<proto::Rules>,
    domains: watch::Sender<names::Wanted>,
    look: files::Look,
    /// The pipeline had no time for what was read.
    pending: bool,
}

/// What others see of it.
pub(super) struct Desk {
    /// Settings that hold from now on; the same again: read the files again.
    pub(super) settings: watch::Sender<Settings>,
    /// For the status.
    pub(super) about: watch::Receiver<proto::Rules>,
    /// Names to look up.
    pub(super) domains: watch::Receiver<names::Wanted>,
}

impl Librarian {
    /// Of rules that are in force.
    pub(super) fn new(settings: Settings, loaded: Loaded, controls: Controls) -> (Self, Desk) {
        let wanted = names::Wanted::new(&settings, loaded.domains);
        let (settings, told_settings) = watch::channel(settings);
        let (about, told_about) = watch::channel(loaded.about);
        let (domains, told_domains) = watch::channel(wanted);
        let librarian =
            Self { settings: told_settings, controls, about, domains, look: loaded.look, pending: false };
        (librarian, Desk { settings, about: told_about, domains: told_domains })
    }

    /// Works until the desk is closed.
    pub(super) async fn run(mut self) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let settings = tokio::select! {
                _ = rounds.tick() => {
                    let settings = self.settings.borrow().clone();
                    if !self.pending && self.unchanged(&settings).await {
                        continue;
                    }
                    settings
                }
                changed = self.settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.settings.borrow_and_update().clone()
                }
            };
            self.renew(settings).await;
        }
    }

    async fn unchanged(&self, settings: &Settings) -> bool {
        let paths = settings.files();
        let look = tokio::task::spawn_blocking(move || files::look(&paths)).await;
        look.is_ok_and(|look| look == self.look)
    }

    /// Reads the files, and puts their rules in force; if that fails, those before stay.
    async fn renew(&mut self, settings: Settings) {
        let (paths, told) = (settings.files(), settings.told);
        let wanted = settings.clone();
        let looked = tokio::task::spawn_blocking(move || (files::look(&paths), load(&settings))).await;
        let (look, loaded) = looked.map_or_else(
            |_| (files::Look::default(), Err(RulesError::Thread)),
            |(look, loaded)| (look, loaded),
        );
        self.look = look;
        self.pending = false;
        match loaded {
            Ok(Loaded { judge, about, domains, look, exceptions }) => {
                self.look = look;
                if self.put(judge, told, exceptions).await {
                    let (rules, files) = (about.enabled, about.files.len());
                    tracing::info!(rules, files, "new rules are in force");
                    let reloads = self.about.borrow().reloads + 1;
                    self.about.send_replace(proto::Rules { reloads, ..about });
                    self.domains.send_replace(names::Wanted::new(&wanted, domains));
                } else {
                    self.pending = true;
                    self.failed("the pipeline is busy: it is tried again");
                }
            }
            Err(error) => self.failed(&error.to_string()),
        }
    }

    /// Hands a judge over, and drops the one before where it costs no event.
    async fn put(&self, judge: Option<Box<dyn Judge>>, told: Bounds, exceptions: Arc<Exceptions>) -> bool {
        let (reply, before) = oneshot::channel();
        if !self.controls.send(Control::Judge { judge, told, exceptions, reply }) {
            return false;
        }
        // The pipeline has ended if there is no answer.
        if let Ok(before) = before.await {
            tokio::task::spawn_blocking(move || drop(before)).await.ok();
        }
        true
    }

    fn failed(&self, error: &str) {
        tracing::error!(error, "the rules as they are now cannot be used: those before stay in force");
        self.about.send_modify(|about| {
            about.error = error.to_owned();
            about.error_time = Some(now());
        });
    }
}

fn now() -> proto::Timestamp {
    BootClock::read().to_wall(crate::clock::boot_ns())
}

/// Shared form of a table of names.
type NamesTable = Arc<crate::detect::names::Names>;
