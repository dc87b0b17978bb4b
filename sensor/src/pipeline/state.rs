//! All that the stages know at one moment, so that a recording can begin there and its replay goes on equally.
//!
//! Left out are the first bytes of flows, counters, rules, what behaviours remember and what was found: the bytes are the
//! workload's, no event shows a counter, and a replay judges by rules of its own, with a memory that begins with it.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Pipeline, own::Own, payload::Unowned};
use crate::detect::names::Names;
use crate::identity::{
    peer::{PeerNews, Peers},
    store::{GroupState, Store},
    users::Users,
};
use crate::policy::Policy;
use crate::process::{
    Process,
    tree::{Limits, Tree},
};
use crate::stream::encode::Context;

/// What the stages know.
#[derive(Clone, Debug)]
pub struct State {
    /// Bounds and numbers.
    pub base: Base,
    /// Control groups, in the order in which they came.
    pub groups: Vec<GroupState>,
    /// Processes, in no order.
    pub processes: Vec<Process>,
    /// Who has which address of the cluster.
    pub peers: Vec<PeerNews>,
    /// Records that wait for the identity of their control group, in order.
    pub parked: Vec<Waiting>,
    /// Records that wait for the owner of their socket, in order.
    pub unowned: Vec<Waiting>,
}

/// Bounds and numbers of the stages.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Base {
    /// Most processes.
    pub processes_max: usize,
    /// How long ended processes stay known, in nanoseconds.
    pub retention_ns: u64,
    /// Most control groups.
    pub groups_max: usize,
    /// How long records wait for the identity of their control group, in nanoseconds.
    pub identity_wait_ns: u64,
    /// Most flows.
    pub flows_max: usize,
    /// Most addresses of the cluster.
    pub peers_max: usize,
    /// Number of the last event.
    pub sequence: u64,
    /// Control groups that were removed and are still known.
    pub removed: Vec<u64>,
    /// Who makes the agent's trials.
    pub(super) own: Own,
    /// Users of the host, once they were read.
    #[serde(with = "crate::shared::optional")]
    pub host_users: Option<Arc<Users>>,
    /// Addresses of names that rules compare.
    pub names: Vec<(String, IpAddr)>,
    /// What is wanted.
    #[serde(with = "crate::shared::one")]
    pub policy: Arc<Policy>,
}

/// A record of the kernel that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Control group, or socket, for which it waits.
    pub on: u64,
    /// Until when, in nanoseconds since boot.
    pub until_ns: u64,
    /// The record.
    pub record: Box<[u8]>,
}

impl Pipeline {
    /// What the stages know now. Costs some milliseconds where there are many processes and control groups.
    #[must_use]
    pub fn state(&self) -> State {
        let Limits { processes_max, retention_ns } = self.tree.limits();
        let (groups, removed) = self.identity.state();
        State {
            base: Base {
                processes_max,
                retention_ns,
                groups_max: self.identity.capacity(),
                identity_wait_ns: self.identity_wait_ns,
                flows_max: self.flows().capacity(),
                peers_max: self.peers.capacity(),
                sequence: self.sequence,
                removed,
                own: self.own.clone(),
                host_users: self.identity.host_users().cloned(),
                names: self.names().pairs().map(|(name, address)| (name.to_owned(), address)).collect(),
                policy: Arc::clone(&self.policy),
            },
            groups,
            processes: self.tree.state(),
            peers: self.peers.state(),
            parked: self.parked.state(),
            unowned: self.payloads.state(),
        }
    }

    /// Stages that know what others knew. `context` is theirs too.
    #[must_use]
    pub fn restore(context: Context, state: State) -> Self {
        let State { base, groups, processes, peers, parked, unowned } = state;
        let limits = Limits { processes_max: base.processes_max, retention_ns: base.retention_ns };
        let store = Store::new(base.groups_max);
        let mut pipeline = Self::new(context, Tree::new(limits), store, base.identity_wait_ns);
        pipeline.set_flows_max(base.flows_max);
        pipeline.peers = Peers::new(base.peers_max);
        pipeline.sequence = base.sequence;
        pipeline.own = base.own;
        if let Some(users) = base.host_users {
            pipeline.identity.set_host_users(users);
        }
        let names = base.names.iter().map(|(name, address)| (name.as_str(), *address));
        pipeline.set_names(Arc::new(Names::new(names)));
        pipeline.policy = base.policy;
        pipeline.identity.restore(groups, base.removed);
        pipeline.tree.restore(processes);
        peers.into_iter().for_each(|news| pipeline.peers.learn(news));
        for Waiting { on, until_ns, record } in parked {
            // What found room there finds it here.
            pipeline.parked.add(on, until_ns, &record);
        }
        for Waiting { on: socket, until_ns, record } in unowned {
            pipeline.payloads.restore(Unowned { until_ns, socket, record });
        }
        pipeline
    }

    /// What encoding needs to know besides the events.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Number of the last event.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Kept, answer, exec, exit, fork, pipeline};
    use super::*;

    /// Whatever comes next, the events are those that would have come without the change of stages.
    #[test]
    fn restored_stages_go_on_equally() {
        let (mut first, mut kept) = (pipeline(100), Kept::default());
        first.record(&fork(8, 50), 60, &mut kept);
        first.answer(answer(), 70, &mut kept);
        first.record(&exec(8, 80), 90, &mut kept);
        first.record(&fork(9, 100), 110, &mut kept);
        first.record(&exit(8, 120), 130, &mut kept);
        let state = first.state();
        let mut second = Pipeline::restore(first.context().clone(), state);
        let (mut one, mut other) = (Kept::default(), Kept::default());
        for (stages, kept) in [(&mut first, &mut one), (&mut second, &mut other)] {
            stages.record(&exec(9, 200), 210, kept);
            stages.record(&exit(8, 220), 220, kept);
            stages.record(&exit(9, 230), 235, kept);
        }
        assert_eq!(one.events.len(), 2, "the end of 8 was told before");
        assert_eq!(one.events, other.events);
    }

    #[test]
    fn what_waits_goes_on_waiting() {
        let (mut first, mut kept) = (pipeline(100), Kept::default());
        first.record(&fork(9, 100), 110, &mut kept);
        first.record(&exec(9, 101), 111, &mut kept);
        assert!(kept.events.is_empty(), "they wait for the answer");
        let mut second = Pipeline::restore(first.context().clone(), first.state());
        let (mut one, mut other) = (Kept::default(), Kept::default());
        first.answer(answer(), 120, &mut one);
        second.answer(answer(), 120, &mut other);
        assert_eq!(one.events.len(), 2);
        assert_eq!(one.events, other.events);
    }
}
