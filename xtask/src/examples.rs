//! The example subscribers: the one in Rust is built, the one in Python gets an interpreter with what it needs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::{cargo, run, target_dir, workspace};

/// The manifest of the example in Rust, which is no member of the workspace.
pub(crate) const MANIFEST: &str = "docs/examples/rust/Cargo.toml";
/// What the example in Python needs.
const REQUIREMENTS: &str = "docs/examples/python/requirements.txt";

/// Builds the example in Rust; its executable.
pub(crate) fn rust() -> Result<PathBuf> {
    let target = target_dir();
    run(cargo().args(["build", "--locked", "--manifest-path", MANIFEST, "--target-dir"]).arg(&target))?;
    let built = target.join("debug/picket-example");
    ensure!(built.exists(), "cargo left no {}", built.display());
    Ok(built)
}

/// An interpreter of Python in the target folder, with what the example needs; made and filled when it is not there.
pub(crate) fn python() -> Result<PathBuf> {
    let folder = target_dir().join("python");
    let (interpreter, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let wanted = workspace().join(REQUIREMENTS);
    let text = std::fs::read_to_string(&wanted).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let filled = std::fs::read_to_string(&stamp).is_ok_and(|filled| filled == text);
    if !(filled && imports(&interpreter)) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("Python with venv is needed (in Debian: package python3-venv)")?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(Command::new(&interpreter).args(install).arg(&wanted))?;
        std::fs::write(&stamp, text).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(interpreter)
}

fn imports(interpreter: &PathBuf) -> bool {
    let mut command = Command::new(interpreter);
    let status = command.args(["-c", "import grpc, grpc_tools"]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
