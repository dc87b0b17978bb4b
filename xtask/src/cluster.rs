//! `cargo xtask cluster`: a real Kubernetes of one node on this machine, without a registry.
//!
//! Its node has a network and a mount namespace of its own, with its own `/run`, `/var/lib` and `/var/log`;
//! processes and control groups are the machine's, as on any node.

mod binaries;
mod cgroups;
mod components;
pub(crate) mod deploy;
mod folder;
mod images;
mod keys;
mod processes;
mod settings;
mod start;
mod stop;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;

use crate::process::{is_root, rerun_as_root};
use crate::setup::{Need, ensure as setup};
use folder::{FOLDER, kubeconfig, kubectl, path};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the cluster, and build Kubernetes before when it is not built yet
    Up,
    /// Build Kubernetes, and do no more
    Build,
    /// End the cluster, or what a crash left of it
    Down,
    /// Which component runs
    Status,
    /// Import an image from an archive (OCI, or docker save)
    Load {
        /// The archive
        file: PathBuf,
    },
    /// Make Picket's image, install its chart, and wait until the agent has started
    Deploy(deploy::Build),
    /// The same, and then the tests in tests/cluster
    Test {
        #[command(flatten)]
        build: deploy::Build,
        /// Parts of the names of tests (default: all)
        names: Vec<String>,
    },
    /// Run kubectl as the cluster's administrator
    Kubectl {
        /// Arguments of kubectl
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Verb::Up => up(),
        Verb::Build => build().map(drop),
        Verb::Down => down(),
        Verb::Status => status(),
        Verb::Load { file } => load(file),
        Verb::Deploy(build) => deploy::deploy(build).map(drop),
        Verb::Test { build, names } => deploy::test(build, names, &mut String::new()),
        Verb::Kubectl { arguments } => run_kubectl(arguments),
    }
}

fn build() -> Result<PathBuf> {
    setup(&[Need::Containers, Need::Cluster])?;
    binaries::ensure_built()
}

fn up() -> Result<()> {
    let binaries = build()?;
    rerun_as_root("starting a Kubernetes cluster", &[])?;
    let _lock = lock()?;
    if missing().is_empty() && start::node_is_ready() {
        return tell();
    }
    // What a crash left is in the way.
    stop::stop()?;
    let begin = Instant::now();
    if let Err(error) = start::start(&binaries) {
        keep_logs()?;
        stop::stop()?;
        return Err(error);
    }
    println!("the cluster is ready after {} s", begin.elapsed().as_secs());
    tell()
}

fn tell() -> Result<()> {
    println!(
        "kubectl:    cargo xtask cluster kubectl ARGUMENTS, or {} ARGUMENTS\n\
         kubeconfig: {} (the address is the node's: see the script)\n\
         containerd: {}\nlogs:       {}",
        kubectl().display(),
        kubeconfig().display(),
        path("run/containerd").display(),
        path("log").display()
    );
    Ok(())
}

fn down() -> Result<()> {
    rerun_as_root("ending the Kubernetes cluster", &[])?;
    let _lock = lock()?;
    stop::stop()
}

fn status() -> Result<()> {
    rerun_as_root("looking at the Kubernetes cluster", &[])?;
    for name in names() {
        match processes::running(name) {
            Some(pid) => println!("{name}: runs, process {}", pid.as_raw_nonzero()),
            None => println!("{name}: does not run"),
        }
    }
    ensure!(missing().is_empty(), "not running: {}", missing().join(", "));
    ensure!(start::node_is_ready(), "the node is not ready: see {}", folder::log("kubelet").display());
    println!("the node is ready");
    Ok(())
}

fn load(file: &Path) -> Result<()> {
    rerun_as_root("importing an image into the Kubernetes cluster", &[])?;
    ensure_up()?;
    images::import(file)
}

/// Ends with kubectl's exit code.
fn run_kubectl(arguments: &[OsString]) -> Result<()> {
    rerun_as_root("running kubectl as an administrator", &[])?;
    ensure_up()?;
    let status = Command::new(kubectl()).args(arguments).status().context("cannot start kubectl")?;
    std::process::exit(status.code().unwrap_or(1));
}

fn names() -> Vec<&'static str> {
    let components = components::control().into_iter().chain(components::workers());
    std::iter::once(start::NODE).chain(components.map(|component| component.name)).collect()
}

fn missing() -> Vec<&'static str> {
    names().into_iter().filter(|name| processes::running(name).is_none()).collect()
}

fn ensure_up() -> Result<()> {
    ensure!(Path::new(FOLDER).exists(), "there is no cluster: start one with `cargo xtask cluster up`");
    let missing = missing();
    ensure!(
        missing.is_empty(),
        "not running: {}; `cargo xtask cluster up` starts the cluster anew",
        missing.join(", ")
    );
    Ok(())
}

/// One command at a time starts or ends the cluster.
fn lock() -> Result<std::fs::File> {
    debug_assert!(is_root(), "the file is root's");
    let path = format!("{FOLDER}.lock");
    let file = std::fs::File::create(&path).with_context(|| format!("cannot create {path}"))?;
    file.lock().with_context(|| format!("cannot lock {path}"))?;
    Ok(file)
}

/// After a failed start, the logs go where they outlive the cluster's folder.
fn keep_logs() -> Result<()> {
    let folder = crate::process::target_dir().join("cluster/log");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for name in names() {
        // One that was not started has none.
        if folder::log(name).exists() {
            let to = folder.join(format!("{name}.log"));
            std::fs::copy(folder::log(name), &to)
                .with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    eprintln!("all logs are in {}", folder.display());
    Ok(())
}
