//! Incidents, from real containers to people: an attack is one, a storm of attempts is one finding with a count, two
//! containers have one each, and what is quiet is closed.

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::container::Container;
use picket_tests::expect::{number, text};
use picket_tests::lab::Lab;
use picket_tests::runner::Test;
use picket_tests::skip::SAME_EVERYWHERE;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("incidents::an_attack_is_one", attack).native_only(SAME_EVERYWHERE).own_agent(),
    Test::new("incidents::a_storm_is_one_finding", storm).native_only(SAME_EVERYWHERE).own_agent(),
    Test::new("incidents::each_container_has_its_own", containers).native_only(SAME_EVERYWHERE).own_agent(),
];

/// A token as a kubelet mounts it.
const TOKEN: &str = "/run/secrets/kubernetes.io/serviceaccount/token";

/// Three steps: a tool is brought along, the token is read and the API server asked with it (nobody listens), the
/// node is reached for by the device file of a disk.
const ATTACK: &str = "cp /bin/busybox /tmp/nc
TOKEN=$(cat /run/secrets/kubernetes.io/serviceaccount/token)
echo \"GET /api/v1/secrets HTTP/1.1 Authorization: Bearer $TOKEN\" | /tmp/nc -w 1 127.10.96.1 6443
mknod /tmp/disk b 7 200";

/// How often the same is attempted.
const ATTEMPTS: u64 = 10_000;

/// An agent with the shipped rules, in which incidents are over after so many seconds.
fn agent(lab: &Lab, quiet_s: &str) -> Agent {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
    let mut options = lab.agent_options();
    options.arguments.extend(["--rules".to_owned(), rules.to_owned()]);
    options.settings.extend([
        ("PICKET_RULES_ADDRESSES", "kubernetes.default.svc.cluster.local=127.10.96.1".to_owned()),
        ("PICKET_INCIDENTS_QUIET_S", quiet_s.to_owned()),
        (
            "PICKET_TUNING_NORMAL_FILE",
            lab.scratch().folder("normal").join("normal.json").display().to_string(),
        ),
    ]);
    Agent::start(&options)
}

fn container(lab: &Lab, script: &str) -> Container {
    let before = "mkdir -p /tmp /run/secrets/kubernetes.io/serviceaccount; echo token > /run/secrets/kubernetes.io/serviceaccount/token";
    lab.container(&["/bin/sh", "-c", &format!("{before}\n{script}\nexit 0")])
}

fn of(container: &Container) -> Filters {
    Filters { containers: vec![container.id().to_owned()], ..Filters::default() }
}

fn is_incident(event: &Value, state: &str) -> bool {
    text(event, "incident.state") == state
}

fn closed(client: &mut Client) -> Value {
    client.wait_for("the incident is closed", |event| is_incident(event, "CLOSED"))
}

/// The entry of a timeline with this finding.
fn entry<'a>(event: &'a Value, id: &str) -> Option<&'a Value> {
    event["incident"]["timeline"].as_array()?.iter().find(|entry| entry["finding"] == id)
}

fn attack(lab: &mut Lab) {
    let agent = agent(lab, "5");
    let container = container(lab, ATTACK);
    let mut client = Client::subscribe(&agent, &of(&container));
    container.run_ok();
    let last = closed(&mut client);
    let opened = client.all(|event| is_incident(event, "OPENED"));
    assert_eq!(opened.len(), 1, "{opened:#?}");
    assert!(!client.all(|event| is_incident(event, "UPDATED")).is_empty(), "it grew");
    let id = text(&opened[0], "incident.id");
    assert_eq!((text(&last, "incident.id"), text(&last, "incident.severity")), (id, "CRITICAL"), "{last:#}");
    assert_eq!(text(&last, "container.pod.name"), container.names().pod.as_str());
    for finding in client.all(|event| text(event, "class") == "FINDING") {
        let low = text(&finding, "finding.severity") == "LOW";
        assert!(low || text(&finding, "finding.incident") == id, "{finding:#}");
    }
    for step in [
        "dropped-program-run-from-a-temporary-folder",
        "token-of-a-service-account-read-by-hand",
        "kubernetes-api-used-by-hand-from-a-container",
        "node-of-a-disk-made-in-a-container",
    ] {
        let entry = entry(&last, step).unwrap_or_else(|| panic!("{step} is in its timeline: {last:#}"));
        assert!(number(entry, "process.pid").is_some() && !text(entry, "cursor").is_empty(), "{entry:#}");
    }
    for part in ["title", "summary", "began", "stakes", "next", "techniques", "beganTime"] {
        assert!(!last["incident"][part].is_null(), "{part}: {last:#}");
    }
    assert!(text(&last, "process.executable").starts_with('/'), "by whom it began: {last:#}");
    assert!(last["ancestors"].as_array().is_some_and(|list| !list.is_empty()), "{last:#}");
    let counts = agent.status()["incidents"].clone();
    assert_eq!((number(&counts, "opened"), number(&counts, "closed")), (Some(1), Some(1)), "{counts:#}");
    drop(client);
    agent.stop();
}

fn storm(lab: &mut Lab) {
    const DROPPED: &str = "dropped-program-run-from-a-temporary-folder";
    let agent = agent(lab, "600");
    let script = format!(
        "cp /bin/busybox /tmp/true; i=0; while [ $i -lt {ATTEMPTS} ]; do /tmp/true; i=$((i+1)); done"
    );
    let container = container(lab, &script);
    let filters = Filters { classes: vec!["FINDING", "INCIDENT"], ..of(&container) };
    let mut client = Client::subscribe(&agent, &filters);
    container.run_ok();
    let all = client.wait_for("the count of all attempts", |event| {
        entry(event, DROPPED).is_some_and(|entry| number(entry, "count") == Some(ATTEMPTS))
    });
    assert_eq!(client.all(|event| is_incident(event, "OPENED")).len(), 1);
    let told = client.all(|event| text(event, "finding.id") == DROPPED);
    let found: Vec<_> = told.iter().filter(|event| event["finding"]["onlyRepeats"] != true).collect();
    assert_eq!(found.len(), 1, "{told:#?}");
    assert_eq!(text(found[0], "finding.incident"), text(&all, "incident.id"));
    // Updates are few: at powers of ten, and at ever longer intervals.
    let updates = client.all(|event| is_incident(event, "UPDATED")).len();
    assert!(updates < 40, "{updates} updates");
    drop(client);
    agent.stop();
}

fn containers(lab: &mut Lab) {
    let agent = agent(lab, "3");
    let [one, other] = [0, 1].map(|_| container(lab, "sleep 600"));
    let [mut of_one, mut of_other] = [&one, &other].map(|container| {
        container.start();
        Client::subscribe(&agent, &of(container))
    });
    let read = ["/bin/cat", TOKEN];
    one.exec(&read);
    other.exec(&read);
    let [first, second] = [closed(&mut of_one), closed(&mut of_other)];
    assert_eq!(text(&first, "container.id"), one.id());
    assert_eq!(text(&second, "container.id"), other.id());
    assert_ne!(text(&first, "incident.id"), text(&second, "incident.id"));
    one.exec(&read);
    let again = of_one.wait_for("a new incident that names the one before", |event| {
        is_incident(event, "OPENED") && !text(event, "incident.previous").is_empty()
    });
    assert_eq!(text(&again, "incident.previous"), text(&first, "incident.id"));
    drop((of_one, of_other));
    agent.stop();
}
