//! `config.v2.json` files as Docker writes them, cut down to what matters, and broken ones.

use serde_json::{Value, json};

use super::super::json::LARGEST;
use super::*;

const ID: &str = "1f0e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";
const UID: &str = "72f7f152-440c-66ac-9084-e0fc1d8a910c";

fn file(name: &str, labels: &Value) -> Vec<u8> {
    json!({
        "StreamConfig": {},
        "State": {"Running": true, "Pid": 4242},
        "ID": ID,
        "Created": "2026-01-02T03:04:05.6Z",
        "Path": "sh",
        "Args": ["-c", "id"],
        "Config": {"Hostname": "web", "Env": ["PATH=/bin"], "Image": "bb:latest", "Labels": labels},
        "Image": "sha256:8d591b0b7dea",
        "Name": name,
        "Driver": "overlay2"
    })
    .to_string()
    .into_bytes()
}

fn pod_labels(container: &str, kind: &str) -> Value {
    json!({
        "io.kubernetes.container.name": container,
        "io.kubernetes.docker.type": kind,
        "io.kubernetes.pod.name": "web-1",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": UID,
        "io.kubernetes.sandbox.id": "b2a1"
    })
}

fn plain(name: &str) -> Container {
    Container {
        id: ID.to_owned(),
        name: name.to_owned(),
        image: "bb:latest".to_owned(),
        runtime: Some(Runtime::Docker),
        details: Details { hostname: "web".to_owned(), ..Details::default() },
        ..Container::default()
    }
}

fn pod() -> Option<Pod> {
    Some(Pod {
        namespace: "default".to_owned(),
        name: "web-1".to_owned(),
        uid: UID.to_owned(),
        ..Pod::default()
    })
}

#[test]
fn names_lose_their_slash() {
    assert_eq!(parse(&file("/web", &json!({"app": "web"}))), Ok(plain("web")));
    assert_eq!(parse(&file("web", &Value::Null)), Ok(plain("web")));
}

#[test]
fn kubelets_containers_have_a_pod() {
    let name = format!("/k8s_main_web-1_default_{UID}_0");
    let found = parse(&file(&name, &pod_labels("main", "container")));
    assert_eq!(found, Ok(Container { pod: pod(), ..plain("main") }));
}

#[test]
fn kubelets_sandboxes_have_no_name() {
    let name = format!("/k8s_POD_web-1_default_{UID}_3");
    let found = parse(&file(&name, &pod_labels("POD", "podsandbox")));
    assert_eq!(found, Ok(Container { pod: pod(), sandbox: true, ..plain("") }));
}

#[test]
fn labels_that_an_image_brings_make_no_pod() {
    let labels = pod_labels("main", "container");
    for name in ["web".to_owned(), "k8s".to_owned(), format!("k8s_main_other_default_{UID}_0")] {
        assert_eq!(parse(&file(&name, &labels)), Ok(plain(&name)));
    }
}

#[test]
fn little_is_enough() {
    let found = parse(format!(r#"{{"ID":"{ID}"}}"#).as_bytes());
    let details = Details::default();
    assert_eq!(found, Ok(Container { image: String::new(), details, ..plain("") }));
}

#[test]
fn broken_files_are_errors() {
    assert_eq!(parse(b"{}"), Err(DockerError::NoId));
    assert_eq!(parse(&vec![b' '; LARGEST + 1]), Err(JsonError::TooLarge { bytes: LARGEST + 1 }.into()));
    for broken in [
        &b""[..],
        b"[]",
        b"{\"ID\": 7}",
        b"{\"ID\": \"\xff\"}",
        b"{\"ID\":\"a\",\"Config\":{\"Labels\":{\"a\":1}}}",
    ] {
        assert!(matches!(parse(broken), Err(DockerError::File(JsonError::Malformed { line: 1, .. }))));
    }
    let whole = file("/web", &pod_labels("main", "container"));
    for length in 0..whole.len() {
        assert!(parse(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn mounts_and_privileges_are_read() {
    let mut config: Value = serde_json::from_slice(&file("/web", &json!({}))).unwrap();
    config["MountPoints"] = json!({
        "/sock": {"Source": "/var/run/docker.sock", "Destination": "/sock", "RW": true, "Relabel": "z",
                  "Propagation": "rprivate", "Type": "bind"},
        "/etc/x": {"Source": "/etc/x", "Destination": "/etc/x", "RW": false, "Propagation": "", "Type": "bind"}
    });
    let mut text = String::new();
    parse(config.to_string().as_bytes()).unwrap().details.mounts.unwrap().write(&mut text);
    assert_eq!(text, "/etc/x:/etc/x::false:,/var/run/docker.sock:/sock:z:true:rprivate");
    assert_eq!(privileged(br#"{"Binds":null,"Privileged":true}"#), Some(true));
    assert_eq!(privileged(br#"{"Privileged":false}"#), Some(false));
    for broken in ["", "{}", "[true]", r#"{"Privileged":1}"#] {
        assert_eq!(privileged(broken.as_bytes()), None, "{broken}");
    }
}
