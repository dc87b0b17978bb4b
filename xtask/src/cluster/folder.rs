//! Where everything of the cluster is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A tmpfs: overlays work on it, etcd's fsync costs nothing, one unmount clears it, and a restart of the
/// machine leaves nothing. The node sees it at the same place.
pub(super) const FOLDER: &str = "/run/picket-cluster";

/// A file or folder below [`FOLDER`].
pub(super) fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// The settings of kubectl, with an administrator's key.
pub(super) fn kubeconfig() -> PathBuf {
    path("kubeconfig")
}

/// A script that runs kubectl in the node's network, with [`kubeconfig`].
pub(super) fn kubectl() -> PathBuf {
    path("kubectl")
}

/// What a component said.
pub(super) fn log(component: &str) -> PathBuf {
    path("log").join(format!("{component}.log"))
}

/// The file that holds a component's process id.
pub(super) fn pid(component: &str) -> PathBuf {
    path("pid").join(component)
}

/// Writes a file below [`FOLDER`], and the folders on its way.
pub(super) fn write(name: &str, text: &str) -> Result<()> {
    let file = path(name);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}
