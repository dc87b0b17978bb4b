//! Images without a registry: a static busybox and two files, made here.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::process::{find, output};

/// What an image is called, holds and does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe<'texts> {
    /// Its full reference, with registry and tag.
    pub(crate) name: &'texts str,
    /// Programs of busybox, each by its full path.
    pub(crate) programs: &'texts [&'texts str],
    /// What it runs when nothing else is said.
    pub(crate) command: &'texts [&'texts str],
}

/// Makes the image in the form of `docker save`, in the new folder `folder`, and returns the archive.
pub(crate) fn make(recipe: &Recipe<'_>, folder: &Path) -> Result<PathBuf> {
    root(&folder.join("root"), recipe.programs)?;
    archive(&folder.join("layer.tar"), &folder.join("root"), &["."])?;
    let digest = output(Command::new("sha256sum").arg(folder.join("layer.tar")))?;
    let digest = digest.split_whitespace().next().context("sha256sum printed nothing")?;
    write(&folder.join("config.json"), &configuration(recipe, digest).to_string())?;
    let manifest = json!([{ "Config": "config.json", "RepoTags": [recipe.name], "Layers": ["layer.tar"] }]);
    write(&folder.join("manifest.json"), &manifest.to_string())?;
    let image = folder.join("image.tar");
    archive(&image, folder, &["manifest.json", "config.json", "layer.tar"])?;
    Ok(image)
}

fn configuration(recipe: &Recipe<'_>, digest: &str) -> serde_json::Value {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Env": ["PATH=/bin"], "Cmd": recipe.command },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
    })
}

/// Fills the root file system: busybox under the name of each of its programs.
fn root(folder: &Path, programs: &[&str]) -> Result<()> {
    for name in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let host = find("busybox").context("busybox is not installed (Debian: busybox-static)")?;
    let busybox = folder.join("bin/busybox");
    std::fs::copy(&host, &busybox).with_context(|| format!("cannot copy {}", host.display()))?;
    std::fs::set_permissions(&busybox, std::fs::Permissions::from_mode(0o755))
        .context("cannot set the mode of busybox")?;
    for program in programs {
        let link = folder.join(program.trim_start_matches('/'));
        symlink("busybox", &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    write(&folder.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")?;
    write(&folder.join("etc/group"), "root:x:0:\n")
}

fn archive(file: &Path, folder: &Path, names: &[&str]) -> Result<()> {
    output(
        Command::new("tar")
            .args(["--owner=0", "--group=0", "-cf"])
            .arg(file)
            .arg("-C")
            .arg(folder)
            .args(names),
    )?;
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
