//! Pods that come and go: not one event is blank or wrong.

use picket_tests::expect::{field, number, text};
use picket_tests::lab::marker;
use picket_tests::runner::plain::Test;
use serde_json::Value;

use crate::kubectl::{self, Namespace};
use crate::workloads::{container, pod, spec};
use crate::world::World;

pub(crate) const TESTS: &[Test<World>] = &[("churn::many_pods", many_pods)];

const PODS: usize = 200;
/// Pods that are made in one call.
const AT_ONCE: usize = 20;

fn many_pods(world: &mut World) {
    let marker = marker("churn");
    let mut client = world.watch();
    let before = first_execs(world);
    let namespace = Namespace::create(&marker);
    let mark = |number: usize| format!("{marker}-{number}");
    for first in (0..PODS).step_by(AT_ONCE) {
        let numbers = first..first + AT_ONCE;
        let pods: Vec<_> = numbers.clone().map(|number| short(number, &mark(number))).collect();
        kubectl::apply(&namespace.0, &pods);
        for number in numbers {
            client.exec(&mark(number));
        }
        // While the later ones of them still run.
        kubectl::run(&[
            "delete",
            "pods",
            "--all",
            "-n",
            &namespace.0,
            "--grace-period=0",
            "--force",
            "--wait=false",
        ]);
    }
    world.fence(&mut client);
    let judgement = world.pods().judge(&client.all(|_| true), &namespace.0);
    println!("first execs of containers: {}", first_execs(world) - before);
    let late = client.all(|event| text(event, "class") == "CONTAINER_IDENTIFIED").len();
    println!("containers whose identity came late: {late}");
    print_delays(&world.status());
    // A container and its sandbox.
    assert!(judgement.containers.len() >= 2 * PODS, "events of {} containers", judgement.containers.len());
    judgement.must_be_right();
}

fn short(number: usize, mark: &str) -> Value {
    let script = "id; ls / > /dev/null; cat /etc/passwd > /tmp/copy";
    let mut spec = spec(&[container("main", script, mark)]);
    spec["restartPolicy"] = "Never".into();
    pod(&format!("short-{number}"), spec)
}

fn first_execs(world: &World) -> u64 {
    number(&world.status(), "firstExecsIdentified").unwrap_or_default()
}

/// How late the sources were, of all containers since the agent started.
fn print_delays(status: &Value) {
    const SECOND_NS: u64 = 1_000_000_000;
    for delay in field(status, "identityDelays").and_then(Value::as_array).into_iter().flatten() {
        let numbers = |path: &str| -> Vec<u64> {
            let list = field(delay, path).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok())).collect()
        };
        let (bounds, counts) = (numbers("nanoseconds.bounds"), numbers("nanoseconds.counts"));
        let all: u64 = counts.iter().sum();
        let within = |bound: u64| -> u64 {
            bounds.iter().zip(&counts).filter(|(at, _)| **at <= bound).map(|(_, count)| count).sum()
        };
        let mean = number(delay, "nanoseconds.sum").unwrap_or_default() / all.max(1) / 1_000_000;
        println!(
            "{}: {all} containers, {} within 0.1 s, {} within 1 s, {} within 10 s, mean {mean} ms",
            text(delay, "source"),
            within(SECOND_NS / 10),
            within(SECOND_NS),
            within(10 * SECOND_NS)
        );
    }
}
