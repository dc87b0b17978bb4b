//! How the API server does as a source of identity: what the status shows of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::sources::account::{Account, State};

/// A part of what is asked of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Address and credentials.
    Connection,
    /// Pods of this node.
    Pods,
    /// Jobs of such pods.
    Jobs,
    /// Pods of all nodes.
    PeerPods,
    /// Services.
    Services,
    /// Nodes.
    Nodes,
    /// This node.
    Node,
}

impl Part {
    /// What it is about, as messages name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connection => "the connection",
            Self::Pods => "the pods of this node",
            Self::Jobs => "jobs",
            Self::PeerPods => "the pods of the cluster",
            Self::Services => "services",
            Self::Nodes => "nodes",
            Self::Node => "this node",
        }
    }

    /// What the agent's account must be allowed to do.
    pub(super) const fn right(self) -> &'static str {
        match self {
            Self::Connection => "to connect",
            Self::Pods | Self::PeerPods => "list and watch of pods",
            Self::Jobs => "get of jobs.batch",
            Self::Services => "list and watch of services",
            Self::Nodes => "list and watch of nodes",
            Self::Node => "get of nodes",
        }
    }
}

impl Part {
    /// True if nothing is known of this node's pods without it.
    const fn is_vital(self) -> bool {
        matches!(self, Self::Connection | Self::Pods)
    }
}

/// What the tasks of the source know of one another.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// What is wrong, by part.
    pub(super) troubles: BTreeMap<Part, String>,
    /// What the API server says it is.
    pub(super) version: String,
    /// Pods of this node.
    pub(super) pods: usize,
    /// All pods of this node were told at least once.
    pub(super) listed: bool,
}

impl Health {
    /// All that is wrong, each as long as there is room for it: what to do comes first in each.
    fn all(&self) -> String {
        const CHARACTERS: usize = 480;
        let each = CHARACTERS / self.troubles.len().max(1);
        let texts = self.troubles.values().map(|text| text.chars().take(each).collect::<String>());
        texts.collect::<Vec<_>>().join("; ")
    }

    /// As the account of a source shows it: one that answers nothing of the pods of this node is of no use.
    fn state(&self) -> State {
        let vital = self.troubles.iter().find(|(part, _)| part.is_vital());
        vital.map_or_else(|| State::Connected(self.version.clone()), |(_, text)| State::Failing(text.clone()))
    }
}

/// Through which the tasks of the source say how they do.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    health: watch::Sender<Health>,
    account: Arc<Account>,
    node: Arc<str>,
}

impl Reporter {
    pub(super) fn new(account: Arc<Account>, node: &str) -> Self {
        Self { health: watch::Sender::default(), account, node: node.into() }
    }

    /// This part was answered.
    pub(super) fn fine(&self, part: Part) {
        self.account.answered();
        self.change(|health| drop(health.troubles.remove(&part)));
    }

    /// This part works again, without an answer.
    pub(super) fn mended(&self, part: Part) {
        if self.health.borrow().troubles.contains_key(&part) {
            self.change(|health| drop(health.troubles.remove(&part)));
        }
    }

    /// An answer goes on.
    pub(super) fn spoke(&self) {
        self.account.spoke();
    }

    /// This part does not work.
    pub(super) fn trouble(&self, part: Part, text: String) {
        self.change(|health| {
            if health.troubles.get(&part) != Some(&text) {
                tracing::warn!(
                    of = part.name(),
                    text,
                    "the API server is of no help; everything else goes on"
                );
                health.troubles.insert(part, text);
            }
        });
        let all = self.health.borrow().all();
        self.account.failed(&all);
    }

    /// An object made no sense.
    pub(super) fn refused(&self, part: Part, error: &str) {
        let text = format!("an object of {} cannot be read: {error}", part.name());
        tracing::warn!("{text}");
        self.account.failed(&text);
    }

    /// Labels of this node.
    pub(super) fn node_labels(&self, labels: BTreeMap<String, String>) {
        self.account.set_node_labels(labels);
    }

    /// What the API server says it is.
    pub(super) fn version(&self, version: String) {
        self.change(|health| health.version = version);
    }

    /// So many pods of this node are known; `listed` when all were told.
    pub(super) fn pods(&self, pods: usize, listed: bool) {
        if listed && pods == 0 {
            self.account.failed(&format!(
                "no pod has spec.nodeName={}: is that the node's name in Kubernetes (node.name)?",
                self.node
            ));
        }
        self.change(|health| {
            health.pods = pods;
            health.listed |= listed;
        });
    }

    /// Something found no room.
    pub(super) fn gave_up(&self) {
        self.account.given_up.add(1);
    }

    /// Labels or annotations found no room in events.
    pub(super) fn cut(&self, count: usize) {
        self.account.cut.add(count);
    }

    fn change(&self, change: impl FnOnce(&mut Health)) {
        self.health.send_modify(change);
        let state = self.health.borrow().state();
        self.account.becomes(state);
    }

    #[cfg(test)]
    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    #[cfg(test)]
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    #[cfg(test)]
    pub(super) fn of_test() -> Self {
        use crate::identity::container::Source;
        Self::new(Arc::new(Account::new(Source::Kubernetes, "https://test".to_owned())), "n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_vital_makes_the_source_fail() {
        let reporter = Reporter::of_test();
        reporter.fine(Part::Pods);
        reporter.trouble(Part::Jobs, "no right to jobs".into());
        assert_eq!(reporter.account().state(), State::Connected(String::new()));
        assert_eq!(reporter.account().error(), "no right to jobs");
        reporter.trouble(Part::Pods, "no right to pods".into());
        assert_eq!(reporter.account().state(), State::Failing("no right to pods".into()));
        assert_eq!(reporter.account().error(), "no right to pods; no right to jobs");
        for part in [Part::Services, Part::Nodes] {
            reporter.trouble(part, format!("{part:?} {}", "x".repeat(1000)));
        }
        let error = reporter.account().error();
        assert!(error.contains("Services") && error.contains("Nodes") && error.contains("jobs"), "{error}");
        reporter.version("v1".into());
        reporter.fine(Part::Pods);
        assert_eq!(reporter.account().state(), State::Connected("v1".into()));
        assert_eq!((reporter.account().answers.get(), reporter.account().failures.get()), (2, 4));
    }
}
