//! A pod of the Kubernetes API as facts of identity.

use super::objects::{ContainerSpec, ContainerStatus, Metadata, Owner, Pod, PodSpec};
use crate::identity::{
    catalog::Lesson,
    container::{self, Container, PodOwner, Role, Runtime, Shares, Source},
    selection::Selection,
};

/// Annotation of the copy that the API server has of a pod that the kubelet made from a file: the uid by which
/// the node knows that pod (`kubernetes.io/config.mirror`).
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Label that a Deployment puts on the pods of its ReplicaSets, whose names end with it.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// The Job that a pod belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
}

/// Uid by which the node knows a pod: its control group, its bundle and the runtime use it.
///
/// Whoever may make pods can write the annotation; the hash that the kubelet puts there is not of the form of
/// another pod's uid, and nothing else is believed.
pub(super) fn uid(metadata: &Metadata) -> &str {
    node_uid(metadata.annotations.get(MIRROR).map_or("", String::as_str), &metadata.uid)
}

/// The same, of the annotation and the uid.
pub(super) fn node_uid<'a>(mirror: &'a str, uid: &'a str) -> &'a str {
    let is_hash = mirror.len() == 32 && mirror.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hash { mirror } else { uid }
}

/// What a pod tells.
pub(super) struct Read {
    pub(super) lesson: Lesson,
    /// The Job that it belongs to.
    pub(super) job: Option<Job>,
    /// Labels and annotations that found no room.
    pub(super) cut: usize,
}

/// Reads a pod.
pub(super) fn of_pod(pod: &Pod, selection: &Selection) -> Read {
    let Pod { metadata, spec, status } = pod;
    let uid = uid(metadata);
    let labels = selection.labels.choose(&metadata.labels);
    let annotations = selection.annotations.choose(&metadata.annotations);
    let cut = labels.cut + annotations.cut;
    let facts = container::Pod {
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: uid.to_owned(),
        sandbox_id: String::new(),
        labels: labels.kept,
        annotations: annotations.kept,
        owners: owners(metadata),
        service_account: spec.service_account_name.clone(),
        shares: Shares {
            host_network: spec.host_network,
            host_pid: spec.host_pid,
            pids: spec.share_process_namespace,
        },
        static_pod: uid != metadata.uid,
    };
    let statuses = [
        (&status.container_statuses, &spec.containers),
        (&status.init_container_statuses, &spec.init_containers),
        (&status.ephemeral_container_statuses, &spec.ephemeral_containers),
    ];
    let containers = statuses
        .into_iter()
        .flat_map(|(statuses, specs)| statuses.iter().flat_map(|status| containers(status, specs)));
    let containers = containers.collect();
    let lesson = Lesson { pod: facts, containers, roles: roles(spec), ..Lesson::of(Source::Kubernetes) };
    Read { lesson, job: job(metadata), cut }
}

/// The owner that controls an object.
pub(super) fn controller(metadata: &Metadata) -> Option<&Owner> {
    metadata.owner_references.iter().find(|owner| owner.controller)
}

fn job(metadata: &Metadata) -> Option<Job> {
    let owner = controller(metadata).filter(|owner| owner.kind == "Job" && !owner.uid.is_empty())?;
    Some(Job { namespace: metadata.namespace.clone(), name: owner.name.clone(), uid: owner.uid.clone() })
}

/// The controller of a pod, and the Deployment behind a ReplicaSet, which its name tells.
fn owners(metadata: &Metadata) -> Vec<PodOwner> {
    let Some(owner) = controller(metadata) else { return Vec::new() };
    let mut owners = vec![PodOwner { kind: owner.kind.clone(), name: owner.name.clone() }];
    if owner.kind == "ReplicaSet"
        && let Some(hash) = metadata.labels.get(TEMPLATE_HASH).filter(|hash| !hash.is_empty())
        && let Some(name) = owner.name.strip_suffix(hash.as_str()).and_then(|name| name.strip_suffix('-'))
        && !name.is_empty()
    {
        owners.push(PodOwner { kind: "Deployment".to_owned(), name: name.to_owned() });
    }
    owners
}

fn roles(spec: &PodSpec) -> Vec<(String, Role)> {
    let of_init = |container: &ContainerSpec| match container.restart_policy.as_str() {
        "Always" => Role::Sidecar,
        _ => Role::Init,
    };
    let main = spec.containers.iter().map(|container| (container.name.clone(), Role::Main));
    let init = spec.init_containers.iter().map(|container| (container.name.clone(), of_init(container)));
    let ephemeral = spec.ephemeral_containers.iter();
    let ephemeral = ephemeral.map(|container| (container.name.clone(), Role::Ephemeral));
    main.chain(init).chain(ephemeral).collect()
}

/// A container as it runs, and the one before it that ended.
fn containers(status: &ContainerStatus, specs: &[ContainerSpec]) -> impl Iterator<Item = Container> {
    let now = id(&status.container_id).map(|(runtime, id)| (runtime, id, status.restart_count));
    let before = status.last_state.terminated.as_ref().and_then(|ended| id(&ended.container_id));
    let before = before.and_then(|(runtime, id)| Some((runtime, id, status.restart_count.checked_sub(1)?)));
    let before = before.filter(|(_, id, _)| now.is_none_or(|(_, now, _)| now != *id));
    let spec = specs.iter().find(|spec| spec.name == status.name);
    let image = match (status.image.as_str(), spec) {
        // The runtime does not know the image by a name any more.
        (image, Some(spec)) if image.is_empty() || image.starts_with("sha256:") => spec.image.clone(),
        (image, _) => image.to_owned(),
    };
    let container = move |(runtime, id, restarts): (Option<Runtime>, &str, u32)| Container {
        id: id.to_owned(),
        name: status.name.clone(),
        image: image.clone(),
        image_digest: digest(&status.image_id).to_owned(),
        runtime,
        restarts: Some(restarts),
        ..Container::default()
    };
    now.into_iter().chain(before).map(container)
}

/// `containerd://ID` and its like.
fn id(text: &str) -> Option<(Option<Runtime>, &str)> {
    let (scheme, id) = text.split_once("://")?;
    let runtime = match scheme {
        "containerd" => Some(Runtime::Containerd),
        "cri-o" => Some(Runtime::Crio),
        "docker" => Some(Runtime::Docker),
        _ => None,
    };
    (!id.is_empty()).then_some((runtime, id))
}

/// `NAME@sha256:…` has the digest of the image; `sha256:…` alone is the id of one that came from no registry.
fn digest(image_id: &str) -> &str {
    match image_id.rsplit_once('@') {
        Some((_, digest)) => digest,
        None => image_id.find("sha256:").and_then(|at| image_id.get(at..)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
