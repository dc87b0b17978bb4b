//! What the rings have no room for while the agent stands still is counted, booked on its container, and told.

use picket_tests::client::{Client, Filters};
use picket_tests::expect::{Expect, number, text};
use picket_tests::lab::Lab;
use picket_tests::skip::sized;
use picket_tests::workload::IN_CONTAINER;
use rustix::process::Signal;
use serde_json::Value;

use super::settled;
use crate::identity::check_identity;

/// The smallest rings that there are.
const SETTINGS: &str = "[kernel]\nring_bytes = 65536\nbulk_ring_bytes = 65536\n";
/// What the burst is made of: both rings are too small for it.
const MADE: [&str; 4] = ["PROCESS_FORK", "PROCESS_EXEC", "PROCESS_EXIT", "FILE_OPEN"];

/// Losses of a class in a container, as `class` and `count` are named in an event or in the status.
fn sum(losses: &[Value], id: &str, class: &str, at: &str) -> u64 {
    let place = |name: &str| format!("{at}{name}");
    let of_class = |loss: &&Value| {
        text(loss, "container.id") == id
            && text(loss, &place("class")) == class
            && text(loss, &place("reason")) == "RING_FULL"
    };
    losses.iter().filter(of_class).filter_map(|loss| number(loss, &place("count"))).sum()
}

pub(super) fn full(lab: &mut Lab) {
    let (programs, files) = (sized(500, 150).to_string(), sized(2000, 500).to_string());
    let agent = lab.agent_with(SETTINGS);
    let container = lab.container(&[IN_CONTAINER, "sleep", "3600000"]);
    let mut client = Client::subscribe(&agent, &Filters::default());
    container.start();
    client.wait_for("the container's own program", |event| {
        text(event, "process.executable") == IN_CONTAINER && text(event, "container.id") == container.id()
    });

    agent.signal(Signal::STOP);
    let burst = ["burst", &programs, "/bin/true", ",", "flood", "many", "/tmp/flood", "1", "1", &files];
    container.exec(&[[IN_CONTAINER].as_slice(), &burst].concat());
    agent.signal(Signal::CONT);

    let (_, status) = settled(&agent, &MADE);
    let in_status = status["losses"].as_array().cloned().unwrap_or_default();
    for class in MADE {
        let lost = sum(&in_status, container.id(), class, "");
        let made = if class == "FILE_OPEN" { &files } else { &programs };
        println!("burst: {class}: made {made}, of which the ring had no room for {lost}");
        assert!(lost > 0, "the ring is far too small for {made} of {class}: {status:#}");
        let told = |client: &Client| {
            sum(&client.all(|event| text(event, "class") == "LOSS"), container.id(), class, "loss.")
        };
        while told(&client) < lost {
            assert!(client.keep_next(), "{class}: told of {} of {lost} losses: {status:#}", told(&client));
        }
        assert_eq!(told(&client), lost, "{class}: what is told is what the status says: {status:#}");
    }
    let names =
        |event: &Value| text(event, "class") == "LOSS" && text(event, "container.id") == container.id();
    for loss in client.all(names) {
        check_identity(&loss, container.names());
        Expect::of(&loss).absent("process");
    }
    // It goes on as before.
    lab.fence(&mut client);
    drop(client);
    agent.stop();
}
