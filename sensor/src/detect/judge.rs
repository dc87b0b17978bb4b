//! Whoever judges events, and what it is shown.

use std::fmt::Debug;

use sensor_common::record::process::Ids;

use super::{finding::Finding, names::Names};
use crate::event::Event;
use crate::identity::store::Store;
use crate::process::tree::Tree;

/// An event with all that is known when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// The process tree, with what the event changed.
    pub tree: &'a Tree,
    /// The control groups.
    pub identity: &'a Store,
    /// Ids of the process before the event changed them.
    pub ids_before: Option<Ids>,
    /// Addresses of the names that rules compare.
    pub names: &'a Names,
    /// Time of the event, in nanoseconds since 1970.
    pub time_ns: i64,
}

/// Judges events.
///
/// What it wants to see beyond what the settings ask for is a matter of [`crate::policy::Policy::judged`].
pub trait Judge: Debug + Send {
    /// Tells what it finds in an event.
    fn judge(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding));
}
