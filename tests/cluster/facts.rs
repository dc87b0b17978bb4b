//! What only the runtime and the API server know of a container, as the API server has it.

use std::collections::BTreeSet;

use picket_tests::expect::{field, text};
use serde_json::{Value, json};

use crate::kubectl;
use crate::workloads::Scene;
use crate::world::World;

impl Scene {
    /// Waits until `count` running containers of this name are told with everything that the API server says of them.
    /// Nothing else happens in them meanwhile: `CONTAINER_IDENTIFIED` has to follow what was told before.
    pub(crate) fn wait_for_facts(&mut self, world: &World, name: &str, role: &str, count: usize) {
        if !world.asks_the_api_server() {
            return;
        }
        let namespace = self.namespace().to_owned();
        let mut seen = BTreeSet::new();
        while seen.len() < count {
            let event =
                self.client.wait_for(&format!("facts of container {} {name}", seen.len() + 1), |event| {
                    text(event, "container.name") == name
                        && text(event, "container.pod.namespace") == namespace
                        && is_from_all(event)
                        && !seen.contains(text(event, "container.id"))
                });
            let id = text(&event, "container.id").to_owned();
            let wanted = facts(&namespace, text(&event, "container.pod.name"), role);
            self.client.wait_for(&format!("container {name} with {wanted}"), |event| {
                text(event, "container.id") == id && is_from_all(event) && told(event) == wanted
            });
            seen.insert(id);
        }
    }
}

fn is_from_all(event: &Value) -> bool {
    let sources = field(event, "container.sources").and_then(Value::as_array);
    let has = |source: &str| sources.is_some_and(|all| all.iter().any(|one| one == source));
    ["BUNDLE", "CRI", "KUBERNETES"].into_iter().all(has)
}

fn told(event: &Value) -> Value {
    let or = |path: &str, absent: Value| field(event, path).cloned().unwrap_or(absent);
    json!({
        "owners": or("container.pod.owners", json!([])),
        "serviceAccount": text(event, "container.pod.serviceAccount"),
        "staticPod": or("container.pod.staticPod", false.into()),
        "role": text(event, "container.role"),
        "label": text(event, "container.pod.labels.app"),
    })
}

fn facts(namespace: &str, pod: &str, role: &str) -> Value {
    let object = kubectl::get(&["pod", pod, "-n", namespace]);
    let annotations = field(&object, "metadata.annotations");
    json!({
        "owners": owners(namespace, &object),
        "serviceAccount": text(&object, "spec.serviceAccountName"),
        "staticPod": annotations.is_some_and(|all| all.get("kubernetes.io/config.mirror").is_some()),
        "role": role,
        "label": text(&object, "metadata.labels.app"),
    })
}

/// Controllers, one above the other.
fn owners(namespace: &str, object: &Value) -> Vec<Value> {
    let mut owners = Vec::new();
    let mut object = object.clone();
    while let Some(owner) = controller(&object) {
        let (kind, name) = (text(&owner, "kind"), text(&owner, "name"));
        owners.push(json!({ "kind": kind, "name": name }));
        // A node is in no namespace, and has no controller.
        if kind == "Node" {
            break;
        }
        object = kubectl::get(&[kind, name, "-n", namespace]);
    }
    owners
}

fn controller(object: &Value) -> Option<Value> {
    let owners = field(object, "metadata.ownerReferences")?.as_array()?;
    owners.iter().find(|owner| field(owner, "controller") == Some(&Value::Bool(true))).cloned()
}
