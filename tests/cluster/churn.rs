//! Pods that come and go: not one event is blank or wrong.

use picket_tests::expect::{number, text};
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
    let status = world.agent().status().unwrap_or_else(|error| panic!("{error}"));
    number(&status, "firstExecsIdentified").unwrap_or_default()
}
