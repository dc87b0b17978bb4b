//! The cluster's administrator: `kubectl`, as `cargo xtask cluster` left it.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use picket_tests::container::succeeded;
use serde_json::Value;

/// Where the cluster is, in `xtask/src/cluster/folder.rs` too.
pub(crate) const FOLDER: &str = "/run/picket-cluster";

const PAUSE: Duration = Duration::from_millis(300);
/// How often [`PAUSE`] is waited for something in the cluster.
const PAUSES: u32 = 600;

/// kubectl with these arguments, not yet started.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(format!("{FOLDER}/kubectl"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs kubectl, and returns all that came of it.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command(arguments).output().expect("a cluster: start one with `cargo xtask cluster up`")
}

/// Runs kubectl, which must succeed, and returns its output.
pub(crate) fn run(arguments: &[&str]) -> String {
    succeeded(&format!("kubectl {}", arguments.join(" ")), &output(arguments))
}

/// What `kubectl get` says, as JSON.
pub(crate) fn get(arguments: &[&str]) -> Value {
    let text = run(&[&["get", "-o", "json"], arguments].concat());
    serde_json::from_str(&text).expect("kubectl writes JSON")
}

/// Applies objects.
pub(crate) fn apply(namespace: &str, objects: &[Value]) {
    let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let mut child = command(&["apply", "-n", namespace, "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl can be started");
    let mut input = child.stdin.take().expect("its input is piped");
    input.write_all(list.to_string().as_bytes()).expect("kubectl reads");
    drop(input);
    let output = child.wait_with_output().expect("our own child");
    succeeded(&format!("kubectl apply {list}"), &output);
}

/// Waits until something is so in the cluster.
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..PAUSES {
        if so() {
            return;
        }
        sleep(PAUSE);
    }
    let pods = output(&["get", "pods", "--all-namespaces", "-o", "wide"]);
    panic!("not so after {PAUSES} looks: {what}\n{}", String::from_utf8_lossy(&pods.stdout));
}

/// A namespace of a test's own; deleted when dropped.
#[derive(Debug)]
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    pub(crate) fn create(name: &str) -> Self {
        run(&["create", "namespace", name]);
        // Without it a pod is refused.
        wait_until("a default service account", || {
            output(&["get", "serviceaccount", "default", "-n", name]).status.success()
        });
        Self(name.to_owned())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let output = output(&["delete", "namespace", &self.0, "--wait=false"]);
        if !output.status.success() {
            eprintln!("left: namespace {}: {}", self.0, String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// A kubectl that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
