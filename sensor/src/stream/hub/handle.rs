//! The hub from outside: where subscriptions are asked for and counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Joining, Limits, Member};
use crate::proto;
use crate::stream::filter::Filter;
use crate::stream::subscription::{Counters, Subscription};

/// How long the pipeline may take to take a subscriber in. It polls several times a second.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no subscription.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SubscribeError {
    /// The bound is reached.
    #[error("{0} subscribers are connected, and `stream.subscribers_max` permits no more")]
    TooMany(usize),
    /// The pipeline has ended or hangs.
    #[error("the agent's pipeline does not answer: it is starting, ending or stuck (see its log)")]
    NoPipeline,
}

/// Asks the hub for subscriptions; shared by all connections.
#[derive(Clone, Debug)]
pub struct HubHandle {
    limits: Limits,
    joins: mpsc::Sender<Joining>,
    places: Arc<Semaphore>,
    next_id: Arc<AtomicU64>,
    registry: Arc<Registry>,
}

impl HubHandle {
    pub(super) fn new(limits: Limits, joins: mpsc::Sender<Joining>, registry: Arc<Registry>) -> Self {
        let places = Arc::new(Semaphore::new(limits.subscribers_max));
        Self { limits, joins, places, next_id: Arc::new(AtomicU64::new(1)), registry }
    }

    /// Subscribes. When this returns, the hub has the subscription: nothing that is published from
    /// now on is missed.
    ///
    /// # Errors
    /// When there are too many subscribers or the pipeline does not answer.
    pub async fn subscribe(&self, filter: Filter) -> Result<Subscription, SubscribeError> {
        let too_many = SubscribeError::TooMany(self.limits.subscribers_max);
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| too_many)?;
        let (sender, receiver) = mpsc::channel(self.limits.queue_events.max(1));
        let counters = Arc::new(Counters::new(self.next_id.fetch_add(1, Ordering::Relaxed)));
        let member = Member::new(filter, sender, self.limits.queue_bytes, Arc::clone(&counters));
        let subscription = Subscription::new(receiver, counters, place);
        let (taken, is_taken) = oneshot::channel();
        let join = async {
            self.joins.send(Joining { member, taken }).await.ok()?;
            is_taken.await.ok()
        };
        match tokio::time::timeout(JOIN_PATIENCE, join).await {
            Ok(Some(())) => Ok(subscription),
            Ok(None) | Err(_) => Err(SubscribeError::NoPipeline),
        }
    }

    /// The subscribers that the hub has, in the order in which they came.
    #[must_use]
    pub fn subscribers(&self) -> Vec<proto::Subscriber> {
        self.registry.list()
    }

    /// Events queued for subscribers and lost by them, those that are gone included.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        self.registry.totals()
    }
}

/// Subscribers that the hub has, and what those were sent and lost that are gone. Locked when one comes or goes and when a status
/// is asked for, never for an event.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    counters: Vec<Arc<Counters>>,
    sent_to_gone: u64,
    lost_by_gone: u64,
}

impl Registry {
    pub(super) fn add(&self, counters: Arc<Counters>) {
        self.lock().counters.push(counters);
    }

    pub(super) fn forget_the_gone(&self) {
        let Entries { counters, sent_to_gone, lost_by_gone } = &mut *self.lock();
        for gone in counters.extract_if(.., |counters| counters.is_gone()) {
            let proto::Subscriber { sent, lost, .. } = gone.report();
            *sent_to_gone += sent;
            *lost_by_gone += lost;
        }
    }

    fn list(&self) -> Vec<proto::Subscriber> {
        let present = |counters: &&Arc<Counters>| !counters.is_gone();
        self.lock().counters.iter().filter(present).map(|counters| counters.report()).collect()
    }

    /// What was sent and lost in all.
    fn totals(&self) -> (u64, u64) {
        let entries = self.lock();
        let add = |(sent, lost): (u64, u64), one: proto::Subscriber| (sent + one.sent, lost + one.lost);
        let gone = (entries.sent_to_gone, entries.lost_by_gone);
        entries.counters.iter().map(|counters| counters.report()).fold(gone, add)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
