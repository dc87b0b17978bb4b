//! What has to be known of others before an input of a chosen container: processes, control groups, addresses.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use sensor_common::{header::TaskRef, record::network::Address};

use super::super::Input;
use crate::event::{Event, Facts, network};
use crate::identity::{
    peer::{Peer, PeerNews},
    store::{Answer, Owner},
};
use crate::pipeline::Pipeline;
use crate::process::{Key, Process, tree::Tree};

/// Entries beyond which those that the stages have forgotten go.
const TOLD_MAX: usize = 16 * 1024;

/// What a recording has.
#[derive(Debug, Default)]
pub(super) struct Told {
    processes: HashSet<Key>,
    groups: HashSet<u64>,
    peers: HashMap<IpAddr, Peer>,
}

impl Told {
    pub(super) fn has_process(&self, key: Key) -> bool {
        self.processes.contains(&key)
    }

    pub(super) fn has_group(&self, cgroup: u64) -> bool {
        self.groups.contains(&cgroup)
    }

    /// It has this process from now on; whether that is new.
    pub(super) fn process(&mut self, key: Key) -> bool {
        self.processes.insert(key)
    }

    /// The same of a control group.
    pub(super) fn group(&mut self, cgroup: u64) -> bool {
        self.groups.insert(cgroup)
    }

    /// Forgets what nobody knows any more, if it is much.
    pub(super) fn forget(&mut self, all: &Pipeline) {
        if self.processes.len() > TOLD_MAX.max(2 * all.tree().len()) {
            self.processes.retain(|key| all.tree().get(*key).is_some());
        }
        if self.groups.len() > TOLD_MAX.max(2 * all.identity().len()) {
            self.groups.retain(|cgroup| all.identity().owner(*cgroup).is_some());
        }
        if self.peers.len() > TOLD_MAX.max(2 * all.peers().len()) {
            self.peers.retain(|address, _| all.peers().get(*address).is_some());
        }
    }
}

/// Gathers what is needed and not told yet.
#[derive(Debug)]
pub(super) struct Needed<'a> {
    all: &'a Pipeline,
    told: &'a mut Told,
    /// What is told besides.
    before: Option<&'a Told>,
    processes: Vec<Process>,
    groups: Vec<u64>,
    peers: Vec<PeerNews>,
}

impl<'a> Needed<'a> {
    pub(super) fn new(all: &'a Pipeline, told: &'a mut Told, before: Option<&'a Told>) -> Self {
        Self { all, told, before, processes: Vec::new(), groups: Vec::new(), peers: Vec::new() }
    }

    /// All that an event leads to.
    pub(super) fn event(&mut self, event: &Event<'_>) {
        let all = self.all;
        self.task(event.process);
        let mut others = Vec::new();
        match &event.facts {
            Facts::Fork(fork) => {
                others.extend([(fork.parent, 0), (fork.creator, 0)]);
                // From here on the record itself tells it.
                self.told.process(event.process.into());
            }
            Facts::Exec(exec) => {
                others.push((exec.record.parent, 0));
                self.told.process(event.process.into());
            }
            Facts::CgroupMove(moved) => others.push((moved.record.mover, 0)),
            Facts::Call(call) => others.push((call.record.target, call.record.target_cgroup)),
            Facts::Socket(socket) => {
                others.push((socket.record.peer, socket.record.peer_cgroup));
                self.peer(&socket.record.remote);
            }
            Facts::Content(content) => self.peer(&content.socket.record.remote),
            _ => {}
        }
        for (task, cgroup) in others {
            self.task(task);
            if task.pid != 0
                && task.start_ns == 0
                && let Some(process) = all.tree().by_pid(task.pid)
            {
                self.process(process.key, all.tree());
            }
            self.group(cgroup);
        }
    }

    fn task(&mut self, task: TaskRef) {
        if task.pid != 0 {
            self.process(task.into(), self.all.tree());
        }
    }

    /// A process, its ancestors, and where they are.
    pub(super) fn process(&mut self, key: Key, tree: &Tree) {
        let line = tree.get(key).into_iter().chain(tree.ancestors(key));
        for process in line {
            let known = self.before.is_some_and(|before| before.has_process(process.key));
            if known || !self.told.process(process.key) {
                break;
            }
            self.processes.push(process.clone());
            self.group(process.cgroup);
        }
    }

    fn group(&mut self, cgroup: u64) {
        let known = self.before.is_some_and(|before| before.has_group(cgroup));
        if cgroup != 0 && !known && self.all.identity().owner(cgroup).is_some() && self.told.group(cgroup) {
            self.groups.push(cgroup);
        }
    }

    /// Who has an address now: told when that is new, or not so any more.
    fn peer(&mut self, remote: &Address) {
        let Some((address, _)) = network::end(remote) else { return };
        let address = address.to_canonical();
        let now = self.all.peers().get(address);
        let before = self.before.and_then(|before| before.peers.get(&address));
        let told = self.told.peers.get(&address).or(before);
        if now == told {
            return;
        }
        let news = match (now, told) {
            (Some(peer), _) => PeerNews::Has(address, peer.clone()),
            (None, Some(peer)) => PeerNews::Gone(address, peer.uid().into()),
            (None, None) => return,
        };
        match now.cloned() {
            Some(peer) => drop(self.told.peers.insert(address, peer)),
            None => drop(self.told.peers.remove(&address)),
        }
        self.peers.push(news);
    }

    /// As inputs, ancestors before those who descend from them.
    pub(super) fn inputs(self, now_ns: u64) -> Vec<Input> {
        let Self { all, mut processes, groups, peers, .. } = self;
        let answer = |cgroup: u64| {
            let identity = match all.identity().owner(cgroup)? {
                Owner::Host { .. } => None,
                Owner::Container(known) => Some(known.clone()),
            };
            let path = all.identity().path(cgroup).unwrap_or_default().to_owned();
            Some(Input::Answer { now_ns, answer: Answer { cgroup, path, identity } })
        };
        processes.sort_by_key(|process| (process.start_ns, process.key.start_ticks, process.key.pid));
        let processes = processes.into_iter().map(|process| Input::Process(Box::new(process)));
        let peers = peers.into_iter().map(Input::Peer);
        groups.into_iter().filter_map(answer).chain(processes).chain(peers).collect()
    }
}
