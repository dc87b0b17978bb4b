//! What Docker's own record of a container (`config.v2.json`) tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::container::{Container, Pod, Runtime};
use super::details::{Details, Mount};
use super::json::{self, JsonError};

#[cfg(test)]
mod tests;

/// Why a `config.v2.json` tells nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerError {
    /// Too large, or not JSON of the right form.
    #[error(transparent)]
    File(#[from] JsonError),
    /// There is no `ID`.
    #[error("it has no container id (`ID`)")]
    NoId,
}

/// Reads a `config.v2.json`.
///
/// The pod's facts are taken from the labels only where the container's name (`k8s_…`, which a kubelet's shim
/// gives) says the same: labels alone may come from the image, thus from whoever made it.
pub fn parse(bytes: &[u8]) -> Result<Container, DockerError> {
    let file: File = json::parse_object(bytes)?;
    if file.id.is_empty() {
        return Err(DockerError::NoId);
    }
    let name = file.name.strip_prefix('/').unwrap_or(&file.name).to_owned();
    let config = file.config.unwrap_or_default();
    let details = Details {
        hostname: config.hostname,
        mounts: file.mounts.map(|mounts| Arc::new(mounts.into_values().map(MountPoint::mount).collect())),
        ..Details::default()
    };
    let plain = Container {
        id: file.id,
        name,
        image: config.image,
        runtime: Some(Runtime::Docker),
        details,
        ..Container::default()
    };
    Ok(config.labels.as_ref().and_then(|labels| of_pod(&plain, labels)).unwrap_or(plain))
}

/// Whether Docker's settings of a container's host (`hostconfig.json`, beside the other file) make it privileged.
#[must_use]
pub fn privileged(bytes: &[u8]) -> Option<bool> {
    json::parse_object::<HostConfig>(bytes).ok().and_then(|file| file.privileged)
}

/// cri-dockerd's and the former dockershim's containers: `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`, none
/// of which can hold an underscore.
fn of_pod(plain: &Container, labels: &BTreeMap<String, String>) -> Option<Container> {
    let label = |key: &str| labels.get(key).map_or("", String::as_str);
    let [container, name, namespace, uid] = [
        "io.kubernetes.container.name",
        "io.kubernetes.pod.name",
        "io.kubernetes.pod.namespace",
        "io.kubernetes.pod.uid",
    ]
    .map(label);
    if !["k8s", container, name, namespace, uid].into_iter().eq(plain.name.split('_').take(5)) {
        return None;
    }
    let sandbox = label("io.kubernetes.docker.type") == "podsandbox";
    let pod =
        Pod { namespace: namespace.to_owned(), name: name.to_owned(), uid: uid.to_owned(), ..Pod::default() };
    // The shim calls every sandbox `POD`; CRI gives sandboxes no name.
    let container = if sandbox { "" } else { container }.to_owned();
    Some(Container { name: container, pod: Some(pod), sandbox, ..plain.clone() })
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Config")]
    config: Option<Config>,
    /// By destination.
    #[serde(rename = "MountPoints")]
    mounts: Option<BTreeMap<String, MountPoint>>,
}

#[derive(Deserialize)]
struct HostConfig {
    #[serde(rename = "Privileged")]
    privileged: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MountPoint {
    source: String,
    destination: String,
    #[serde(rename = "RW")]
    writable: bool,
    /// The mode: once it held only how the files are labelled anew.
    relabel: String,
    propagation: String,
}

impl MountPoint {
    fn mount(self) -> Mount {
        let Self { source, destination, writable, relabel: mode, propagation } = self;
        Mount { source, destination, mode, writable, propagation }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    hostname: String,
    image: String,
    labels: Option<BTreeMap<String, String>>,
}
