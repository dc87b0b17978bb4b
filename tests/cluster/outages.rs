//! When parts of the cluster, or the agent itself, are gone for a while.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use picket_tests::client::last_argument;
use picket_tests::expect::text;
use picket_tests::numbers::Numbers;
use picket_tests::runner::plain::Test;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::kubectl::{self, FOLDER};
use crate::workloads::{Manifest, Scene, container, pod, spec};
use crate::world::World;

pub(crate) const TESTS: &[Test<World>] = &[
    ("outages::without_the_api_server", without_the_api_server),
    ("outages::agent_killed_under_load", agent_killed_under_load),
];

/// A component that stands still until this is dropped.
struct Stopped(Pid);

impl Stopped {
    fn component(name: &str) -> Self {
        let text = fs::read_to_string(Path::new(FOLDER).join("pid").join(name)).expect("the component runs");
        let pid = text.trim().parse().ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, Signal::STOP).expect("it runs");
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Err(error) = kill_process(self.0, Signal::CONT) {
            eprintln!("{:?} does not go on: {error}", self.0);
        }
    }
}

/// Kubelet starts a pod that nobody but itself knows, and the agent knows it as well.
fn without_the_api_server(world: &mut World) {
    let mut scene = Scene::open(world, "alone");
    let mut object = pod("fixed", spec(&[scene.sleeper("main")]));
    object["metadata"]["namespace"] = scene.namespace().into();
    let stopped = Stopped::component("kube-apiserver");
    let manifest = Manifest::write(scene.namespace(), &object.to_string());
    scene.wait_for("main", 1);
    let refused = kubectl::output(&["get", "--raw", "/readyz", "--request-timeout=1s"]);
    assert!(!refused.status.success(), "the API server answers");
    drop(stopped);
    kubectl::wait_until("the static pod has a mirror", || world.pods().of(scene.namespace()).count() == 1);
    drop(manifest);
    scene.close(world, 2);
}

/// The container of the load counts its own execs. What the agent missed is what the count lacks.
fn agent_killed_under_load(world: &mut World) {
    const BEFORE: u64 = 100;
    const AFTER: u64 = 100;
    let mut scene = Scene::open(world, "killed");
    let mark = scene.mark("load");
    let script = "n=0; while :; do n=$((n+1)); /bin/true $0-$n; /bin/sleep 0.02; done";
    scene.apply(&[pod("web", spec(&[container("main", script, &mark)]))]);
    scene.client.exec(&format!("{mark}-{BEFORE}"));
    let restarts = restarts();
    let killed = Pid::from_raw(world.agent_pid().cast_signed()).expect("a process id");
    kill_process(killed, Signal::KILL).expect("the agent runs");
    let (namespace, before) = scene.until_the_end();
    // As soon as the next one answers: it may not be ready by then.
    kubectl::wait_until("the agent is there again", || world.agent().status().is_ok());
    let mut client = world.watch();
    let first =
        number(&client.wait_for("an exec after the restart", |event| number(event, &mark).is_some()), &mark);
    let first = first.expect("it was waited for");
    client.exec(&format!("{mark}-{}", first + AFTER));
    world.wait_for_agent();
    world.fence(&mut client);
    assert_eq!(self::restarts(), restarts + 1, "kubelet restarts the agent once");

    let after = client.all(|_| true);
    let last = whole(&before, &mark, 1);
    whole(&after, &mark, first);
    let missed = first - last - 1;
    println!("agent killed: {missed} execs of the load missed, from {} to {}", last + 1, first - 1);
    check_numbers(world, missed, before.iter().chain(&after));
    let pods = world.pods();
    for events in [before, after] {
        pods.judge(&events, &namespace.0).must_be_right();
    }
}

/// The numbers of the events say that at least these were missed; others of the machine are in them as well.
fn check_numbers<'a>(world: &World, missed: u64, events: impl Iterator<Item = &'a Value>) {
    let status = world.agent().status().unwrap_or_else(|error| panic!("{error}"));
    let reason = text(&status, "executed.unpinned");
    if !reason.is_empty() {
        println!("agent killed: its numbers began anew: {reason}");
        return;
    }
    let mut numbers = Numbers::default();
    events.filter(|event| text(event, "class") == "PROCESS_EXEC").for_each(|event| numbers.add(event));
    println!("agent killed: {} execs of the machine missed, by their numbers", numbers.missed());
    assert!(numbers.missed() >= missed, "{missed} were missed: {numbers:?}");
}

/// Every exec from number `first` on is there, once; the last number.
fn whole(events: &[Value], mark: &str, first: u64) -> u64 {
    let seen: Vec<_> = events.iter().filter_map(|event| number(event, mark)).collect();
    let all: BTreeSet<_> = seen.iter().copied().collect();
    let last = *all.last().expect("execs of the load");
    let missing: Vec<_> = (first..=last).filter(|number| !all.contains(number)).collect();
    assert!(missing.is_empty(), "missed while the agent ran: {missing:?}");
    assert_eq!(seen.len(), all.len(), "an exec was told twice");
    last
}

/// The number of an exec of the load.
fn number(event: &Value, mark: &str) -> Option<u64> {
    let argument = last_argument(event).filter(|_| text(event, "class") == "PROCESS_EXEC")?;
    argument.strip_prefix(mark)?.strip_prefix('-')?.parse().ok()
}

fn restarts() -> u64 {
    let pods = kubectl::get(&["pods", "-n", crate::world::NAMESPACE]);
    picket_tests::expect::number(&pods, "items.0.status.containerStatuses.0.restartCount")
        .expect("the agent's pod")
}
