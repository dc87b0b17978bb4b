//! Tests of following: what comes, where it goes on, what the status says.

use serde_json::json;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::watch;

use super::super::fake::{Fake, PACE, client, event, list, status};
use super::super::health::Health;
use super::super::objects::PeerPod;
use super::*;

struct Followed {
    changes: Receiver<Change<PeerPod>>,
    health: watch::Receiver<Health>,
    reporter: Reporter,
}

fn follow(client: Client, pace: Pace) -> Followed {
    let reporter = Reporter::of_test();
    let health = reporter.health();
    let selector = "spec.nodeName%3Dn".to_owned();
    let follower = Follower {
        client,
        part: Part::Pods,
        path: "/api/v1/pods",
        selector,
        pace,
        reporter: reporter.clone(),
    };
    let (sender, changes) = channel(4);
    tokio::spawn(follower.run(sender));
    Followed { changes, health, reporter }
}

impl Followed {
    /// The next changes in short: `+` and `-` with names, `<` and `>` around a list.
    async fn next(&mut self, count: usize) -> String {
        let mut text = String::new();
        for _ in 0..count {
            let change = tokio::time::timeout(Duration::from_secs(60), self.changes.recv());
            match change.await.unwrap().unwrap() {
                Change::Begin => text.push('<'),
                Change::There(pod) => text.push_str(&format!("+{}", pod.metadata.name)),
                Change::Gone(pod) => text.push_str(&format!("-{}", pod.metadata.name)),
                Change::End => text.push('>'),
            }
        }
        text
    }

    async fn trouble(&mut self) -> String {
        let health = self.health.wait_for(|health| !health.troubles.is_empty()).await.unwrap();
        health.troubles[&Part::Pods].clone()
    }
}

fn pod(name: &str, version: u32) -> serde_json::Value {
    json!({
        "metadata": {"name": name, "resourceVersion": version.to_string(), "managedFields": [{"x": {}}]},
        "spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": "}\""}]}]}
    })
}

#[tokio::test]
async fn a_list_then_a_watch_that_goes_on_where_it_ended() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[pod("a", 1), pod("b", 2)]));
    let first = fake.open("watch=1", 200);
    let mut followed = follow(fake.start().await, PACE);
    assert_eq!(followed.next(4).await, "<+a+b>");
    first.send(event("ADDED", &pod("c", 11)) + &event("MODIFIED", &pod("a", 12))).unwrap();
    assert_eq!(followed.next(2).await, "+c+a");
    let deleted = event("DELETED", &pod("b", 13));
    let (begin, end) = deleted.split_at(40);
    first.send(begin.to_owned()).unwrap();
    first.send(end.to_owned()).unwrap();
    assert_eq!(followed.next(1).await, "-b");
    let second = fake.open("resourceVersion=20", 200);
    first.send(event("BOOKMARK", &json!({"kind": "Pod", "metadata": {"resourceVersion": "20"}}))).unwrap();
    drop(first);
    second.send(event("ADDED", &pod("d", 21))).unwrap();
    assert_eq!(followed.next(1).await, "+d");
    let requests = fake.requests("");
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert!(requests.iter().all(|target| target.contains("fieldSelector=spec.nodeName%3Dn")), "{requests:?}");
    assert!(requests[1].contains("allowWatchBookmarks=true") && requests[1].contains("resourceVersion=10"));
    assert_eq!(followed.reporter.account().failures.get(), 0);
    assert_eq!(followed.reporter.account().answers.get(), 3, "requests that were answered");
}

#[tokio::test]
async fn a_version_that_is_too_old_means_a_new_list() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[pod("a", 1)]));
    fake.answer("resourceVersion=10", 200, &event("ERROR", &json!({"code": 410, "message": "too old"})));
    fake.answer("resourceVersion=0", 200, &list("30", &[pod("b", 1)]));
    fake.answer("resourceVersion=30", 410, &status(410, "too old"));
    fake.answer("resourceVersion=0", 200, &list("40", &[pod("c", 1)]));
    let _open = fake.open("resourceVersion=40", 200);
    let mut followed = follow(fake.start().await, PACE);
    assert_eq!(followed.next(9).await, "<+a><+b><+c>");
    assert!(followed.health.borrow().troubles.is_empty(), "this is no trouble");
}

#[tokio::test]
async fn a_connection_that_breaks_is_resumed_without_a_list() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[pod("a", 1)]));
    let half = event("ADDED", &pod("c", 12));
    fake.answer("resourceVersion=10", 200, &(event("ADDED", &pod("b", 11)) + &half[..30]));
    let mut followed = follow(fake.start().await, PACE);
    assert_eq!(followed.next(4).await, "<+a>+b");
    // The server is gone for a while: every request is refused.
    followed.trouble().await;
    let again = fake.open("resourceVersion=11", 200);
    again.send(half).unwrap();
    assert_eq!(followed.next(1).await, "+c");
    assert!(followed.health.borrow().troubles.is_empty());
    assert_eq!(fake.requests("resourceVersion=0").len(), 1, "one list is enough");
}

#[tokio::test]
async fn a_missing_right_is_named_until_it_is_granted() {
    let fake = Fake::default();
    for _ in 0..2 {
        fake.answer("resourceVersion=0", 403, &status(403, "pods is forbidden: User \"x\" cannot list"));
    }
    let mut followed = follow(fake.start().await, PACE);
    let text = followed.trouble().await;
    assert!(text.contains("list and watch of pods") && text.contains("User \"x\" cannot list"), "{text}");
    fake.answer("resourceVersion=0", 200, &list("10", &[]));
    let _open = fake.open("watch=1", 200);
    assert_eq!(followed.next(2).await, "<>");
    assert!(followed.health.borrow().troubles.is_empty());
}

#[tokio::test]
async fn refused_credentials_and_servers_that_are_not_there() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 401, &status(401, "Unauthorized"));
    let text = follow(fake.start().await, PACE).trouble().await;
    assert!(text.contains("credentials (401 Unauthorized)"), "{text}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = follow(client(&format!("http://{free}")), PACE).trouble().await;
    assert!(text.contains("cannot ask the API server") && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn garbage_is_counted_and_the_rest_is_read() {
    let fake = Fake::default();
    let garbage = json!({"metadata": "none"});
    fake.answer("resourceVersion=0", 200, &list("10", &[garbage.clone(), pod("a", 1)]));
    let first = fake.open("resourceVersion=10", 200);
    first
        .send(event("ADDED", &garbage) + &event("STRANGE", &pod("x", 2)) + &event("ADDED", &pod("b", 11)))
        .unwrap();
    let mut followed = follow(fake.start().await, PACE);
    assert_eq!(followed.next(4).await, "<+a>+b");
    assert_eq!(followed.reporter.account().failures.get(), 3);
    assert!(followed.reporter.account().error().contains("cannot be read"));
    // No JSON at all: the watch is resumed, and the status says why.
    first.send("]]]".to_owned()).unwrap();
    assert!(followed.trouble().await.contains("not JSON"));
    let again = fake.open("resourceVersion=11", 200);
    again.send(event("ADDED", &pod("c", 12))).unwrap();
    assert_eq!(followed.next(1).await, "+c");
}

#[tokio::test]
async fn a_list_that_breaks_off_is_not_taken_for_whole() {
    let fake = Fake::default();
    let whole = list("10", &[pod("a", 1), pod("b", 2)]);
    fake.answer("resourceVersion=0", 200, &whole[..whole.len() - 1]);
    fake.answer("resourceVersion=0", 200, &whole);
    let _open = fake.open("watch=1", 200);
    let mut followed = follow(fake.start().await, PACE);
    let told = followed.next(7).await;
    assert_eq!(told.matches('>').count(), 1, "{told}");
    assert!(told.ends_with("<+a+b>"), "{told}");
}

#[tokio::test]
async fn a_silent_watch_is_given_up_and_resumed() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[]));
    let _silent = fake.open("resourceVersion=10", 200);
    let again = fake.open("resourceVersion=10", 200);
    again.send(event("ADDED", &pod("a", 11))).unwrap();
    let pace = Pace { silence: Duration::from_millis(200), ..PACE };
    let mut followed = follow(fake.start().await, pace);
    assert_eq!(followed.next(3).await, "<>+a");
    assert_eq!(fake.requests("resourceVersion=0").len(), 1);
}

#[tokio::test]
async fn a_watch_that_breaks_off_after_it_said_something_is_no_trouble() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[]));
    let first = fake.open("resourceVersion=10", 200);
    first.send(event("ADDED", &pod("a", 11))).unwrap();
    let again = fake.open("resourceVersion=11", 200);
    again.send(event("ADDED", &pod("b", 12))).unwrap();
    let pace = Pace { silence: Duration::from_millis(200), ..PACE };
    let mut followed = follow(fake.start().await, pace);
    assert_eq!(followed.next(4).await, "<>+a+b");
    assert_eq!(followed.reporter.account().failures.get(), 0);
}

#[test]
fn pauses_grow_and_are_bounded() {
    let pace = Pace::default();
    for (failures, at_most) in [(1, 1), (2, 2), (5, 16), (7, 60), (1000, 60)] {
        let pause = pace.after(failures);
        let at_most = Duration::from_secs(at_most);
        assert!(pause >= at_most / 2 && pause <= at_most, "{failures}: {pause:?}");
    }
}
