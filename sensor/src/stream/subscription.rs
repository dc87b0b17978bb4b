//! One subscriber, on the connection's side: takes what the hub queued, in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::frame::{EncodedEvent, Frames};
use crate::proto;

/// Most events in one response.
const BATCH_EVENTS_MAX: usize = 256;

/// Most bytes in one response (more only for a single event that is larger); gRPC clients refuse
/// messages above 4 MiB unless told otherwise.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// A subscription that the hub has taken in. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    queue: mpsc::Receiver<EncodedEvent>,
    /// Taken from the queue, not yet handed out.
    waiting: Vec<EncodedEvent>,
    counters: Arc<Counters>,
    _place: OwnedSemaphorePermit,
}

impl Subscription {
    pub(super) fn new(
        queue: mpsc::Receiver<EncodedEvent>,
        counters: Arc<Counters>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self { queue, waiting: Vec::new(), counters, _place: place }
    }

    /// The next events; waits for one. `None` when the hub has ended. Nothing is lost when the
    /// future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Frames> {
        if self.waiting.is_empty() {
            self.queue.recv_many(&mut self.waiting, BATCH_EVENTS_MAX).await;
        }
        let mut bytes = 0;
        let fit = self.waiting.iter().take_while(|event| {
            bytes += event.len();
            bytes <= BATCH_BYTES_MAX
        });
        let count = fit.count().max(1).min(self.waiting.len());
        let later = self.waiting.split_off(count);
        let now = std::mem::replace(&mut self.waiting, later);
        self.counters.remove_waiting(now.iter().map(EncodedEvent::len).sum());
        (!now.is_empty()).then(|| Frames::from(now))
    }

    /// What was queued and lost so far.
    #[must_use]
    pub fn report(&self) -> proto::Subscriber {
        self.counters.report()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.counters.gone.store(true, Ordering::Relaxed);
    }
}

/// What both sides of a subscription and the status share.
#[derive(Debug)]
pub(super) struct Counters {
    id: u64,
    sent: AtomicU64,
    lost: AtomicU64,
    /// Bytes in the queue and in the batch at hand.
    waiting_bytes: AtomicUsize,
    gone: AtomicBool,
}

impl Counters {
    pub(super) fn new(id: u64) -> Self {
        Self {
            id,
            sent: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            waiting_bytes: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
        }
    }

    pub(super) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn add_waiting(&self, bytes: usize) {
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn remove_waiting(&self, bytes: usize) {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    pub(super) fn report(&self) -> proto::Subscriber {
        let (sent, lost) = (self.sent.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed));
        proto::Subscriber { id: self.id, sent, lost }
    }
}
