//! Builds `sensor-ebpf` for the BPF target and hands back the object file.

mod environment;
mod slim;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

pub use environment::clear_outer_cargo;
pub use toolchain::{BPF_LINKER_DEBIAN, DEBIAN_PACKAGES, Toolchain};

/// The target triple of the kernel programs: BPF, little endian (all that Kubernetes runs on).
pub const TARGET: &str = "bpfel-unknown-none";

/// The package and the binary target that hold the kernel programs.
const PACKAGE: &str = "sensor-ebpf";

/// What a build of the kernel programs depends on, relative to the workspace.
const INPUTS: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "sensor-ebpf/Cargo.toml",
    "sensor-ebpf/src",
    "sensor-common/Cargo.toml",
    "sensor-common/src",
];

/// Builds the kernel programs and returns the object file, which lies in `out_dir`.
///
/// Meant for a build script: `out_dir` is its `OUT_DIR`, `workspace` the folder of the root
/// `Cargo.toml`. It also tells cargo when the build script has to run again. The nested cargo has a
/// target folder of its own (`<target>/ebpf`), because the outer one holds the lock of its own.
pub fn build(out_dir: &Path, workspace: &Path) -> Result<PathBuf> {
    for input in INPUTS {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    let toolchain = Toolchain::detect()?;
    let built = compile(&toolchain, out_dir, workspace)?;
    let object = out_dir.join("sensor-ebpf.o");
    let bytes = std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let slim = slim::without_debug(&bytes).with_context(|| format!("{} is no good", built.display()))?;
    std::fs::write(&object, slim).with_context(|| format!("cannot write {}", object.display()))?;
    check_object(&object)?;
    Ok(object)
}

fn compile(toolchain: &Toolchain, out_dir: &Path, workspace: &Path) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo("build", workspace, &target_dir(out_dir));
    cargo.arg("--message-format=json-render-diagnostics");
    if let Ok(jobs) = std::env::var("NUM_JOBS") {
        cargo.args(["--jobs", &jobs]);
    }
    let output = cargo
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start the {toolchain}: {cargo:?}"))?;
    ensure!(
        output.status.success(),
        "the kernel programs (package {PACKAGE}) did not build with the {toolchain}: {}",
        output.status
    );
    artifact(&String::from_utf8_lossy(&output.stdout))
        .with_context(|| format!("cargo built {PACKAGE} but named no object file in its messages"))
}

/// The target folder of the nested cargo: beside the profile folder that holds `out_dir`, so that all
/// profiles and features share one build; inside `out_dir` when its layout is not cargo's usual one.
fn target_dir(out_dir: &Path) -> PathBuf {
    out_dir
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "build"))
        .and_then(Path::parent)
        .and_then(Path::parent)
        .unwrap_or(out_dir)
        .join("ebpf")
}

/// Finds the object file in cargo's messages (one JSON object a line, `compiler-artifact`).
fn artifact(messages: &str) -> Option<PathBuf> {
    messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).find_map(
        |message| {
            let is_object = message["reason"] == "compiler-artifact"
                && message["target"]["name"] == PACKAGE
                && message["target"]["kind"][0] == "bin";
            let file = message["executable"].as_str().or_else(|| message["filenames"][0].as_str());
            file.filter(|_| is_object).map(PathBuf::from)
        },
    )
}

/// Without BTF the programs load but cannot attach to BTF tracepoints: better to fail here.
fn check_object(object: &Path) -> Result<()> {
    let bytes = std::fs::read(object).with_context(|| format!("cannot read {}", object.display()))?;
    // No NUL before the name: the string table shares the end of `.rel.BTF`.
    for section in [".BTF\0", ".BTF.ext\0"] {
        let name = section.as_bytes();
        if !bytes.windows(name.len()).any(|window| window == name) {
            bail!(
                "{} has no {} section: debug information was lost on the way (needed: debuginfo=2, no strip, bpf-linker --btf)",
                object.display(),
                section.trim_matches('\0')
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_folder_is_shared_by_profiles() {
        let debug = target_dir(Path::new("/t/debug/build/sensor-1/out"));
        assert_eq!(debug, Path::new("/t/ebpf"));
        assert_eq!(debug, target_dir(Path::new("/t/release/build/sensor-2/out")));
        assert_eq!(target_dir(Path::new("/elsewhere/out")), Path::new("/elsewhere/out/ebpf"));
    }

    #[test]
    fn artifact_is_the_binary_of_the_package() {
        let messages = concat!(
            "not json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"sensor-ebpf","kind":["lib"]},"filenames":["/t/a.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"sensor-ebpf","kind":["bin"]},"filenames":["/t/a"],"executable":null}"#,
        );
        assert_eq!(artifact(messages), Some(PathBuf::from("/t/a")));
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn object_without_btf_is_refused() {
        let file = std::env::temp_dir().join(format!("xtask-ebpf-{}", std::process::id()));
        std::fs::write(&file, b"\x7fELF\0.text\0.BTF\0").unwrap();
        let error = check_object(&file).unwrap_err().to_string();
        std::fs::write(&file, b"\x7fELF\0.BTF\0.BTF.ext\0").unwrap();
        let good = check_object(&file);
        std::fs::remove_file(&file).unwrap();
        assert!(error.contains(".BTF.ext"), "{error}");
        good.unwrap();
    }
}
