//! Every layout as a small tree in a temporary folder, and everything that may be wrong with it.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

const ID: &str = "1f0e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";
const POD: &str = r#"{"ociVersion":"1.1.0","annotations":{
  "io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"main",
  "io.kubernetes.cri.image-name":"docker.io/library/bb:latest","io.kubernetes.cri.sandbox-name":"web-1",
  "io.kubernetes.cri.sandbox-namespace":"default","io.kubernetes.cri.sandbox-uid":"72f7f152"}}"#;
const PLAIN: &str = r#"{"ociVersion":"1.1.0","process":{"args":["sh"]}}"#;
const CRIO: &str = r#"{"annotations":{"io.container.manager":"cri-o","io.kubernetes.container.name":"main",
  "io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.pod.name":"web-1"}}"#;
const PODMAN: &str = r#"{"annotations":{"io.container.manager":"libpod"}}"#;

fn docker_record(id: &str) -> String {
    format!(r#"{{"ID":"{id}","Name":"/web","Config":{{"Image":"bb:latest","Labels":{{}}}}}}"#)
}

/// A host's file system with these files.
fn host(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        put(root.path(), path, text);
    }
    root
}

fn put(root: &Path, path: &str, text: &str) -> PathBuf {
    let path = root.join(path.replace("ID", ID).trim_start_matches('/'));
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("folders");
    fs::write(&path, text).expect("a file");
    path
}

fn read(root: &TempDir) -> Result<Container, BundleError> {
    BundleReader::with_root(root.path(), Vec::new()).read(ID)
}

#[test]
fn containerds_defaults() {
    for folder in default_state_folders() {
        for tasks in ["io.containerd.runtime.v2.task", "io.containerd.runtime.v1.linux"] {
            let path = format!("{}/{tasks}/k8s.io/ID/config.json", folder.display());
            let root = host(&[(&path, POD)]);
            fs::create_dir_all(root.path().join("run/containerd/io.containerd.runtime.v2.task/default"))
                .expect("another namespace");
            let found = read(&root).expect(&path);
            assert_eq!((found.id.as_str(), found.name.as_str()), (ID, "main"), "{path}");
            assert_eq!(found.image, "docker.io/library/bb:latest", "{path}");
            assert_eq!(found.runtime, Some(Runtime::Containerd), "{path}");
            assert_eq!(found.pod.map(|pod| pod.name).as_deref(), Some("web-1"), "{path}");
        }
    }
}

#[test]
fn given_folders_of_any_layout() {
    for path in [
        "/state/io.containerd.runtime.v2.task/ns/ID/config.json",
        "/state/io.containerd.runtime.v1.linux/ns/ID/config.json",
        "/state/ns/ID/config.json",
        "/state/ID/config.json",
    ] {
        let root = host(&[(path, POD)]);
        let given = vec![root.path().join("absent"), root.path().join("state")];
        let reader = BundleReader::with_root(root.path(), given);
        assert_eq!(reader.read(ID).expect(path).name, "main", "{path}");
    }
}

#[test]
fn dockers_record_is_preferred_to_containerds_bundle() {
    let bundle = "/run/containerd/io.containerd.runtime.v2.task/moby/ID/config.json";
    let only_bundle = read(&host(&[(bundle, PLAIN)])).expect("the bundle");
    assert_eq!((only_bundle.runtime, only_bundle.name.as_str()), (Some(Runtime::Docker), ""));
    for record in [
        "/var/lib/docker/containers/ID/config.v2.json",
        "/var/snap/docker/common/var-lib-docker/containers/ID/config.v2.json",
    ] {
        let both = read(&host(&[(bundle, PLAIN), (record, &docker_record(ID))])).expect(record);
        assert_eq!((both.name.as_str(), both.image.as_str()), ("web", "bb:latest"), "{record}");
        assert_eq!(both.runtime, Some(Runtime::Docker), "{record}");
    }
    // While the record is unusable, the bundle still tells that there is a container.
    let half = read(&host(&[(bundle, PLAIN), ("/var/lib/docker/containers/ID/config.v2.json", "{")]));
    assert_eq!(half.expect("the bundle"), only_bundle);
}

#[test]
fn containers_storage_of_crio_and_podman() {
    for storage in ["/run/containers/storage", "/var/lib/containers/storage"] {
        let config = format!("{storage}/overlay-containers/ID/userdata/config.json");
        let found = read(&host(&[(&config, CRIO)])).expect(storage);
        assert_eq!((found.runtime, found.name.as_str()), (Some(Runtime::Crio), "main"));
        assert_eq!(found.pod.map(|pod| pod.name).as_deref(), Some("web-1"));

        let found = read(&host(&[(&config, PODMAN)])).expect(storage);
        assert_eq!((found.runtime, found.name.as_str()), (Some(Runtime::Podman), ""));

        for list in ["containers.json", "volatile-containers.json"] {
            let list = format!("{storage}/overlay-containers/{list}");
            let names = format!(
                r#"[{{"id":"x"}},{{"id":"{ID}","names":["web"],"metadata":"{{\"image-name\":\"localhost/bb\"}}"}}]"#
            );
            let found = read(&host(&[(&config, PODMAN), (&list, &names)])).expect(&list);
            assert_eq!((found.name.as_str(), found.image.as_str()), ("web", "localhost/bb"), "{list}");
            let found = read(&host(&[(&config, PODMAN), (&list, "[")])).expect(&list);
            assert_eq!(found.name, "", "{list}");
        }
    }
}

#[test]
fn candidates_are_looked_up_in_their_namespace() {
    let tasks = "/run/containerd/io.containerd.runtime.v2.task";
    let root =
        host(&[(&format!("{tasks}/default/web1/config.json"), PLAIN), ("/st/other/web1/config.json", PLAIN)]);
    let reader =
        BundleReader::with_root(root.path(), vec![root.path().join("st"), root.path().join("st/other")]);
    assert_eq!(reader.read_in("default", "web1").expect("ctr's container").id, "web1");
    assert_eq!(reader.read_in("other", "web1").expect("in a given folder").id, "web1");
    assert!(matches!(reader.read_in("k8s.io", "web1"), Err(BundleError::NotFound { .. })));
    assert!(matches!(reader.read_in("..", "web1"), Err(BundleError::BadId { .. })));
}

#[test]
fn missing_bundles_say_how_much_was_tried() {
    let empty = host(&[]);
    let Err(BundleError::NotFound { id, places }) = read(&empty) else { panic!("nothing is there") };
    assert_eq!((id.as_str(), places > 10), (ID, true));
    assert!(
        BundleReader::new(Vec::new()).read(ID).expect_err("nor here").to_string().contains("--runtime-state")
    );
}

#[test]
fn ids_that_are_none_make_no_path() {
    let root = host(&[("/run/config.json", POD)]);
    let reader = BundleReader::with_root(root.path(), vec![root.path().join("run/x")]);
    for id in ["..", ".", "", "../run", "a/../..", "/etc", "a\0", "a b", &"a".repeat(77)] {
        assert!(matches!(reader.read(id), Err(BundleError::BadId { .. })), "{id:?}");
    }
}

const BUNDLE: &str = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json";

#[test]
fn malformed_bundles_name_the_file_and_the_place() {
    for (text, expected) in [
        ("", "line 1, column 0: EOF while parsing a value"),
        (&POD[..100], "EOF while parsing"),
        (r#"{"annotations":{"a":1}}"#, "annotation `a`: invalid type: integer `1`"),
        ("[]", "expected an object"),
    ] {
        let root = host(&[(BUNDLE, text)]);
        let Err(BundleError::Malformed { path, reason }) = read(&root) else { panic!("{text}") };
        assert!(path.ends_with("config.json") && reason.contains(expected), "{reason}");
    }
}

#[test]
fn bundles_that_are_not_utf8_are_malformed() {
    let root = host(&[]);
    let path = put(root.path(), BUNDLE, "");
    fs::write(&path, b"{\"annotations\":{\"a\":\"\xff\"}}").expect("a file");
    assert!(matches!(read(&root), Err(BundleError::Malformed { .. })));
}

#[test]
fn records_of_another_container_are_refused() {
    let root = host(&[("/var/lib/docker/containers/ID/config.v2.json", &docker_record("b2a1"))]);
    let Err(BundleError::Malformed { reason, .. }) = read(&root) else { panic!("it is another's") };
    assert_eq!(reason, "it is of container \"b2a1\"");
}

#[test]
fn only_small_regular_files_are_read() {
    let root = host(&[("/outside.json", POD)]);
    let path = put(root.path(), BUNDLE, "");
    let replace = |with: &dyn Fn()| {
        fs::remove_file(&path).expect("it was there");
        with();
    };

    replace(&|| symlink(root.path().join("outside.json"), &path).expect("a link"));
    assert!(read(&root).expect_err("a link").to_string().ends_with("it is a symbolic link"));

    replace(&|| rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).expect("a pipe"));
    assert!(read(&root).expect_err("a pipe").to_string().ends_with("it is not a regular file"));

    replace(&|| fs::write(&path, vec![b' '; crate::identity::json::LARGEST + 1]).expect("a large file"));
    assert!(matches!(read(&root), Err(BundleError::TooLarge { .. })));

    replace(&|| fs::create_dir(&path).expect("a folder"));
    assert!(matches!(read(&root), Err(BundleError::Unreadable { .. })));
}

#[test]
fn one_bundle_in_the_way_does_not_hide_a_good_one() {
    let root = host(&[
        (BUNDLE, "{"),
        ("/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json", POD),
    ]);
    assert_eq!(read(&root).expect("the second").name, "main");
}

#[test]
fn files_where_folders_should_be_are_nothing() {
    let root = host(&[
        ("/run/containerd/io.containerd.runtime.v2.task", ""),
        ("/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io", ""),
        ("/var/lib/docker", ""),
    ]);
    assert!(matches!(read(&root), Err(BundleError::NotFound { .. })));
}
