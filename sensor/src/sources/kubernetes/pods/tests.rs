//! Tests of the pods of a node, against an API server that says what it is told to.

use serde_json::{Value, json};

use super::super::fake::{Fake, PACE, event, list, status};
use super::*;
use crate::kernel::ring::Waker;
use crate::sources::adviser::{self, Advisers};

fn pod(name: &str, label: &str) -> Value {
    json!({
        "metadata": {
            "namespace": "shop", "name": name, "uid": format!("uid-of-{name}"), "resourceVersion": "11",
            "labels": {"app": label}
        },
        "spec": {"serviceAccountName": "web"}
    })
}

fn of_job(name: &str) -> Value {
    let mut pod = pod(name, "a");
    pod["metadata"]["ownerReferences"] =
        json!([{"kind": "Job", "name": "nightly-1", "uid": "job-1", "controller": true}]);
    pod
}

async fn advised(fake: &Fake) -> (Advisers, Reporter) {
    let (advisers, teacher) = adviser::channels(Waker::new().unwrap());
    let reporter = Reporter::of_test();
    let result = reporter.clone();
    let selection = Arc::new(Selection::new(&["app".to_owned()], &[]).unwrap());
    let client = fake.start().await;
    tokio::spawn(async move { advise(client, "n", selection, PACE, teacher, reporter).await });
    (advisers, result)
}

/// What was told, in short: name and label, owners, or who is gone.
async fn next(advisers: &mut Advisers) -> String {
    match advisers.next().await {
        Told::Lesson(lesson) => {
            let owners = lesson.pod.owners.iter().map(|owner| format!(" {}/{}", owner.kind, owner.name));
            let label = lesson.pod.labels.get("app").map(|label| format!("={label}")).unwrap_or_default();
            format!("{}{label}{}", lesson.pod.uid, owners.collect::<String>())
        }
        Told::PodGone(uid) => format!("-{uid}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_news_are_told_and_deleted_pods_leave_later() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[pod("a", "1"), pod("b", "1")]));
    let watch = fake.open("watch=1", 200);
    let (mut advisers, reporter) = advised(&fake).await;
    let mut health = reporter.health();
    assert_eq!(next(&mut advisers).await, "uid-of-a=1");
    assert_eq!(next(&mut advisers).await, "uid-of-b=1");
    health.wait_for(|health| health.listed && health.pods == 2).await.unwrap();
    watch.send(event("MODIFIED", &pod("a", "1")) + &event("MODIFIED", &pod("a", "2"))).unwrap();
    assert_eq!(next(&mut advisers).await, "uid-of-a=2", "the first one said nothing new");
    watch.send(event("DELETED", &pod("b", "1"))).unwrap();
    assert_eq!(next(&mut advisers).await, "-uid-of-b");
    health.wait_for(|health| health.pods == 1).await.unwrap();
}

#[tokio::test]
async fn what_was_deleted_while_nobody_looked_leaves_too() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[pod("a", "1"), pod("b", "1")]));
    fake.answer("watch=1", 410, &status(410, "too old"));
    fake.answer("resourceVersion=0", 200, &list("20", &[pod("b", "1"), pod("c", "1")]));
    let _open = fake.open("watch=1", 200);
    let (mut advisers, _reporter) = advised(&fake).await;
    for expected in ["uid-of-a=1", "uid-of-b=1", "uid-of-c=1", "-uid-of-a"] {
        assert_eq!(next(&mut advisers).await, expected);
    }
}

#[tokio::test]
async fn a_pod_that_comes_back_stays() {
    let fake = Fake::default();
    let (mut advisers, teacher) = adviser::channels(Waker::new().unwrap());
    let reporter = Reporter::of_test();
    let mut tasks = JoinSet::new();
    let (jobs, _found) = Jobs::start(fake.start().await, PACE, reporter.clone(), &mut tasks);
    let mut pods = Pods {
        teacher,
        selection: Arc::default(),
        reporter,
        known: HashMap::new(),
        round: 0,
        leaving: Later::new(PACE.stay, 1),
        jobs,
    };
    let object: Pod = serde_json::from_value(pod("a", "1")).unwrap();
    for change in [Change::There(object.clone()), Change::Gone(object.clone()), Change::There(object)] {
        pods.change(change).await.unwrap();
    }
    let uid = pods.leaving.due().await;
    pods.leave(uid).await.unwrap();
    assert_eq!(next(&mut advisers).await, "uid-of-a");
    assert_eq!(next(&mut advisers).await, "uid-of-a");
    assert_eq!(advisers.lesson(), None, "it is not told to be gone");
}

#[tokio::test]
async fn a_job_is_asked_for_once_and_both_pods_are_told() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[of_job("a"), of_job("b")]));
    let watch = fake.open("watch=1", 200);
    let (mut advisers, reporter) = advised(&fake).await;
    for name in ["a", "b"] {
        assert_eq!(next(&mut advisers).await, format!("uid-of-{name}=a Job/nightly-1"), "at once");
    }
    let job = json!({"metadata": {
        "uid": "job-1", "ownerReferences": [{"kind": "CronJob", "name": "nightly", "controller": true}]
    }});
    // The server does not answer the first time.
    fake.answer(
        "/apis/batch/v1/namespaces/shop/jobs/nightly-1",
        403,
        &status(403, "jobs.batch is forbidden"),
    );
    fake.answer("/apis/batch/v1/namespaces/shop/jobs/nightly-1", 200, &job.to_string());
    for name in ["a", "b"] {
        assert_eq!(next(&mut advisers).await, format!("uid-of-{name} Job/nightly-1 CronJob/nightly"));
    }
    watch.send(event("ADDED", &of_job("c"))).unwrap();
    assert_eq!(next(&mut advisers).await, "uid-of-c=a Job/nightly-1 CronJob/nightly", "it is remembered");
    let answered = fake.requests("/jobs/").len();
    watch.send(event("ADDED", &of_job("d"))).unwrap();
    assert_eq!(next(&mut advisers).await, "uid-of-d=a Job/nightly-1 CronJob/nightly");
    assert_eq!(fake.requests("/jobs/").len(), answered);
    assert!(reporter.health().borrow().troubles.is_empty());
}

#[tokio::test]
async fn another_job_of_the_same_name_tells_nothing() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[of_job("a")]));
    let watch = fake.open("watch=1", 200);
    let other = json!({"metadata": {
        "uid": "job-2", "ownerReferences": [{"kind": "CronJob", "name": "other", "controller": true}]
    }});
    fake.answer("/jobs/", 200, &other.to_string());
    let (mut advisers, _reporter) = advised(&fake).await;
    assert_eq!(next(&mut advisers).await, "uid-of-a=a Job/nightly-1");
    while fake.requests("/jobs/").is_empty() {
        tokio::time::sleep(PACE.pause).await;
    }
    watch.send(event("ADDED", &of_job("b"))).unwrap();
    assert_eq!(next(&mut advisers).await, "uid-of-b=a Job/nightly-1");
}

#[tokio::test]
async fn a_node_without_pods_is_said_to_be_strange() {
    let fake = Fake::default();
    fake.answer("resourceVersion=0", 200, &list("10", &[]));
    let _open = fake.open("watch=1", 200);
    let (_advisers, reporter) = advised(&fake).await;
    reporter.health().wait_for(|health| health.listed).await.unwrap();
    let error = reporter.account().error();
    assert!(error.contains("spec.nodeName=n"), "{error}");
}
