//! The hub without a server: who gets what, and what is told of the rest.

use prost::Message as _;

use super::*;
use crate::identity::container::Pod;
use crate::proto::{Class, SubscribeRequest, SubscribeResponse, Timestamp};
use crate::stream::subscription::Subscription;

const LIMITS: Limits = Limits { subscribers_max: 2, queue_events: 8, queue_bytes: 1 << 20 };

fn publish(hub: &mut Hub, class: Class, container: Option<&Container>, number: i64) {
    let cursor = number.to_string();
    let time = Timestamp { seconds: number, nanos: 0 };
    let event = proto::Event {
        cursor: cursor.clone(),
        time: Some(time),
        class: class.into(),
        ..proto::Event::default()
    };
    let mut ancestors = EncodedAncestors::default();
    for pid in 0..u32::try_from(hub.ancestors_wanted()).unwrap() {
        ancestors.push(&proto::Process { pid: Some(pid), ..proto::Process::default() });
    }
    hub.publish(&Published {
        class,
        container,
        finding: None,
        incident: None,
        cursor: &cursor,
        time,
        event: &event.encode_to_vec(),
        ancestors: &ancestors,
    });
}

async fn join(hub: &mut Hub, handle: &HubHandle, request: SubscribeRequest) -> Subscription {
    let subscribing = handle.subscribe(Filter::compile(request).unwrap());
    tokio::pin!(subscribing);
    loop {
        tokio::select! {
            biased;
            subscription = &mut subscribing => return subscription.unwrap(),
            () = tokio::task::yield_now() => hub.poll(),
        }
    }
}

async fn take(subscription: &mut Subscription) -> Vec<proto::Event> {
    let frames = subscription.next().await.unwrap();
    SubscribeResponse::decode(frames.encode_to_vec().as_slice()).unwrap().events
}

#[tokio::test]
async fn nothing_is_wanted_when_nobody_is_there() {
    let (mut hub, handle) = Hub::new(LIMITS, "n1".into());
    assert!(!hub.wants(Class::ProcessExec, None));
    let request = SubscribeRequest { classes: vec![Class::ProcessExit.into()], ..Default::default() };
    let subscription = join(&mut hub, &handle, request).await;
    assert!(!hub.wants(Class::ProcessExec, None));
    assert!(hub.wants(Class::ProcessExit, None));
    drop(subscription);
    assert!(handle.subscribers().is_empty(), "gone as soon as it is dropped");
    hub.poll();
    assert!(!hub.wants(Class::ProcessExit, None));
}

#[tokio::test]
async fn each_gets_what_it_asked_for() {
    let (mut hub, handle) = Hub::new(LIMITS, "n1".into());
    let shop =
        Container { pod: Some(Pod { namespace: "shop".into(), ..Pod::default() }), ..Container::default() };
    let narrow = SubscribeRequest { namespaces: vec!["shop".into()], ancestors: 2, ..Default::default() };
    let mut narrow = join(&mut hub, &handle, narrow).await;
    let mut all = join(&mut hub, &handle, SubscribeRequest::default()).await;
    assert_eq!(hub.ancestors_wanted(), 2);
    publish(&mut hub, Class::ProcessExec, None, 1);
    publish(&mut hub, Class::ProcessExec, Some(&shop), 2);
    let events = take(&mut all).await;
    assert_eq!(events.iter().map(|event| event.cursor.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(events.iter().all(|event| event.ancestors.is_empty()));
    let events = take(&mut narrow).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].ancestors.len(), 2);
}

#[tokio::test]
async fn a_loss_is_told_before_the_next_event() {
    let (mut hub, handle) = Hub::new(LIMITS, "n1".into());
    let mut slow = join(&mut hub, &handle, SubscribeRequest::default()).await;
    for number in 1..=13 {
        publish(&mut hub, Class::ProcessExec, None, number);
    }
    assert_eq!(take(&mut slow).await.len(), LIMITS.queue_events);
    publish(&mut hub, Class::ProcessExec, None, 14);
    let events = take(&mut slow).await;
    assert_eq!(events.len(), 2);
    let expected = proto::Event {
        cursor: "13".into(),
        time: Some(Timestamp { seconds: 13, nanos: 0 }),
        node: "n1".into(),
        class: Class::Loss.into(),
        facts: Some(proto::event::Facts::Loss(proto::Loss {
            reason: proto::loss::Reason::SlowSubscriber.into(),
            count: 5,
            class: 0,
        })),
        ..proto::Event::default()
    };
    assert_eq!(events[0], expected);
    assert_eq!(events[1].cursor, "14");
    let report = slow.report();
    assert_eq!((report.sent, report.lost), (9, 5));
}

#[tokio::test]
async fn a_loss_is_told_even_if_nothing_follows() {
    let (mut hub, handle) = Hub::new(LIMITS, "n1".into());
    let mut slow = join(&mut hub, &handle, SubscribeRequest::default()).await;
    for number in 1..=10 {
        publish(&mut hub, Class::ProcessExec, None, number);
    }
    hub.poll();
    assert_eq!(take(&mut slow).await.len(), LIMITS.queue_events);
    hub.poll();
    assert_eq!(take(&mut slow).await[0].class(), Class::Loss);
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes_too() {
    let limits = Limits { queue_bytes: 40, ..LIMITS };
    let (mut hub, handle) = Hub::new(limits, "n1".into());
    let mut slow = join(&mut hub, &handle, SubscribeRequest::default()).await;
    for number in 1..=6 {
        publish(&mut hub, Class::ProcessExec, None, number);
    }
    let delivered = take(&mut slow).await.len();
    assert!((1..6).contains(&delivered), "{delivered}");
    let report = slow.report();
    assert_eq!((report.sent, report.lost), (delivered as u64, 6 - delivered as u64));
}

#[tokio::test]
async fn places_are_limited_and_come_back() {
    let (mut hub, handle) = Hub::new(LIMITS, "n1".into());
    let first = join(&mut hub, &handle, SubscribeRequest::default()).await;
    let _second = join(&mut hub, &handle, SubscribeRequest::default()).await;
    let refused = handle.subscribe(Filter::default()).await.unwrap_err();
    assert_eq!(refused, SubscribeError::TooMany(2));
    drop(first);
    let third = join(&mut hub, &handle, SubscribeRequest::default()).await;
    assert_eq!(handle.subscribers().iter().map(|subscriber| subscriber.id).collect::<Vec<_>>(), [2, 3]);
    drop(third);
}

#[tokio::test]
async fn the_end_of_the_hub_ends_subscriptions_and_refuses_new_ones() {
    let (mut hub, handle) = Hub::new(LIMITS, "n1".into());
    let mut subscription = join(&mut hub, &handle, SubscribeRequest::default()).await;
    publish(&mut hub, Class::ProcessExec, None, 1);
    drop(hub);
    assert_eq!(take(&mut subscription).await.len(), 1, "what was queued still arrives");
    assert!(subscription.next().await.is_none());
    assert_eq!(handle.subscribe(Filter::default()).await.unwrap_err(), SubscribeError::NoPipeline);
}

#[tokio::test]
async fn large_events_are_spread_over_responses() {
    let limits = Limits { queue_bytes: 16 << 20, ..LIMITS };
    let (mut hub, handle) = Hub::new(limits, "n1".into());
    let mut subscription = join(&mut hub, &handle, SubscribeRequest::default()).await;
    let event = proto::Event { node: "x".repeat(700_000), ..proto::Event::default() }.encode_to_vec();
    for _ in 0..3 {
        hub.publish(&Published {
            class: Class::ProcessExec,
            container: None,
            finding: None,
            incident: None,
            cursor: "",
            time: Timestamp::default(),
            event: &event,
            ancestors: &EncodedAncestors::default(),
        });
    }
    for _ in 0..3 {
        assert_eq!(take(&mut subscription).await.len(), 1);
    }
}
