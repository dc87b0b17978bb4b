//! Chunks in any order, twice, cut anywhere; more flows than are kept.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::event::wire::protocol::tests::bytes;
use crate::event::wire::protocol::{Protocol, SoFar};

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

fn sent(flow: u64, offset: u32, bytes: &[u8]) -> Chunk<'_> {
    Chunk { flow, direction: Direction::Sent, offset, bytes }
}

fn received(flow: u64, offset: u32, bytes: &[u8]) -> Chunk<'_> {
    Chunk { flow, direction: Direction::Received, offset, bytes }
}

#[test]
fn it_is_said_once_and_again_when_firmer() {
    let mut flows = Flows::new(4);
    assert_eq!(flows.push(1, &sent(1, 0, &HELLO[..10])), None);
    let first = flows.push(2, &sent(1, 10, &HELLO[10..20])).cloned().unwrap();
    assert_eq!((first.protocol, first.server_name), (Protocol::Http1, None));
    assert_eq!(flows.push(3, &sent(1, 5, &HELLO[5..20])), None);
    let second = flows.push(4, &sent(1, 20, &HELLO[20..])).cloned().unwrap();
    assert_eq!(second.server_name.as_deref(), Some("a.example"));
    let third = flows.push(5, &received(1, 0, b"HTTP/1.1 200 OK\r\n")).cloned().unwrap();
    assert_eq!(third.detail.as_deref(), Some("GET / → 200"));
    assert_eq!(flows.push(6, &sent(1, 60, b"more")), None);
    assert_eq!(flows.recognised(1), Some(&third));
    assert_eq!(flows.prefix(1, Direction::Sent), HELLO);
    assert_eq!(flows.prefix(1, Direction::Received), b"HTTP/1.1 200 OK\r\n");
    assert_eq!(flows.close(1), None);
    assert!(flows.is_empty());
}

#[test]
fn a_gap_is_waited_for() {
    let mut flows = Flows::new(4);
    assert_eq!(flows.push(1, &sent(1, 8, &HELLO[8..])), None);
    assert_eq!(flows.prefix(1, Direction::Sent), b"");
    assert!(flows.push(2, &sent(1, 0, &HELLO[..8])).is_some());
}

#[test]
fn the_end_can_make_it_known() {
    let mut flows = Flows::new(4);
    assert_eq!(flows.push(1, &sent(1, 0, b"GET /cut")), None);
    assert_eq!(flows.close(1).unwrap().protocol, Protocol::Http1);
    assert_eq!(flows.close(1), None);
}

#[test]
fn the_quietest_is_given_up_and_counted() {
    let mut flows = Flows::new(2);
    flows.push(1, &sent(1, 0, b"a"));
    flows.push(2, &sent(2, 0, b"G"));
    flows.push(3, &sent(1, 1, b"{"));
    flows.push(4, &sent(3, 0, b"G"));
    assert_eq!((flows.len(), flows.evicted()), (2, 1));
    assert_eq!(flows.prefix(2, Direction::Sent), b"");
    assert_eq!(flows.prefix(1, Direction::Sent), b"a{");
}

#[test]
fn what_is_settled_goes_first_and_is_no_loss() {
    let mut flows = Flows::new(2);
    flows.push(1, &sent(1, 0, b"G"));
    flows.push(2, &sent(2, 0, HELLO));
    flows.push(3, &received(2, 0, b"HTTP/1.1 200 OK\r\n"));
    flows.push(4, &sent(3, 0, b"G"));
    assert_eq!((flows.recognised(2), flows.evicted()), (None, 0));
    assert_eq!(flows.prefix(1, Direction::Sent), b"G");
}

#[test]
fn times_may_go_back() {
    let mut flows = Flows::new(2);
    flows.push(9, &sent(1, 0, b"G"));
    flows.push(5, &sent(1, 1, b"E"));
    flows.push(7, &sent(2, 0, b"G"));
    assert_eq!(flows.forget_before(8), 1);
    assert_eq!(flows.prefix(1, Direction::Sent), b"GE");
    assert_eq!(flows.forget_before(10), 1);
    assert!(flows.is_empty() && flows.order.is_empty());
}

#[test]
fn nothing_is_kept_of_later_bytes() {
    let mut flows = Flows::new(2);
    flows.push(1, &sent(1, 512, b"late"));
    flows.push(1, &sent(2, u32::MAX, b"late"));
    flows.push(1, &sent(3, 0, b""));
    assert!(flows.is_empty());
}

/// Chunks that cover all bytes and overlap, in any order.
fn chunks(bytes: Vec<u8>) -> impl Strategy<Value = (Vec<u8>, Vec<(usize, usize)>)> {
    let length = bytes.len();
    vec((0..=length, 0..=length), 0..12).prop_flat_map(move |extra| {
        let mut edges: Vec<_> = extra.iter().map(|(from, _)| *from).chain([0, length]).collect();
        edges.sort_unstable();
        let mut pieces: Vec<_> = edges.windows(2).map(|pair| (pair[0], pair[1])).collect();
        pieces.extend(extra.iter().map(|(from, to)| (*from.min(to), *from.max(to))));
        (Just(bytes.clone()), Just(pieces).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn a_split_flow_is_the_same_as_a_whole_one(
        (one, one_pieces) in bytes().prop_flat_map(chunks),
        (other, other_pieces) in bytes().prop_flat_map(chunks),
    ) {
        let mut flows = Flows::new(1);
        let mut said = None;
        let last = one_pieces.len().max(other_pieces.len());
        for turn in 0..last {
            for (direction, bytes, pieces) in
                [(Direction::Sent, &one, &one_pieces), (Direction::Received, &other, &other_pieces)]
            {
                let Some((from, to)) = pieces.get(turn) else { continue };
                let offset = u32::try_from(*from).unwrap();
                let chunk = Chunk { flow: 7, direction, offset, bytes: &bytes[*from..*to] };
                if let Some(firmer) = flows.push(0, &chunk) {
                    prop_assert_ne!(said.as_ref(), Some(firmer));
                    said = Some(firmer.clone());
                }
            }
        }
        let kept = |bytes: &[u8]| bytes[..bytes.len().min(PREFIX_MAX)].to_vec();
        let (one, other) = (kept(&one), kept(&other));
        prop_assert_eq!(flows.prefix(7, Direction::Sent), &one[..]);
        prop_assert_eq!(flows.prefix(7, Direction::Received), &other[..]);
        let so_far = |bytes| SoFar { bytes, ended: false };
        let full = |bytes: &[u8]| bytes.len() == PREFIX_MAX;
        let whole = recognise(
            SoFar { ended: full(&one), ..so_far(&one) },
            SoFar { ended: full(&other), ..so_far(&other) },
        );
        prop_assert_eq!(flows.recognised(7), whole.recognised.as_ref());
        prop_assert_eq!(said, whole.recognised);
    }

    #[test]
    fn any_chunks_are_taken(
        chunks in vec((0..6_u64, any::<bool>(), prop_oneof![0..700_u32, any::<u32>()], vec(any::<u8>(), 0..80), any::<u64>()), 0..60),
    ) {
        let mut flows = Flows::new(3);
        for (flow, forth, offset, bytes, time) in &chunks {
            let direction = if *forth { Direction::Sent } else { Direction::Received };
            flows.push(*time, &Chunk { flow: *flow, direction, offset: *offset, bytes });
            prop_assert!(flows.len() <= 3 && flows.len() == flows.order.len());
            prop_assert!(flows.prefix(*flow, direction).len() <= PREFIX_MAX);
        }
    }
}
