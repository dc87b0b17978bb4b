//! `config.json` files as the runtimes write them, cut down to what matters, and broken ones.

use proptest::prelude::*;

use super::super::details::Details;
use super::super::json::LARGEST;
use super::*;

const ID: &str = "1f0e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";
const UID: &str = "72f7f152-440c-66ac-9084-e0fc1d8a910c";

/// A configuration with these annotations between keys that are of no interest.
fn config(annotations: &[(&str, &str)]) -> Vec<u8> {
    let annotations: serde_json::Map<_, _> =
        annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    serde_json::json!({
        "ociVersion": "1.1.0",
        "process": {"args": ["sh", "-c", "id"], "user": {"uid": 0, "gid": 0}, "cwd": "/"},
        "root": {"path": "rootfs"},
        "hostname": "web-1",
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "annotations": annotations,
        "linux": {"cgroupsPath": "/kubepods/besteffort/pod72f7/x", "namespaces": [{"type": "pid"}]}
    })
    .to_string()
    .into_bytes()
}

fn pod() -> Option<Pod> {
    Some(Pod {
        namespace: "default".to_owned(),
        name: "web-1".to_owned(),
        uid: UID.to_owned(),
        ..Pod::default()
    })
}

const CONTAINERD: &[(&str, &str)] = &[
    ("io.kubernetes.cri.container-type", "container"),
    ("io.kubernetes.cri.container-name", "main"),
    ("io.kubernetes.cri.image-name", "docker.io/library/bb:latest"),
    ("io.kubernetes.cri.sandbox-id", "b2a102854b49"),
    ("io.kubernetes.cri.sandbox-name", "web-1"),
    ("io.kubernetes.cri.sandbox-namespace", "default"),
    ("io.kubernetes.cri.sandbox-uid", UID),
];

const CRIO: &[(&str, &str)] = &[
    ("io.container.manager", "cri-o"),
    ("io.kubernetes.container.name", "main"),
    ("io.kubernetes.cri-o.ContainerType", "container"),
    ("io.kubernetes.cri-o.Image", "docker.io/library/bb:1.36"),
    ("io.kubernetes.cri-o.ImageName", "docker.io/library/bb:latest"),
    ("io.kubernetes.pod.name", "web-1"),
    ("io.kubernetes.pod.namespace", "default"),
    ("io.kubernetes.pod.uid", UID),
];

/// Without what the specification tells besides names, which has tests of its own (`spec`).
fn named(found: Result<Container, JsonError>) -> Result<Container, JsonError> {
    found.map(|found| Container { privileged: None, details: Details::default(), ..found })
}

/// `rows` with some values replaced or added.
fn with(
    rows: &[(&'static str, &'static str)],
    changes: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    let kept = rows.iter().filter(|(key, _)| !changes.iter().any(|(other, _)| other == key));
    kept.chain(changes).copied().collect()
}

#[test]
fn containerd_names_pod_container_and_image() {
    let expected = Container {
        id: ID.to_owned(),
        name: "main".to_owned(),
        image: "docker.io/library/bb:latest".to_owned(),
        runtime: Some(Runtime::Containerd),
        pod: pod(),
        sandbox: false,
        ..Container::default()
    };
    assert_eq!(named(parse(&config(CONTAINERD), ID)).as_ref(), Ok(&expected));
    assert_eq!(named(parse_from(&config(CONTAINERD), ID, Runtime::Containerd)), Ok(expected));
    let whole = parse(&config(CONTAINERD), ID).unwrap();
    assert_eq!((whole.privileged, whole.details.hostname.as_str()), (Some(false), "web-1"));
}

#[test]
fn containerds_sandbox_has_a_pod_but_no_name() {
    let sandbox = with(
        &CONTAINERD[3..],
        &[
            ("io.kubernetes.cri.container-type", "sandbox"),
            ("io.kubernetes.cri.podsandbox.image-name", "registry.k8s.io/pause:3.10"),
        ],
    );
    let found = parse(&config(&sandbox), ID).expect("is well formed");
    assert_eq!((found.name.as_str(), found.image.as_str()), ("", "registry.k8s.io/pause:3.10"));
    assert_eq!((found.sandbox, found.pod), (true, pod()));
}

#[test]
fn old_containerds_without_a_uid_still_name_the_pod() {
    let found = parse(&config(&CONTAINERD[..6]), ID).expect("is well formed");
    assert_eq!(found.pod, pod().map(|pod| Pod { uid: String::new(), ..pod }));
    let found = parse(&config(&CONTAINERD[..4]), ID).expect("is well formed");
    assert_eq!(found.pod, None);
}

#[test]
fn crio_names_pod_container_and_the_image_asked_for() {
    let found = parse(&config(CRIO), ID).expect("is well formed");
    assert_eq!((found.name.as_str(), found.image.as_str()), ("main", "docker.io/library/bb:1.36"));
    assert_eq!((found.runtime, found.sandbox, found.pod), (Some(Runtime::Crio), false, pod()));
    // Without `io.container.manager`, as old versions wrote it.
    assert_eq!(parse(&config(&CRIO[1..]), ID).map(|found| found.runtime), Ok(Some(Runtime::Crio)));
    let by_place = parse_from(&config(&CRIO[1..]), ID, Runtime::Crio).expect("is well formed");
    assert_eq!((by_place.runtime, by_place.name.as_str()), (Some(Runtime::Crio), "main"));
}

#[test]
fn crios_image_ids_give_way_to_names() {
    for id in [ID, "sha256:1f0e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0", ""] {
        let found =
            parse(&config(&with(CRIO, &[("io.kubernetes.cri-o.Image", id)])), ID).expect("is well formed");
        assert_eq!(found.image, "docker.io/library/bb:latest");
    }
    let nameless = with(CRIO, &[("io.kubernetes.cri-o.Image", ID), ("io.kubernetes.cri-o.ImageName", "")]);
    assert_eq!(parse(&config(&nameless), ID).map(|found| found.image).as_deref(), Ok(ID));
}

#[test]
fn crios_sandbox_is_one() {
    let sandbox = with(
        CRIO,
        &[("io.kubernetes.cri-o.ContainerType", "sandbox"), ("io.kubernetes.container.name", "POD")],
    );
    let found = parse(&config(&sandbox), ID).expect("is well formed");
    assert_eq!((found.name.as_str(), found.sandbox, found.pod), ("", true, pod()));
}

#[test]
fn podmans_pods_are_not_kubernetes_pods() {
    let rows = with(CRIO, &[("io.container.manager", "libpod")]);
    for found in [parse(&config(&rows), ID), parse_from(&config(&rows), ID, Runtime::Crio)] {
        let plain = Container { id: ID.to_owned(), runtime: Some(Runtime::Podman), ..Container::default() };
        assert_eq!(named(found), Ok(plain));
    }
}

#[test]
fn nerdctl_names_its_containers() {
    let found = parse(&config(&[("nerdctl/name", "web"), ("nerdctl/namespace", "default")]), ID);
    let name = "web".to_owned();
    let runtime = Some(Runtime::Containerd);
    assert_eq!(named(found), Ok(Container { id: ID.to_owned(), name, runtime, ..Container::default() }));
}

#[test]
fn plain_containers_have_an_id_only() {
    let plain = Container { id: "web1".to_owned(), ..Container::default() };
    for bytes in [config(&[]), b"{}".to_vec(), br#"{"annotations":null}"#.to_vec()] {
        assert_eq!(named(parse(&bytes, "web1")).as_ref(), Ok(&plain));
        let runtime = Some(Runtime::Containerd);
        assert_eq!(
            named(parse_from(&bytes, "web1", Runtime::Containerd)),
            Ok(Container { runtime, ..plain.clone() })
        );
    }
}

#[test]
fn annotations_of_another_runtime_do_not_count_where_the_place_is_known() {
    let forged = with(CONTAINERD, CRIO);
    let found = parse_from(&config(&forged), ID, Runtime::Containerd).expect("is well formed");
    assert_eq!(
        (found.runtime, found.image.as_str()),
        (Some(Runtime::Containerd), "docker.io/library/bb:latest")
    );
    let only_crio = parse_from(&config(CRIO), ID, Runtime::Containerd).expect("is well formed");
    assert_eq!((only_crio.pod, only_crio.name.as_str()), (None, ""));
}

fn reason(bytes: &[u8]) -> (usize, usize, String) {
    match parse(bytes, ID) {
        Err(JsonError::Malformed { line, column, reason }) => (line, column, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_that_are_not_strings_are_named() {
    let (line, _, text) = reason(b"{\n \"annotations\": {\n  \"a\": \"b\",\n  \"some/key\": 7}}");
    assert_eq!(
        (line, text.as_str()),
        (4, "annotation `some/key`: invalid type: integer `7`, expected a string")
    );
    let long = "x".repeat(4097);
    let (_, _, text) = reason(&config(&[("io.kubernetes.cri.image-name", &long)]));
    assert_eq!(text, "annotation `io.kubernetes.cri.image-name`: 4097 bytes are too many");
    assert!(parse(&config(&[("io.example/unknown", &long)]), ID).is_ok());
}

#[test]
fn broken_files_say_where() {
    for broken in [
        &b""[..],
        b"[]",
        b"null",
        b"\"text\"",
        b"{\"annotations\": []}",
        b"{\"annotations\": {\"a\": \"\xff\xfe\"}}",
        b"{\"annotations\": {}, \"annotations\": {}}",
        b"{} trailing",
        b"\0\0\0\0",
    ] {
        let (line, column, text) = reason(broken);
        assert!(line == 1 && column <= broken.len() + 1 && !text.contains(" at line"), "{text}");
    }
    assert_eq!(
        parse(b"{} trailing", ID).map_err(|e| e.to_string()),
        Err("line 1, column 4: trailing characters".to_owned())
    );
}

#[test]
fn every_truncation_is_an_error() {
    let whole = config(CONTAINERD);
    for length in 0..whole.len() {
        assert!(parse(&whole[..length], ID).is_err(), "{length} bytes");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let bytes = LARGEST + 1;
    assert_eq!(parse(&vec![b' '; bytes], ID), Err(JsonError::TooLarge { bytes }));
    let deep = format!("{{\"x\": {}", "[".repeat(1 << 20));
    assert!(parse(deep.as_bytes(), ID).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(parse(&bytes, ID));
    }

    #[test]
    fn any_change_of_a_byte_is_answered(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = config(CRIO);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(found) = parse(&bytes, ID) {
            prop_assert_eq!(found.id, ID);
        }
    }
}
