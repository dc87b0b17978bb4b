//! The example subscribers of `docs/examples`, as a user would start them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Example {
    /// `docs/examples/rust`
    Rust,
    /// `docs/examples/python`
    Python,
}

impl Example {
    /// How it is started, without its arguments.
    ///
    /// # Panics
    /// When the one in Rust has not been built.
    #[must_use]
    pub fn command(self) -> Command {
        match self {
            Self::Rust => Command::new(rust()),
            Self::Python => {
                let mut command = Command::new(python());
                command.arg(workspace().join("docs/examples/python/subscribe.py"));
                command
            }
        }
    }
}

/// Why the example in Python cannot run here, if it cannot.
#[must_use]
pub fn no_python() -> Option<String> {
    let mut command = Command::new(python());
    let imported = command.args(["-c", "import grpc, grpc_tools"]).stderr(Stdio::null()).status();
    (!imported.is_ok_and(|status| status.success()))
        .then(|| format!("Python's grpc is missing: {} has no grpcio and grpcio-tools", python().display()))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// `PICKET_EXAMPLE`, or what cargo left in the target folder.
fn rust() -> PathBuf {
    if let Some(path) = std::env::var_os("PICKET_EXAMPLE") {
        return path.into();
    }
    let path = target().join("debug/picket-example");
    assert!(
        path.exists(),
        "no {}: run `cargo build --target-dir target --manifest-path docs/examples/rust/Cargo.toml`",
        path.display()
    );
    path
}

/// `PICKET_PYTHON`, the one that `cargo xtask test` made, or that of the system.
fn python() -> PathBuf {
    if let Some(path) = std::env::var_os("PICKET_PYTHON") {
        return path.into();
    }
    let made = target().join("python/bin/python");
    if made.exists() { made } else { "python3".into() }
}
