//! Who is behind an address: pods, services and nodes of the cluster, in a bounded table that the pipeline's
//! thread owns.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What has the address; of two that claim it, the later of these keeps it: a service may be reached through a
/// node's address.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Kind {
    /// A service: its cluster address, or that of its load balancer.
    Service,
    /// A pod with a network of its own.
    Pod,
    /// A node, and with it every pod that shares its network.
    Node,
}

/// A pod, service or node with an address. Takes 24 bytes and those of its text.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Peer {
    kind: Kind,
    /// Namespace, name and uid behind one another.
    text: Box<str>,
    /// Where the namespace and the name end.
    ends: [u16; 2],
}

impl Peer {
    /// A peer; `None` if namespace and name are longer than any that the API server accepts.
    #[must_use]
    pub fn new(kind: Kind, namespace: &str, name: &str, uid: &str) -> Option<Self> {
        let ends = [namespace.len(), namespace.len() + name.len()];
        let [namespace_end, name_end] = ends.map(u16::try_from);
        let text = [namespace, name, uid].concat().into_boxed_str();
        Some(Self { kind, text, ends: [namespace_end.ok()?, name_end.ok()?] })
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Namespace; empty for a node.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.part(0, self.ends[0].into())
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.part(self.ends[0].into(), self.ends[1].into())
    }

    /// `metadata.uid`
    #[must_use]
    pub fn uid(&self) -> &str {
        self.part(self.ends[1].into(), self.text.len())
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }
}

/// A change of the table; an input of the pipeline.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum PeerNews {
    /// All of this kind are told anew.
    Begin(Kind),
    /// It has this address.
    Has(IpAddr, Peer),
    /// All of this kind were told: those that were not are gone.
    End(Kind),
    /// The one with this uid has this address no more.
    Gone(IpAddr, Box<str>),
    /// The one with this uid has no address that was told before.
    Moved(Box<str>),
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    /// Round in which it was told last.
    round: u8,
}

/// Peers by address.
#[derive(Debug)]
pub struct Peers {
    most: usize,
    entries: HashMap<IpAddr, Entry>,
    /// Addresses of pods in the order in which they came, for eviction; those that are gone are skipped.
    order: VecDeque<IpAddr>,
    /// How often all of a kind were told, or begun to be, modulo 256.
    rounds: [u8; 3],
    evicted: u64,
}

impl Peers {
    /// A table of so many addresses; 0 for none.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, entries: HashMap::new(), order: VecDeque::new(), rounds: [0; 3], evicted: 0 }
    }

    /// Who has an address.
    #[must_use]
    pub fn get(&self, address: IpAddr) -> Option<&Peer> {
        if self.entries.is_empty() {
            return None;
        }
        self.entries.get(&address.to_canonical()).map(|entry| &entry.peer)
    }

    /// Takes a change in.
    pub fn learn(&mut self, news: PeerNews) {
        match news {
            PeerNews::Begin(kind) => {
                let round = self.round(kind);
                *round = round.wrapping_add(1);
            }
            PeerNews::Has(address, peer) => self.insert(address.to_canonical(), peer),
            PeerNews::End(kind) => {
                let round = *self.round(kind);
                self.entries.retain(|_, entry| entry.peer.kind != kind || entry.round == round);
            }
            PeerNews::Gone(address, uid) => {
                let address = address.to_canonical();
                // Another one may have the address by now.
                if self.entries.get(&address).is_some_and(|entry| entry.peer.uid() == &*uid) {
                    self.entries.remove(&address);
                }
            }
            PeerNews::Moved(uid) => self.entries.retain(|_, entry| entry.peer.uid() != &*uid),
        }
    }

    /// News from which an empty table becomes this one.
    #[must_use]
    pub fn state(&self) -> Vec<PeerNews> {
        let has = |(address, entry): (&IpAddr, &Entry)| PeerNews::Has(*address, entry.peer.clone());
        let is_current = |entry: &Entry| self.rounds.get(entry.peer.kind as usize) == Some(&entry.round);
        let (current, stale): (Vec<_>, Vec<_>) =
            self.in_order().into_iter().partition(|(_, entry)| is_current(entry));
        let rounds = [Kind::Service, Kind::Pod, Kind::Node].map(PeerNews::Begin);
        stale.into_iter().map(has).chain(rounds).chain(current.into_iter().map(has)).collect()
    }

    /// Those of pods in the order in which they came, the others by their address.
    fn in_order(&self) -> Vec<(&IpAddr, &Entry)> {
        let mut places = HashMap::new();
        for (place, address) in self.order.iter().enumerate() {
            places.entry(address).or_insert(place);
        }
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(address, _)| (places.get(address).copied(), **address));
        entries
    }

    /// Number of addresses.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Most addresses.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.most
    }

    /// Addresses given up because the table was full.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Bytes that the table holds, nearly: the tables' own sizes, and those of the texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let entry = size_of::<(IpAddr, Entry)>() + 1;
        let texts: usize = self.entries.values().map(|entry| entry.peer.text.len()).sum();
        self.entries.capacity() * entry + self.order.capacity() * size_of::<IpAddr>() + texts
    }

    const fn round(&mut self, kind: Kind) -> &mut u8 {
        let [service, pod, node] = &mut self.rounds;
        match kind {
            Kind::Service => service,
            Kind::Pod => pod,
            Kind::Node => node,
        }
    }

    fn insert(&mut self, address: IpAddr, peer: Peer) {
        let round = *self.round(peer.kind);
        if let Some(entry) = self.entries.get_mut(&address) {
            if entry.peer.kind <= peer.kind {
                if peer.kind == Kind::Pod && entry.peer.kind != Kind::Pod {
                    self.order.push_back(address);
                }
                *entry = Entry { peer, round };
            }
            return;
        }
        if !self.make_room() {
            self.evicted += 1;
            return;
        }
        if peer.kind == Kind::Pod {
            self.order.push_back(address);
        }
        self.entries.insert(address, Entry { peer, round });
        self.tidy();
    }

    /// The oldest pods go first: services and nodes are few, and live long.
    fn make_room(&mut self) -> bool {
        while self.entries.len() >= self.most {
            let Some(oldest) = self.order.pop_front() else { return false };
            if self.entries.get(&oldest).is_some_and(|entry| entry.peer.kind == Kind::Pod) {
                self.entries.remove(&oldest);
                self.evicted += 1;
            }
        }
        true
    }

    /// Addresses that are gone, or are there twice, are taken out of the order once it is twice as long as it need be.
    fn tidy(&mut self) {
        const SLACK: usize = 64;
        if self.order.len() <= self.entries.len().saturating_mul(2).saturating_add(SLACK) {
            return;
        }
        let entries = &self.entries;
        let mut kept = HashSet::new();
        let is_pod =
            |address: &IpAddr| entries.get(address).is_some_and(|entry| entry.peer.kind == Kind::Pod);
        self.order.retain(|address| is_pod(address) && kept.insert(*address));
    }
}

#[cfg(test)]
mod tests;
