//! Who in the cluster has which address: pods, services and nodes, reduced to that as they are read.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::net::IpAddr;
use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;

use super::facts;
use super::follow::{Change, Follower, Pace};
use super::health::{Part, Reporter};
use super::later::Later;
use super::objects::{Node, Object, PeerMetadata, PeerPod, Service};
use crate::identity::peer::{Kind, Peer, PeerNews};
use crate::sources::adviser::{Ended, Teacher, Told};

/// News told at once.
const BATCH: usize = 256;

/// Addresses that were given up and are not forgotten yet.
const LEAVING_MAX: usize = 8192;

/// Addresses of one pod, service or node.
const ADDRESSES_MAX: usize = 16;

/// What has addresses.
pub(super) trait Addressed: Object {
    const KIND: Kind;

    fn metadata(&self) -> &PeerMetadata;

    /// Its addresses as they are written; more than it has do no harm if they are none.
    fn addresses(&self) -> Vec<&str>;
}

impl Addressed for PeerPod {
    const KIND: Kind = Kind::Pod;

    fn metadata(&self) -> &PeerMetadata {
        &self.metadata
    }

    /// None while it shares the node's network, and none any more once it ended: others may get them.
    fn addresses(&self) -> Vec<&str> {
        if self.spec.host_network || matches!(self.status.phase.as_str(), "Succeeded" | "Failed") {
            return Vec::new();
        }
        let more = self.status.pod_ips.iter().map(|ip| ip.ip.as_str());
        std::iter::once(self.status.pod_ip.as_str()).chain(more).collect()
    }
}

impl Addressed for Service {
    const KIND: Kind = Kind::Service;

    fn metadata(&self) -> &PeerMetadata {
        &self.metadata
    }

    fn addresses(&self) -> Vec<&str> {
        let more = self.spec.cluster_ips.iter().map(String::as_str);
        let balanced = self.status.load_balancer.ingress.iter().map(|ip| ip.ip.as_str());
        std::iter::once(self.spec.cluster_ip.as_str()).chain(more).chain(balanced).collect()
    }
}

impl Addressed for Node {
    const KIND: Kind = Kind::Node;

    fn metadata(&self) -> &PeerMetadata {
        &self.metadata
    }

    fn addresses(&self) -> Vec<&str> {
        self.status.addresses.iter().map(|address| address.address.as_str()).collect()
    }
}

/// Hash of the addresses that were told, by the hash of the uid: whoever has others now has moved.
type Known = HashMap<u64, u64>;

/// Tells of all pods, services and nodes.
pub(super) struct Peers {
    teacher: Teacher,
    most: usize,
    services: Known,
    pods: Known,
    nodes: Known,
    leaving: Later<(IpAddr, Box<str>)>,
    news: Vec<PeerNews>,
}

struct Inputs {
    pods: Receiver<Change<PeerPod>>,
    services: Receiver<Change<Service>>,
    nodes: Receiver<Change<Node>>,
    /// Ends its tasks when it is dropped.
    _tasks: JoinSet<()>,
}

/// Works until the resolver ends.
pub(super) async fn advise(client: Client, most: usize, pace: Pace, teacher: Teacher, reporter: Reporter) {
    let mut tasks = JoinSet::new();
    let follower = |part, path, selector: &str| Follower {
        client: client.clone(),
        part,
        path,
        selector: selector.to_owned(),
        pace,
        reporter: reporter.clone(),
    };
    // Pods that ended have no address; the API server tells of their end as of a deletion.
    const RUNNING: &str = "status.phase%21%3DSucceeded,status.phase%21%3DFailed";
    let (sender, pods) = mpsc::channel(BATCH);
    tasks.spawn(follower(Part::PeerPods, "/api/v1/pods", RUNNING).run(sender));
    let (sender, services) = mpsc::channel(BATCH);
    tasks.spawn(follower(Part::Services, "/api/v1/services", "").run(sender));
    let (sender, nodes) = mpsc::channel(BATCH);
    tasks.spawn(follower(Part::Nodes, "/api/v1/nodes", "").run(sender));
    let inputs = Inputs { pods, services, nodes, _tasks: tasks };
    // The resolver has ended: nobody is to be told any more.
    Peers::new(teacher, most, pace.stay).run(inputs).await.ok();
}

impl Peers {
    pub(super) fn new(teacher: Teacher, most: usize, stay: Duration) -> Self {
        Self {
            teacher,
            most,
            services: Known::new(),
            pods: Known::new(),
            nodes: Known::new(),
            leaving: Later::new(stay, LEAVING_MAX),
            news: Vec::new(),
        }
    }

    async fn run(mut self, mut inputs: Inputs) -> Result<(), Ended> {
        loop {
            tokio::select! {
                Some(change) = inputs.pods.recv() => self.change(change),
                Some(change) = inputs.services.recv() => self.change(change),
                Some(change) = inputs.nodes.recv() => self.change(change),
                (address, uid) = self.leaving.due() => self.news.push(PeerNews::Gone(address, uid)),
                else => return Ok(()),
            }
            let idle = inputs.pods.is_empty() && inputs.services.is_empty() && inputs.nodes.is_empty();
            if self.news.len() >= BATCH || idle && !self.news.is_empty() {
                let news = std::mem::take(&mut self.news);
                self.teacher.tell(Told::Peers(news)).await?;
            }
        }
    }

    pub(super) fn change<T: Addressed>(&mut self, change: Change<T>) {
        match change {
            Change::Begin => {
                // The table gives up what this list does not tell.
                self.known(T::KIND).clear();
                self.news.push(PeerNews::Begin(T::KIND));
            }
            Change::End => self.news.push(PeerNews::End(T::KIND)),
            Change::There(object) => self.there(&object),
            Change::Gone(object) => self.gone(&object),
        }
    }

    const fn known(&mut self, kind: Kind) -> &mut Known {
        match kind {
            Kind::Service => &mut self.services,
            Kind::Pod => &mut self.pods,
            Kind::Node => &mut self.nodes,
        }
    }

    fn there<T: Addressed>(&mut self, object: &T) {
        let PeerMetadata { namespace, name, .. } = object.metadata();
        let uid = uid(object);
        let addresses = addresses(object);
        let (key, told, most) = (hash(&uid), hash(&addresses), self.most);
        let known = self.known(T::KIND);
        let before = if addresses.is_empty() {
            known.remove(&key)
        } else if known.len() < most || known.contains_key(&key) {
            known.insert(key, told)
        } else {
            None
        };
        match before {
            Some(before) if before == told => return,
            Some(_) => self.news.push(PeerNews::Moved(uid.into())),
            None => {}
        }
        let Some(peer) = Peer::new(T::KIND, namespace, name, uid) else { return };
        self.news.extend(addresses.into_iter().map(|address| PeerNews::Has(address, peer.clone())));
    }

    fn gone<T: Addressed>(&mut self, object: &T) {
        let uid = uid(object);
        let addresses = addresses(object);
        if self.known(T::KIND).remove(&hash(&uid)).is_some() && addresses.is_empty() {
            self.news.push(PeerNews::Moved(uid.into()));
        }
        for address in addresses {
            let over = self.leaving.add((address, uid.into()));
            self.news.extend(over.map(|(address, uid)| PeerNews::Gone(address, uid)));
        }
    }
}

/// Uid as events of that pod name it.
fn uid<T: Addressed>(object: &T) -> &str {
    let metadata = object.metadata();
    facts::node_uid(&metadata.annotations.mirror, &metadata.uid)
}

/// Addresses in the form in which the table has them, each once.
fn addresses<T: Addressed>(object: &T) -> Vec<IpAddr> {
    let written = object.addresses();
    let parsed = written.iter().filter_map(|text| text.parse::<IpAddr>().ok());
    let mut addresses: Vec<_> = parsed.map(|address| address.to_canonical()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    addresses
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
