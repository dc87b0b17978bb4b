//! All upstream rules at once, on a node on which nothing is wrong.

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::expect::{field, number, text};
use picket_tests::lab::{Lab, marker};

/// Rules in the three files.
const RULES: u64 = 93;
/// Containers that come and go.
const CONTAINERS: u32 = 10;

pub(super) fn check(lab: &mut Lab) {
    let mut options = lab.agent_options();
    options.arguments.push("--rules".to_owned());
    let files = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    options.arguments.extend(files.map(|name| super::file(name).to_string_lossy().into_owned()));
    options.settings = vec![("PICKET_RULES_RESOLVE", "false".to_owned())];
    let agent = Agent::start(&options);
    let status = agent.status();
    assert_eq!(
        number(&status, "rules.loaded"),
        Some(RULES),
        "{:#}",
        field(&status, "rules").unwrap_or(&status)
    );
    let mut client = Client::subscribe(&agent, &Filters::default());
    let marker = marker("quiet");
    let mut ids = Vec::new();
    for number in 0..CONTAINERS {
        let container = lab.container(&["/bin/true", &format!("{marker}-{number}")]);
        container.run_ok();
        client.exec(&format!("{marker}-{number}"));
        ids.push(container.id().to_owned());
    }
    lab.fence(&mut client);
    let found = client.all(|event| {
        text(event, "class") == "FINDING" && ids.iter().any(|id| text(event, "container.id") == id)
    });
    assert!(found.is_empty(), "containers that do nothing wrong: {found:#?}");
    drop(client);
    agent.stop();
}
