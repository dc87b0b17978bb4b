//! The demo's image: a static busybox and two files, made here, so that no registry has a part in it.

use anyhow::{Context, Result};

use super::containerd::{Containerd, IMAGE};
use super::scratch::Scratch;
use crate::image::{oci::Image, tar::Tree};
use crate::process::{find, output};

/// Makes the image and imports it.
pub(crate) fn import(containerd: &Containerd, scratch: &Scratch) -> Result<()> {
    let mut image = Image::new(IMAGE.parse()?, root()?, 0);
    image.environment = vec!["PATH=/bin".to_owned()];
    image.command = vec!["/bin/sh".to_owned()];
    let file = scratch.path().join("image.tar");
    std::fs::write(&file, image.archive()?).with_context(|| format!("cannot write {}", file.display()))?;
    output(&mut containerd.ctr(&["images", "import", &file.to_string_lossy()]))?;
    Ok(())
}

/// The root file system: busybox under the name of each of its programs.
fn root() -> Result<Tree> {
    let host = find("busybox").context("busybox is not installed (Debian: busybox-static)")?;
    let busybox = std::fs::read(&host).with_context(|| format!("cannot read {}", host.display()))?;
    let mut tree = Tree::new(0);
    for folder in ["dev", "proc", "sys", "tmp"] {
        tree.folder(folder);
    }
    tree.file("bin/busybox", 0o755, &busybox);
    for program in super::PROGRAMS {
        tree.link(program.trim_start_matches('/'), "busybox");
    }
    tree.file("etc/passwd", 0o644, b"root:x:0:0:root:/:/bin/sh\n");
    tree.file("etc/group", 0o644, b"root:x:0:\n");
    Ok(tree)
}
