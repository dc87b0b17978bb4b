//! The two ways to compile for the BPF target, how each is found, and what to install without either.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::{PACKAGE, TARGET, clear_outer_cargo};

/// Debian's matched set: compiler, cargo, a compiled `core` for BPF, and the LLVM for bpf-linker.
pub const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf", "llvm-22-dev"];

/// Arguments of `cargo` that install a bpf-linker which reads the bitcode of Debian's compiler: both
/// have to use the same LLVM.
pub const BPF_LINKER_DEBIAN: [&str; 8] = [
    "install",
    "bpf-linker",
    "--version",
    "^0.13",
    "--no-default-features",
    "--features",
    "llvm-22",
    "--locked",
];

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Flags for the kernel programs: full debug information, which bpf-linker turns into BTF.
const RUSTFLAGS: [&str; 2] = ["-Cdebuginfo=2", "-Clink-arg=--btf"];

/// The lints are written for the agent's compiler; a newer one must not turn a build into an error.
const BUILD_LINTS: &str = "--cap-lints=warn";

/// When linting they do count, but nothing in the kernel is ever formatted (and derive macros expand
/// to helper types without `Debug`, which newer compilers notice).
const CLIPPY_LINTS: &str = "-Amissing_debug_implementations";

/// The workspace's release profile serves the agent; these values serve the kernel programs. bpf-linker
/// does its own link-time optimisation over everything, and stripping would take the BTF with it.
const PROFILE: [(&str, &str); 8] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "2"),
    ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "false"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "false"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
];

/// A compiler, a `core` and a linker that together can build for BPF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// Debian's packages, which hold a compiled `core` for BPF: `/usr/bin/rustc`, `/usr/bin/cargo`.
    Debian,
    /// rustup's nightly with `rust-src`: `core` is compiled on the way (`-Z build-std=core`).
    Nightly,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Debian => "BPF toolchain of Debian (rustc-web, bpf-linker)",
            Self::Nightly => "BPF toolchain of rustup (nightly, rust-src, bpf-linker)",
        })
    }
}

impl Toolchain {
    /// Finds a usable toolchain, Debian's first because it needs nothing unstable; the error says what is
    /// missing from each and how to install it.
    pub fn detect() -> Result<Self> {
        let (debian, nightly) = (Self::Debian.missing(), Self::Nightly.missing());
        match (debian.as_slice(), nightly.as_slice()) {
            ([], _) => Ok(Self::Debian),
            (_, []) => Ok(Self::Nightly),
            _ => bail!(instructions(&debian, &nightly)),
        }
    }

    /// What this toolchain lacks on this machine, in words; empty when it is complete.
    pub fn missing(self) -> Vec<String> {
        let mut missing = match self {
            Self::Debian => missing_from_debian(),
            Self::Nightly => missing_from_nightly(),
        };
        match runs(Command::new("bpf-linker").arg("--version").env("PATH", search_path())) {
            true => {}
            false => {
                missing.push("bpf-linker (not in PATH or cargo's bin folder, or it does not start)".into())
            }
        }
        missing
    }

    /// A cargo command on the kernel programs: `verb` is `build` or `clippy`. The caller adds arguments.
    pub fn cargo(self, verb: &str, workspace: &Path, target_dir: &Path) -> Command {
        let mut command = match (self, verb) {
            // `cargo clippy` would find rustup's cargo-clippy first.
            (Self::Debian, "clippy") => {
                let mut clippy = Command::new("/usr/bin/cargo-clippy");
                clippy.arg("clippy");
                clippy
            }
            (Self::Debian, _) => {
                let mut cargo = Command::new(DEBIAN_CARGO);
                cargo.arg(verb);
                cargo
            }
            (Self::Nightly, _) => {
                let mut cargo = Command::new("rustup");
                cargo.args(["run", "nightly", "cargo", verb, "-Zbuild-std=core"]);
                cargo
            }
        };
        clear_outer_cargo(&mut command);
        if self == Self::Debian {
            // `RUSTC_BOOTSTRAP`: aya-ebpf needs `asm_experimental_arch`, an unstable feature.
            command.env("CARGO", DEBIAN_CARGO).env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
        }
        let lints = if verb == "clippy" { CLIPPY_LINTS } else { BUILD_LINTS };
        command
            .args(["--release", "--locked", "--target", TARGET, "--package", PACKAGE, "--target-dir"])
            .arg(target_dir)
            .envs(PROFILE)
            .env("CARGO_ENCODED_RUSTFLAGS", [RUSTFLAGS[0], RUSTFLAGS[1], lints].join("\x1f"))
            .env("PATH", search_path())
            .current_dir(workspace);
        command
    }
}

fn missing_from_debian() -> Vec<String> {
    let mut missing = Vec::new();
    if !Path::new(DEBIAN_CARGO).exists() {
        missing.push(format!("{DEBIAN_CARGO} (package cargo-web)"));
    }
    match output(Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"])) {
        None => missing.push(format!("{DEBIAN_RUSTC} (package rustc-web)")),
        Some(sysroot) if !Path::new(&sysroot).join("lib/rustlib").join(TARGET).exists() => {
            missing.push(format!("core for {TARGET} (package libstd-rust-web-dev-bpf)"));
        }
        Some(_) => {}
    }
    missing
}

fn missing_from_nightly() -> Vec<String> {
    let mut rustc = Command::new("rustup");
    rustc.args(["run", "nightly", "rustc", "--print", "sysroot"]);
    match output(&mut rustc) {
        None => vec!["rustup's nightly toolchain".into()],
        Some(sysroot) if !Path::new(&sysroot).join("lib/rustlib/src/rust/library/core").exists() => {
            vec!["component rust-src of nightly".into()]
        }
        Some(_) => Vec::new(),
    }
}

fn instructions(debian: &[String], nightly: &[String]) -> String {
    format!(
        "the kernel programs (package {PACKAGE}) need a Rust toolchain for {TARGET}, and none is complete here. \
         `cargo xtask setup` installs one; by hand, either\n\
         \n  on Debian 12 or later (missing: {})\n    \
         sudo apt-get install --no-install-recommends {}\n    \
         LLVM_PREFIX=/usr/lib/llvm-22 cargo {}\n\
         \n  or anywhere, with rustup (missing: {})\n    \
         rustup toolchain install nightly --component rust-src && cargo install bpf-linker\n",
        debian.join(", "),
        DEBIAN_PACKAGES.join(" "),
        BPF_LINKER_DEBIAN.join(" "),
        nightly.join(", "),
    )
}

/// `PATH` with cargo's bin folder in front: bpf-linker lives there, and a build script's `PATH` may lack it.
fn search_path() -> OsString {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = cargo_home.map(|home| home.join("bin")).into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

fn output(command: &mut Command) -> Option<String> {
    clear_outer_cargo(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn runs(command: &mut Command) -> bool {
    output(command).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_name_both_ways_and_what_is_missing() {
        let text = instructions(&["bpf-linker".into()], &["component rust-src of nightly".into()]);
        for needed in [
            "cargo xtask setup",
            "libstd-rust-web-dev-bpf",
            "LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker --version ^0.13 --no-default-features \
             --features llvm-22 --locked",
            "rustup toolchain install nightly --component rust-src && cargo install bpf-linker",
            "missing: component rust-src of nightly",
        ] {
            assert!(text.contains(needed), "{needed:?} is not in:\n{text}");
        }
    }

    #[test]
    fn command_overrides_the_release_profile() {
        let command = Toolchain::Debian.cargo("build", Path::new("/w"), Path::new("/t"));
        let value =
            |name: &str| command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value);
        assert_eq!(value("CARGO_PROFILE_RELEASE_STRIP").unwrap(), "none");
        assert_eq!(
            value("CARGO_ENCODED_RUSTFLAGS").unwrap(),
            "-Cdebuginfo=2\u{1f}-Clink-arg=--btf\u{1f}--cap-lints=warn"
        );
        assert_eq!(value("RUSTC_BOOTSTRAP").unwrap(), "1");
    }
}
