//! A flood in one container: the others' events all arrive, and the account of the flood closes.

use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters, last_argument};
use picket_tests::container::Container;
use picket_tests::expect::{field, number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::skip::sized;
use picket_tests::workload;
use serde_json::Value;

pub(crate) const TESTS: &[Test] =
    &[Test::new("flood::one_pod_blinds_nobody", one_pod_blinds_nobody).own_agent()];

/// Threads that open files.
const THREADS: u64 = 2;
/// Files that they open in turn.
const FILES: u64 = 2000;
/// What the other container does meanwhile: programs that it runs, each of which it also names in a file.
const STEPS: u64 = 200;
/// Events that a container may cause at once in this test.
const BURST: u64 = 1000;

fn one_pod_blinds_nobody(lab: &mut Lab) {
    let opens = sized(150_000, 5_000);
    let mut options = lab.agent_options();
    options.settings = vec![
        ("PICKET_LIMITS_BURST", BURST.to_string()),
        ("PICKET_LIMITS_EVENTS_PER_SECOND", "100".to_owned()),
    ];
    let agent = Agent::start(&options);
    let (files, opened) = (FILES.to_string(), opens.to_string());
    let flooder = lab.container(&[
        workload::IN_CONTAINER,
        "flood",
        "many",
        "/tmp/flood",
        &THREADS.to_string(),
        &opened,
        &files,
        ",",
        "wait",
    ]);
    let marker = marker("flood");
    let script = format!(
        "i=0; while [ $i -lt {STEPS} ]; do /bin/true {marker}-$i; : > /tmp/{marker}-$i; i=$((i+1)); done; /bin/true {marker}-end"
    );
    let other = lab.container(&["/bin/sh", "-c", &script]);
    let mut clients = [&flooder, &other].map(|container| {
        Client::subscribe(
            &agent,
            &Filters { containers: vec![container.id().to_owned()], ..Filters::default() },
        )
    });
    flooder.start();
    let [ref mut of_flooder, ref mut of_other] = clients;

    other.run_ok();
    of_other.exec(&format!("{marker}-end"));
    check_other(of_other, &marker);

    // The flood is over when its process waits, which it is told by nothing but its account.
    let made = THREADS * opens + FILES;
    let status = settled(&agent, flooder.id(), made);
    let account = account(&status, &flooder).expect("the flooder has an account");
    let counts = ["seen", "filtered", "aggregated", "limited", "lost"]
        .map(|name| number(&account, name).unwrap_or_default());
    let [seen, filtered, aggregated, limited, lost] = counts;
    println!(
        "flood: seen {seen}, filtered {filtered}, aggregated {aggregated}, limited {limited}, lost {lost}"
    );
    // Kernels that preempt programs leave some out, which the class accounts for and no group.
    let left_out = number(&class(&status, "FILE_OPEN"), "lost").unwrap_or_default();
    assert!(seen + left_out >= made, "{made} opens were made: {account}");
    assert!(limited > 0, "more than the burst of {BURST} was made at once: {account}");

    let class = class(&status, "FILE_OPEN");
    let of_class = |name| number(&class, name).unwrap_or_default();
    // Everything that went to the agent, but for its own trials, is published or was found to be quiet, and of other containers
    // there is only the one above.
    let of_containers = of_class("received") - of_class("canary");
    assert_eq!(of_containers, of_class("published") + of_class("quiet"), "{class}");
    of_flooder_is_told(of_flooder, limited);
    let subscribers: u64 = lost_by_subscribers(&status);
    let published = of_class("published");
    // What runc opened when it cleaned up came after the last program.
    while delivered(of_flooder) + delivered(of_other) + subscribers < published && of_other.keep_next() {}
    let events = [&*of_flooder, &*of_other].map(delivered);
    assert_eq!(events.iter().sum::<u64>() + subscribers, published, "to the last event: {events:?} {class}");
    // Among them is what the host opened before the agent said that nobody wants it.
    let rows = groups(&status).into_iter().filter(|group| text(group, "class") == "FILE_OPEN");
    let accounted: u64 = rows.map(|account| sent(&account)).sum();
    assert_eq!(accounted, of_class("received"), "the accounts of the groups make the class: {status:#}");
    drop(clients);
    agent.stop();
}

/// Every program and every file of the other container arrived.
fn check_other(client: &Client, marker: &str) {
    for step in 0..STEPS {
        let name = format!("{marker}-{step}");
        let execs =
            client.all(|event| text(event, "class") == "PROCESS_EXEC" && last_argument(event) == Some(&name));
        assert_eq!(execs.len(), 1, "program {name}");
        let path = format!("/tmp/{name}");
        let opens =
            client.all(|event| text(event, "class") == "FILE_OPEN" && text(event, "file.path") == path);
        assert_eq!(opens.len(), 1, "file {name}");
    }
}

/// The flooder's subscriber is told how many events were too many.
fn of_flooder_is_told(client: &mut Client, limited: u64) {
    let told = |client: &Client| -> u64 {
        let losses = client.all(|event| {
            text(event, "class") == "LOSS"
                && text(event, "loss.reason") == "RATE_LIMITED"
                && text(event, "loss.class") == "FILE_OPEN"
        });
        losses.iter().filter_map(|event| number(event, "loss.count")).sum()
    };
    while told(client) < limited {
        assert!(client.keep_next(), "told of {} of {limited} events that were too many", told(client));
    }
    let losses = client.all(|event| text(event, "loss.reason") == "RATE_LIMITED");
    assert!(losses.iter().all(|event| !text(event, "container.id").is_empty()), "{losses:?}");
    assert_eq!(told(client), limited, "what is told is what the account says");
}

fn delivered(client: &Client) -> u64 {
    client.all(|event| text(event, "class") == "FILE_OPEN").len() as u64
}

/// The status once the flood is over and every record has been read.
fn settled(agent: &Agent, id: &str, made: u64) -> Value {
    let attempts = 600;
    let mut last = Value::Null;
    for _ in 0..attempts {
        let status = agent.status();
        let class = class(&status, "FILE_OPEN");
        let of = |name| number(&class, name).unwrap_or_default();
        let whole =
            of("seen") == of("filtered") + of("aggregated") + of("limited") + of("lost") + of("received");
        let over = groups(&status).iter().any(|group| {
            text(group, "container.id") == id
                && text(group, "class") == "FILE_OPEN"
                && number(group, "seen").unwrap_or_default() + of("lost") >= made
        });
        if whole && over {
            return status;
        }
        last = status;
        sleep(Duration::from_millis(100));
    }
    panic!("the account of FILE_OPEN does not close, or the flood does not end: {last:#}");
}

fn groups(status: &Value) -> Vec<Value> {
    field(status, "groups").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn account(status: &Value, container: &Container) -> Option<Value> {
    groups(status)
        .into_iter()
        .find(|group| text(group, "container.id") == container.id() && text(group, "class") == "FILE_OPEN")
}

/// What of a group's events went to the agent.
fn sent(account: &Value) -> u64 {
    let of = |name| number(account, name).unwrap_or_default();
    of("seen") - of("filtered") - of("aggregated") - of("limited") - of("lost")
}

fn class(status: &Value, name: &str) -> Value {
    let classes = field(status, "classes").and_then(Value::as_array).cloned().unwrap_or_default();
    classes.into_iter().find(|class| text(class, "class") == name).unwrap_or(Value::Null)
}

fn lost_by_subscribers(status: &Value) -> u64 {
    let list = field(status, "subscribers").and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().filter_map(|subscriber| number(subscriber, "lost")).sum()
}
