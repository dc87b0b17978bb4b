//! One subscriber, on the pipeline's side: its queue, and what did not fit into it.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::{Counters, EncodedEvent, Filter, Published};
use crate::proto;

/// A subscriber.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) filter: Filter,
    pub(super) counters: Arc<Counters>,
    queue: mpsc::Sender<EncodedEvent>,
    queue_bytes_max: usize,
    untold: Untold,
}

/// Events that were lost since the subscriber was last told.
#[derive(Debug, Default)]
struct Untold {
    count: u64,
    /// Cursor and time of the last one.
    cursor: String,
    time: proto::Timestamp,
}

impl Member {
    pub(super) fn new(
        filter: Filter,
        queue: mpsc::Sender<EncodedEvent>,
        queue_bytes_max: usize,
        counters: Arc<Counters>,
    ) -> Self {
        Self { filter, counters, queue, queue_bytes_max, untold: Untold::default() }
    }

    /// Whether the client is gone.
    pub(super) fn has_left(&self) -> bool {
        self.queue.is_closed()
    }

    /// Queues the event; if there is no room for it, or for the loss that comes before it, it is
    /// lost too.
    pub(super) fn deliver(&mut self, event: EncodedEvent, published: &Published<'_>, node: &str) {
        if self.tell_loss(node) && self.enqueue(event) {
            self.counters.count_sent();
            return;
        }
        self.counters.count_lost();
        self.untold.count += 1;
        self.untold.time = published.time;
        self.untold.cursor.clear();
        self.untold.cursor.push_str(published.cursor);
    }

    /// Tells the subscriber what it lost; false if it must still be told.
    pub(super) fn tell_loss(&mut self, node: &str) -> bool {
        if self.untold.count == 0 {
            return true;
        }
        // Room for one event is not enough: each gap would then be followed by the next one.
        if self.queue.capacity() < self.queue.max_capacity().min(2) {
            return false;
        }
        let told = self.enqueue(self.untold.event(node));
        if told {
            self.untold.count = 0;
        }
        told
    }

    fn enqueue(&self, event: EncodedEvent) -> bool {
        let bytes = event.len();
        // An event that is larger than the whole bound may still wait alone.
        let waiting = self.counters.waiting_bytes();
        if waiting > 0 && waiting.saturating_add(bytes) > self.queue_bytes_max {
            return false;
        }
        self.counters.add_waiting(bytes);
        match self.queue.try_send(event) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                self.counters.remove_waiting(bytes);
                false
            }
        }
    }
}

impl Untold {
    fn event(&self, node: &str) -> EncodedEvent {
        EncodedEvent::of(&proto::Event {
            cursor: self.cursor.clone(),
            time: Some(self.time),
            node: node.to_owned(),
            class: proto::Class::Loss.into(),
            facts: Some(proto::event::Facts::Loss(proto::Loss {
                reason: proto::loss::Reason::SlowSubscriber.into(),
                count: self.count,
                ..proto::Loss::default()
            })),
            ..proto::Event::default()
        })
    }
}
