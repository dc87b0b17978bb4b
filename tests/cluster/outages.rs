//! When parts of the cluster, or the agent itself, are gone for a while.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use picket_tests::client::last_argument;
use picket_tests::expect::{field, text};
use picket_tests::numbers::Numbers;
use picket_tests::runner::plain::Test;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::kubectl::{self, FOLDER};
use crate::workloads::{Manifest, Scene, container, pod, spec};
use crate::world::{NAMESPACE, World};

pub(crate) const TESTS: &[Test<World>] = &[
    ("outages::without_the_api_server", without_the_api_server),
    ("outages::api_server_started_anew", api_server_started_anew),
    ("outages::bundles_alone", bundles_alone),
    ("outages::agent_killed_under_load", agent_killed_under_load),
];

/// A component that stands still until this is dropped.
struct Stopped(Pid);

impl Stopped {
    fn component(name: &str) -> Self {
        let pid = pid_of(name);
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

/// The source says that it fails, nothing else depends on it, and it catches up afterwards.
fn api_server_started_anew(world: &mut World) {
    if !world.asks_the_api_server() {
        return;
    }
    let state = |world: &World| world.source("KUBERNETES").map(|source| text(&source, "state").to_owned());
    assert_eq!(state(world).as_deref(), Some("CONNECTED"));
    let mut scene = Scene::open(world, "anew");
    let mut object = pod("fixed", spec(&[scene.sleeper("main")]));
    object["metadata"]["namespace"] = scene.namespace().into();
    let killed = Killed::component("kube-apiserver");
    kubectl::wait_until("the source says that it fails", || state(world).as_deref() == Some("FAILING"));
    assert_eq!(field(&world.status(), "ready"), Some(&Value::Bool(true)), "nothing else depends on it");
    let manifest = Manifest::write(scene.namespace(), &object.to_string());
    scene.wait_for("main", 1);
    drop(killed);
    kubectl::wait_until("the API server answers again", || {
        kubectl::output(&["get", "--raw", "/readyz", "--request-timeout=1s"]).status.success()
    });
    world.record_anew();
    kubectl::wait_until("the static pod has a mirror", || world.pods().of(scene.namespace()).count() == 1);
    kubectl::wait_until("the source is connected again", || state(world).as_deref() == Some("CONNECTED"));
    scene.wait_for_facts(world, "main", "MAIN", 1);
    drop(manifest);
    scene.close(world, 2);
}

/// Neither the runtime nor the API server is asked.
fn bundles_alone(world: &mut World) {
    let settings = Settings::change(world, |text| {
        let text = text.replace("kubernetes = \"on\"", "kubernetes = \"off\"");
        text.replace("[identity]\n", "[identity]\ncri = []\n")
    });
    let connected = ["CRI", "KUBERNETES"].map(|name| world.source(name));
    assert_eq!(connected, [None, None]);
    let mut scene = Scene::open(world, "bundles");
    scene.apply(&[pod("web", spec(&[scene.sleeper("main"), scene.sleeper("sidecar")]))]);
    scene.wait_for("main", 1);
    scene.wait_for("sidecar", 1);
    scene.close(world, 3);
    settings.restore(world);
}

/// A component that was killed; started again, as it was, when dropped.
struct Killed {
    name: &'static str,
    words: Vec<String>,
}

impl Killed {
    fn component(name: &'static str) -> Self {
        let pid = pid_of(name);
        let words = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).expect("it runs");
        let words = String::from_utf8(words).expect("a command line in UTF-8");
        let words = words.split_terminator('\0').map(str::to_owned).collect();
        kill_process(pid, Signal::KILL).expect("it runs");
        Self { name, words }
    }

    /// As `cargo xtask cluster up` starts it.
    fn start(&self) -> std::io::Result<()> {
        let log = Path::new(FOLDER).join(format!("log/{}.log", self.name));
        let output = fs::File::options().append(true).open(log)?;
        let node = format!("--target={}", pid_of("node").as_raw_nonzero());
        let mut command = Command::new("setsid");
        command.args(["nsenter", &node, "--mount", "--net", "--"]).args(&self.words).current_dir("/");
        command.env("PICKET_CLUSTER_MEMBER", "1");
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn()?;
        fs::write(Path::new(FOLDER).join("pid").join(self.name), child.id().to_string())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        if let Err(error) = self.start() {
            eprintln!("{} does not run any more: {error}", self.name);
        }
    }
}

/// Process of a component.
pub(crate) fn pid_of(name: &str) -> Pid {
    let text = fs::read_to_string(Path::new(FOLDER).join("pid").join(name)).expect("the component runs");
    text.trim().parse().ok().and_then(Pid::from_raw).expect("a process id")
}

/// Other settings of the agent; as before when dropped, also if a test failed.
pub(crate) struct Settings(String);

impl Settings {
    pub(crate) fn change(world: &World, change: impl Fn(&str) -> String) -> Self {
        let object = kubectl::get(&["configmap", "picket", "-n", NAMESPACE]);
        let file = field(&object, "data").and_then(|data| data.get("picket.toml")).and_then(Value::as_str);
        let before = file.expect("the chart has settings").to_owned();
        Self::set(&change(&before));
        let changed = Self(before);
        world.wait_for_agent();
        changed
    }

    /// The agent ends as it should, and the next one reads the new settings.
    fn set(text: &str) {
        let patch = json!({ "data": { "picket.toml": text } }).to_string();
        drop(kubectl::output(&[
            "patch",
            "configmap",
            "picket",
            "-n",
            NAMESPACE,
            "--type=merge",
            "-p",
            &patch,
        ]));
        drop(kubectl::output(&["delete", "pods", "--all", "-n", NAMESPACE]));
    }

    fn restore(self, world: &World) {
        self.restore_after(world, || ());
    }

    /// As before, once something else is as before too.
    pub(crate) fn restore_after(self, world: &World, other: impl FnOnce()) {
        other();
        drop(self);
        world.wait_for_agent();
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        Self::set(&self.0);
    }
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
    let pods = kubectl::get(&["pods", "-n", NAMESPACE]);
    picket_tests::expect::number(&pods, "items.0.status.containerStatuses.0.restartCount")
        .expect("the agent's pod")
}
