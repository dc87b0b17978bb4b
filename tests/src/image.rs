//! A root file system for containers, made of a static busybox and the workload program, nothing from a registry.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::scratch::{make_folder, write_file};

/// Programs of busybox that the tests use.
const APPLETS: &[&str] = &[
    "cat", "chmod", "cp", "echo", "env", "id", "kill", "ls", "mkdir", "mv", "rm", "setsid", "sh", "sleep",
    "touch", "true", "unshare",
];

/// Prints where it is called from, then calls itself with one less; `nest 0` runs `true`.
const NEST: &str = r#"#!/bin/sh
if [ "$1" -gt 0 ]; then /nest $(($1 - 1)) "$2"; exit $?; fi
/bin/true "$2"
exit 0
"#;

/// The lower layer of the containers' overlay file systems.
#[derive(Clone, Debug)]
pub struct Image {
    root: PathBuf,
}

impl Image {
    /// Makes the root file system in `root`.
    ///
    /// # Panics
    /// Without a static busybox (Debian: `busybox-static`) or the workload program.
    #[must_use]
    pub fn create(root: PathBuf) -> Self {
        for folder in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
            make_folder(&root.join(folder));
        }
        let busybox = root.join("bin/busybox");
        copy_program(&find_busybox(), &busybox, 0o755);
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet)).expect("a new link in a new folder");
        }
        crate::workload::install(&root);
        write_file(&root.join("nest"), NEST, 0o755);
        write_file(&root.join("script"), "#!/bin/sh -e\nexit 0\n", 0o755);
        write_file(&root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n", 0o644);
        Self { root }
    }

    /// Folder of the root file system.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The static busybox, for use on the host.
    #[must_use]
    pub fn busybox(&self) -> PathBuf {
        self.root.join("bin/busybox")
    }

    /// A link to busybox under the name of one of its programs, for use on the host.
    #[must_use]
    pub fn applet(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }
}

/// Copies a program and gives it a mode.
///
/// # Panics
/// When that is not possible.
pub fn copy_program(from: &Path, to: &Path, mode: u32) {
    fs::copy(from, to)
        .and_then(|_| fs::set_permissions(to, fs::Permissions::from_mode(mode)))
        .unwrap_or_else(|error| panic!("cannot copy {} to {}: {error}", from.display(), to.display()));
}

fn find_busybox() -> PathBuf {
    ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("no busybox: install the package busybox-static")
}
