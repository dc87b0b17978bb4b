//! Picket in the cluster: its image and its chart as users have them, and the tests that run against it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::binaries::KUBERNETES;
use crate::chart;
use crate::image;
use crate::process::{as_root_keeping_path, run, run_told, target_dir, workspace};
use crate::report::{Outcome, Report};
use crate::setup::{Need, ensure as setup};
use crate::vm::{agent, built, failures};

const DAEMON_SET: &str = "daemonset/picket";
/// Tests want to know what the API server adds. What users set goes before it.
const ASKING: &str = "identity.kubernetes.enabled=true";
const NAMESPACE: &str = "--namespace=picket";

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Build {
    /// Take this static agent instead of building one
    #[arg(long, value_name = "FILE")]
    release_binary: Option<PathBuf>,
    /// A value of the chart, such as identity.kubernetes.enabled=true (may repeat)
    #[arg(long = "set", value_name = "PATH=VALUE")]
    values: Vec<String>,
}

/// Builds the image, starts the cluster where there is none, installs the chart, waits until the agent has started, and
/// returns the agent's program.
pub(super) fn deploy(build: &Build) -> Result<PathBuf> {
    setup(&[Need::Ebpf, Need::Containers, Need::Cluster])?;
    let program = match &build.release_binary {
        Some(program) => program.clone(),
        None => agent()?,
    };
    let archive = image::make(&image::Arguments {
        release_binary: Some(program.clone()),
        ..image::Arguments::default()
    })?;
    let manifests = manifests(&build.values)?;
    cluster(&["up"])?;
    cluster(&["load", &archive.to_string_lossy()])?;
    // Its image is called as before: an agent that runs would be left.
    // It ends before the next one starts, as in an update: what is pinned belongs to one agent.
    kubectl(&["delete", NAMESPACE, "--ignore-not-found", "--cascade=false", DAEMON_SET])?;
    kubectl(&["delete", NAMESPACE, "--all", "pods"])?;
    // Rights that other values gave it.
    kubectl(&["delete", "--ignore-not-found", "clusterrole/picket", "clusterrolebinding/picket"])?;
    kubectl(&["apply", "--filename", &manifests.to_string_lossy()])?;
    if let Err(error) = kubectl(&["rollout", "status", NAMESPACE, "--timeout=2m", DAEMON_SET]) {
        // Best effort: the first error is the one to tell.
        drop(kubectl(&["logs", NAMESPACE, "--tail=20", DAEMON_SET]));
        return Err(error);
    }
    Ok(program)
}

/// The chart, rendered for the cluster's Kubernetes.
fn manifests(values: &[String]) -> Result<PathBuf> {
    let file = target_dir().join("cluster/picket.yaml");
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut all = vec!["namespace.create=true"];
    all.extend(values.iter().map(String::as_str));
    std::fs::write(&file, chart::rendered(KUBERNETES, &all)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Deploys, and runs the tests whose names contain one of `names`; all when there is none. `said` receives what they
/// print.
pub(super) fn test(build: &Build, names: &[String], said: &mut String) -> Result<()> {
    let mut values = vec![ASKING.to_owned()];
    values.extend(build.values.iter().cloned());
    let picket = deploy(&Build { release_binary: build.release_binary.clone(), values })?;
    let tests = built(&["test", "--package", "picket-tests", "--test", "cluster", "--no-run"], "cluster")?;
    let mut command = as_root_keeping_path(tests)?;
    run_told(command.args(names).current_dir(workspace().join("tests")).env("PICKET_BIN", picket), said)
}

fn kubectl(arguments: &[&str]) -> Result<()> {
    cluster(&[&["kubectl", "--"], arguments].concat())
}

/// Another of the cluster's commands, as root.
fn cluster(arguments: &[&str]) -> Result<()> {
    let itself = std::env::current_exe().context("cannot find the path of xtask itself")?;
    let mut command: Command = as_root_keeping_path(itself)?;
    run(command.arg("cluster").args(arguments))
}

/// Everything, on a cluster that is taken away afterwards: the step `name` of `cargo xtask test`.
pub(crate) fn step(name: &str, picket: &Path, report: &mut Report) {
    println!("\n== {name}");
    let start = Instant::now();
    let build = Build { release_binary: Some(picket.to_owned()), values: Vec::new() };
    let mut said = String::new();
    let tested = test(&build, &[], &mut said);
    let tested = tested.map(|()| String::new()).or_else(|error| second_look(&build, &said, error));
    match tested.and_then(|word| cluster(&["down"]).map(|()| word)) {
        Ok(word) => report.add(name, Outcome::Passed(word), start.elapsed()),
        Err(error) => {
            eprintln!("{name}: {error:#}");
            report.add(name, Outcome::Failed(format!("{error:#}")), start.elapsed());
            report.failures_of(name, &said);
        }
    }
}

/// A node with little to spare is late now and then. So the tests that failed are run once more on a cluster of their
/// own, and the report says which these were; a test that fails again is a failure.
fn second_look(build: &Build, said: &str, error: anyhow::Error) -> Result<String> {
    let failures = failures::of(said);
    let again = failures::again(&failures).filter(|_| failures.len() <= failures::LOOKED_AT);
    // Left for the next one to take away.
    let down = cluster(&["down"]);
    let (Some(tests), Ok(())) = (again, down) else { return Err(error) };
    println!("cluster: {error:#}\ncluster: once more what failed: {}", tests.join(" "));
    test(build, &tests, &mut String::new()).map_err(|_| error)?;
    Ok(failures::passed_again(&failures))
}
