//! The adviser against a runtime in this process: what it tells, and what a bad runtime does to it.

mod fake;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use self::fake::{Fake, container_of, pod_of, socket};
use super::*;
use crate::identity::catalog::Lesson;
use crate::identity::container::{Container, Runtime, Source};
use crate::kernel::ring::Waker;
use crate::sources::adviser::{self, Advisers};

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// An adviser at work.
struct Bench {
    advisers: Advisers,
    account: Arc<Account>,
    adviser: JoinHandle<()>,
    folder: TempDir,
}

impl Bench {
    fn new(timeout: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut advisers, teacher) = adviser::channels(Waker::new().unwrap());
        let account = Arc::new(Account::new(Source::Cri, "s".into()));
        let settings = Settings {
            socket: socket(&folder),
            timeout,
            selection: Arc::new(Selection::new(&["app".into()], &[]).unwrap()),
        };
        let mut adviser = Adviser::new(settings, advisers.add(), teacher, Arc::clone(&account));
        adviser.pace = Pace { look: Duration::from_millis(20), retry: Duration::from_millis(5) };
        Self { advisers, account, adviser: tokio::spawn(adviser.run()), folder }
    }

    /// A runtime at the adviser's socket.
    fn runtime(&self) -> Fake {
        Fake::start(&socket(&self.folder))
    }

    fn ask(&self, id: &str, sandbox: bool) {
        let container = Container { id: id.into(), sandbox, ..Container::default() };
        assert_eq!(self.advisers.ask(&container), 0);
    }

    /// The next lesson that names this container.
    async fn lesson(&mut self, id: &str) -> Lesson {
        within(async {
            loop {
                match self.advisers.lesson() {
                    Some(Told::Lesson(lesson)) if lesson.containers.iter().any(|one| one.id == id) => {
                        return *lesson;
                    }
                    Some(_) => {}
                    None => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            }
        })
        .await
    }

    /// The next that has more than lists tell: the digest is in the status only.
    async fn whole_lesson(&mut self, id: &str) -> Lesson {
        loop {
            let lesson = self.lesson(id).await;
            if lesson.containers.iter().any(|one| !one.image_digest.is_empty()) {
                return lesson;
            }
        }
    }

    async fn until(&self, condition: impl Fn(&Account) -> bool) {
        within(async {
            while !condition(&self.account) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it happens")
}

fn is_connected(account: &Account) -> bool {
    matches!(account.state(), State::Connected(_))
}

fn is_failing(account: &Account) -> bool {
    matches!(account.state(), State::Failing(_))
}

const USUAL: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_runs_is_told_and_then_each_new_container() {
    for old in [false, true] {
        let mut bench = Bench::new(USUAL);
        let fake = bench.runtime();
        fake.edit(|state| {
            state.old = old;
            state.sandboxes.insert("pod1".into(), pod_of("pod1"));
            state.containers.insert("c1".into(), container_of("c1", "pod1"));
        });
        let lesson = bench.lesson("c1").await;
        let names = (lesson.pod.namespace.as_str(), lesson.pod.name.as_str(), lesson.pod.uid.as_str());
        assert_eq!(names, ("shop", "web-1", "uid-pod1"));
        assert_eq!((lesson.source, lesson.pod.labels.len()), (Source::Cri, 1), "only what is selected");
        let sandbox = lesson.containers.iter().find(|one| one.id == "pod1").unwrap();
        assert!(sandbox.sandbox, "the sandbox is told with it");

        fake.edit(|state| {
            state.sandboxes.insert("pod2".into(), pod_of("pod2"));
            state.containers.insert("c2".into(), container_of("c2", "pod2"));
        });
        bench.ask("c2", false);
        let lesson = bench.whole_lesson("c2").await;
        let container = &lesson.containers[0];
        assert_eq!((container.name.as_str(), container.image.as_str()), ("main", "web:1"));
        assert_eq!(container.image_digest, format!("sha256:{}", "ab".repeat(32)));
        assert_eq!((container.restarts, container.runtime), (Some(3), Some(Runtime::Containerd)));
        assert_eq!(container.details.started_ns, Some(7));
        assert_eq!((lesson.pod.sandbox_id.as_str(), lesson.pod.labels["app"].as_str()), ("pod2", "web"));
        assert!(lesson.pod.shares.host_network && !lesson.pod.static_pod);
        let version = if old { "containerd 1.2 (v1alpha2)" } else { "containerd 1.2 (v1)" };
        assert_eq!(bench.account.state(), State::Connected(version.into()));
        assert!(bench.account.last_answer_ns().is_some());
    }
}

#[tokio::test]
async fn a_container_that_becomes_known_later_is_asked_again() {
    let mut bench = Bench::new(USUAL);
    let fake = bench.runtime();
    bench.until(is_connected).await;
    bench.ask("c1", false);
    bench.ask("pod2", true);
    within(async {
        while fake.calls("list c1") < 2 || fake.calls("sandbox pod2") < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    fake.edit(|state| {
        state.sandboxes.insert("pod1".into(), pod_of("pod1"));
        state.sandboxes.insert("pod2".into(), pod_of("pod2"));
        state.containers.insert("c1".into(), container_of("c1", "pod1"));
        // Another's id that only begins like one that is asked for.
        state.containers.insert("c".into(), container_of("c", "pod1"));
    });
    assert_eq!(bench.lesson("c1").await.pod.uid, "uid-pod1");
    // The list, the container and the other pod.
    bench.until(|account| account.answers.get() >= 3).await;
    assert_eq!(bench.account.failures.get(), 0, "not to know a container is no failure");
}

#[tokio::test]
async fn a_sandbox_is_asked_once_for_all_its_containers() {
    let mut bench = Bench::new(USUAL);
    let fake = bench.runtime();
    bench.until(is_connected).await;
    fake.edit(|state| {
        state.sandboxes.insert("pod1".into(), pod_of("pod1"));
        for id in ["c1", "c2", "c3"] {
            state.containers.insert(id.into(), container_of(id, "pod1"));
        }
    });
    bench.ask("c1", false);
    bench.whole_lesson("c1").await;
    for id in ["c2", "c3"] {
        bench.ask(id, false);
        let lesson = bench.whole_lesson(id).await;
        assert_eq!((lesson.pod.uid.as_str(), lesson.pod.sandbox_id.as_str()), ("uid-pod1", "pod1"));
    }
    assert_eq!(fake.calls("sandbox pod1"), 1);
    // Control groups that a container makes below its own are no reason to ask again.
    bench.ask("c2", false);
    bench.ask("../c", false);
    bench.ask("c4", false);
    within(async {
        while fake.calls("list c4") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!((fake.calls("list c2"), fake.calls("list ../c"), fake.calls("list ")), (1, 0, 1));
}

#[tokio::test]
async fn a_runtime_that_hangs_is_found_out_and_asked_again_when_it_answers() {
    let mut bench = Bench::new(Duration::from_millis(100));
    let fake = bench.runtime();
    fake.edit(|state| state.hangs = true);
    bench.until(is_failing).await;
    assert!(
        bench.account.error().contains("no answer to Version within 100 ms"),
        "{}",
        bench.account.error()
    );
    fake.edit(|state| {
        state.hangs = false;
        state.sandboxes.insert("pod1".into(), pod_of("pod1"));
        state.containers.insert("c1".into(), container_of("c1", "pod1"));
    });
    assert_eq!(bench.lesson("c1").await.pod.uid, "uid-pod1");
    bench.until(is_connected).await;
    // And once more, in the middle of the work.
    fake.edit(|state| state.hangs = true);
    bench.ask("c2", false);
    bench.until(is_failing).await;
}

#[tokio::test]
async fn a_runtime_that_appears_or_comes_back_is_asked_what_runs() {
    let mut bench = Bench::new(USUAL);
    tokio::task::yield_now().await;
    assert_eq!(bench.account.state(), State::Absent);
    let fake = bench.runtime();
    bench.until(is_connected).await;
    let state = Arc::clone(&fake.state);
    drop(fake);
    state.lock().unwrap().sandboxes.insert("pod1".into(), pod_of("pod1"));
    state.lock().unwrap().containers.insert("c1".into(), container_of("c1", "pod1"));
    let again = Fake::go_on(&socket(&bench.folder), state);
    assert_eq!(bench.lesson("c1").await.pod.uid, "uid-pod1");
    bench.until(is_connected).await;
    drop(again);
    std::fs::remove_file(socket(&bench.folder)).unwrap();
    bench.until(|account| account.state() == State::Absent).await;
}

#[tokio::test]
async fn garbage_is_harmless() {
    let bench = Bench::new(USUAL);
    let listener = UnixListener::bind(socket(&bench.folder)).unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The peer may have gone: fine.
            drop(stream.write_all(&[0xff; 4096]).await);
        }
    });
    bench.until(|account| is_failing(account) && account.failures.get() > 2).await;
    assert!(!bench.adviser.is_finished());
    server.abort();
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_rest_is_told() {
    let mut bench = Bench::new(USUAL);
    let fake = bench.runtime();
    fake.edit(|state| {
        let mut pod = pod_of("pod1");
        pod.annotations.insert("large".into(), "x".repeat(20 << 20));
        state.sandboxes.insert("pod1".into(), pod);
        state.sandboxes.insert("pod2".into(), pod_of("pod2"));
        state.containers.insert("c2".into(), container_of("c2", "pod2"));
    });
    bench.until(is_connected).await;
    assert!(bench.account.failures.get() > 0, "the list is too large");
    bench.ask("pod1", true);
    bench.ask("c2", false);
    assert_eq!(bench.whole_lesson("c2").await.pod.uid, "uid-pod2");
    let before = bench.account.failures.get();
    bench
        .until(|account| account.failures.get() > before || account.error().contains("PodSandboxStatus"))
        .await;
    assert!(is_connected(&bench.account));
}

#[tokio::test]
async fn what_a_pod_has_too_much_of_is_counted() {
    let mut bench = Bench::new(USUAL);
    let fake = bench.runtime();
    bench.until(is_connected).await;
    fake.edit(|state| {
        let mut pod = pod_of("pod1");
        pod.labels.insert("app".into(), "x".repeat(4096));
        state.sandboxes.insert("pod1".into(), pod);
    });
    bench.ask("pod1", true);
    assert!(bench.lesson("pod1").await.pod.labels.is_empty());
    assert_eq!(bench.account.cut.get(), 1);
}

#[tokio::test]
async fn it_ends_with_the_resolver() {
    for connected in [false, true] {
        let bench = Bench::new(USUAL);
        let fake = connected.then(|| bench.runtime());
        if connected {
            bench.until(is_connected).await;
        }
        drop(bench.advisers);
        within(bench.adviser).await.unwrap();
        drop(fake);
    }
}
