//! Objects for the API server.

use serde_json::{Value, json};

/// Made by `cargo xtask cluster up`. By its full name, as the runtime tells it.
pub(crate) const IMAGE: &str = "docker.io/library/busybox:picket";

/// A container whose shell runs `script`, with `mark` as its last argument.
pub(crate) fn container(name: &str, script: &str, mark: &str) -> Value {
    json!({ "name": name, "image": IMAGE, "command": ["/bin/sh", "-c", script, mark] })
}

/// What a pod is made of. Its end is not waited for: the shells ignore SIGTERM.
pub(crate) fn spec(containers: &[Value]) -> Value {
    json!({ "containers": containers, "terminationGracePeriodSeconds": 0 })
}

/// A pod of its own.
pub(crate) fn pod(name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name }, "spec": spec })
}

/// What a controller makes pods of, and how it finds them.
pub(crate) fn template(spec: Value) -> (Value, Value) {
    let labels = json!({ "app": "web" });
    (json!({ "matchLabels": labels }), json!({ "metadata": { "labels": labels }, "spec": spec }))
}

/// The same, for pods that end.
pub(crate) fn once(mut spec: Value) -> Value {
    spec["restartPolicy"] = "Never".into();
    json!({ "spec": spec })
}
