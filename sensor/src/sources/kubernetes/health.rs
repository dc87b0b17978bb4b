//! How the API server does as a source of identity: what the status shows of it.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// A part of what is asked of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
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
}

impl Part {
    /// What it is about, as messages name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "the connection",
            Self::Pods => "the pods of this node",
            Self::Jobs => "jobs",
            Self::PeerPods => "the pods of the cluster",
            Self::Services => "services",
            Self::Nodes => "nodes",
        }
    }

    /// What the agent's account must be allowed to do.
    #[must_use]
    pub const fn right(self) -> &'static str {
        match self {
            Self::Connection => "to connect",
            Self::Pods | Self::PeerPods => "list and watch of pods",
            Self::Jobs => "get of jobs.batch",
            Self::Services => "list and watch of services",
            Self::Nodes => "list and watch of nodes",
        }
    }
}

/// What is known of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The API server answered everything that it was asked last.
    pub answers: bool,
    /// What is wrong, by part.
    pub troubles: BTreeMap<Part, String>,
    /// Requests, by part.
    pub requests: BTreeMap<Part, u64>,
    /// Objects that could not be read.
    pub refused: u64,
    /// Pods of this node.
    pub pods: usize,
    /// Questions for owners of jobs that found no room, and pods beyond the bound.
    pub given_up: u64,
    /// All pods of this node were told at least once.
    pub listed: bool,
}

impl Health {
    /// What is wrong, in one text; empty if nothing is.
    #[must_use]
    pub fn text(&self, node: &str) -> String {
        let mut texts: Vec<String> = self.troubles.values().cloned().collect();
        texts.dedup();
        if self.listed && self.pods == 0 {
            texts.push(format!(
                "there is no pod with spec.nodeName={node}: is this the node's name in Kubernetes (node.name)?"
            ));
        }
        texts.join("; ")
    }
}

/// Through which the tasks of the source say how they do.
#[derive(Clone, Debug)]
pub struct Reporter(watch::Sender<Health>);

impl Reporter {
    /// A reporter, and where its reports are read.
    #[must_use]
    pub fn new() -> (Self, watch::Receiver<Health>) {
        let (sender, receiver) = watch::channel(Health::default());
        (Self(sender), receiver)
    }

    /// This part works.
    pub(super) fn fine(&self, part: Part) {
        self.0.send_if_modified(|health| {
            let mended = health.troubles.remove(&part).is_some();
            if mended {
                tracing::info!(of = part.name(), "the API server answers again");
            }
            let answers = health.troubles.is_empty();
            std::mem::replace(&mut health.answers, answers) != answers || mended
        });
    }

    /// This part does not work.
    pub(super) fn trouble(&self, part: Part, text: String) {
        self.0.send_if_modified(|health| {
            health.answers = false;
            if health.troubles.get(&part) == Some(&text) {
                return false;
            }
            tracing::warn!(of = part.name(), text, "the API server is of no help; everything else goes on");
            health.troubles.insert(part, text);
            true
        });
    }

    /// One more request.
    pub(super) fn asked(&self, part: Part) {
        self.0.send_modify(|health| *health.requests.entry(part).or_default() += 1);
    }

    /// An object made no sense.
    pub(super) fn refused(&self, part: Part, error: &str) {
        tracing::warn!(of = part.name(), error, "an object of the API server cannot be read");
        self.0.send_modify(|health| health.refused += 1);
    }

    /// So many pods of this node are known; `listed` when all were told.
    pub(super) fn pods(&self, pods: usize, listed: bool) {
        self.0.send_if_modified(|health| {
            health.listed |= listed;
            std::mem::replace(&mut health.pods, pods) != pods
        });
    }

    /// Something found no room.
    pub(super) fn gave_up(&self) {
        self.0.send_modify(|health| health.given_up += 1);
    }
}
