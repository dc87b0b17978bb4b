//! The layouts in which runtimes keep their containers' files, and how to find one by its id.

use std::io;
use std::path::{Path, PathBuf};

use super::{BundleError, file};
use crate::identity::cgroup_path::is_valid_id;

/// State folders of containerd: its own, k3s and RKE2, microk8s, and Docker's (which may stand below `/var/run`).
pub(super) const CONTAINERD: &[&str] = &[
    "/run/containerd",
    "/run/k3s/containerd",
    "/var/snap/microk8s/common/run/containerd",
    "/run/docker/containerd/daemon",
    "/run/docker/containerd",
    "/var/run/docker/containerd/daemon",
    "/var/run/docker/containerd",
];

/// Docker's data folders: the usual one and that of its snap.
const DOCKER: &[&str] = &["/var/lib/docker", "/var/snap/docker/common/var-lib-docker"];

/// Folders of containers/storage, which CRI-O and podman use.
const STORAGE: &[&str] = &["/run/containers/storage", "/var/lib/containers/storage"];

/// Where containerd's runtime plugins (shim v2 and v1) keep tasks, within its state folder.
const TASKS: &[&str] = &["io.containerd.runtime.v2.task", "io.containerd.runtime.v1.linux"];

/// More containerd namespaces than a node ever has; a folder with more is none of namespaces.
const MOST_NAMESPACES: usize = 256;

/// Length of the ids that CRI, Docker and nerdctl give, in bytes.
const GENERATED_ID: usize = 64;

/// containerd's namespace of Docker's containers.
const DOCKERS_NAMESPACE: &str = "moby";

/// Who wrote a file, by the place where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bundle of containerd, which Docker may have asked for.
    Containerd { of_docker: bool },
    /// Docker's own record.
    Docker,
    /// A bundle in containers/storage: CRI-O's or podman's.
    Storage,
}

/// A file about the container.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) kind: Kind,
}

/// A folder to look into.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `<folder>/containers/<id>/config.v2.json`
    Docker(PathBuf),
    /// `<folder>/<task plugin>/<namespace>/<id>/config.json`
    State(PathBuf),
    /// As `State`, or `<folder>/<namespace>/<id>/config.json`, or `<folder>/<id>/config.json`.
    Given(PathBuf),
    /// `<folder>/overlay-containers/<id>/userdata/config.json`
    Storage(PathBuf),
}

/// All places in the order in which they are asked: Docker's own records know more than containerd of its containers.
pub(super) fn all(root: &Path, given: Vec<PathBuf>) -> Vec<Place> {
    let below = |path: &&str| root.join(path.trim_start_matches('/'));
    let docker = DOCKER.iter().map(|path| Place::Docker(below(path)));
    let defaults = CONTAINERD.iter().map(below).filter(|path| !given.contains(path)).map(Place::State);
    let storage = STORAGE.iter().map(|path| Place::Storage(below(path)));
    docker.chain(given.iter().cloned().map(Place::Given)).chain(defaults).chain(storage).collect()
}

impl Place {
    /// The container's file here; `tried` counts what was looked at. With a namespace, only containerd is asked.
    pub(super) fn find(
        &self,
        id: &str,
        namespace: Option<&str>,
        tried: &mut usize,
    ) -> Result<Option<Found>, BundleError> {
        match self {
            Self::Docker(_) | Self::Storage(_) if namespace.is_some() => Ok(None),
            Self::Docker(folder) => {
                open(folder.join("containers").join(id).join("config.v2.json"), Kind::Docker, tried)
            }
            Self::Storage(folder) => {
                let bundle = folder.join("overlay-containers").join(id).join("userdata");
                open(bundle.join("config.json"), Kind::Storage, tried)
            }
            Self::State(folder) => in_state(folder, id, namespace, tried),
            Self::Given(folder) => in_given(folder, id, namespace, tried),
        }
    }
}

/// podman's lists beside a bundle `<storage>/overlay-containers/<id>/userdata/config.json`.
pub(super) fn podman_lists(config: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = config.ancestors().nth(3).map(Path::to_owned);
    folder
        .into_iter()
        .flat_map(|folder| ["containers.json", "volatile-containers.json"].map(|name| folder.join(name)))
}

fn in_state(
    folder: &Path,
    id: &str,
    namespace: Option<&str>,
    tried: &mut usize,
) -> Result<Option<Found>, BundleError> {
    for tasks in TASKS {
        if let Some(found) = in_tasks(&folder.join(tasks), id, namespace, tried)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn in_given(
    folder: &Path,
    id: &str,
    namespace: Option<&str>,
    tried: &mut usize,
) -> Result<Option<Found>, BundleError> {
    if let Some(found) = in_state(folder, id, namespace, tried)? {
        return Ok(Some(found));
    }
    // The folder may be that of one namespace.
    let called = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if namespace.is_none_or(|namespace| namespace == called)
        && let Some(found) = in_namespace(folder, called, id, tried)?
    {
        return Ok(Some(found));
    }
    in_tasks(folder, id, namespace, tried)
}

/// Looks into every namespace of a task folder, or the one asked for.
fn in_tasks(
    tasks: &Path,
    id: &str,
    namespace: Option<&str>,
    tried: &mut usize,
) -> Result<Option<Found>, BundleError> {
    if let Some(namespace) = namespace {
        return in_namespace(&tasks.join(namespace), namespace, id, tried);
    }
    *tried += 1;
    let unreadable = |source: io::Error| BundleError::Unreadable { path: tasks.to_owned(), source };
    let entries = match tasks.read_dir() {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    for entry in entries.take(MOST_NAMESPACES) {
        let name = entry.map_err(unreadable)?.file_name();
        // Names as long as ids are containers: then this is the folder of one namespace, already looked into.
        let is_namespace = |name: &&str| is_valid_id(name) && name.len() < GENERATED_ID;
        let Some(name) = name.to_str().filter(is_namespace) else { continue };
        if let Some(found) = in_namespace(&tasks.join(name), name, id, tried)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn in_namespace(
    folder: &Path,
    namespace: &str,
    id: &str,
    tried: &mut usize,
) -> Result<Option<Found>, BundleError> {
    let kind = Kind::Containerd { of_docker: namespace == DOCKERS_NAMESPACE };
    open(folder.join(id).join("config.json"), kind, tried)
}

fn open(path: PathBuf, kind: Kind, tried: &mut usize) -> Result<Option<Found>, BundleError> {
    *tried += 1;
    Ok(file::read(&path)?.map(|bytes| Found { path, bytes, kind }))
}
