//! Where runtimes keep what they know of a container on disk, and how to read it.
//!
//! The files belong to root, but the id comes from a cgroup path, which a container may have a hand in: ids are
//! checked before they become part of a path, links and everything but regular files are refused, and what is
//! read is bounded. All of it is blocking file I/O.

use std::io;
use std::path::{Path, PathBuf};

use crate::identity::cgroup_path::is_valid_id;
use crate::identity::container::{Container, Runtime};
use crate::identity::{docker, oci, podman};

use place::{Kind, Place};

mod file;
mod place;
#[cfg(test)]
mod tests;

/// Why a container's bundle was not read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// No runtime that we know keeps it; normal for containers inside other containers, as in kind.
    #[error(
        "no bundle of container {id} in {places} places; if its runtime keeps its state elsewhere, give the \
         folder with --runtime-state"
    )]
    NotFound {
        /// The container's id.
        id: String,
        /// How many files and folders were tried.
        places: usize,
    },
    /// No runtime gives such ids, so no path is made of it.
    #[error("{id:?} is no container id")]
    BadId {
        /// What was asked for.
        id: String,
    },
    /// Not what the runtime would have written.
    #[error("{} is malformed: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// Larger than any real one.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// In bytes.
        limit: usize,
    },
    /// It is there but cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// State folders of containerd, wherever a distribution puts it.
#[must_use]
pub fn default_state_folders() -> Vec<PathBuf> {
    place::CONTAINERD.iter().map(PathBuf::from).collect()
}

/// Reads containers' facts from what their runtimes keep on disk.
#[derive(Debug)]
pub struct BundleReader {
    places: Vec<Place>,
}

impl BundleReader {
    /// Looks into `state_folders` (containerd's, of any of its layouts) and then into the usual places.
    #[must_use]
    pub fn new(state_folders: Vec<PathBuf>) -> Self {
        Self::with_root(Path::new("/"), state_folders)
    }

    /// The same for a host whose files are seen below `root`, such as `/host`; `state_folders` are taken as they are.
    #[must_use]
    pub fn with_root(root: &Path, state_folders: Vec<PathBuf>) -> Self {
        Self { places: place::all(root, state_folders) }
    }

    /// Reads what is known of container `id`, whichever runtime made it.
    pub fn read(&self, id: &str) -> Result<Container, BundleError> {
        self.search(id, None)
    }

    /// Reads container `id` of a containerd namespace, as the cgroup path of a candidate names them.
    pub fn read_in(&self, namespace: &str, id: &str) -> Result<Container, BundleError> {
        if !is_valid_id(namespace) {
            return Err(BundleError::BadId { id: namespace.to_owned() });
        }
        self.search(id, Some(namespace))
    }

    /// The first bundle that tells something; else the first failure, which says more than that none was found.
    fn search(&self, id: &str, namespace: Option<&str>) -> Result<Container, BundleError> {
        if !is_valid_id(id) {
            return Err(BundleError::BadId { id: id.to_owned() });
        }
        let mut tried = 0;
        let mut failure = None;
        for place in &self.places {
            match place.find(id, namespace, &mut tried) {
                Ok(None) => {}
                Ok(Some(found)) => match interpret(&found, id) {
                    Ok(container) => return Ok(container),
                    Err(error) => failure = failure.or(Some(error)),
                },
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| BundleError::NotFound { id: id.to_owned(), places: tried }))
    }
}

fn interpret(found: &place::Found, id: &str) -> Result<Container, BundleError> {
    let malformed = |reason: String| BundleError::Malformed { path: found.path.clone(), reason };
    let runtime = match found.kind {
        Kind::Docker => {
            let mut container = docker::parse(&found.bytes).map_err(|error| malformed(error.to_string()))?;
            container.privileged = privileged_beside(&found.path);
            let same = container.id == id;
            return if same {
                Ok(container)
            } else {
                Err(malformed(format!("it is of container {:?}", container.id)))
            };
        }
        Kind::Containerd { of_docker: true } => Runtime::Docker,
        Kind::Containerd { of_docker: false } => Runtime::Containerd,
        Kind::Storage => Runtime::Crio,
    };
    let mut container =
        oci::parse_from(&found.bytes, id, runtime).map_err(|error| malformed(error.to_string()))?;
    if container.runtime == Some(Runtime::Podman)
        && let Some(names) = place::podman_lists(&found.path).find_map(|list| names_in(&list, id))
    {
        (container.name, container.image) = (names.name, names.image);
    }
    Ok(container)
}

/// As Docker's other file of the container says; without one it is not known.
fn privileged_beside(config: &Path) -> Option<bool> {
    docker::privileged(&file::read(&config.with_file_name("hostconfig.json")).ok()??)
}

/// Names are an extra: a list that cannot be read leaves them empty.
fn names_in(list: &Path, id: &str) -> Option<podman::Names> {
    let bytes = file::read(list).ok()??;
    podman::find(&bytes, id).ok()?
}
