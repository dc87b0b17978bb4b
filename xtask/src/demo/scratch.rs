//! One folder for everything: a tmpfs of its own, so that overlays work on it and one unmount clears it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::output;

use std::process::Command;

/// The folder; unmounted with all that is mounted inside, and removed, when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("picket-demo-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let scratch = Self { path };
        output(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0700", "tmpfs"]).arg(&scratch.path))?;
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What a file holds; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        let bytes = std::fs::read(self.path.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        // The deepest first, which is the latest first.
        for mounted in mounts_below(&mounts, &self.path).into_iter().rev() {
            if let Err(error) = output(Command::new("umount").arg("--lazy").arg(&mounted)) {
                eprintln!("left mounted: {mounted}: {error:#}");
            }
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Mount points at or below `folder` in the text of `/proc/self/mounts`.
fn mounts_below(mounts: &str, folder: &Path) -> Vec<String> {
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    points.filter(|point| Path::new(point).starts_with(folder)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_others_are_left_alone() {
        let mounts =
            "tmpfs /tmp/d tmpfs rw 0 0\noverlay /tmp/d/a overlay rw 0 0\ntmpfs /tmp/d2 tmpfs rw 0 0\n";
        assert_eq!(mounts_below(mounts, Path::new("/tmp/d")), ["/tmp/d", "/tmp/d/a"]);
    }
}
