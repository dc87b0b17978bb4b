//! Tests of what a pod tells.

use serde_json::{Value, json};

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const BEFORE: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

fn read(pod: Value) -> (Lesson, Option<Job>) {
    let selection = Selection::new(&["app".to_owned()], &["team".to_owned()]).unwrap();
    let Read { lesson, job, cut } = of_pod(&serde_json::from_value(pod).unwrap(), &selection);
    assert_eq!(cut, 0);
    (lesson, job)
}

fn owner(kind: &str, name: &str, controller: bool) -> Value {
    json!({"apiVersion": "x", "kind": kind, "name": name, "uid": format!("uid-of-{name}"), "controller": controller})
}

fn owners_of(owners: &[Value], labels: Value) -> Vec<String> {
    let (lesson, _) = read(json!({"metadata": {"uid": "u", "labels": labels, "ownerReferences": owners}}));
    lesson.pod.owners.iter().map(|owner| format!("{}/{}", owner.kind, owner.name)).collect()
}

#[test]
fn a_whole_pod() {
    let (lesson, job) = read(json!({
        "metadata": {
            "namespace": "shop", "name": "web-1", "uid": "u-1",
            "labels": {"app": "web", "secret": "no"}, "annotations": {"team": "blue", "other": "no"}
        },
        "spec": {
            "serviceAccountName": "web", "hostNetwork": true, "hostPID": true, "shareProcessNamespace": true,
            "containers": [{"name": "main", "image": "web:1"}],
            "initContainers": [{"name": "init"}, {"name": "proxy", "restartPolicy": "Always"}],
            "ephemeralContainers": [{"name": "debugger"}]
        },
        "status": {
            "containerStatuses": [{
                "name": "main", "containerID": format!("containerd://{ID}"), "image": "docker.io/library/web:1",
                "imageID": "docker.io/library/web@sha256:abc", "restartCount": 3,
                "lastState": {"terminated": {"containerID": format!("containerd://{BEFORE}")}}
            }],
            "initContainerStatuses": [{"name": "init", "containerID": "", "image": "i"}]
        }
    }));
    assert_eq!(job, None);
    let pod = &lesson.pod;
    assert_eq!((pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_str()), ("shop", "web-1", "u-1"));
    assert_eq!(pod.labels.keys().map(String::as_str).collect::<Vec<_>>(), ["app"]);
    assert_eq!(pod.annotations.keys().map(String::as_str).collect::<Vec<_>>(), ["team"]);
    assert_eq!(pod.service_account, "web");
    assert_eq!(pod.shares, Shares { host_network: true, host_pid: true, pids: true });
    assert!(!pod.static_pod);
    let roles: Vec<_> = lesson.roles.iter().map(|(name, role)| (name.as_str(), *role)).collect();
    assert_eq!(
        roles,
        [("main", Role::Main), ("init", Role::Init), ("proxy", Role::Sidecar), ("debugger", Role::Ephemeral)]
    );
    let [now, before] = lesson.containers.as_slice() else { panic!("{:?}", lesson.containers) };
    assert_eq!((now.id.as_str(), now.name.as_str(), now.restarts), (ID, "main", Some(3)));
    assert_eq!((now.image.as_str(), now.image_digest.as_str()), ("docker.io/library/web:1", "sha256:abc"));
    assert_eq!(now.runtime, Some(Runtime::Containerd));
    assert_eq!((before.id.as_str(), before.restarts), (BEFORE, Some(2)));
}

#[test]
fn the_controller_and_the_deployment_behind_it() {
    let set = owner("ReplicaSet", "web-6d5f8c7b9d", true);
    let hash = || json!({"pod-template-hash": "6d5f8c7b9d"});
    assert_eq!(
        owners_of(std::slice::from_ref(&set), hash()),
        ["ReplicaSet/web-6d5f8c7b9d", "Deployment/web"]
    );
    assert_eq!(owners_of(std::slice::from_ref(&set), json!({})), ["ReplicaSet/web-6d5f8c7b9d"]);
    let other = json!({"pod-template-hash": "other"});
    assert_eq!(owners_of(&[set], other), ["ReplicaSet/web-6d5f8c7b9d"]);
    let bare = owner("ReplicaSet", "-6d5f8c7b9d", true);
    assert_eq!(owners_of(&[bare], hash()), ["ReplicaSet/-6d5f8c7b9d"]);
    assert_eq!(owners_of(&[owner("StatefulSet", "db", true)], json!({})), ["StatefulSet/db"]);
    assert_eq!(owners_of(&[owner("DaemonSet", "log", true)], hash()), ["DaemonSet/log"]);
    let several = [owner("Thing", "a", false), owner("Thing", "b", true)];
    assert_eq!(owners_of(&several, json!({})), ["Thing/b"], "only one controls it");
    assert_eq!(owners_of(&[owner("Thing", "a", false)], json!({})), Vec::<String>::new());
}

#[test]
fn a_job_is_to_be_asked_for() {
    let (lesson, job) = read(json!({
        "metadata": {"namespace": "shop", "uid": "u", "ownerReferences": [owner("Job", "nightly-1", true)]}
    }));
    assert_eq!(lesson.pod.owners.len(), 1);
    let expected = Job { namespace: "shop".into(), name: "nightly-1".into(), uid: "uid-of-nightly-1".into() };
    assert_eq!(job, Some(expected));
}

#[test]
fn the_copy_of_a_static_pod_has_the_uid_that_the_node_knows() {
    let mirror = |uid: &str| {
        let (lesson, _) = read(json!({
            "metadata": {
                "uid": "api-uid", "annotations": {"kubernetes.io/config.mirror": uid},
                "ownerReferences": [owner("Node", "worker", true)]
            }
        }));
        (lesson.pod.uid, lesson.pod.static_pod)
    };
    let hash = "0123456789abcdef0123456789abcdef";
    assert_eq!(mirror(hash), (hash.to_owned(), true));
    // Somebody else's uid, or nonsense.
    assert_eq!(mirror("0f7a6a3c-5a63-4a3c-9d2c-0a1b2c3d4e5f"), ("api-uid".to_owned(), false));
    assert_eq!(mirror(""), ("api-uid".to_owned(), false));
}

#[test]
fn what_the_runtime_forgot_of_an_image_the_pod_still_says() {
    let (lesson, _) = read(json!({
        "metadata": {"uid": "u"},
        "spec": {"containers": [{"name": "a", "image": "web:1"}]},
        "status": {"containerStatuses": [
            {"name": "a", "containerID": "cri-o://1", "image": "sha256:1", "imageID": "sha256:1"},
            {"name": "b", "containerID": "other://2", "image": "sha256:2"},
            {"name": "c", "containerID": "no id"}
        ]}
    }));
    let [a, b] = lesson.containers.as_slice() else { panic!("{:?}", lesson.containers) };
    assert_eq!(
        (a.image.as_str(), a.image_digest.as_str(), a.runtime),
        ("web:1", "sha256:1", Some(Runtime::Crio))
    );
    assert_eq!((b.image.as_str(), b.runtime, b.id.as_str()), ("sha256:2", None, "2"));
}

#[test]
fn digests_are_written_in_several_ways() {
    assert_eq!(digest("docker-pullable://web@sha256:1"), "sha256:1");
    assert_eq!(digest("docker://sha256:2"), "sha256:2");
    assert_eq!(digest("web:1"), "");
}

#[test]
fn an_empty_pod_tells_nothing() {
    let (lesson, job) = read(json!({}));
    assert_eq!((lesson, job), (Lesson::of(Source::Kubernetes), None));
}
