//! What is wanted, and that it can change while events flow.

mod repeats;
mod wanted;

use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::container::Container;
use picket_tests::expect::text;
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::scratch::write_file;
use picket_tests::workload::IN_CONTAINER;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("policy::changes_without_a_gap", changes_without_a_gap).own_agent(),
    Test::new("policy::defaults_are_quiet", defaults_are_quiet).own_agent(),
    Test::new("policy::repeats_are_one_event", repeats::are_one_event).own_agent(),
    Test::new("policy::repeats_are_of_one_program", repeats::are_of_one_program).own_agent(),
    Test::new("policy::repeats_are_by_one_name", repeats::are_by_one_name).own_agent().each_back_end(),
    Test::new("policy::classes_ports_and_networks", wanted::classes_ports_and_networks).own_agent(),
    Test::new("policy::bad_settings_change_nothing", bad_settings_change_nothing).own_agent(),
];

/// Paths of the files that an event told of, which contain `part`.
fn opened(client: &Client, part: &str) -> Vec<String> {
    let of_file =
        |event: &Value| text(event, "class") == "FILE_OPEN" && text(event, "file.path").contains(part);
    client.all(of_file).iter().map(|event| text(event, "file.path").to_owned()).collect()
}

/// A container writes two kinds of files in turn; half way, the settings that want one kind are replaced by
/// those that want both.
fn changes_without_a_gap(lab: &mut Lab) {
    let agent = lab.agent_with("[files]\nquiet = [\"/tmp/second/**\"]\n");
    let marker = marker("policy");
    let script = format!(
        "mkdir -p /tmp/first /tmp/second; write() {{ i=$1; while [ $i -lt $2 ]; do : > /tmp/first/{marker}-$i; : > /tmp/second/{marker}-$i; i=$((i+1)); done; }}; wait_for() {{ until [ -e /tmp/$1 ]; do sleep 0.05; done; }}; write 0 100; wait_for go-1; write 100 200; wait_for go-2; write 200 300; /bin/true {marker}"
    );
    let container = lab.container(&["/bin/sh", "-c", &script]);
    let filters = Filters { containers: vec![container.id().to_owned()], ..Filters::default() };
    let mut client = Client::subscribe(&agent, &filters);
    container.start();
    client.wait_for("the last file of the first part", |event| {
        text(event, "file.path") == format!("/tmp/first/{marker}-99")
    });
    assert_eq!(opened(&client, "/tmp/second/"), [""; 0], "the settings do not want these");

    agent.change_settings("[files]\nquiet = []\n");
    // While the settings change the container goes on.
    write_file(&container.file("/tmp/go-1"), b"", 0o600);
    wait_for_log(&agent, "the new policy holds");
    write_file(&container.file("/tmp/go-2"), b"", 0o600);
    client.exec(&marker);
    let first: Vec<String> = (0..300).map(|number| format!("/tmp/first/{marker}-{number}")).collect();
    let told = opened(&client, "/tmp/first/");
    let missing: Vec<_> = first.iter().filter(|path| !told.contains(path)).collect();
    assert!(missing.is_empty(), "what both settings want has a gap: {missing:?}");
    assert_eq!(told.len(), first.len(), "each is told once");
    let second = opened(&client, "/tmp/second/");
    let expected: Vec<String> = (200..300).map(|number| format!("/tmp/second/{marker}-{number}")).collect();
    assert!(second.ends_with(&expected), "what is wanted since the change: {second:?}");
    drop(client);
    agent.stop();
}

/// Without settings, reading ordinary files is not told, nor what the host does with files.
fn defaults_are_quiet(lab: &mut Lab) {
    let agent = Agent::start(&lab.agent_options());
    let mut client = Client::subscribe(&agent, &Filters::default());
    let marker = marker("quiet");
    let host_file = lab.scratch().path().join(&marker);
    write_file(&host_file, b"x", 0o600);
    let script = format!(
        "cat /etc/passwd; echo x > /tmp/{marker}; cat /tmp/{marker}; echo x > /dev/null; mkdir -p /home/app/.ssh; echo k > /home/app/.ssh/{marker}; cat /home/app/.ssh/{marker}; /bin/true {marker}"
    );
    let container = lab.container(&["/bin/sh", "-c", &script]);
    container.run_ok();
    client.exec(&marker);
    lab.fence(&mut client);
    let access = |event: &Value| (text(event, "file.path").to_owned(), text(event, "file.access").to_owned());
    let of_files: Vec<_> = client
        .all(|event| text(event, "class") == "FILE_OPEN" && text(event, "container.id") == container.id())
        .iter()
        .map(access)
        .collect();
    let count = |path: &str| of_files.iter().filter(|(opened, _)| opened == path).count();
    assert_eq!(count(&format!("/tmp/{marker}")), 1, "written, not read: {of_files:?}");
    assert_eq!(count(&format!("/home/app/.ssh/{marker}")), 2, "written and read: {of_files:?}");
    assert_eq!(count("/etc/passwd") + count("/dev/null"), 0, "{of_files:?}");
    let host = client
        .all(|event| text(event, "class").starts_with("FILE_") && text(event, "container.id").is_empty());
    assert!(host.is_empty(), "files of the host are not asked for: {host:?}");
    drop(client);
    agent.stop();
}

fn bad_settings_change_nothing(lab: &mut Lab) {
    let agent = lab.agent_with("[limits]\nburst = 9\n");
    agent.change_settings("[files]\nquiet = [\"tmp/*\"]\n");
    wait_for_log(&agent, "picket.toml:2:9: files.quiet");
    wait_for_log(&agent, "the old settings hold");
    agent.stop();
}

fn wait_for_log(agent: &Agent, words: &str) {
    wait_for_logs(agent, words, 1);
}

/// Waits until the log says this so many times.
fn wait_for_logs(agent: &Agent, words: &str, times: usize) {
    for _ in 0..300 {
        if agent.log().matches(words).count() >= times {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("the agent's log does not say `{words}` {times} times:\n{}", agent.log_tail());
}

/// Arguments of a container that does nothing but live.
fn waiting() -> [&'static str; 3] {
    [IN_CONTAINER, "sleep", "3600000"]
}

/// Starts such a container and waits until the agent knows it: before, nothing is held back.
fn awaited(client: &mut Client, container: &Container) {
    container.start();
    client.wait_for("the container's own program", |event| {
        text(event, "class") == "PROCESS_EXEC"
            && text(event, "process.executable") == IN_CONTAINER
            && text(event, "container.id") == container.id()
    });
}
