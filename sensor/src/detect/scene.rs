//! What a behaviour sees: an event with who did it, where, and from whom they descend.

use std::net::IpAddr;

use sensor_common::class::Class;

use super::context::Given;
use crate::event::{Facts, call::PrivilegedCall, network, operation::FileOperation};
use crate::identity::store::{Known, Owner};
use crate::process::{Former, Key, Process, Standing};

/// An event and what is known around it.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What it is made of.
    pub given: Given<'a>,
    /// What was before it.
    pub past: Past,
}

/// What was before an event, and who watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Past {
    /// What the process was before it began its program, of events in which one did.
    pub former: Option<Former>,
    /// Control group of the process before it was moved, of events in which it was.
    pub cgroup: Option<u64>,
    /// Pid of the sensor itself; 0 where it is not known.
    pub sensor: u32,
}

impl<'a> Scene<'a> {
    /// Of what is known.
    #[must_use]
    pub const fn new(given: Given<'a>) -> Self {
        Self { given, past: Past { former: None, cgroup: None, sensor: 0 } }
    }

    /// Class of the event.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.given.event.class
    }

    /// When, in nanoseconds since boot.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.given.event.time_ns
    }

    /// Control group of the event.
    #[must_use]
    pub const fn cgroup(&self) -> u64 {
        self.given.event.cgroup
    }

    /// Name of the process.
    #[must_use]
    pub fn key(&self) -> Key {
        self.given.event.process.into()
    }

    /// The process, as the tree knows it.
    #[must_use]
    pub fn process(&self) -> Option<&'a Process> {
        self.given.tree.get(self.key())
    }

    /// The container that the event happened in.
    #[must_use]
    pub fn container(&self) -> Option<&'a Known> {
        known(self.given.owner)
    }

    /// The container of the other process: peer of a socket, target of a call.
    #[must_use]
    pub fn other_container(&self) -> Option<&'a Known> {
        known(self.given.other_owner)
    }

    /// Whether a control group belongs to the container that the event happened in.
    #[must_use]
    pub fn is_inside(&self, cgroup: u64) -> bool {
        let id = |known: Option<&'a Known>| known.map(|known| known.container.id.as_str());
        cgroup == self.cgroup() || {
            let own = id(self.container());
            own.is_some() && own == id(known(self.given.identity.owner(cgroup)))
        }
    }

    /// Where the process stood before the event.
    #[must_use]
    pub fn standing(&self) -> Option<&Standing> {
        match &self.past.former {
            Some(former) => Some(&former.standing),
            None => Some(&self.process()?.standing),
        }
    }

    /// Whether a known process created it, and is not in its container.
    #[must_use]
    pub fn is_from_outside(&self) -> bool {
        let parent = self.given.tree.ancestors(self.key()).next();
        parent.is_some_and(|parent| !self.is_inside(parent.cgroup))
    }

    /// The call that the event tells.
    #[must_use]
    pub const fn call(&self) -> Option<&'a PrivilegedCall<'a>> {
        match &self.given.event.facts {
            Facts::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The operation on a file that the event tells.
    #[must_use]
    pub const fn file(&self) -> Option<&'a FileOperation<'a>> {
        match &self.given.event.facts {
            Facts::File(operation) => Some(operation),
            _ => None,
        }
    }

    /// Ancestors of the process within its container, its parent first. On the host, all of them.
    pub fn lineage(&self) -> impl Iterator<Item = &'a Process> + use<'a> {
        let (scene, in_container) = (*self, self.container().is_some());
        let ancestors = self.given.tree.ancestors(self.key());
        ancestors.take_while(move |ancestor| !in_container || scene.is_inside(ancestor.cgroup))
    }

    /// The other end of a socket, IPv4 as such.
    #[must_use]
    pub fn remote(&self) -> Option<(IpAddr, u16)> {
        network::end(&self.socket()?.remote)
    }

    /// The record of a socket, also of what was said on it.
    #[must_use]
    pub const fn socket(&self) -> Option<&'a sensor_common::record::network::NetRecord> {
        match &self.given.event.facts {
            Facts::Socket(socket) => Some(&socket.record),
            Facts::Content(content) => Some(&content.socket.record),
            _ => None,
        }
    }
}

fn known(owner: Option<&Owner>) -> Option<&Known> {
    match owner {
        Some(Owner::Container(known)) => Some(known),
        Some(Owner::Host { .. }) | None => None,
    }
}
