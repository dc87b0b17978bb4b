//! Rules from a file to people: what fires in a real container, in both forms, and that files can be changed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::{self, Agent, run_command};
use picket_tests::client::{Client, Filters};
use picket_tests::container::{Container, Names};
use picket_tests::expect::{Expect, field, number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::scratch::write_file;
use picket_tests::skip::{SAME_EVERYWHERE, sized};
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("findings::contract_and_alert", contract_and_alert).own_agent(),
    Test::new("findings::files_are_read_anew", files_are_read_anew).own_agent().native_only(SAME_EVERYWHERE),
    Test::new("findings::equal_ones_are_one", equal_ones_are_one).own_agent().native_only(SAME_EVERYWHERE),
    Test::new("findings::bad_rules_end_the_start", bad_rules_end_the_start)
        .own_agent()
        .native_only(SAME_EVERYWHERE),
];

/// A rule that fires when a program of a container has `marker` among its arguments.
fn rule(name: &str, marker: &str) -> String {
    format!(
        r#"- list: own_programs
  items: [true, "echo"]
- macro: own_start
  condition: (evt.type in (execve, execveat) and proc.name in (own_programs))
- rule: {name}
  desc: A program of the test was started
  condition: own_start and container.id != host and proc.args contains "{marker}"
  output: Own program | command=%proc.cmdline pid=%proc.pid parent=%proc.pname uid=%user.uid far=%proc.aname[40] container_id=%container.id
  priority: WARNING
  tags: [container, T1059, mitre_execution]
"#
    )
}

struct Rules {
    agent: Agent,
    file: PathBuf,
}

/// An agent with one file of rules.
fn agent_with(lab: &Lab, rules: &str) -> Rules {
    let folder = lab.scratch().folder("rules");
    let file = folder.join("own.yaml");
    write_file(&file, rules, 0o600);
    let mut options = lab.agent_options();
    options.arguments.extend(["--rules".to_owned(), folder.to_string_lossy().into_owned()]);
    Rules { agent: Agent::start(&options), file }
}

fn only_findings(container: &Container, alerts: bool) -> Filters {
    let containers = vec![container.id().to_owned()];
    Filters { containers, findings: !alerts, alerts, ..Filters::default() }
}

/// Looks at the status until it is as wanted.
fn wait_for_status(agent: &Agent, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..sized(300, 1500) {
        let status = agent.status();
        if wanted(&status) {
            return status;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("{what}: {:#}\n{}", agent.status(), agent.log_tail());
}

fn contract_and_alert(lab: &mut Lab) {
    let marker = marker("finding");
    let Rules { agent, .. } = agent_with(lab, &rule("Own Program Started", &marker));
    let container = lab.container(&["/bin/sh", "-c", &format!("/bin/true {marker}; /bin/true other")]);
    let mut findings = Client::subscribe(&agent, &only_findings(&container, false));
    let mut alerts = Client::subscribe(&agent, &only_findings(&container, true));
    let mut events = Client::subscribe(&agent, &Filters::default());
    container.run_ok();

    let exec = events.exec(&marker);
    let found = findings.wait_for("the finding", |_| true);
    let pid = number(&exec, "process.pid").expect("a number");
    Expect::of(&found)
        .is("class", "FINDING")
        .is("time", text(&exec, "time"))
        .is("node", text(&exec, "node"))
        .is("process.execId", text(&exec, "process.execId"))
        .is("process.pid", pid)
        .is("container.id", container.id())
        .is("container.pod.name", container.names().pod.as_str())
        .is("finding.id", "own-program-started")
        .is("finding.name", "Own Program Started")
        .is("finding.source", "RULE")
        .is("finding.severity", "MEDIUM")
        .such("finding.confidence", "from 0 to 1", |value| {
            value.as_f64().is_some_and(|value| value > 0.0 && value <= 1.0)
        })
        .lists("finding.techniques", &["T1059"])
        .such("finding.summary", "a sentence", |value| value.as_str().is_some_and(|text| !text.is_empty()))
        .such("ancestors", "the lineage", |value| value.as_array().is_some_and(|list| !list.is_empty()))
        .is("finding.alert.rule", "Own Program Started")
        .is("finding.alert.priority", "Warning");
    let evidence = field(&found, "finding.evidence").and_then(Value::as_array).expect("evidence");
    assert_eq!(text(&evidence[0], "cursor"), text(&exec, "cursor"), "it names the event: {found:#}");

    check_alert(&alerts.wait_for("the alert", |_| true), &found, container.names(), &marker, pid);
    lab.fence(&mut events);
    assert_eq!(findings.all(|_| true).len(), 1);
    let status = agent.status();
    assert_eq!(number(&status, "rules.enabled"), Some(1), "{status:#}");
    assert!(number(&status, "rules.eventsJudged").is_some_and(|judged| judged > 0), "{status:#}");
    drop((findings, alerts, events));
    agent.stop();
}

fn check_alert(alert: &Value, found: &Value, names: &Names, marker: &str, pid: u64) {
    let (id, name, pod, namespace) = (&names.id[..12], &names.name, &names.pod, &names.namespace);
    let (repository, tag) = names.image.rsplit_once(':').expect("an image with a tag");
    // What Falco adds to the output of every rule stands behind the rule's own.
    let output = format!(
        "Own program | command=true {marker} pid={pid} parent=sh uid=0 far=<NA> container_id={id} container_id={id} container_name={name} container_image_repository={repository} container_image_tag={tag} k8s_pod_name={pod} k8s_ns_name={namespace}"
    );
    let keys: Vec<_> = alert.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(
        keys,
        ["hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"],
        "{alert:#}"
    );
    assert_eq!(text(alert, "hostname"), text(found, "node"));
    assert_eq!(text(alert, "priority"), "Warning");
    assert_eq!(text(alert, "rule"), "Own Program Started");
    assert_eq!(text(alert, "source"), "syscall");
    assert_eq!(alert["tags"], serde_json::json!(["T1059", "container", "mitre_execution"]));
    let (day, clock) = text(alert, "time").split_once('T').expect("a time");
    assert_eq!((day.len(), clock.len()), (10, "00:00:00.000000000Z".len()), "{alert:#}");
    let told = text(alert, "output");
    assert_eq!(told, format!("{}: Warning {output}", clock.trim_end_matches('Z')));
    let fields = &alert["output_fields"];
    assert_eq!(fields["proc.cmdline"], format!("true {marker}"));
    assert_eq!(fields["proc.pid"], pid);
    assert_eq!(fields["user.uid"], 0);
    assert_eq!(fields["proc.aname[40]"], Value::Null);
    assert_eq!(fields["container.id"], id);
    assert_eq!(fields["k8s.pod.name"], pod.as_str());
    let nanos = fields["evt.time"].as_i64().expect("a whole number").to_string();
    assert_eq!(nanos.get(nanos.len() - 9..), clock.get(9..18), "to the last digit: {alert:#}");
}

fn files_are_read_anew(lab: &mut Lab) {
    let marker = marker("reload");
    let Rules { agent, file } = agent_with(lab, &rule("First", &marker));
    let container = lab.container(&["/bin/sh", "-c", "sleep 600"]);
    container.start();
    let mut findings = Client::subscribe(&agent, &only_findings(&container, false));
    let mut fire = |word: &str, id: &str| {
        let last = format!("{marker}-{word}");
        container.exec(&["/bin/true", &last]);
        let found = findings.wait_for(&format!("the finding of {last}"), |found| {
            picket_tests::client::last_argument(found) == Some(last.as_str())
        });
        assert_eq!(text(&found, "finding.id"), id, "{found:#}");
    };
    fire("one", "first");

    // Nobody tells the agent.
    write_file(&file, "- rule: Broken\n  condition: evt.type = \n", 0o600);
    let refused = |status: &Value| !text(status, "rules.error").is_empty();
    let status = wait_for_status(&agent, "the broken file is refused", refused);
    assert!(text(&status, "rules.error").contains("own.yaml:"), "{status:#}");
    assert_eq!(number(&status, "rules.enabled"), Some(1), "{status:#}");
    fire("two", "first");

    // Now it is told.
    write_file(&file, rule("Second", &marker), 0o600);
    agent.signal(rustix::process::Signal::HUP);
    let status = wait_for_status(&agent, "the good file is in force", |status| !refused(status));
    assert_eq!(number(&status, "rules.reloads"), Some(1), "{status:#}");
    fire("three", "second");
    drop(findings);
    agent.stop();
}

fn equal_ones_are_one(lab: &mut Lab) {
    let marker = marker("storm");
    let Rules { agent, .. } = agent_with(lab, &rule("Storm", &marker));
    // Of 40 programs those beyond the bound are not told.
    let script =
        format!("i=0; while [ $i -lt 40 ]; do /bin/true {marker} $i; i=$((i+1)); done; /bin/echo last");
    let container = lab.container(&["/bin/sh", "-c", &script]);
    let mut events = Client::subscribe(&agent, &Filters::default());
    container.run_ok();
    lab.fence(&mut events);
    let found = events.all(|event| text(event, "class") == "FINDING");
    assert_eq!(found.len(), 32, "rules.burst");
    assert_eq!(number(&agent.status(), "rules.findingsLimited"), Some(8));
    drop(events);
    agent.stop();
}

fn bad_rules_end_the_start(lab: &mut Lab) {
    let folder = lab.scratch().folder("bad-rules");
    let broken = folder.join("broken.yaml");
    write_file(
        &broken,
        "- rule: Broken\n  desc: x\n  output: x\n  priority: INFO\n  condition: evt.type = nonsense\n",
        0o600,
    );
    for (path, word) in [(broken.as_path(), "broken.yaml:"), (Path::new("/nowhere/rules"), "/nowhere/rules")]
    {
        let options = agent::Options {
            arguments: vec!["--rules".to_owned(), path.to_string_lossy().into_owned()],
            ..lab.agent_options()
        };
        let output = run_command(&options).stdout(Stdio::null()).output().expect("the agent can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(word), "{said}");
    }
}
