//! The real server on a real socket, with a pipeline that only publishes what a test says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::{mpsc, watch};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::address::Address;
use super::frame::EncodedAncestors;
use super::hub::{Hub, Limits, Published};
use super::listener::Listener;
use super::server::{Backend, NoRecording, RecordingRequest, ServeError, StatusRequest, serve};
use super::tls::TlsListener;
use super::{client, hub};
use crate::identity::container::{Container, Pod};
use crate::proto::{self, Class, SubscribeRequest, SubscribeResponse};

pub(super) struct Event {
    class: Class,
    container: Option<Container>,
    padding: usize,
}

pub(super) struct Agent {
    address: Address,
    publish: std_mpsc::SyncSender<Vec<Event>>,
    ready: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<Result<(), ServeError>>,
    ended: Arc<AtomicBool>,
    pipeline: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.pipeline.take().map(JoinHandle::join);
    }
}

impl Agent {
    fn start(limits: Limits) -> Self {
        Self::start_with(limits, None)
    }

    pub(super) fn start_with(limits: Limits, remote: Option<TlsListener>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address: Address = format!("unix://{}/s", folder.path().display()).parse().unwrap();
        let (hub, handle) = Hub::new(limits, "n1".into());
        let (publish, commands) = std_mpsc::sync_channel(1024);
        let ended = Arc::new(AtomicBool::new(false));
        let pipeline = std::thread::spawn({
            let ended = Arc::clone(&ended);
            move || pipeline(hub, &commands, &ended)
        });
        let (status, requests) = mpsc::channel(1);
        tokio::spawn(answer(requests));
        let (ready, ready_seen) = watch::channel(false);
        let (stop, stop_seen) = watch::channel(false);
        let (recordings, asked) = mpsc::channel(1);
        tokio::spawn(record(asked));
        let backend = Backend {
            hub: handle,
            status,
            recordings,
            learned: mpsc::channel(1).0,
            ready: ready_seen,
            stop: stop_seen,
        };
        let served = tokio::spawn(serve(Listener::bind(&address).unwrap(), remote, backend));
        Self { address, publish, ready, stop, served, ended, pipeline: Some(pipeline), _folder: folder }
    }

    pub(super) fn target(&self) -> client::Target {
        self.address.clone().into()
    }

    async fn subscribe(&self, request: SubscribeRequest) -> tonic::Streaming<SubscribeResponse> {
        client::connect(&self.target()).await.unwrap().subscribe(request).await.unwrap().into_inner()
    }

    async fn refused(&self, request: SubscribeRequest) -> tonic::Status {
        client::connect(&self.target()).await.unwrap().subscribe(request).await.unwrap_err()
    }

    pub(super) fn publish(&self, count: usize, padding: usize) {
        let event = || Event { class: Class::ProcessExec, container: None, padding };
        self.publish.send((0..count).map(|_| event()).collect()).unwrap();
    }
}

fn pipeline(mut hub: Hub, commands: &std_mpsc::Receiver<Vec<Event>>, ended: &AtomicBool) {
    let mut number = 0_i64;
    while !ended.load(Ordering::Relaxed) {
        hub.poll();
        for event in commands.try_iter().flatten() {
            number += 1;
            let cursor = number.to_string();
            let time = proto::Timestamp { seconds: number, nanos: 0 };
            let encoded = proto::Event {
                cursor: cursor.clone(),
                node: "x".repeat(event.padding),
                class: event.class.into(),
                ..proto::Event::default()
            };
            hub.publish(&Published {
                class: event.class,
                container: event.container.as_ref(),
                finding: None,
                incident: None,
                cursor: &cursor,
                time,
                event: &encoded.encode_to_vec(),
                ancestors: &EncodedAncestors::default(),
            });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

async fn answer(mut requests: mpsc::Receiver<StatusRequest>) {
    while let Some(request) = requests.recv().await {
        let status = proto::GetStatusResponse { version: "v".into(), ready: true, ..Default::default() };
        request.send(status).unwrap();
    }
}

/// One recording of one part, then somebody records already.
async fn record(mut requests: mpsc::Receiver<RecordingRequest>) {
    let mut busy = false;
    while let Some(request) = requests.recv().await {
        let (parts, recording) = mpsc::channel(1);
        parts.send(format!("{:?}", request.options).into_bytes()).await.unwrap();
        let answer = if std::mem::replace(&mut busy, true) { Err(NoRecording::Busy) } else { Ok(recording) };
        request.reply.send(answer).unwrap();
    }
}

pub(super) const LIMITS: Limits = Limits { subscribers_max: 4, queue_events: 8192, queue_bytes: 64 << 20 };

/// Reads until so many events have been delivered or reported lost; gives both numbers.
async fn read_until(stream: &mut tonic::Streaming<SubscribeResponse>, total: u64) -> (u64, u64) {
    let (mut delivered, mut lost) = (0, 0);
    while delivered + lost < total {
        for event in stream.message().await.unwrap().unwrap().events {
            match event.facts {
                Some(proto::event::Facts::Loss(loss)) => {
                    assert_eq!(loss.reason(), proto::loss::Reason::SlowSubscriber);
                    lost += loss.count;
                }
                _ => delivered += 1,
            }
        }
    }
    (delivered, lost)
}

#[tokio::test]
async fn a_stalled_subscriber_loses_only_its_own_events_and_is_told_how_many() {
    const EVENTS: u64 = 20_000;
    let agent = Agent::start(Limits { queue_events: 1000, ..LIMITS });
    let mut slow = agent.subscribe(SubscribeRequest::default()).await;
    let mut fast = agent.subscribe(SubscribeRequest::default()).await;
    let mut fast_seen = (0, 0);
    for _ in 0..EVENTS / 500 {
        // More bytes in all than the connection's windows and buffers hold.
        agent.publish(500, 1000);
        let (delivered, lost) = read_until(&mut fast, 500).await;
        fast_seen = (fast_seen.0 + delivered, fast_seen.1 + lost);
    }
    assert_eq!(fast_seen, (EVENTS, 0));

    let mut client = client::connect(&agent.target()).await.unwrap();
    let subscribers = client.get_status(proto::GetStatusRequest {}).await.unwrap().into_inner().subscribers;
    assert_eq!(subscribers.len(), 2);
    assert_eq!((subscribers[1].sent, subscribers[1].lost), (EVENTS, 0));
    assert_eq!(subscribers[0].sent + subscribers[0].lost, EVENTS);

    let (delivered, lost) = read_until(&mut slow, EVENTS).await;
    assert!(lost > 0, "the queue was meant to overflow");
    assert_eq!(delivered + lost, EVENTS);
    assert_eq!((delivered, lost), (subscribers[0].sent, subscribers[0].lost));
}

#[tokio::test]
async fn a_recording_is_passed_on_until_its_end_and_there_is_one_at_a_time() {
    let agent = Agent::start(LIMITS);
    let mut client = client::connect(&agent.target()).await.unwrap();
    let both = proto::RecordRequest { payload: true, anonymise: true, ..Default::default() };
    assert_eq!(client.record(both).await.unwrap_err().code(), Code::InvalidArgument);
    let request = proto::RecordRequest { payload: true, ..Default::default() };
    let mut recording = client.record(request.clone()).await.unwrap().into_inner();
    let part = recording.message().await.unwrap().unwrap();
    let options = crate::record::Options { payload: true, ..Default::default() };
    assert_eq!(part.data, format!("{options:?}").into_bytes());
    assert_eq!(client.record(request).await.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(recording.message().await.unwrap_err().code(), Code::Unavailable, "its end is the agent's");
}

#[tokio::test]
async fn what_subscribers_were_sent_is_remembered_when_they_are_gone() {
    let agent = Agent::start(LIMITS);
    let mut client = client::connect(&agent.target()).await.unwrap();
    for round in 1..=3 {
        let mut stream = agent.subscribe(SubscribeRequest::default()).await;
        agent.publish(5, 0);
        assert_eq!(read_until(&mut stream, 5).await, (5, 0));
        drop(stream);
        loop {
            let status = client.get_status(proto::GetStatusRequest {}).await.unwrap().into_inner();
            assert_eq!((status.subscribers_sent, status.subscribers_lost), (5 * round, 0));
            if status.subscribers.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn filters_are_applied_and_nonsense_is_refused() {
    let agent = Agent::start(LIMITS);
    let shop = Container {
        name: "main".into(),
        pod: Some(Pod { namespace: "shop".into(), name: "web-1".into(), ..Pod::default() }),
        ..Container::default()
    };
    let request = SubscribeRequest {
        classes: vec![Class::ProcessExit.into()],
        namespaces: vec!["shop".into()],
        ..SubscribeRequest::default()
    };
    let mut stream = agent.subscribe(request).await;
    let event =
        |class, container: Option<&Container>| Event { class, container: container.cloned(), padding: 0 };
    let events = vec![
        event(Class::ProcessExit, None),
        event(Class::ProcessExec, Some(&shop)),
        event(Class::ProcessExit, Some(&shop)),
        event(Class::Loss, None),
    ];
    agent.publish.send(events).unwrap();
    let mut cursors = Vec::new();
    while cursors.len() < 2 {
        let response = stream.message().await.unwrap().unwrap();
        cursors.extend(response.events.into_iter().map(|event| event.cursor));
    }
    assert_eq!(cursors, ["3", "4"]);

    let refused = agent.refused(SubscribeRequest { classes: vec![99], ..Default::default() }).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("99"), "{refused}");
    let refused = agent.refused(SubscribeRequest { ancestors: 17, ..Default::default() }).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn more_subscribers_than_permitted_are_refused() {
    let agent = Agent::start(Limits { subscribers_max: 1, ..LIMITS });
    let only = agent.subscribe(SubscribeRequest::default()).await;
    let refused = agent.refused(SubscribeRequest::default()).await;
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(only);
    // The server learns of the end of the call a moment later.
    let mut client = client::connect(&agent.target()).await.unwrap();
    while client.subscribe(SubscribeRequest::default()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn nothing_is_missed_once_the_stream_is_open() {
    let agent = Agent::start(LIMITS);
    for _ in 0..20 {
        let mut stream = agent.subscribe(SubscribeRequest::default()).await;
        agent.publish(1, 0);
        assert_eq!(stream.message().await.unwrap().unwrap().events.len(), 1);
        drop(stream);
        let mut client = client::connect(&agent.target()).await.unwrap();
        while !client
            .get_status(proto::GetStatusRequest {})
            .await
            .unwrap()
            .into_inner()
            .subscribers
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn health_follows_readiness() {
    let agent = Agent::start(LIMITS);
    let mut health = HealthClient::new(client::channel(&agent.target()).await.unwrap());
    for (ready, expected) in [(false, ServingStatus::NotServing), (true, ServingStatus::Serving)] {
        agent.ready.send_replace(ready);
        for service in ["", proto::SERVICE] {
            loop {
                let request = HealthCheckRequest { service: service.into() };
                if health.check(request).await.unwrap().into_inner().status() == expected {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

#[tokio::test]
async fn reflection_lists_the_service() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServiceResponse};

    let agent = Agent::start(LIMITS);
    let mut client = ServerReflectionClient::new(client::channel(&agent.target()).await.unwrap());
    let request = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let requests = vec![
        request(MessageRequest::ListServices(String::new())),
        request(MessageRequest::FileContainingSymbol("picket.v1.Event".into())),
    ];
    let mut answers = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut next = async || answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = next().await else { panic!("no list") };
    let names: Vec<_> = list.service.iter().map(|ServiceResponse { name }| name.as_str()).collect();
    assert!(names.contains(&"picket.v1.Sensor") && names.contains(&"grpc.health.v1.Health"), "{names:?}");
    assert!(matches!(next().await, MessageResponse::FileDescriptorResponse(_)));
}

#[tokio::test]
async fn the_end_of_the_agent_ends_streams_and_removes_the_socket() {
    let mut agent = Agent::start(LIMITS);
    let mut stream = agent.subscribe(SubscribeRequest::default()).await;
    agent.stop.send_replace(true);
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
    (&mut agent.served).await.unwrap().unwrap();
    assert!(!agent.address.path().exists());
    let error = client::connect(&agent.target()).await.unwrap_err().to_string();
    assert!(error.contains("is `picket run` running"), "{error}");
}

#[tokio::test]
async fn a_client_that_does_not_read_cannot_hold_the_agent_up() {
    let mut agent = Agent::start(LIMITS);
    let stalled = agent.subscribe(SubscribeRequest::default()).await;
    agent.publish(8000, 1000);
    tokio::time::sleep(Duration::from_millis(50)).await;
    agent.stop.send_replace(true);
    let ended = tokio::time::timeout(Duration::from_secs(20), &mut agent.served).await;
    ended.expect("the server ends in spite of it").unwrap().unwrap();
    drop(stalled);
}

#[tokio::test]
async fn a_pipeline_that_is_gone_is_said() {
    let (hub, handle) = Hub::new(LIMITS, "n1".into());
    drop(hub);
    let error = handle.subscribe(super::filter::Filter::default()).await.unwrap_err();
    assert_eq!(error, hub::SubscribeError::NoPipeline);
}
