//! The container runtime, asked over CRI: what runs when the connection is made, then each new container. A runtime
//! that is slow, gone or broken delays nothing but its own answers.

mod ask;
mod client;
mod message;
mod queue;
#[cfg(test)]
mod tests;
mod translate;

use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep_until};

use self::ask::{Found, Scope};
use self::client::{CallError, Client};
use self::queue::{Item, Told as Ids, Waiting};
use super::account::{Account, State};
use super::adviser::{Ended, Inquiry, Teacher, Told};
use crate::identity::{cgroup_path::is_valid_id, selection::Selection};

/// Questions that are on their way at once; each is one call at a time.
const ASKED_AT_ONCE: usize = 4;
/// After so many late answers in a row the runtime counts as one that does not answer.
const LATE_MAX: u32 = 3;

/// Which runtime is asked, and for what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its socket.
    pub socket: PathBuf,
    /// Longest time for one answer.
    pub timeout: Duration,
    /// Which labels and annotations are kept.
    pub selection: Arc<Selection>,
}

/// How often things are tried.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Between two looks whether there is a socket, and between two signs of life.
    look: Duration,
    /// Before the first try after a failure; doubled for each further one.
    retry: Duration,
}

const PACE: Pace = Pace { look: Duration::from_secs(60), retry: Duration::from_secs(1) };

/// Asks one runtime.
#[derive(Debug)]
pub struct Adviser {
    settings: Settings,
    pace: Pace,
    asked: Receiver<Inquiry>,
    teacher: Teacher,
    account: Arc<Account>,
    waiting: Waiting,
    told: Arc<Mutex<Ids>>,
    /// Failures in a row.
    failures: u32,
}

/// Why questions are no longer asked.
#[derive(Debug)]
enum Over {
    /// The agent ends.
    Ended,
    /// There is no socket.
    Absent,
    /// The runtime does not answer.
    Failed(CallError),
}

impl From<Ended> for Over {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}

impl Adviser {
    /// An adviser that hears questions by `asked`, tells `teacher`, and keeps its books in `account`.
    #[must_use]
    pub fn new(
        settings: Settings,
        asked: Receiver<Inquiry>,
        teacher: Teacher,
        account: Arc<Account>,
    ) -> Self {
        let waiting = Waiting::new(Instant::now());
        let told = Arc::default();
        Self { settings, pace: PACE, asked, teacher, account, waiting, told, failures: 0 }
    }

    /// Works until the resolver ends.
    pub async fn run(mut self) {
        loop {
            let pause = match self.session().await {
                Over::Ended => return,
                Over::Absent => {
                    self.failures = 0;
                    self.account.becomes(State::Absent);
                    self.pace.look
                }
                Over::Failed(error) => {
                    self.report(&error);
                    self.failures = self.failures.saturating_add(1);
                    let doubled = 1_u32.checked_shl(self.failures.saturating_sub(1)).unwrap_or(u32::MAX);
                    self.pace.retry.saturating_mul(doubled).min(self.pace.look)
                }
            };
            if self.rest(pause).await.is_err() {
                return;
            }
        }
    }

    fn report(&self, error: &CallError) {
        let socket = self.settings.socket.display();
        self.account.failed(&error.to_string());
        if self.account.becomes(State::Failing(error.to_string())) {
            tracing::warn!(%socket, %error, "the container runtime does not answer; bundles still do");
        }
    }

    /// Waits before the next try. What is asked meanwhile is in the list that follows it.
    async fn rest(&mut self, pause: Duration) -> Result<(), Ended> {
        let end = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(end) => return Ok(()),
                inquiry = self.asked.recv() => drop(inquiry.ok_or(Ended)?),
            }
        }
    }

    /// One connection, until it is of no use any more.
    async fn session(&mut self) -> Over {
        let is_socket = |path: &PathBuf| path.metadata().is_ok_and(|found| found.file_type().is_socket());
        if !is_socket(&self.settings.socket) {
            return Over::Absent;
        }
        match self.connect().await {
            Ok(scope) => self.serve(&scope).await,
            Err(over) => over,
        }
    }

    /// Connects, and tells what runs.
    async fn connect(&mut self) -> Result<Scope, Over> {
        let settings = &self.settings;
        let connected = Client::connect(&settings.socket, settings.timeout).await;
        let (client, version) = connected.map_err(Over::Failed)?;
        let name = format!("{} {} ({})", version.runtime_name, version.runtime_version, client.interface());
        let scope = Scope {
            client,
            runtime: translate::runtime(&version.runtime_name),
            selection: Arc::clone(&settings.selection),
            told: Arc::clone(&self.told),
            account: Arc::clone(&self.account),
        };
        match scope.list().await {
            Ok((lessons, inquiries)) => {
                self.account.answered();
                self.waiting.extend(inquiries, Instant::now());
                for lesson in lessons {
                    self.teacher.tell(Told::Lesson(Box::new(lesson))).await?;
                }
            }
            Err(error @ (CallError::Lost(_) | CallError::Late { .. })) => return Err(Over::Failed(error)),
            // Such as a list that is too large: single containers can be asked for all the same.
            Err(error) => self.account.failed(&error.to_string()),
        }
        if self.account.becomes(State::Connected(name.clone())) {
            tracing::info!(socket = %self.settings.socket.display(), runtime = name, "the container runtime answers");
        }
        self.failures = 0;
        Ok(scope)
    }

    /// Asks what there is to ask.
    async fn serve(&mut self, scope: &Scope) -> Over {
        let mut calls: JoinSet<(Item, Result<Option<Found>, CallError>)> = JoinSet::new();
        let mut signs = interval_at(Instant::now() + self.pace.look, self.pace.look);
        let mut late = 0;
        loop {
            while calls.len() < ASKED_AT_ONCE
                && let Some(item) = self.waiting.due(Instant::now())
            {
                let scope = scope.clone();
                calls.spawn(async move {
                    let answer = scope.ask(&item.inquiry).await;
                    (item, answer)
                });
            }
            self.account.given_up.add(self.waiting.take_given_up());
            let next = self.waiting.next().filter(|_| calls.len() < ASKED_AT_ONCE);
            let outcome = tokio::select! {
                Some(Ok((item, answer))) = calls.join_next() => self.take(item, answer).await,
                inquiry = self.asked.recv(), if !self.waiting.is_full() => match inquiry {
                    Some(inquiry) => {
                        self.push(scope, inquiry);
                        continue;
                    }
                    None => return Over::Ended,
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => continue,
                _ = signs.tick() => scope.client.version().await.map(|_| ()).map_err(Over::Failed),
            };
            match outcome {
                Ok(()) => late = 0,
                Err(Over::Failed(error @ CallError::Late { .. })) if late + 1 < LATE_MAX => {
                    self.account.failed(&error.to_string());
                    late += 1;
                }
                Err(over) => return over,
            }
        }
    }

    fn push(&mut self, scope: &Scope, inquiry: Inquiry) {
        // Further control groups of a container that is known; and ids that would stand for others.
        if !scope.has_told(&inquiry.container) && is_valid_id(&inquiry.container) {
            self.waiting.push(inquiry, Instant::now());
        }
    }

    /// Takes an answer in; an error where the connection may be of no use any more.
    async fn take(&mut self, item: Item, answer: Result<Option<Found>, CallError>) -> Result<(), Over> {
        let now = Instant::now();
        match answer {
            Ok(Some(Found { lesson, whole })) => {
                self.account.answered();
                self.teacher.tell(Told::Lesson(Box::new(lesson))).await?;
                if !whole && !self.waiting.again(item, now) {
                    self.account.given_up.add(1);
                }
                Ok(())
            }
            Ok(None) | Err(CallError::Unknown(_)) => {
                if !self.waiting.again(item, now) {
                    self.account.unknown.add(1);
                }
                Ok(())
            }
            Err(error) => {
                if !self.waiting.again(item, now) {
                    self.account.given_up.add(1);
                }
                if matches!(error, CallError::Lost(_) | CallError::Late { .. }) {
                    return Err(Over::Failed(error));
                }
                self.account.failed(&error.to_string());
                Ok(())
            }
        }
    }
}
