//! Images in the cluster's containerd: those that are made here, and those from an archive.

use std::path::Path;

use anyhow::{Context, Result};

use super::folder::path;
use crate::image::busybox;
use crate::process::output;

/// What holds a pod's namespaces: a program that waits. Kubernetes' own would come from a registry.
pub(super) const PAUSE: &str = "docker.io/library/pause:picket";

/// A shell with the usual programs, for the pods of tests.
const BUSYBOX: &str = "docker.io/library/busybox:picket";

const SHELL: [&str; 28] = [
    "/bin/base64",
    "/bin/cat",
    "/bin/chmod",
    "/bin/cp",
    "/bin/date",
    "/bin/dd",
    "/bin/echo",
    "/bin/env",
    "/bin/false",
    "/bin/grep",
    "/bin/head",
    "/bin/hostname",
    "/bin/httpd",
    "/bin/id",
    "/bin/kill",
    "/bin/ls",
    "/bin/mkdir",
    "/bin/mv",
    "/bin/nc",
    "/bin/ps",
    "/bin/rm",
    "/bin/sh",
    "/bin/sleep",
    "/bin/stat",
    "/bin/touch",
    "/bin/true",
    "/bin/uname",
    "/bin/wget",
];

/// Makes the cluster's own images and imports them.
pub(super) fn import_own() -> Result<()> {
    let pause = busybox::image(PAUSE, &["/bin/sleep"], &["/bin/sleep", "infinity"])?;
    let shell = busybox::image(BUSYBOX, &SHELL, &["/bin/sh"])?;
    for image in [pause, shell] {
        let file = path("image.tar");
        std::fs::write(&file, image.archive()?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        import(&file)?;
        std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}

/// Imports an archive, in the form of OCI or of `docker save`.
pub(super) fn import(archive: &Path) -> Result<()> {
    output(ctr().args(["images", "import"]).arg(archive))?;
    Ok(())
}

/// Whether containerd answers.
pub(super) fn runtime_answers() -> bool {
    output(ctr().arg("version")).is_ok()
}

/// The client of the cluster's containerd. The node's `/run` is a folder here.
fn ctr() -> std::process::Command {
    let mut command = std::process::Command::new("ctr");
    command.arg("--address").arg(path("run/containerd/containerd.sock")).args(["--namespace", "k8s.io"]);
    command
}
