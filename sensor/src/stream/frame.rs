//! Events in their encoded form: bytes that are made once and shared by all subscribers.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{DecodeContext, WireType, encode_key, encoded_len_varint, key_len, skip_field};
use prost::{DecodeError, Message};

use crate::proto;

/// Number of `SubscribeResponse.events` in the schema.
const EVENTS_FIELD: u32 = 1;

/// Number of `Event.ancestors` in the schema.
const ANCESTORS_FIELD: u32 = 7;

/// One complete `events` field of a `SubscribeResponse`: key, length and encoded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEvent(Bytes);

impl EncodedEvent {
    /// From the encoded event, which may come in two parts (fields of a message may be
    /// concatenated).
    #[must_use]
    pub fn new(event: &[u8], more_fields: &[u8]) -> Self {
        let body = event.len() + more_fields.len();
        let mut bytes =
            BytesMut::with_capacity(key_len(EVENTS_FIELD) + encoded_len_varint(body as u64) + body);
        encode_key(EVENTS_FIELD, WireType::LengthDelimited, &mut bytes);
        prost::encoding::encode_varint(body as u64, &mut bytes);
        bytes.put_slice(event);
        bytes.put_slice(more_fields);
        Self(bytes.freeze())
    }

    /// From the message; for events that few subscribers get.
    #[must_use]
    pub fn of(event: &proto::Event) -> Self {
        Self::new(&event.encode_to_vec(), &[])
    }

    /// Length in bytes, key and length included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: an event has at least its key and length.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Encoded `ancestors` fields of one event, nearest ancestor first, so that the first few can be
/// added to an event of which not all are wanted. Meant to be reused from event to event.
#[derive(Clone, Debug, Default)]
pub struct EncodedAncestors {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl EncodedAncestors {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds the next ancestor.
    pub fn push(&mut self, ancestor: &proto::Process) {
        prost::encoding::message::encode(ANCESTORS_FIELD, ancestor, &mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Encoded fields of the first `count` ancestors, or of all if there are fewer.
    #[must_use]
    pub fn first(&self, count: usize) -> &[u8] {
        let end = count.min(self.ends.len()).checked_sub(1).and_then(|last| self.ends.get(last));
        end.and_then(|&end| self.bytes.get(..end)).unwrap_or_default()
    }
}

/// A `SubscribeResponse` made of events that are encoded already: what the server sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames(Vec<EncodedEvent>);

impl From<Vec<EncodedEvent>> for Frames {
    fn from(events: Vec<EncodedEvent>) -> Self {
        Self(events)
    }
}

impl Message for Frames {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        for event in &self.0 {
            buffer.put_slice(&event.0);
        }
    }

    /// Only asked for by the trait: a server does not receive its own responses. The inverse of
    /// `encode_raw` nevertheless.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if tag != EVENTS_FIELD {
            return skip_field(wire_type, tag, buffer, context);
        }
        let mut event = Bytes::new();
        prost::encoding::bytes::merge(wire_type, &mut event, buffer, context)?;
        self.0.push(EncodedEvent::new(&event, &[]));
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.0.iter().map(EncodedEvent::len).sum()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(cursor: &str) -> proto::Event {
        proto::Event { cursor: cursor.into(), ..proto::Event::default() }
    }

    fn process(pid: u32) -> proto::Process {
        proto::Process { pid: Some(pid), ..proto::Process::default() }
    }

    #[test]
    fn frames_are_a_subscribe_response() {
        let events = vec![event("a"), event(&"b".repeat(300)), event("")];
        let frames = Frames::from(events.iter().map(EncodedEvent::of).collect::<Vec<_>>());
        let bytes = frames.encode_to_vec();
        assert_eq!(bytes.len(), frames.encoded_len());
        let expected = proto::SubscribeResponse { events };
        assert_eq!(bytes, expected.encode_to_vec());
        assert_eq!(proto::SubscribeResponse::decode(bytes.as_slice()).unwrap(), expected);
        assert_eq!(Frames::decode(bytes.as_slice()).unwrap(), frames);
    }

    #[test]
    fn ancestors_are_appended_up_to_the_depth() {
        let mut ancestors = EncodedAncestors::default();
        for pid in 1..=3 {
            ancestors.push(&process(pid));
        }
        for depth in 0..5 {
            let encoded = EncodedEvent::new(&event("a").encode_to_vec(), ancestors.first(depth));
            let frames = Frames::from(vec![encoded]).encode_to_vec();
            let mut response = proto::SubscribeResponse::decode(frames.as_slice()).unwrap();
            let event = response.events.remove(0);
            assert_eq!(event.cursor, "a");
            assert_eq!(event.ancestors, (1..=3).take(depth).map(process).collect::<Vec<_>>());
        }
        ancestors.clear();
        assert_eq!(ancestors.first(3), b"");
    }

    #[test]
    fn garbage_is_an_error_not_a_panic() {
        for bytes in [&[0x0a][..], &[0x0a, 0xff], &[0x08, 1], &[0xff; 12]] {
            assert!(Frames::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
