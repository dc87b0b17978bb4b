//! The page of a status, and the endpoint with the real agent's server behind it.

use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::histogram::{DELAY_BOUNDS_NS, Histogram};
use crate::proto::class_coverage::Canary;
use crate::proto::{self, Class};
use crate::stream::hub::{Hub, Limits};
use crate::stream::server::StatusRequest;

/// A status in which every metric has samples.
fn full() -> GetStatusResponse {
    let mut delays = Histogram::new(&DELAY_BOUNDS_NS);
    for delay in [0, 0, 700_000, 60_000_000_000] {
        delays.observe(delay);
    }
    let class = Class::ProcessExec.into();
    let time = Some(proto::Timestamp { seconds: 1_700_000_000, nanos: 500_000_000 });
    GetStatusResponse {
        version: "0.1.0".to_owned(),
        node: "n\"1".to_owned(),
        ready: true,
        start_time: time,
        cpu_time: Some(proto::Duration { seconds: 12, nanos: 250_000_000 }),
        classes: vec![proto::ClassLedger { class, seen: 9, received: 8, lost: 1, ..Default::default() }],
        coverage: vec![proto::ClassCoverage {
            class,
            back_end: "trampoline".to_owned(),
            canary: Canary::Seen.into(),
            canary_time: time,
            ..Default::default()
        }],
        processes: Some(proto::Table { entries: 3, capacity: 4, evicted: 5 }),
        executed: Some(proto::ExecutedPrograms { all: 70, unwatched: 7, unpinned: String::new() }),
        identity_sources: vec![proto::IdentitySourceStatus {
            source: proto::IdentitySource::Cri.into(),
            state: proto::identity_source_status::State::Failing.into(),
            place: "/run/containerd/containerd.sock".to_owned(),
            answers: 6,
            ..Default::default()
        }],
        given_up: Some(proto::GivenUp::default()),
        subscribers: vec![proto::Subscriber::default()],
        subscribers_sent: 20,
        identity_delays: vec![proto::IdentityDelay {
            source: "bundle".to_owned(),
            nanoseconds: Some((&delays).into()),
        }],
        tls: Some(proto::TlsListener { connections: 1, unknown: 2, ..Default::default() }),
        incidents: Some(proto::Incidents {
            open: vec![proto::OpenIncident {
                severity: proto::finding::Severity::High.into(),
                ..Default::default()
            }],
            opened: 2,
            ..Default::default()
        }),
        rules: Some(proto::Rules {
            loaded: 3,
            enabled: 2,
            load_time: time,
            error: "x.yaml:1:2: no".to_owned(),
            findings: vec![proto::FindingCount { severity: proto::finding::Severity::High.into(), count: 4 }],
            findings_limited: 5,
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn every_metric_of_the_table_finds_its_samples() {
    let page = page(&full());
    for metric in table::ALL {
        assert!(page.contains(&format!("# TYPE {} ", metric.name)), "{} has no sample", metric.name);
    }
    for line in [
        "picket_build_info{version=\"0.1.0\",node=\"n\\\"1\",kernel=\"\"} 1",
        "picket_ready 1",
        "picket_rules{state=\"enabled\"} 2",
        "picket_rules_refused 1",
        "picket_findings_total{severity=\"high\"} 4",
        "picket_findings_untold_total{reason=\"limited\"} 5",
        "picket_start_time_seconds 1700000000.5",
        "picket_cpu_seconds_total 12.25",
        "picket_events_seen_total{class=\"PROCESS_EXEC\"} 9",
        "picket_events_lost_total{class=\"PROCESS_EXEC\"} 1",
        "picket_class_served{class=\"PROCESS_EXEC\",back_end=\"trampoline\"} 1",
        "picket_canary_seen{class=\"PROCESS_EXEC\"} 1",
        "picket_table_evicted_total{table=\"processes\"} 5",
        "picket_subscriber_events_sent_total 20",
        "picket_tls_connections_total{outcome=\"unknown\"} 2",
        "picket_programs_unwatched_total 7",
        "picket_identity_source_up{source=\"cri\"} 0",
        "picket_identity_answers_total{source=\"cri\"} 6",
        "picket_identity_delay_seconds_bucket{source=\"bundle\",le=\"0\"} 2",
        "picket_identity_delay_seconds_bucket{source=\"bundle\",le=\"0.001\"} 3",
        "picket_identity_delay_seconds_bucket{source=\"bundle\",le=\"30\"} 3",
        "picket_identity_delay_seconds_bucket{source=\"bundle\",le=\"+Inf\"} 4",
        "picket_identity_delay_seconds_sum{source=\"bundle\"} 60.0007",
        "picket_identity_delay_seconds_count{source=\"bundle\"} 4",
    ] {
        assert!(page.lines().any(|found| found == line), "no `{line}` in\n{page}");
    }
}

#[test]
fn names_are_as_prometheus_has_them() {
    let names: BTreeSet<_> = table::ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), table::ALL.len(), "a name twice");
    for metric in table::ALL {
        let good = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(good(metric.name) && metric.name.starts_with("picket_"), "{}", metric.name);
        assert!(metric.labels.iter().all(|label| good(label) && *label != "le"), "{}", metric.name);
        let counter = metric.kind == table::Kind::Counter;
        assert_eq!(metric.name.ends_with("_total"), counter, "{}", metric.name);
    }
}

/// Where the agent does not listen by TCP, and a class has no trial, nothing is made up.
#[test]
fn what_is_not_there_is_not_told() {
    let page = page(&GetStatusResponse::default());
    assert!(!page.contains("picket_tls") && !page.contains("canary_seen"), "{page}");
    assert!(page.contains("picket_ready 0\n"), "{page}");
}

#[test]
fn the_documentation_is_up_to_date() {
    crate::blessed::is_up_to_date("docs/metrics.md", &reference::markdown(), "metrics");
}

/// An endpoint before an agent that counts how often it is asked; the receiver of the questions.
async fn start() -> (SocketAddr, tokio::sync::mpsc::Receiver<StatusRequest>) {
    let (_hub, hub) = Hub::new(Limits { subscribers_max: 1, queue_events: 1, queue_bytes: 1 }, String::new());
    let (status, requests) = tokio::sync::mpsc::channel(4);
    let (_, ready) = tokio::sync::watch::channel(true);
    let (_, stop) = tokio::sync::watch::channel(false);
    let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = endpoint.0.local_addr().unwrap();
    tokio::spawn(endpoint.serve(Backend {
        hub,
        status,
        recordings: tokio::sync::mpsc::channel(1).0,
        learned: tokio::sync::mpsc::channel(1).0,
        ready,
        stop,
    }));
    (address, requests)
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: n\r\n\r\n";

#[tokio::test]
async fn metrics_are_told_and_nothing_else() {
    let (address, mut requests) = start().await;
    let agent = tokio::spawn(async move {
        let mut asked = 0;
        while let Some(request) = requests.recv().await {
            asked += 1;
            request.send(GetStatusResponse { records_rejected: asked, ..full() }).unwrap();
        }
    });
    let answer = ask(address, GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("\npicket_records_rejected_total 1\n"), "{answer}");
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: n\r\n\r\n", "HTTP/1.1 404 "),
        ("GET /metrics/x HTTP/1.1\r\nHost: n\r\n\r\n", "HTTP/1.1 404 "),
        ("POST /metrics HTTP/1.1\r\nHost: n\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 "),
        ("\u{1}\u{2}\r\n\r\n", "HTTP/1.1 400 "),
    ] {
        let answer = ask(address, request).await;
        assert!(answer.starts_with(expected), "{request}: {answer}");
    }
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The end may come before all is written.
    drop(stream.write_all(long.as_bytes()).await);
    let mut answer = [0; 12];
    if stream.read_exact(&mut answer).await.is_ok() {
        assert_eq!(&answer, b"HTTP/1.1 431");
    }
    assert!(ask(address, GET).await.starts_with("HTTP/1.1 200 OK\r\n"), "it goes on");
    agent.abort();
}

/// Many who ask at once ask the agent once, and do not grow beyond the bound.
#[tokio::test]
async fn a_crowd_asks_once_and_is_bounded() {
    let (address, mut requests) = start().await;
    let mut crowd = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        crowd.push(stream);
    }
    let question = requests.recv().await.unwrap();
    let mut beyond = TcpStream::connect(address).await.unwrap();
    assert_eq!(beyond.read(&mut [0; 1]).await.unwrap_or(0), 0, "one more is closed at once");
    question.send(full()).unwrap();
    for mut stream in crowd {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    assert!(requests.try_recv().is_err(), "asked more than once");
}

#[tokio::test]
async fn an_agent_that_ends_is_said() {
    let (address, requests) = start().await;
    drop(requests);
    let answer = ask(address, GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("the agent is ending"), "{answer}");
}
