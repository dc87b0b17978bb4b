//! One folder for everything that a test run writes: a tmpfs, so that set-user-id bits and file
//! capabilities count, and overlay file systems find a usable upper layer even on an initramfs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mounted tmpfs; unmounted with all that was mounted inside when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    next: AtomicU32,
}

impl Scratch {
    /// Mounts a new one below the system's folder for temporary files.
    ///
    /// # Panics
    /// Without the right to mount.
    #[must_use]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("picket-live-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        mount("tmpfs", &path, "tmpfs", MountFlags::empty(), Some(c"mode=755"))
            .unwrap_or_else(|error| panic!("cannot mount a tmpfs on {} (root?): {error}", path.display()));
        Self { path, next: AtomicU32::new(0) }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a new, empty folder that everybody may enter.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(format!("{name}-{number}"));
        make_folder(&path);
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.path, UnmountFlags::DETACH) {
            eprintln!("cannot unmount {}: {error}", self.path.display());
        } else if let Err(error) = fs::remove_dir(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Makes a folder and its parents, with mode 0755 whatever the umask is.
///
/// # Panics
/// When that is not possible.
pub fn make_folder(path: &Path) {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .unwrap_or_else(|error| panic!("cannot make the folder {}: {error}", path.display()));
}

/// Writes a file with a mode.
///
/// # Panics
/// When that is not possible.
pub fn write_file(path: &Path, content: impl AsRef<[u8]>, mode: u32) {
    fs::write(path, content)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
