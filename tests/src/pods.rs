//! Pods as the API server tells of them, and events held against that.
//!
//! Which container belongs to which pod is taken from control group paths, as kubelet and the runtime made them:
//! what the agent found out by other ways must be the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::expect::{field, text};

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Containers of every kind, in order: name and image.
    pub containers: Vec<(String, String)>,
    /// Names of containers by the runtime's ids, as far as they were reported.
    pub ids: BTreeMap<String, String>,
}

/// Every pod that was seen, by the uid that the node knows.
#[derive(Clone, Debug, Default)]
pub struct Pods(HashMap<String, Pod>);

impl Pods {
    /// Adds what an API object, a pod, says; what earlier states of it said is kept.
    pub fn add(&mut self, object: &Value) {
        let Some(uid) = uid(object) else { return };
        let pod = self.0.entry(uid.to_owned()).or_default();
        pod.namespace = text(object, "metadata.namespace").to_owned();
        pod.name = text(object, "metadata.name").to_owned();
        pod.containers = of_kinds(object, "spec", ["initContainers", "containers", "ephemeralContainers"])
            .map(|container| (text(container, "name").to_owned(), text(container, "image").to_owned()))
            .collect();
        let statuses = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
        for status in of_kinds(object, "status", statuses) {
            let ids = ["containerID", "state.terminated.containerID", "lastState.terminated.containerID"];
            let ids = ids.into_iter().filter_map(|path| text(status, path).rsplit_once("://"));
            pod.ids.extend(ids.map(|(_, id)| (id.to_owned(), text(status, "name").to_owned())));
        }
    }

    /// The pods of a namespace.
    pub fn of(&self, namespace: &str) -> impl Iterator<Item = &Pod> {
        self.0.values().filter(move |pod| pod.namespace == namespace)
    }

    /// Holds events against the pods of a namespace.
    #[must_use]
    pub fn judge(&self, events: &[Value], namespace: &str) -> Judgement {
        let members = Members::of(events);
        let mut judgement = Judgement::default();
        for event in events {
            let Some((id, uid)) = members.container(event) else { continue };
            let Some(pod) = self.0.get(uid).filter(|pod| pod.namespace == namespace) else { continue };
            judgement.containers.insert(id.to_owned());
            let fault = fault(event, id, uid, pod);
            match fault.or_else(|| judgement.taken_back(event, id)) {
                None => judgement.right += 1,
                Some(fault) => judgement.wrong.push(format!("{fault}: {event}")),
            }
        }
        judgement
    }
}

/// A static pod has one uid on the node, and another, of its mirror, in the API.
fn uid(object: &Value) -> Option<&str> {
    let annotations = field(object, "metadata.annotations");
    let mirrored = annotations.and_then(|all| all.get("kubernetes.io/config.mirror"));
    mirrored.or_else(|| field(object, "metadata.uid"))?.as_str()
}

fn of_kinds<'a>(object: &'a Value, part: &str, kinds: [&str; 3]) -> impl Iterator<Item = &'a Value> {
    let lists = kinds.map(|kind| field(object, &format!("{part}.{kind}")).and_then(Value::as_array));
    lists.into_iter().flatten().flatten()
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Events that say everything, and all of it right.
    pub right: usize,
    /// What is missing or wrong, with the event.
    pub wrong: Vec<String>,
    /// The containers, sandboxes included, of which there were events.
    pub containers: HashSet<String>,
    /// Those of which an event said what the API server knows.
    asked: HashSet<String>,
}

impl Judgement {
    /// What the API server told must be in all later events.
    fn taken_back(&mut self, event: &Value, id: &str) -> Option<String> {
        let sources = field(event, "container.sources").and_then(Value::as_array);
        if sources.is_some_and(|all| all.iter().any(|source| source == "KUBERNETES")) {
            self.asked.insert(id.to_owned());
            return None;
        }
        self.asked.contains(id).then(|| "what the API server told is gone again".to_owned())
    }

    /// All events.
    #[must_use]
    pub fn events(&self) -> usize {
        self.right + self.wrong.len()
    }

    /// One line on how many events are right.
    #[must_use]
    pub fn line(&self) -> String {
        let share = if self.events() == 0 { 0 } else { self.right * 100 / self.events() };
        format!(
            "identity: {} of {} events of {} containers right ({share} %)",
            self.right,
            self.events(),
            self.containers.len()
        )
    }

    /// # Panics
    /// When an event was wrong, or there was none.
    pub fn must_be_right(&self) {
        println!("{}", self.line());
        assert!(self.right > 0, "no event of the pods");
        let first: Vec<_> = self.wrong.iter().take(3).map(String::as_str).collect();
        assert!(
            self.wrong.is_empty(),
            "{} events are wrong, the first:\n{}",
            self.wrong.len(),
            first.join("\n")
        );
    }
}

/// Which container a process or a control group is in.
struct Members {
    /// Uids of pods by ids of containers.
    containers: HashMap<String, String>,
    /// Ids of containers by those of processes.
    processes: HashMap<String, String>,
}

impl Members {
    fn of(events: &[Value]) -> Self {
        let mut members = Self { containers: HashMap::new(), processes: HashMap::new() };
        for event in events {
            let exec = text(event, "exec.cgroup");
            if let Some((uid, id)) = of_path(exec).or_else(|| of_path(text(event, "controlGroup.path"))) {
                members.containers.insert(id.to_owned(), uid.to_owned());
                if !exec.is_empty() {
                    members.processes.insert(text(event, "process.execId").to_owned(), id.to_owned());
                }
            } else if text(event, "class") == "PROCESS_FORK"
                && let Some(id) = members.processes.get(text(event, "process.parent.execId"))
            {
                // No process leaves its container by forking.
                let child = text(event, "process.execId").to_owned();
                members.processes.insert(child, id.clone());
            }
        }
        members
    }

    /// The container of an event, and its pod's uid; nothing when it is none of a pod.
    fn container<'a>(&'a self, event: &'a Value) -> Option<(&'a str, &'a str)> {
        let id = match text(event, "container.id") {
            "" => self.processes.get(text(event, "process.execId"))?,
            id => id,
        };
        Some((id, self.containers.get(id)?))
    }
}

/// `/kubepods/<class>/pod<uid>/<id>`: uid of the pod and id of the container.
fn of_path(path: &str) -> Option<(&str, &str)> {
    let mut names = path.strip_prefix("/kubepods")?.rsplit('/');
    let (id, pod) = (names.next()?, names.next()?);
    Some((pod.strip_prefix("pod")?, id)).filter(|(_, id)| id.len() == 64)
}

/// What is missing or wrong in an event of a container of this pod.
fn fault(event: &Value, id: &str, uid: &str, pod: &Pod) -> Option<String> {
    let wanted = [
        ("container.id", id),
        ("container.pod.uid", uid),
        ("container.pod.namespace", &pod.namespace),
        ("container.pod.name", &pod.name),
        ("container.unresolved", ""),
    ];
    let wrong = wanted.into_iter().find(|(path, value)| text(event, path) != *value);
    if let Some((path, value)) = wrong {
        return Some(format!("{path} is not {value:?}"));
    }
    if field(event, "container.sandbox") == Some(&Value::Bool(true)) {
        return pod.ids.contains_key(id).then(|| "a container taken for a sandbox".to_owned());
    }
    let (name, image) = (text(event, "container.name"), text(event, "container.image"));
    if !pod.containers.iter().any(|(of, what)| of == name && what == image) {
        return Some(format!("no container of the pod is called {name:?} and has the image {image:?}"));
    }
    let reported = pod.ids.get(id).filter(|reported| *reported != name);
    reported.map(|reported| format!("container.name is not {reported:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn pods() -> Pods {
        let mut pods = Pods::default();
        pods.add(&json!({
            "metadata": { "uid": "u1", "namespace": "shop", "name": "web-1" },
            "spec": {
                "containers": [{ "name": "main", "image": "i:1" }],
                "initContainers": [{ "name": "first", "image": "i:2" }],
            },
            "status": { "containerStatuses": [{ "name": "main", "containerID": format!("containerd://{ID}") }] },
        }));
        pods
    }

    fn event(container: Value) -> Value {
        json!({
            "class": "PROCESS_EXEC",
            "process": { "execId": "p1" },
            "exec": { "cgroup": format!("/kubepods/besteffort/podu1/{ID}") },
            "container": container,
        })
    }

    fn right() -> Value {
        json!({ "id": ID, "name": "main", "image": "i:1",
                "pod": { "uid": "u1", "namespace": "shop", "name": "web-1" } })
    }

    fn wrongs(event: Value) -> usize {
        let judgement = pods().judge(&[event], "shop");
        assert_eq!(judgement.events(), 1);
        judgement.wrong.len()
    }

    #[test]
    fn whole_and_right_identity_passes() {
        assert_eq!(wrongs(event(right())), 0);
    }

    #[test]
    fn each_field_counts() {
        for (path, value) in [
            ("/id", ""),
            ("/name", "other"),
            ("/name", "first"),
            ("/image", "i:2"),
            ("/pod/uid", "u2"),
            ("/pod/namespace", "default"),
            ("/pod/name", "web-2"),
        ] {
            let mut container = right();
            *container.pointer_mut(path).unwrap() = value.into();
            assert_eq!(wrongs(event(container)), 1, "{path} {value}");
        }
        let mut container = right();
        container["unresolved"] = "gone".into();
        assert_eq!(wrongs(event(container)), 1);
        let mut container = right();
        container["sandbox"] = true.into();
        assert_eq!(wrongs(event(container)), 1);
    }

    #[test]
    fn what_the_api_server_told_stays() {
        let mut asked = right();
        asked["sources"] = json!(["BUNDLE", "KUBERNETES"]);
        let judge = |events: &[Value]| pods().judge(events, "shop").wrong.len();
        assert_eq!(judge(&[event(right()), event(asked.clone())]), 0);
        assert_eq!(judge(&[event(asked), event(right())]), 1);
    }

    #[test]
    fn blank_event_of_a_known_process_is_wrong() {
        let exit = json!({ "class": "PROCESS_EXIT", "process": { "execId": "p1" } });
        let judgement = pods().judge(&[event(right()), exit], "shop");
        assert_eq!((judgement.right, judgement.wrong.len()), (1, 1));
    }

    #[test]
    fn blank_event_of_its_child_is_wrong_too() {
        let fork = json!({
            "class": "PROCESS_FORK", "container": right(),
            "process": { "execId": "p2", "parent": { "execId": "p1" } },
        });
        let blank = json!({ "class": "FILE_OPEN", "process": { "execId": "p2" } });
        let judgement = pods().judge(&[event(right()), fork, blank], "shop");
        assert_eq!((judgement.right, judgement.wrong.len()), (2, 1));
    }

    #[test]
    fn others_are_not_judged() {
        assert_eq!(pods().judge(&[event(right())], "other").events(), 0);
        let host =
            json!({ "class": "PROCESS_EXEC", "process": { "execId": "p2" }, "exec": { "cgroup": "/" } });
        assert_eq!(pods().judge(&[host], "shop").events(), 0);
    }

    #[test]
    fn static_pod_is_known_by_the_uid_of_its_node() {
        let mirror = json!({ "metadata": {
            "uid": "of-the-mirror", "annotations": { "kubernetes.io/config.mirror": "of-the-node" },
        }});
        assert_eq!(uid(&mirror), Some("of-the-node"));
    }

    #[test]
    fn pods_own_group_is_no_container() {
        assert_eq!(of_path(&format!("/kubepods/podu1/{ID}")), Some(("u1", ID)));
        assert_eq!(of_path("/kubepods/besteffort/podu1"), None);
        assert_eq!(of_path(&format!("/k8s.io/{ID}")), None);
    }
}
