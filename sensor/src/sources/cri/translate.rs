//! What CRI says of containers and pods, in the terms of identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::message::{
    self, ContainerMetadata, ImageSpec, MountPropagation, NamespaceMode, PodSandboxMetadata,
};
use crate::identity::{
    container::{Container, Pod, Runtime, Shares},
    details::Mount,
    selection::Selection,
};

/// Labels by which the kubelet names the pod of a container; they are no labels of the pod.
const NAMESPACE: &str = "io.kubernetes.pod.namespace";
const POD: &str = "io.kubernetes.pod.name";
const UID: &str = "io.kubernetes.pod.uid";
const CONTAINER: &str = "io.kubernetes.container.name";

/// Annotation by which the kubelet says where it has a pod from.
const CONFIG_SOURCE: &str = "kubernetes.io/config.source";

/// Longest name that is kept, in bytes: Kubernetes allows 253 for names, registries some 500 for images.
const NAME_MAX: usize = 1024;

type Map = BTreeMap<String, String>;

/// The container and its pod, from a list.
pub(super) fn listed(container: &message::Container) -> (Container, Pod) {
    let (mut known, mut pod) = facts(
        &container.id,
        container.metadata.as_ref(),
        container.image.as_ref(),
        &container.image_ref,
        &container.labels,
    );
    // A list may have the image's id where the status has its digest.
    if !container.image_ref.contains('@') {
        known.image_digest.clear();
    }
    pod.sandbox_id = name(&container.pod_sandbox_id);
    (known, pod)
}

/// The container and its pod, from its status.
pub(super) fn status(status: &message::ContainerStatus) -> (Container, Pod) {
    let (mut known, pod) =
        facts(&status.id, status.metadata.as_ref(), status.image.as_ref(), &status.image_ref, &status.labels);
    known.details.started_ns = (status.started_at > 0).then_some(status.started_at);
    known.details.mounts = Some(Arc::new(status.mounts.iter().map(mount).collect()));
    (known, pod)
}

/// The kubelet's mounts; those that the runtime adds of its own are in the bundle only.
fn mount(mount: &message::Mount) -> Mount {
    let propagation = match mount.propagation() {
        MountPropagation::PropagationPrivate => "rprivate",
        MountPropagation::PropagationHostToContainer => "rslave",
        MountPropagation::PropagationBidirectional => "rshared",
    };
    Mount {
        source: mount.host_path.clone(),
        destination: mount.container_path.clone(),
        mode: String::new(),
        writable: !mount.readonly,
        propagation: propagation.to_owned(),
    }
}

fn facts(
    id: &str,
    metadata: Option<&ContainerMetadata>,
    image: Option<&ImageSpec>,
    image_ref: &str,
    labels: &Map,
) -> (Container, Pod) {
    let label = |key: &str| labels.get(key).map(|value| name(value)).unwrap_or_default();
    let named = metadata.map(|metadata| name(&metadata.name)).filter(|named| !named.is_empty());
    let container = Container {
        id: id.to_owned(),
        name: named.unwrap_or_else(|| label(CONTAINER)),
        image: image.map(image_name).unwrap_or_default(),
        image_digest: digest(image_ref),
        restarts: metadata.map(|metadata| metadata.attempt),
        ..Container::default()
    };
    let pod = Pod { namespace: label(NAMESPACE), name: label(POD), uid: label(UID), ..Pod::default() };
    (container, pod)
}

/// The pod of a sandbox, from a list, and how many labels and annotations were left out.
pub(super) fn listed_pod(sandbox: &message::PodSandbox, selection: &Selection) -> (Pod, usize) {
    pod(&sandbox.id, sandbox.metadata.as_ref(), &sandbox.labels, &sandbox.annotations, selection)
}

/// The pod of a sandbox, from its status, and how many labels and annotations were left out.
pub(super) fn pod_status(status: &message::PodSandboxStatus, selection: &Selection) -> (Pod, usize) {
    let (mut pod, cut) =
        pod(&status.id, status.metadata.as_ref(), &status.labels, &status.annotations, selection);
    let options = status.linux.as_ref().and_then(|linux| linux.namespaces.as_ref());
    if let Some(options) = options.and_then(|namespaces| namespaces.options.as_ref()) {
        pod.shares = Shares {
            host_network: options.network() == NamespaceMode::Node,
            host_pid: options.pid() == NamespaceMode::Node,
            // A number that is not known reads as the first of the enum.
            pids: options.pid == NamespaceMode::Pod as i32,
        };
    }
    (pod, cut)
}

fn pod(
    id: &str,
    metadata: Option<&PodSandboxMetadata>,
    labels: &Map,
    annotations: &Map,
    selection: &Selection,
) -> (Pod, usize) {
    let of_pod = |(key, _): &(&String, &String)| ![NAMESPACE, POD, UID].contains(&key.as_str());
    let labels = selection.labels.choose(labels.iter().filter(of_pod));
    let chosen = selection.annotations.choose(annotations);
    let of_metadata = |field: fn(&PodSandboxMetadata) -> &String| {
        metadata.map(|metadata| name(field(metadata))).unwrap_or_default()
    };
    let pod = Pod {
        namespace: of_metadata(|metadata| &metadata.namespace),
        name: of_metadata(|metadata| &metadata.name),
        uid: of_metadata(|metadata| &metadata.uid),
        sandbox_id: name(id),
        labels: labels.kept,
        annotations: chosen.kept,
        static_pod: annotations.get(CONFIG_SOURCE).is_some_and(|source| source == "file"),
        ..Pod::default()
    };
    (pod, labels.cut + chosen.cut)
}

/// A runtime by the name that it gives itself.
pub(super) fn runtime(name: &str) -> Option<Runtime> {
    let all = [Runtime::Containerd, Runtime::Crio, Runtime::Docker, Runtime::Podman];
    all.into_iter().find(|runtime| runtime.name() == name)
}

/// The image as the pod names it. Its id, which the kubelet hands over in some versions, is no name.
fn image_name(image: &ImageSpec) -> String {
    let given = name(&image.user_specified_image);
    let image = if given.is_empty() { name(&image.image) } else { given };
    if digest(&image) == image || is_hex(&image) { String::new() } else { image }
}

/// The digest in a reference such as `docker.io/library/web@sha256:…`, or the image's id, with its algorithm.
fn digest(reference: &str) -> String {
    let end = reference.rsplit(['@', '/']).next().unwrap_or_default();
    match end.split_once(':') {
        Some((algorithm, hex))
            if is_hex(hex) && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            end.to_owned()
        }
        None if is_hex(end) => format!("sha256:{end}"),
        _ => String::new(),
    }
}

/// True for the digits of a digest: 64 with SHA-256, 128 with SHA-512.
fn is_hex(text: &str) -> bool {
    [64, 128].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A name; one that no name can be is left out.
fn name(text: &str) -> String {
    if text.len() <= NAME_MAX { text.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::message::{LinuxPodSandboxStatus, Namespace, NamespaceOption, PodSandboxStatus};
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn map(entries: &[(&str, &str)]) -> Map {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_digest_has_its_algorithm_wherever_it_stands() {
        let whole = format!("sha256:{HEX}");
        for reference in [
            whole.clone(),
            HEX.to_owned(),
            format!("docker.io/library/web@{whole}"),
            format!("docker-pullable://web@{whole}"),
            format!("docker://{whole}"),
        ] {
            assert_eq!(digest(&reference), whole, "{reference}");
        }
        for reference in ["", "web:latest", "localhost:5000/web", "sha256:12", "@", ":", "a b:0"] {
            assert_eq!(digest(reference), "", "{reference}");
        }
    }

    #[test]
    fn an_id_is_no_name_of_an_image() {
        let image = |image: &str, given: &str| {
            image_name(&ImageSpec { image: image.to_owned(), user_specified_image: given.to_owned() })
        };
        assert_eq!(image("web:1", ""), "web:1");
        assert_eq!(image(&format!("sha256:{HEX}"), "web:1"), "web:1");
        assert_eq!(image(&format!("sha256:{HEX}"), ""), "");
        assert_eq!(image(HEX, ""), "");
        assert_eq!(image(&format!("web@sha256:{HEX}"), ""), format!("web@sha256:{HEX}"));
    }

    #[test]
    fn a_container_is_named_by_its_metadata_or_its_labels() {
        let labels = map(&[(NAMESPACE, "shop"), (POD, "web-1"), (UID, "u"), (CONTAINER, "main")]);
        let listed_one = message::Container {
            id: "1".into(),
            pod_sandbox_id: "s".into(),
            metadata: Some(ContainerMetadata { name: "main".into(), attempt: 2 }),
            image_ref: format!("sha256:{HEX}"),
            labels: labels.clone(),
            ..message::Container::default()
        };
        let (container, pod) = listed(&listed_one);
        assert_eq!((container.name.as_str(), container.restarts), ("main", Some(2)));
        assert_eq!(container.image_digest, "", "an id, where the status may have the digest");
        assert_eq!((pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_str()), ("shop", "web-1", "u"));
        assert_eq!(pod.sandbox_id, "s");
        let bare = message::ContainerStatus { id: "1".into(), labels, ..Default::default() };
        assert_eq!((status(&bare).0.name.as_str(), status(&bare).0.restarts), ("main", None));
    }

    #[test]
    fn a_status_tells_start_and_mounts() {
        let host = |propagation: i32| message::Mount {
            container_path: "/data".into(),
            host_path: "/srv".into(),
            readonly: propagation == 1,
            propagation,
        };
        let mut of = message::ContainerStatus { id: "1".into(), started_at: 5, ..Default::default() };
        of.mounts = vec![host(0), host(1), host(2)];
        let details = status(&of).0.details;
        let mut text = String::new();
        details.mounts.unwrap().write(&mut text);
        assert_eq!(text, "/srv:/data::true:rprivate,/srv:/data::false:rslave,/srv:/data::true:rshared");
        assert_eq!(details.started_ns, Some(5));
        of.started_at = 0;
        assert_eq!(status(&of).0.details.started_ns, None, "not started yet");
    }

    #[test]
    fn a_pod_says_what_it_shares_and_who_made_it() {
        let selection = Selection::new(&["*".into()], &["team".into()]).unwrap();
        let sandbox = |options| PodSandboxStatus {
            id: "s".into(),
            metadata: Some(PodSandboxMetadata {
                name: "web-1".into(),
                uid: "u".into(),
                namespace: "shop".into(),
            }),
            linux: Some(LinuxPodSandboxStatus { namespaces: Some(Namespace { options }) }),
            labels: map(&[(UID, "u"), ("app", "web")]),
            annotations: map(&[(CONFIG_SOURCE, "file"), ("team", "a"), ("other", "b")]),
        };
        let option = |network: i32, pid: i32| {
            pod_status(&sandbox(Some(NamespaceOption { network, pid })), &selection).0
        };
        let pod = option(NamespaceMode::Node as i32, NamespaceMode::Pod as i32);
        assert_eq!(pod.labels, map(&[("app", "web")]), "the kubelet's own are no labels of the pod");
        assert_eq!(pod.annotations, map(&[("team", "a")]));
        assert!(pod.static_pod);
        assert_eq!(pod.shares, Shares { host_network: true, host_pid: false, pids: true });
        let pod = option(NamespaceMode::Pod as i32, NamespaceMode::Node as i32);
        assert_eq!(pod.shares, Shares { host_network: false, host_pid: true, pids: false });
        assert_eq!(option(0, 99).shares, Shares::default(), "a mode that is not known says nothing");
        assert_eq!(pod_status(&sandbox(None), &selection).0.shares, Shares::default());
    }

    proptest! {
        /// Whatever a runtime says, names stay within their bound and a digest is one.
        #[test]
        fn any_text_is_taken(image in ".{0,80}", reference in ".{0,80}|[a-z0-9]{0,8}[:@]?[0-9a-f]{64}", long in "a{0,2000}") {
            let status_of = message::ContainerStatus {
                id: "1".into(),
                metadata: Some(ContainerMetadata { name: long.clone(), attempt: 0 }),
                image: Some(ImageSpec { image, user_specified_image: String::new() }),
                image_ref: reference,
                labels: map(&[(POD, &long)]),
                ..message::ContainerStatus::default()
            };
            let (container, pod) = status(&status_of);
            prop_assert!(container.name.len() <= NAME_MAX && pod.name.len() <= NAME_MAX);
            let digest = container.image_digest;
            prop_assert!(digest.is_empty() || digest.split_once(':').is_some_and(|(_, hex)| is_hex(hex)));
        }
    }
}
