//! Hands each event to the subscribers that want it. The pipeline's thread owns the [`Hub`]: per
//! event there is no lock, no I/O and no waiting. What a slow subscriber misses is its own loss,
//! is counted, and is told to it.

mod handle;
mod member;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

pub use self::handle::{HubHandle, SubscribeError};
use self::member::Member;
use super::filter::Filter;
use super::frame::{EncodedAncestors, EncodedEvent};
use super::subscription::Counters;
use crate::detect::{finding::Finding, incident::Incident};
use crate::identity::container::Container;
use crate::proto;

/// New subscriptions that may wait for the hub; more wait for their turn.
const JOINS_WAITING_MAX: usize = 16;

/// Bounds of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most subscribers at once.
    pub subscribers_max: usize,
    /// Events that may wait for one subscriber.
    pub queue_events: usize,
    /// Bytes of events that may wait for one subscriber.
    pub queue_bytes: usize,
}

/// An event as the pipeline hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    /// Class.
    pub class: proto::Class,
    /// Container of its process.
    pub container: Option<&'a Container>,
    /// What was found, if that is what it tells.
    pub finding: Option<&'a Finding>,
    /// The incident, if that is what it tells.
    pub incident: Option<&'a Incident>,
    /// `Event.cursor`
    pub cursor: &'a str,
    /// `Event.time`
    pub time: proto::Timestamp,
    /// The encoded `Event`, without its ancestors.
    pub event: &'a [u8],
    /// The ancestors; as many as [`Hub::ancestors_wanted`] says, or all that are known.
    pub ancestors: &'a EncodedAncestors,
}

/// A subscription on its way to the hub.
#[derive(Debug)]
struct Joining {
    member: Member,
    taken: oneshot::Sender<()>,
}

/// The subscribers, on the pipeline's side.
#[derive(Debug)]
pub struct Hub {
    node: String,
    joins: mpsc::Receiver<Joining>,
    registry: Arc<handle::Registry>,
    members: Vec<Member>,
    ancestors_wanted: usize,
    /// The event at hand as it was encoded for each depth of ancestors; emptied after each event.
    encoded: Vec<(usize, EncodedEvent)>,
}

impl Hub {
    /// A hub without subscribers, and the handle through which they come. `node` is `Event.node`
    /// of the losses that the hub reports.
    #[must_use]
    pub fn new(limits: Limits, node: String) -> (Self, HubHandle) {
        let (sender, joins) = mpsc::channel(JOINS_WAITING_MAX);
        let registry = Arc::new(handle::Registry::default());
        let hub = Self {
            node,
            joins,
            registry: Arc::clone(&registry),
            members: Vec::new(),
            ancestors_wanted: 0,
            encoded: Vec::new(),
        };
        (hub, HubHandle::new(limits, sender, registry))
    }

    /// Whether any subscriber wants such an event. If not, it need not be encoded.
    #[must_use]
    pub fn wants(&self, class: proto::Class, container: Option<&Container>) -> bool {
        self.members.iter().any(|member| member.filter.matches(class, container))
    }

    /// How many ancestors the subscriber that wants most of them wants.
    #[must_use]
    pub fn ancestors_wanted(&self) -> usize {
        self.ancestors_wanted
    }

    /// Hands an event to every subscriber that wants it.
    pub fn publish(&mut self, published: &Published<'_>) {
        for member in &mut self.members {
            if !member.filter.matches(published.class, published.container)
                || !member.filter.permits(published)
            {
                continue;
            }
            let event = encoded_once(&mut self.encoded, published, member.filter.ancestors());
            member.deliver(event, published, &self.node);
        }
        self.encoded.clear();
    }

    /// Takes new subscribers in, lets those go that left, and tells losses that could not be told
    /// before. To be called once per batch of records, and several times a second when there are
    /// none: a client waits for it.
    pub fn poll(&mut self) {
        for member in &mut self.members {
            member.tell_loss(&self.node);
        }
        let before = self.members.len();
        self.members.retain(|member| !member.has_left());
        let mut changed = self.members.len() != before;
        while let Ok(Joining { member, taken }) = self.joins.try_recv() {
            self.registry.add(Arc::clone(&member.counters));
            // If the client gave up meanwhile, its queue is closed and the next poll removes it.
            self.members.push(member);
            changed = true;
            if taken.send(()).is_err() {
                tracing::debug!("a subscriber left before it was taken in");
            }
        }
        if changed {
            self.registry.forget_the_gone();
            let depths = self.members.iter().map(|member| member.filter.ancestors());
            self.ancestors_wanted = depths.max().unwrap_or_default();
        }
    }
}

/// The event with so many ancestors, made when it is first asked for.
fn encoded_once(
    encoded: &mut Vec<(usize, EncodedEvent)>,
    published: &Published<'_>,
    ancestors: usize,
) -> EncodedEvent {
    if let Some((_, event)) = encoded.iter().find(|(depth, _)| *depth == ancestors) {
        return event.clone();
    }
    let event = EncodedEvent::new(published.event, published.ancestors.first(ancestors));
    encoded.push((ancestors, event.clone()));
    event
}

#[cfg(test)]
mod tests;
