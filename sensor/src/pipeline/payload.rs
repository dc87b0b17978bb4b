//! First bytes of flows and DNS messages: put together, recognised, told to those who own the socket.
//!
//! What comes in for a new connection comes before its server accepted it, and then nobody owns the socket
//! yet: such a record waits a moment for one that names the owner.

use std::collections::VecDeque;

use sensor_common::{
    class::Class,
    record::network::{Facts as NetFacts, NetRecord},
};

use super::{Before, Output, Pipeline, state::Waiting};
use crate::event::{
    Event, Facts,
    content::Content,
    decode::decode,
    network::SocketOperation,
    wire::{
        dns::{End, Message},
        flow::{Chunk, Direction, Flows},
        protocol::{Protocol, Recognised, SoFar, recognise},
    },
};

/// Flows that are kept unless the settings say otherwise.
const FLOWS: usize = 1024;
/// Flows of which nothing came for so long are forgotten.
const QUIET_NS: u64 = 600_000_000_000;
/// Time between two looks for them.
const SWEEP_NS: u64 = 30_000_000_000;
/// Longest time that a record waits for the owner of its socket.
const OWNER_WAIT_NS: u64 = 500_000_000;
/// Records that wait for an owner at once; for one more the oldest goes on.
const WAITING_MAX: usize = 2048;
/// Events of one direction of a flow: its first bytes, and when more became known.
const EVENTS_MAX: usize = 4;

/// The stage's state.
#[derive(Debug)]
pub(super) struct Payloads {
    flows: Flows,
    waiting: VecDeque<Unowned>,
    /// Records that went on before their time for others.
    unowned: u64,
    swept_ns: u64,
}

/// A record whose socket has no known owner.
#[derive(Debug)]
pub(super) struct Unowned {
    pub(super) until_ns: u64,
    pub(super) socket: u64,
    pub(super) record: Box<[u8]>,
}

impl Default for Payloads {
    fn default() -> Self {
        Self { flows: Flows::new(FLOWS), waiting: VecDeque::new(), unowned: 0, swept_ns: 0 }
    }
}

impl Payloads {
    /// True if records wait for an owner.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The records that wait, in order.
    pub(super) fn state(&self) -> Vec<Waiting> {
        let waiting = |unowned: &Unowned| {
            let Unowned { until_ns, socket, record } = unowned;
            Waiting { on: *socket, until_ns: *until_ns, record: record.clone() }
        };
        self.waiting.iter().map(waiting).collect()
    }

    /// A record waits again.
    pub(super) fn restore(&mut self, unowned: Unowned) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(unowned);
        }
    }

    /// Takes out the records that wait for this socket's owner, in order.
    fn take(&mut self, socket: u64) -> Vec<Unowned> {
        if self.waiting.iter().all(|waiting| waiting.socket != socket) {
            return Vec::new();
        }
        let (mine, others) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.socket == socket);
        self.waiting = others;
        Vec::from(mine)
    }

    fn sweep(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.swept_ns) > SWEEP_NS {
            self.swept_ns = now_ns;
            self.flows.forget_before(now_ns.saturating_sub(QUIET_NS));
        }
    }

    /// Takes the bytes of a connection. Returns what is to be told.
    fn stream<'a>(
        &mut self,
        event: &Event<'_>,
        socket: &SocketOperation<'a>,
        shown: usize,
    ) -> Vec<(Class, Content<'a>)> {
        let (flow, direction) = (socket.record.socket, socket.direction());
        let last = socket.record.facts & NetFacts::CUT != 0;
        let known_before = !self.flows.prefix(flow, direction).is_empty();
        let chunk = Chunk { flow, direction, offset: socket.record.offset, bytes: socket.payload, last };
        let firmer = self.flows.push(event.time_ns, &chunk).cloned();
        let first = !known_before && !self.flows.prefix(flow, direction).is_empty();
        if event.class == Class::NetDns {
            let mut told = self.messages(socket, shown);
            // Whatever goes to that port is not always DNS.
            if firmer.as_ref().is_some_and(|known| known.protocol != Protocol::Dns) {
                told.push((Class::NetPayload, self.content(socket, firmer, shown)));
            }
            return told;
        }
        let room = self.flows.told_mut(flow, direction).is_some_and(|told| {
            *told += usize::from(first || firmer.is_some());
            *told <= EVENTS_MAX
        });
        if !room || !(first || firmer.is_some()) {
            return Vec::new();
        }
        let known = firmer.or_else(|| self.flows.recognised(flow).cloned());
        vec![(Class::NetPayload, self.content(socket, known, shown))]
    }

    /// The messages that have become whole, or of which no more will come.
    fn messages<'a>(&mut self, socket: &SocketOperation<'a>, shown: usize) -> Vec<(Class, Content<'a>)> {
        let (flow, direction) = (socket.record.socket, socket.direction());
        let ended = self.flows.is_ended(flow, direction);
        let messages: Vec<_> = Message::stream(self.flows.prefix(flow, direction))
            .take_while(|message| ended || message.end != End::Cut)
            .collect();
        let Some(told) = self.flows.told_mut(flow, direction) else { return Vec::new() };
        let before = std::mem::replace(told, messages.len());
        let new = messages.into_iter().skip(before);
        new.map(|message| {
            let content = self.content(socket, None, shown);
            (Class::NetDns, Content { message: Some(message), ..content })
        })
        .collect()
    }

    fn content<'a>(
        &self,
        socket: &SocketOperation<'a>,
        recognised: Option<Recognised>,
        shown: usize,
    ) -> Content<'a> {
        let (flow, direction) = (socket.record.socket, socket.direction());
        let bytes = self.flows.prefix(flow, direction);
        let cut = bytes.len() > shown || socket.record.facts & NetFacts::CUT != 0;
        let data = bytes.get(..shown).unwrap_or(bytes).to_vec();
        Content { socket: socket.clone(), direction, data, cut, recognised, message: None }
    }
}

/// What is to be told of a datagram.
fn datagram<'a>(event: &Event<'_>, socket: &SocketOperation<'a>, shown: usize) -> (Class, Content<'a>) {
    let (direction, bytes) = (socket.direction(), socket.payload);
    let dns = event.class == Class::NetDns;
    let message = dns.then(|| Message::parse(bytes, whole(&socket.record))).and_then(Result::ok);
    let none = SoFar { bytes: &[], ended: true };
    let this = SoFar { bytes, ended: true };
    let recognised = (!dns).then(|| match direction {
        Direction::Sent => recognise(this, none),
        Direction::Received => recognise(none, this),
    });
    let content = Content {
        socket: socket.clone(),
        direction,
        data: bytes.get(..shown).unwrap_or(bytes).to_vec(),
        cut: bytes.len() > shown || socket.record.facts & NetFacts::CUT != 0,
        recognised: recognised.and_then(|outcome| outcome.recognised),
        message,
    };
    (event.class, content)
}

/// Bytes that a datagram had on the wire.
fn whole(record: &NetRecord) -> usize {
    usize::try_from(record.sent_bytes.max(record.received_bytes)).unwrap_or(usize::MAX)
}

impl Pipeline {
    /// Sets how many flows are kept; those that are kept now are forgotten.
    pub fn set_flows_max(&mut self, flows: usize) {
        self.payloads.flows = Flows::new(flows);
    }

    /// The flows whose first bytes are kept.
    #[must_use]
    pub const fn flows(&self) -> &Flows {
        &self.payloads.flows
    }

    /// Records that did not wait long enough for the owner of their socket, because too many waited.
    #[must_use]
    pub const fn unowned(&self) -> u64 {
        self.payloads.unowned
    }

    /// Something happened to a socket. True if the event is to be published as it is.
    pub(super) fn socket(
        &mut self,
        event: &Event<'_>,
        own: bool,
        socket: &SocketOperation<'_>,
        output: &mut impl Output,
    ) -> bool {
        let bytes = matches!(event.class, Class::NetPayload | Class::NetDns);
        if bytes && socket.is_unowned() {
            return false;
        }
        for waiting in self.payloads.take(socket.record.socket) {
            if let Ok(mut earlier) = decode(&waiting.record) {
                earlier.process = event.process;
                earlier.cgroup = event.cgroup;
                self.content(&earlier, own, output);
            }
        }
        if bytes {
            self.content(event, own, output);
        } else if event.class == Class::NetClose
            && let Some(known) = self.payloads.flows.close(socket.record.socket)
        {
            let content = self.payloads.content(socket, Some(known), 0);
            let told = Event { class: Class::NetPayload, ..event.clone() };
            let wanted = own || self.is_wanted(&told, socket);
            self.tell(event, (own, wanted), vec![(Class::NetPayload, content)], output);
        }
        !bytes
    }

    /// Keeps a record for a moment if its socket has no known owner. True if it was taken.
    pub(super) fn awaits_owner(
        &mut self,
        event: &Event<'_>,
        record: &[u8],
        output: &mut impl Output,
    ) -> bool {
        let Facts::Socket(socket) = &event.facts else { return false };
        if !matches!(event.class, Class::NetPayload | Class::NetDns) || !socket.is_unowned() {
            return false;
        }
        if self.payloads.waiting.len() >= WAITING_MAX
            && let Some(oldest) = self.payloads.waiting.pop_front()
        {
            self.payloads.unowned += 1;
            self.go_on(&oldest, output);
        }
        let until_ns = event.time_ns.saturating_add(OWNER_WAIT_NS);
        self.payloads.waiting.push_back(Unowned {
            until_ns,
            socket: socket.record.socket,
            record: record.into(),
        });
        true
    }

    /// Lets go on what waited long enough for an owner.
    pub(super) fn release_payloads(&mut self, now_ns: u64, output: &mut impl Output) {
        while self.payloads.waiting.front().is_some_and(|waiting| waiting.until_ns <= now_ns)
            && let Some(waiting) = self.payloads.waiting.pop_front()
        {
            self.go_on(&waiting, output);
        }
    }

    fn go_on(&mut self, waiting: &Unowned, output: &mut impl Output) {
        if let Ok(event) = decode(&waiting.record) {
            self.content(&event, false, output);
        }
    }

    /// Bytes of a socket whose owner is as well known as it will be.
    fn content(&mut self, event: &Event<'_>, own: bool, output: &mut impl Output) {
        let Facts::Socket(socket) = &event.facts else { return };
        self.payloads.sweep(event.time_ns);
        let wanted = own || self.wants_socket(event, socket);
        if !wanted && !self.policy.judges(event.class, self.kind(event.cgroup)) {
            return;
        }
        let shown = self.policy.payload_bytes;
        let told = if socket.record.kind == SOCK_STREAM {
            self.payloads.stream(event, socket, shown)
        } else {
            vec![datagram(event, socket, shown)]
        };
        if !own && wanted {
            self.count(event.class, |count| count.published += 1);
        }
        self.tell(event, (own, wanted), told, output);
    }

    fn tell(
        &mut self,
        event: &Event<'_>,
        (own, wanted): (bool, bool),
        told: Vec<(Class, Content<'_>)>,
        output: &mut impl Output,
    ) {
        for (class, content) in told {
            let event = Event { class, facts: Facts::Content(content), ..event.clone() };
            if wanted {
                self.publish(&event, own, Before::default(), output);
            } else {
                self.sequence += 1;
            }
            if !own {
                self.detect(&event, Before::default(), output);
            }
        }
    }
}

/// `SOCK_STREAM` of `include/linux/net.h`.
const SOCK_STREAM: u16 = 1;
