//! What the agent asks of the API server, by the API server's own record.

use std::path::Path;

use picket_tests::expect::{field, text};
use picket_tests::lab::marker;
use picket_tests::runner::plain::Test;
use serde_json::{Value, json};

use crate::kubectl::{self, FOLDER, Namespace, output, run};
use crate::workloads::{container, pod, spec};
use crate::world::{NAMESPACE, World};

pub(crate) const TESTS: &[Test<World>] = &[
    ("requests::as_documented", as_documented),
    ("requests::pods_of_other_nodes_change_nothing", pods_of_other_nodes_change_nothing),
];

/// The chart's default asks nothing; with the API server as a source there are a list, watches, Jobs, and the node.
fn as_documented(world: &mut World) {
    // The record works: a request with the agent's own account is in it.
    let account = kubectl::get(&["serviceaccount", "picket", "-n", NAMESPACE]);
    let secret = text(&account, "secrets.0.name");
    let token =
        run(&["get", "secret", secret, "-n", NAMESPACE, "-o", "go-template={{.data.token|base64decode}}"]);
    let as_agent =
        ["--kubeconfig=/dev/null", "--server=https://10.250.0.1:6443", "--insecure-skip-tls-verify=true"];
    let token = format!("--token={token}");
    let answer =
        output(&[as_agent.as_slice(), &[token.as_str(), "get", "--raw", "/api/v1/secrets"]].concat());
    let refusal = String::from_utf8_lossy(&answer.stderr);
    assert!(!answer.status.success() && refusal.contains("orbidden"), "secrets are listed to it: {refusal}");
    let all = requests();
    assert!(all.iter().any(|request| !is_of_agent(request)), "the request of this test is not recorded");

    let agents = of_agent();
    let kinds: Vec<_> = agents.iter().map(kind).collect();
    let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
    println!(
        "requests of the agent: {}, of which list {}, watch {}, jobs {}",
        kinds.len(),
        count("list pods"),
        count("watch pods"),
        count("get jobs")
    );
    if !world.asks_the_api_server() {
        assert_eq!(agents, Vec::<Value>::new());
        return;
    }
    let status = world.status();
    let labels = field(&status, "nodeLabels");
    let architecture = labels.and_then(|labels| labels.get("kubernetes.io/arch"));
    assert_eq!(architecture, Some(&Value::from("amd64")), "labels of the node: {labels:?}");
    // The watch that goes on is recorded when it ends. Only after an end may there be another list.
    let lists = 1..=1 + count("watch pods");
    assert!(lists.contains(&count("list pods")), "{kinds:?}");
    let known = ["list pods", "watch pods", "get jobs", "get nodes", "get /version"];
    let others: Vec<_> = kinds.iter().filter(|kind| !known.contains(&kind.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
    for request in agents.iter().filter(|request| text(request, "objectRef.resource") == "pods") {
        let uri = text(request, "requestURI");
        assert!(uri.contains("fieldSelector=spec.nodeName%3Dpicket-node"), "of all nodes: {uri}");
    }
}

/// A node without a machine, and its pods; deleted when dropped.
struct OtherNode(Namespace);

impl OtherNode {
    const NAME: &str = "other-node";

    fn create() -> Self {
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": Self::NAME } });
        let namespace = Namespace::create(&marker("other"));
        kubectl::apply(&namespace.0, &[node]);
        Self(namespace)
    }
}

impl Drop for OtherNode {
    fn drop(&mut self) {
        let pods =
            ["delete", "pods", "--all", "-n", &self.0.0, "--grace-period=0", "--force", "--wait=false"];
        // No kubelet says that they ended.
        drop(output(&pods));
        drop(output(&["delete", "node", Self::NAME, "--wait=false"]));
    }
}

fn pods_of_other_nodes_change_nothing(_: &mut World) {
    const PODS: usize = 50;
    let other = OtherNode::create();
    let before = of_agent().len();
    let pods = (0..PODS).map(|number| {
        let mut spec = spec(&[container("main", "id", "none")]);
        spec["nodeName"] = OtherNode::NAME.into();
        pod(&format!("far-{number}"), spec)
    });
    kubectl::apply(&other.0.0, &pods.collect::<Vec<_>>());
    run(&["label", "pods", "--all", "-n", &other.0.0, "round=second"]);
    let there = kubectl::get(&["pods", "-n", &other.0.0]);
    assert_eq!(field(&there, "items").and_then(Value::as_array).map(Vec::len), Some(PODS));
    let after = of_agent();
    let more: Vec<_> = after.iter().skip(before).map(kind).collect();
    println!("requests of the agent before and after {PODS} pods of another node: {before}, {}", after.len());
    // A watch lasts for about half an hour; it may be renewed just now.
    assert!(more.is_empty() || more == ["watch pods"], "{more:?}");
}

/// Every request of the agent's service account so far.
fn requests() -> Vec<Value> {
    let log = std::fs::read_to_string(Path::new(FOLDER).join("log/audit.log")).unwrap_or_default();
    // The last line may be in the middle of being written.
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let all = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("the record is JSON"));
    all.filter(|request| text(request, "user.username").ends_with(":picket:picket")).collect()
}

/// Those that the test did not make itself, each once, since the agent's pod was made.
fn of_agent() -> Vec<Value> {
    let pods = kubectl::get(&["pods", "-n", NAMESPACE]);
    let start = text(&pods, "items.0.metadata.creationTimestamp").trim_end_matches('Z').to_owned();
    let mut seen = std::collections::BTreeSet::new();
    let mut all = requests();
    all.retain(|request| {
        is_of_agent(request)
            && text(request, "requestReceivedTimestamp") >= start.as_str()
            && seen.insert(text(request, "auditID").to_owned())
    });
    all
}

fn is_of_agent(request: &Value) -> bool {
    !text(request, "userAgent").starts_with("kubectl/")
}

/// Verb, and resource or path.
fn kind(request: &Value) -> String {
    let what = match text(request, "objectRef.resource") {
        "" => text(request, "requestURI"),
        resource => resource,
    };
    format!("{} {what}", text(request, "verb"))
}
