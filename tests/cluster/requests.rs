//! What the agent asks of the API server, by the API server's own record.

use std::path::Path;

use picket_tests::expect::text;
use picket_tests::runner::plain::Test;
use serde_json::Value;

use crate::kubectl::{self, FOLDER, output, run};
use crate::world::{NAMESPACE, World};

pub(crate) const TESTS: &[Test<World>] = &[("requests::none_unless_asked_for", none_unless_asked_for)];

/// The chart's default asks nothing: not at the start, and not for pods that come and go.
fn none_unless_asked_for(_: &mut World) {
    // The record works: a request with the agent's own account is in it.
    let account = kubectl::get(&["serviceaccount", "picket", "-n", NAMESPACE]);
    let secret = text(&account, "secrets.0.name");
    let token =
        run(&["get", "secret", secret, "-n", NAMESPACE, "-o", "go-template={{.data.token|base64decode}}"]);
    let as_agent =
        ["--kubeconfig=/dev/null", "--server=https://10.250.0.1:6443", "--insecure-skip-tls-verify=true"];
    let token = format!("--token={token}");
    let answer = output(&[as_agent.as_slice(), &[token.as_str(), "get", "--raw", "/api/v1/pods"]].concat());
    let refusal = String::from_utf8_lossy(&answer.stderr);
    assert!(!answer.status.success() && refusal.contains("orbidden"), "pods are listed to it: {refusal}");

    let (ours, agents): (Vec<_>, Vec<_>) =
        requests().into_iter().partition(|request| text(request, "userAgent").starts_with("kubectl/"));
    assert!(!ours.is_empty(), "the request of this test is not recorded");
    println!("requests of the agent: {}", agents.len());
    assert_eq!(agents, Vec::<Value>::new());
}

/// Every request of the agent's service account so far.
fn requests() -> Vec<Value> {
    let log =
        std::fs::read_to_string(Path::new(FOLDER).join("log/audit.log")).expect("the API server's record");
    let all = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("the record is JSON"));
    all.filter(|request| text(request, "user.username").ends_with(":picket:picket")).collect()
}
