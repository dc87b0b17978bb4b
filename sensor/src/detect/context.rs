//! What rules can know of an event: its fields, from the event itself, the process tree and the container.
//!
//! A value is what Falco's would be, byte for byte, where the same is known; `docs/rules-fields.md` tells the
//! differences. Nothing is allocated: a value is borrowed from where it is, or put together in the caller's buffer.

mod argument;
mod container;
mod descriptor;
mod event;
mod kind;
mod own;
mod place;
mod process;
mod text;
mod user;

use std::net::IpAddr;

use sensor_common::record::process::Ids;

use super::field::{Argument, Field, Kind, Which};
use super::value::{Facts, Value};
use crate::event::Event;
use crate::identity::{
    store::{Known, Owner, Store},
    users::Users,
};
use crate::process::{Process, tree::Tree};

/// Names that addresses have in rules: each domain that a rule names is resolved beforehand.
pub trait Names: std::fmt::Debug {
    /// True if `see` says so of one of the names that resolve to the address. It is shown each until it says so.
    fn any(&self, address: IpAddr, see: &mut dyn FnMut(&str) -> bool) -> bool;
}

/// No address has a name.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl Names for NoNames {
    fn any(&self, _: IpAddr, _: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }
}

/// What a [`Context`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The event. The tree has taken it in.
    pub event: &'a Event<'a>,
    /// Every process.
    pub tree: &'a Tree,
    /// Every control group.
    pub identity: &'a Store,
    /// Owner of the event's control group.
    pub owner: Option<&'a Owner>,
    /// Ids of the process before the event changed them, of events that did.
    pub ids_before: Option<Ids>,
    /// The other process: peer of a socket, target of a call.
    pub other: Option<&'a Process>,
    /// Owner of that one's control group.
    pub other_owner: Option<&'a Owner>,
    /// Owner of the control group of the process's parent.
    pub parent_owner: Option<&'a Owner>,
    /// Name of the node.
    pub node: &'a str,
    /// Users and groups of the node.
    pub host_users: Option<&'a Users>,
    /// When it happened, in nanoseconds since 1970.
    pub wall_ns: i64,
    /// Names of addresses.
    pub names: &'a dyn Names,
}

/// What is known of an event.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    given: Given<'a>,
    kind: Kind,
    process: Option<&'a Process>,
    /// Paths are shown as the kernel resolved them.
    as_resolved: bool,
}

impl<'a> Context<'a> {
    /// What is known of an event.
    #[must_use]
    pub fn new(given: Given<'a>) -> Self {
        Self {
            kind: kind::of(given.event),
            process: given.tree.get(given.event.process.into()),
            given,
            as_resolved: false,
        }
    }

    /// The same with paths as the kernel resolved them, if one is another one than was asked for.
    ///
    /// Rules are to be judged by both, each as a whole: by the first, which is Falco's, a symbolic link would hide a
    /// file; and if comparisons took either, a link with the name of an exception would.
    #[must_use]
    pub fn resolved(&self, buffer: &mut Vec<u8>) -> Option<Self> {
        let differs = self.place().is_some_and(|place| place.differs(buffer))
            || self.second_place().is_some_and(|place| place.differs(buffer));
        differs.then_some(Self { as_resolved: true, ..*self })
    }

    /// The container that the event happened in.
    fn known(&self) -> Option<&'a Known> {
        match self.given.owner {
            Some(Owner::Container(known)) => Some(known),
            Some(Owner::Host { .. }) | None => None,
        }
    }
}

impl Facts for Context<'_> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn value<'a>(&'a self, field: &Field, buffer: &'a mut Vec<u8>) -> Option<Value<'a>> {
        let argument = &field.argument;
        match field.which()? {
            Which::Argument(name) => self.of_argument(name, buffer),
            Which::RawArgument(name) => self.raw_argument(name, buffer),
            Which::Container(name) => self.of_container(name, argument, buffer),
            Which::Descriptor(name) => self.of_descriptor(name, argument, buffer),
            Which::Event(name) => self.of_event(name, argument, buffer),
            Which::Own(name) => self.of_own(name, buffer),
            Which::Process(name) => self.of_process(name, argument, buffer),
            Which::User(name) => self.of_user(name),
        }
    }

    fn any(&self, field: &Field, buffer: &mut Vec<u8>, see: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        let seen = match (field.which(), &field.argument) {
            (Some(Which::Process(name)), Argument::None) => self.any_of_process(name, see),
            (Some(Which::Descriptor(name)), Argument::None) => self.any_of_descriptor(name, see),
            (Some(Which::Event(name)), Argument::None) => self.any_of_event(name, see),
            (Some(Which::Own(name)), Argument::None) => self.any_of_own(name, see),
            _ => None,
        };
        seen.unwrap_or_else(|| self.value(field, buffer).is_some_and(see))
    }
}

#[cfg(test)]
mod tests;
