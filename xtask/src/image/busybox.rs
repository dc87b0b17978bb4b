//! Images of a static busybox and two files, for the demo and for the pods of a cluster.

use anyhow::{Context, Result};

use super::oci::Image;
use super::tar::Tree;
use crate::process::find;

/// An image that holds busybox under the name of each of `programs` (full paths), and runs `command` when nothing
/// else is said.
pub(crate) fn image(name: &str, programs: &[&str], command: &[&str]) -> Result<Image> {
    let mut image = Image::new(name.parse()?, tree(programs)?, 0);
    image.environment = vec!["PATH=/bin".to_owned()];
    image.command = command.iter().map(|word| (*word).to_owned()).collect();
    Ok(image)
}

fn tree(programs: &[&str]) -> Result<Tree> {
    let host = find("busybox").context("busybox is not installed (Debian: busybox-static)")?;
    let busybox = std::fs::read(&host).with_context(|| format!("cannot read {}", host.display()))?;
    let mut tree = Tree::new(0);
    for folder in ["dev", "proc", "sys", "tmp"] {
        tree.folder(folder);
    }
    tree.file("bin/busybox", 0o755, &busybox);
    for program in programs {
        tree.link(program.trim_start_matches('/'), "busybox");
    }
    tree.file("etc/passwd", 0o644, b"root:x:0:0:root:/:/bin/sh\n");
    tree.file("etc/group", 0o644, b"root:x:0:\n");
    Ok(tree)
}
