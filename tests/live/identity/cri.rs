//! What the runtime tells over CRI: alone, late, and not at all.

use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters, last_argument};
use picket_tests::container::{Container, Names};
use picket_tests::cri::{DIGEST, RESTARTS, Runtime, VERSION, sandbox_id};
use picket_tests::expect::{Expect, field, number, text};
use picket_tests::lab::{Lab, marker};
use serde_json::{Value, json};

use super::check_identity;

/// Runs until it is told to end, so that its control group stays.
const WAITS: &str = "while [ ! -e /tmp/end ]; do /bin/sleep 0.1; done; exit";

/// An agent that asks this runtime.
fn agent(lab: &Lab, runtime: &Runtime) -> Agent {
    let mut options = lab.agent_options();
    options.settings = vec![
        ("PICKET_IDENTITY_CRI", runtime.socket().to_string_lossy().into_owned()),
        ("PICKET_IDENTITY_CRI_TIMEOUT_MS", "60000".to_owned()),
        ("PICKET_IDENTITY_ANNOTATIONS", "team".to_owned()),
    ];
    Agent::start(&options)
}

fn source(agent: &Agent) -> Value {
    field(&agent.status(), "identitySources.0").cloned().unwrap_or_default()
}

fn until_state(agent: &Agent, wanted: &str) -> Value {
    for _ in 0..600 {
        let source = source(agent);
        if text(&source, "state") == wanted {
            return source;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("the runtime is not {wanted}: {:#}\n{}", source(agent), agent.log_tail());
}

/// Everything that the runtime says is in the event.
fn check_runtime(event: &Value, names: &Names) {
    check_identity(event, names);
    Expect::of(event)
        .is("container.imageDigest", DIGEST)
        .is("container.restarts", u64::from(RESTARTS))
        .is("container.runtime", "containerd")
        .has("container.sources", "CRI")
        .is("container.pod.sandboxId", sandbox_id(names))
        .is("container.pod.labels", json!({ "app": "web" }))
        .is("container.pod.annotations", json!({ "team": "a" }))
        .is("container.pod.hostNetwork", true)
        .absent("container.pod.hostPid")
        .is("container.pod.sharedPids", true)
        .is("container.pod.staticPod", true);
}

/// No bundle where the agent looks: names come from the runtime alone.
pub(super) fn alone(lab: &mut Lab) {
    let runtime = Runtime::start(&lab.scratch().folder("cri"));
    let agent = agent(lab, &runtime);
    let status = until_state(&agent, "CONNECTED");
    Expect::of(&status).is("version", VERSION).is("source", "CRI").absent("failures");
    let mut client = Client::subscribe(&agent, &Filters::default());
    let (first, second) = (marker("first"), marker("second"));
    let mut options = lab.container_options(&["/bin/sh", "-c", WAITS, &first]);
    options.state = lab.scratch().folder("elsewhere");
    runtime.add(&options.names);
    let container = Container::create(&options);
    container.start();
    let event = client.exec(&first);
    Expect::of(&event).is("container.id", container.id()).has("container.sources", "CONTROL_GROUP");
    if text(&event, "container.pod.sandboxId").is_empty() {
        let identified = client.wait_for("CONTAINER_IDENTIFIED", |event| {
            text(event, "class") == "CONTAINER_IDENTIFIED"
                && text(event, "container.id") == container.id()
                && !text(event, "container.pod.sandboxId").is_empty()
        });
        check_runtime(&identified, container.names());
    }
    container.exec(&["/bin/true", &second]);
    // `runc exec` has the same last argument, outside.
    let event = client.wait_for("the second program of the container", |event| {
        text(event, "class") == "PROCESS_EXEC"
            && last_argument(event) == Some(&second)
            && text(event, "container.id") == container.id()
    });
    check_runtime(&event, container.names());
    Expect::of(&event).lists("container.sources", &["CONTROL_GROUP", "CRI"]);
    assert_eq!(delays(&agent, "cri"), 1, "its delay is measured: {:#}", agent.status());
    assert_eq!(delays(&agent, "bundle"), 0, "no bundle told anything");

    // Without the runtime the agent goes on, and says so.
    drop(runtime);
    lab.container(&["/bin/true", "after"]).run_ok();
    for _ in 0..600 {
        if text(&source(&agent), "state") != "CONNECTED" {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    assert_ne!(text(&source(&agent), "state"), "CONNECTED");
    Expect::of(&agent.status()).is("ready", true);
    drop(client);
    agent.stop();
}

/// How many delays of a source were measured.
fn delays(agent: &Agent, source: &str) -> u64 {
    let status = agent.status();
    let delays = field(&status, "identityDelays").and_then(Value::as_array).cloned().unwrap_or_default();
    let delay = delays.iter().find(|delay| text(delay, "source") == source);
    let counts = delay.and_then(|delay| field(delay, "nanoseconds.counts")).and_then(Value::as_array);
    counts.map_or(0, |counts| {
        (0..counts.len())
            .filter_map(|index| number(&json!({ "counts": counts }), &format!("counts.{index}")))
            .sum()
    })
}

/// A runtime that does not answer for a long time delays nothing; when it does, an update names the same container.
pub(super) fn late(lab: &mut Lab) {
    let runtime = Runtime::start(&lab.scratch().folder("cri"));
    let agent = agent(lab, &runtime);
    until_state(&agent, "CONNECTED");
    let mut client = Client::subscribe(&agent, &Filters::default());
    runtime.hold();
    let marker = marker("late");
    let container = lab.container(&["/bin/sh", "-c", WAITS, &marker]);
    runtime.add(container.names());
    container.start();
    let event = client.exec(&marker);
    check_identity(&event, container.names());
    Expect::of(&event)
        .lists("container.sources", &["BUNDLE"])
        .absent("container.imageDigest")
        .absent("container.pod.labels");
    runtime.release();
    let identified = client.wait_for("CONTAINER_IDENTIFIED", |event| {
        text(event, "class") == "CONTAINER_IDENTIFIED" && text(event, "container.id") == container.id()
    });
    check_runtime(&identified, container.names());
    Expect::of(&identified).lists("container.sources", &["BUNDLE", "CRI"]);
    drop(client);
    agent.stop();
}

/// What ran before the agent is known with all that the runtime says, when its list and the answers are in.
pub(super) fn running_before_the_agent(lab: &mut Lab) {
    let runtime = Runtime::start(&lab.scratch().folder("cri"));
    let container = lab.container(&["/bin/sh", "-c", WAITS, "before"]);
    runtime.add(container.names());
    container.start();
    let agent = agent(lab, &runtime);
    until_state(&agent, "CONNECTED");
    let mut client = Client::subscribe(&agent, &Filters::default());
    // The container's own loop makes events until the answer is in.
    let event = client.wait_for("an event with the image's digest", |event| {
        text(event, "container.id") == container.id() && !text(event, "container.imageDigest").is_empty()
    });
    check_runtime(&event, container.names());
    drop(client);
    agent.stop();
}
