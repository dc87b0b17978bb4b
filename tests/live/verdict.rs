//! Verdicts on files with the agent's own settings: each way to a file has its own.

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::expect::text;
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::workload;

pub(crate) const TESTS: &[Test] = &[
    Test::new("verdict::each_name_has_its_own", each_name_has_its_own).own_agent(),
    Test::new("verdict::cut_when_opened_to_be_read", cut_when_opened_to_be_read).own_agent(),
];

/// Opens of a path that a container was told of, by their access.
fn accesses(client: &Client, path: &str) -> Vec<String> {
    client
        .all(|event| text(event, "class") == "FILE_OPEN" && text(event, "file.path") == path)
        .iter()
        .map(|event| text(event, "file.access").to_owned())
        .collect()
}

/// Runs a script in a container, with an agent without settings; the last program has the marker.
fn run(lab: &mut Lab, script: &str, marker: &str) -> (Agent, Client) {
    let agent = Agent::start(&lab.agent_options());
    let container = lab.container(&["/bin/sh", "-c", &format!("{script}; /bin/true {marker}")]);
    let filters = Filters { containers: vec![container.id().to_owned()], ..Filters::default() };
    let mut client = Client::subscribe(&agent, &filters);
    container.run_ok();
    client.exec(marker);
    (agent, client)
}

/// A file that was read by another link is not quiet by its sensitive name.
fn each_name_has_its_own(lab: &mut Lab) {
    let marker = marker("ways");
    let secret = format!("/home/app/.ssh/{marker}");
    // The pauses let the verdicts on the first opens arrive.
    let script = format!(
        "mkdir -p /home/app/.ssh /tmp/plain; echo k > {secret}; ln {secret} /tmp/plain/link; \
         for i in 1 2 3; do cat /tmp/plain/link; sleep 0.3; done; cat {secret}"
    );
    let (agent, client) = run(lab, &script, &marker);
    assert_eq!(accesses(&client, "/tmp/plain/link"), [""; 0], "an ordinary file is read");
    assert_eq!(accesses(&client, &secret), ["WRITE", "READ"], "made, then read after the link was");
    drop(client);
    agent.stop();
}

/// An open for reading that cuts the file is no reading.
fn cut_when_opened_to_be_read(lab: &mut Lab) {
    let marker = marker("cut");
    let (path, tool) = (format!("/tmp/{marker}"), workload::IN_CONTAINER);
    let script = format!(
        "echo log > {path}; for i in 1 2 3; do cat {path}; sleep 0.3; done; {tool} open openat rdonly+trunc {path}"
    );
    let (agent, client) = run(lab, &script, &marker);
    let opens = client.all(|event| text(event, "file.path") == path && text(event, "class") == "FILE_OPEN");
    let flags: Vec<_> = opens.iter().map(|event| event["file"]["flags"].to_string()).collect();
    assert_eq!(opens.len(), 2, "written, then cut: {opens:#?}");
    assert!(flags[1].contains("O_TRUNC"), "{flags:?}");
    drop(client);
    agent.stop();
}
