//! `cargo xtask setup`: what the machine must have, and how it gets there.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use xtask::ebpf::{BPF_LINKER_DEBIAN, DEBIAN_PACKAGES, Toolchain};

use crate::process::{as_root, find, output, permit_root, run};

/// What a command is about to do, and so what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Need {
    /// Compile the kernel programs
    Ebpf,
    /// Lint the kernel programs and the chart
    Lint,
    /// Run containers
    Containers,
    /// Boot kernels in virtual machines
    Vm,
    /// Build and run Kubernetes
    Cluster,
    /// Run the example in Python
    Examples,
}

/// Everything that `cargo xtask test` needs.
pub(crate) const ALL: [Need; 6] =
    [Need::Ebpf, Need::Lint, Need::Containers, Need::Vm, Need::Cluster, Need::Examples];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only what these purposes need (default: everything)
    #[arg(value_enum)]
    needs: Vec<Need>,
}

/// Belongs to Debian's toolchain for the kernel programs.
const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";

/// A program that must be there, and Debian's package that brings it. Programs are looked for, not
/// packages: Docker's containerd.io is as good as Debian's containerd and must not be replaced by it.
const PROGRAMS: [(Need, &str, &str); 22] = [
    (Need::Lint, DEBIAN_CLIPPY, "rust-web-clippy"),
    (Need::Lint, "pip3", "python3-pip"),
    (Need::Containers, "containerd", "containerd"),
    (Need::Containers, "ctr", "containerd"),
    (Need::Containers, "runc", "runc"),
    (Need::Containers, "busybox", "busybox-static"),
    (Need::Containers, "ip", "iproute2"),
    (Need::Vm, "qemu-system-x86_64", "qemu-system-x86"),
    (Need::Vm, "cpio", "cpio"),
    (Need::Vm, "/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    (Need::Vm, "xz", "xz-utils"),
    (Need::Vm, "zstd", "zstd"),
    (Need::Cluster, "/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    (Need::Cluster, "dpkg-source", "dpkg-dev"),
    (Need::Cluster, "go", "golang-go"),
    (Need::Cluster, "make", "make"),
    (Need::Cluster, "rsync", "rsync"),
    (Need::Cluster, "jq", "jq"),
    (Need::Cluster, "etcd", "etcd-server"),
    (Need::Cluster, "/usr/lib/cni/bridge", "containernetworking-plugins"),
    (Need::Cluster, "iptables", "iptables"),
    (Need::Cluster, "openssl", "openssl"),
];

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    let needs = if arguments.needs.is_empty() { &ALL[..] } else { &arguments.needs };
    ensure(needs)?;
    println!("nothing is missing: {}", Toolchain::detect()?);
    Ok(())
}

/// Installs what `needs` lacks. Does nothing, and asks nothing, when nothing is missing.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    ensure_programs(needs)?;
    if needs.contains(&Need::Examples)
        && let Err(error) = crate::examples::python()
    {
        println!("the example in Python cannot be run here: {error:#}");
    }
    Ok(())
}

fn ensure_programs(needs: &[Need]) -> Result<()> {
    let packages = missing_packages(needs);
    let toolchain_missing = needs.contains(&Need::Ebpf) && Toolchain::detect().is_err();
    if packages.is_empty() && !toolchain_missing {
        return Ok(());
    }
    if find("apt-get").is_none() {
        bail!(not_debian(&packages, toolchain_missing));
    }
    if toolchain_missing {
        install_toolchain()?;
        Toolchain::detect()?;
    }
    // Asked again: which packages the lints need depends on the toolchain that is there now.
    let packages = missing_packages(needs);
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    match missing_packages(needs).as_slice() {
        [] => Ok(()),
        left => bail!("installed, and still not usable: {}", left.join(", ")),
    }
}

/// Packages whose programs are not there, each once, in order.
fn missing_packages(needs: &[Need]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for (need, program, package) in PROGRAMS {
        let other = program == DEBIAN_CLIPPY && Toolchain::detect().ok() == Some(Toolchain::Nightly);
        let wanted = needs.contains(&need) && !other;
        if wanted && !present(program) && !packages.contains(&package) {
            packages.push(package);
        }
    }
    packages
}

fn present(program: &str) -> bool {
    match program {
        "busybox" => find("busybox").is_some_and(|file| is_static(&file)),
        _ if program.starts_with('/') => std::path::Path::new(program).exists(),
        _ => find(program).is_some(),
    }
}

/// A static binary names no loader. The demo's image holds nothing but busybox.
fn is_static(file: &std::path::Path) -> bool {
    std::fs::read(file).is_ok_and(|bytes| !bytes.windows(6).any(|window| window == b"/ld-li"))
}

fn not_debian(packages: &[&str], toolchain_missing: bool) -> String {
    let mut text =
        String::from("this system has no apt-get: please install by its own means what is missing");
    for (_, program, package) in PROGRAMS.iter().filter(|(_, _, package)| packages.contains(package)) {
        text.push_str(&format!("\n  {program} (in Debian: package {package})"));
    }
    if toolchain_missing && let Err(error) = Toolchain::detect() {
        text.push_str(&format!("\n{error}"));
    }
    text
}

fn install_packages(packages: &[&str]) -> Result<()> {
    permit_root(&format!("installing {}", packages.join(" ")))?;
    apt_get(&["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends", "--no-remove"];
    arguments.extend(packages);
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    // Through `env`: sudo may be set up to drop variables.
    let mut command = as_root("env");
    run(command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"])
        .args(arguments)
        .stdin(Stdio::null()))
}

/// Debian's set where its packages exist, otherwise nightly from rustup.
fn install_toolchain() -> Result<()> {
    let lacking: Vec<_> = DEBIAN_PACKAGES.into_iter().filter(|package| !installed(package)).collect();
    let linker_missing = Toolchain::Debian.missing().iter().any(|part| part.starts_with("bpf-linker"));
    if !lacking.is_empty() {
        permit_root(&format!("installing {}", lacking.join(" ")))?;
        apt_get(&["update"])?;
        if !lacking.iter().all(|package| known_to_apt(package)) {
            return install_nightly(linker_missing);
        }
        let mut arguments = vec!["install", "--yes", "--no-install-recommends", "--no-remove"];
        arguments.extend(&lacking);
        apt_get(&arguments)?;
    }
    if linker_missing {
        run(rust_tool("cargo").env("LLVM_PREFIX", "/usr/lib/llvm-22").args(BPF_LINKER_DEBIAN))?;
    }
    Ok(())
}

fn install_nightly(linker_missing: bool) -> Result<()> {
    run(rust_tool("rustup").args(["toolchain", "install", "nightly", "--component", "rust-src"]))
        .context("this system's packages hold no BPF toolchain, and rustup could not bring one")?;
    if linker_missing {
        run(rust_tool("cargo").args(["install", "bpf-linker"]))?;
    }
    Ok(())
}

fn rust_tool(name: &str) -> Command {
    let mut command = Command::new(name);
    xtask::ebpf::clear_outer_cargo(&mut command);
    command
}

fn installed(package: &str) -> bool {
    let status =
        output(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]));
    status.is_ok_and(|status| status == "installed")
}

fn known_to_apt(package: &str) -> bool {
    output(Command::new("apt-cache").args(["show", "--no-all-versions", package]))
        .is_ok_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_systems_are_told_what_to_install() {
        let text = not_debian(&["cpio", "busybox-static"], false);
        assert!(text.contains("cpio (in Debian: package cpio)"), "{text}");
        assert!(text.contains("busybox (in Debian: package busybox-static)"), "{text}");
        assert!(!text.contains("qemu"), "{text}");
    }

    #[test]
    fn every_need_but_the_compiler_has_a_program() {
        for need in [Need::Lint, Need::Containers, Need::Vm, Need::Cluster] {
            assert!(PROGRAMS.iter().any(|(of, _, _)| *of == need), "{need:?}");
        }
    }
}
