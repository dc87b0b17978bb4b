//! How a source that is asked over a connection does: told by its adviser, read by the status.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::lapses::Count;
use crate::clock;
use crate::identity::container::Source;

/// Longest text of an error or a version that is kept, in bytes.
const TEXT_MAX: usize = 512;

/// The connection to a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// There is nothing to connect to, such as no socket.
    #[default]
    Absent,
    /// It answers; who it says it is.
    Connected(String),
    /// It is there and does not answer, and why.
    Failing(String),
}

/// The account of one source; a lock is taken only where its state changes.
#[derive(Debug)]
pub struct Account {
    /// Which kind of source.
    pub source: Source,
    /// Where it is: a socket, or an address.
    pub place: String,
    /// Answers that it gave.
    pub answers: Count,
    /// Calls that failed.
    pub failures: Count,
    /// Containers that it was asked for several times and does not know.
    pub unknown: Count,
    /// Questions that were given up, because too many waited or for too long.
    pub given_up: Count,
    /// Labels and annotations that were left out, because a pod has too many or too long ones.
    pub cut: Count,
    state: watch::Sender<State>,
    /// Labels of the node that the source told.
    node_labels: watch::Sender<BTreeMap<String, String>>,
    /// Error of the call that failed last.
    error: watch::Sender<String>,
    /// Nanoseconds since boot; 0 before the first one.
    last_answer_ns: AtomicU64,
}

/// The accounts of all sources.
pub type Accounts = Vec<Arc<Account>>;

impl Account {
    /// Account of a source that has not been asked yet.
    #[must_use]
    pub fn new(source: Source, place: String) -> Self {
        Self {
            source,
            place,
            answers: Count::default(),
            failures: Count::default(),
            unknown: Count::default(),
            given_up: Count::default(),
            cut: Count::default(),
            state: watch::Sender::default(),
            node_labels: watch::Sender::default(),
            error: watch::Sender::default(),
            last_answer_ns: AtomicU64::new(0),
        }
    }

    /// It answered.
    pub fn answered(&self) {
        self.answers.add(1);
        self.last_answer_ns.store(clock::boot_ns(), Ordering::Relaxed);
    }

    /// It said something, as part of an answer that goes on.
    pub fn spoke(&self) {
        self.last_answer_ns.store(clock::boot_ns(), Ordering::Relaxed);
    }

    /// A call failed.
    pub fn failed(&self, error: &str) {
        self.failures.add(1);
        self.error.send_replace(bounded(error));
    }

    /// The connection changed; tells whether it did.
    pub fn becomes(&self, state: State) -> bool {
        let state = match state {
            State::Absent => State::Absent,
            State::Connected(version) => State::Connected(bounded(&version)),
            State::Failing(error) => State::Failing(bounded(&error)),
        };
        self.state.send_if_modified(|now| std::mem::replace(now, state.clone()) != state)
    }

    /// How the connection is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Why a call failed last; empty if none did.
    #[must_use]
    pub fn error(&self) -> String {
        self.error.borrow().clone()
    }

    /// It told these labels of the node.
    pub fn set_node_labels(&self, labels: BTreeMap<String, String>) {
        self.node_labels.send_replace(labels);
    }

    /// Labels of the node that it told last.
    #[must_use]
    pub fn node_labels(&self) -> BTreeMap<String, String> {
        self.node_labels.borrow().clone()
    }

    /// When it answered last, in nanoseconds since boot; `None` if it never did.
    #[must_use]
    pub fn last_answer_ns(&self) -> Option<u64> {
        Some(self.last_answer_ns.load(Ordering::Relaxed)).filter(|ns| *ns > 0)
    }
}

/// What others say may be of any length.
fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_does_is_booked() {
        let account = Account::new(Source::Cri, "/run/s".into());
        assert_eq!((account.state(), account.last_answer_ns()), (State::Absent, None));
        assert!(account.becomes(State::Connected("r 1".into())));
        assert!(!account.becomes(State::Connected("r 1".into())), "nothing is new");
        account.answered();
        account.failed(&"ä".repeat(1000));
        assert!(account.last_answer_ns().is_some());
        assert_eq!(account.error().len(), TEXT_MAX);
        assert_eq!((account.answers.get(), account.failures.get()), (1, 1));
    }
}
