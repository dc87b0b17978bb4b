//! Equal events within the window are one, and the next one says how many there were.

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::expect::{Expect, number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::scratch::write_file;
use picket_tests::workload::IN_CONTAINER;

/// Equal opens within the window.
const OPENS: u64 = 50;

/// Events of opens of the container that were but counted.
fn aggregated(agent: &Agent, id: &str) -> u64 {
    let status = agent.status();
    let mut groups = status["groups"].as_array().into_iter().flatten();
    let account =
        groups.find(|group| text(group, "container.id") == id && text(group, "class") == "FILE_OPEN");
    account.and_then(|account| number(account, "aggregated")).unwrap_or_default()
}

pub(super) fn are_one_event(lab: &mut Lab) {
    let agent = lab.agent_with("[limits]\nrepeat_window_s = 3\n");
    let file = format!("/tmp/{}", marker("repeat"));
    // Made by another process, so that all opens of the one that counts are of a file that was there.
    let script = format!(
        ": > {file}; until [ -e /tmp/go ]; do sleep 0.05; done; exec {IN_CONTAINER} \
         repeat {OPENS} open openat rdwr {file} , sleep 3500 , open openat rdwr {file}"
    );
    let container = lab.container(&["/bin/sh", "-c", &script]);
    let filters = Filters { containers: vec![container.id().to_owned()], ..Filters::default() };
    let mut client = Client::subscribe(&agent, &filters);
    container.start();
    client.wait_for("the new file", |event| text(event, "file.path") == file);
    let before = aggregated(&agent, container.id());
    write_file(&container.file("/tmp/go"), "", 0o600);

    let of_file = |event: &serde_json::Value| {
        text(event, "file.path") == file && text(event, "file.access") == "READ_WRITE"
    };
    let last = client.wait_for("the open after the window", |event| {
        of_file(event) && number(event, "file.repeats").is_some_and(|repeats| repeats > 0)
    });
    Expect::of(&last).is("class", "FILE_OPEN").is("file.repeats", OPENS - 1);
    let told = client.all(of_file);
    assert_eq!(told.len(), 2, "the first one, and the one after the window: {told:#?}");
    Expect::of(&told[0]).absent("file.repeats");
    assert_eq!(aggregated(&agent, container.id()) - before, OPENS - 1, "{:#}", agent.status());
    drop(client);
    agent.stop();
}

/// What a program did hides nothing of what the next one of the same process does.
pub(super) fn are_of_one_program(lab: &mut Lab) {
    let agent = Agent::start(&lab.agent_options());
    let file = format!("/tmp/{}", marker("repeat"));
    let open = format!("{IN_CONTAINER} open openat rdwr {file}");
    let container = lab.container(&["/bin/sh", "-c", &format!(": > {file}; exec {open} , exec {open}")]);
    let filters = Filters { containers: vec![container.id().to_owned()], ..Filters::default() };
    let mut client = Client::subscribe(&agent, &filters);
    container.run_ok();
    client.wait_for("the open of the program that was executed last", |event| {
        text(event, "file.path") == file
            && text(event, "process.arguments.4") == file
            && text(event, "process.arguments.5").is_empty()
    });
    drop(client);
    agent.stop();
}

/// Rules that look at opens: then the kernel's verdicts, too, are by the name that was asked for.
const RULES: &str = "- rule: Opened\n  desc: by its name\n  condition: evt.type in (open, openat) and fd.name=/nowhere\n  \
     output: opened %fd.name\n  priority: WARNING\n";

/// An open by another name of the same file is told, whether or not rules look at names: a link, a way with dots, and a
/// long one of which only the end differs.
pub(super) fn are_by_one_name(lab: &mut Lab) {
    let rules = lab.scratch().path().join("names.yaml");
    write_file(&rules, RULES, 0o600);
    for settings in [String::new(), format!("[rules]\npaths = [\"{}\"]\n", rules.display())] {
        let agent = lab.agent_with(&settings);
        let name = marker("repeat");
        let long = "/.".repeat(100);
        let plain = format!("/tmp/{name}");
        let others = [
            format!("/tmp/../tmp/{name}"),
            format!("/tmp/{name}-link"),
            format!("/tmp{long}/{name}"),
            format!("/tmp{long}/./{name}"),
        ];
        let opens = others.iter().map(|other| format!(" , open openat rdwr {other}"));
        let script = format!(
            ": > {plain}; ln -s {plain} {plain}-link; exec {IN_CONTAINER} open openat rdwr {plain}{}",
            opens.collect::<String>()
        );
        let container = lab.container(&["/bin/sh", "-c", &script]);
        let filters = Filters { containers: vec![container.id().to_owned()], ..Filters::default() };
        let mut client = Client::subscribe(&agent, &filters);
        container.run_ok();
        for other in &others {
            client.wait_for("the open by another name", |event| {
                text(event, "file.path") == plain && text(event, "file.requestedPath") == *other
            });
        }
        drop(client);
        agent.stop();
    }
}
