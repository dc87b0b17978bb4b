//! `cargo xtask kind`: a cluster of containers for debugging, where Docker or podman runs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::chart::{self, Helm};
use crate::image;
use crate::process::{find, output, run, workspace};

/// Name of the cluster in deploy/kind/cluster.yaml.
const CLUSTER: &str = "picket";
/// kind's name of it in a kubeconfig.
const CONTEXT: &str = "kind-picket";
const CONFIG: &str = "deploy/kind/cluster.yaml";
const VALUES: &str = "deploy/kind/values.yaml";
/// Namespace, release and DaemonSet.
const PICKET: &str = "picket";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make the cluster if there is none, then `load` and `deploy`
    Up(Build),
    /// Make the image and put it on the nodes
    Load(Build),
    /// Install or renew the chart, and wait until the agents are ready
    Deploy,
    /// Follow the logs of all agents
    Logs,
    /// A shell on a node (the agent's image has none)
    Shell {
        /// The node
        #[arg(default_value = "picket-worker")]
        node: String,
    },
    /// Remove the cluster
    Down,
}

#[derive(Debug, clap::Args)]
struct Build {
    /// Take this static agent instead of building one
    #[arg(long, value_name = "FILE")]
    release_binary: Option<PathBuf>,
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    let engine = engine()?;
    let kind = program("kind", "https://kind.sigs.k8s.io/docs/user/quick-start/#installation")?;
    match &arguments.verb {
        Verb::Up(build) => {
            up(&kind)?;
            load(&kind, build)?;
            deploy()
        }
        Verb::Load(build) => load(&kind, build),
        Verb::Deploy => deploy(),
        Verb::Logs => {
            let all = ["--selector=app.kubernetes.io/name=picket", "--prefix", "--tail=100", "--follow"];
            run(kubectl()?.arg("logs").args(all))
        }
        Verb::Shell { node } => {
            run(Command::new(engine).args(["exec", "--interactive", "--tty", node, "bash"]))
        }
        Verb::Down => run(Command::new(kind).args(["delete", "cluster", "--name", CLUSTER])),
    }
}

/// Docker or podman, whichever answers.
fn engine() -> Result<PathBuf> {
    let found: Vec<_> = ["docker", "podman"].into_iter().filter_map(find).collect();
    if let Some(engine) = found.iter().find(|engine| output(Command::new(engine).arg("info")).is_ok()) {
        return Ok(engine.clone());
    }
    let instead = "kind makes its nodes as containers; without it, `cargo xtask cluster up` starts a real \
                   Kubernetes of one node on this machine";
    match found.first() {
        Some(engine) => bail!(
            "{} is installed and does not answer: is its service running, and may you use it? ({instead})",
            engine.display()
        ),
        None => bail!("neither Docker nor podman is installed: install one of them ({instead})"),
    }
}

fn program(name: &str, how: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("{name} is not installed: see {how}"))
}

fn kubectl() -> Result<Command> {
    let mut kubectl = Command::new(program("kubectl", "https://kubernetes.io/docs/tasks/tools/")?);
    kubectl.args(["--context", CONTEXT, "--namespace", PICKET]);
    Ok(kubectl)
}

fn up(kind: &PathBuf) -> Result<()> {
    let clusters = output(Command::new(kind).args(["get", "clusters"]))?;
    if clusters.lines().any(|line| line == CLUSTER) {
        return Ok(());
    }
    for folder in ["/proc", "/sys/fs/cgroup", "/sys/kernel/tracing"] {
        // Of a remote engine nothing can be said from here; the local one is what this is for.
        ensure!(
            std::path::Path::new(folder).is_dir(),
            "this machine has no {folder}, which its nodes are given"
        );
    }
    run(Command::new(kind).args(["create", "cluster", "--config"]).arg(workspace().join(CONFIG)))
}

fn load(kind: &PathBuf, build: &Build) -> Result<()> {
    let archive = image::make(&image::Arguments {
        release_binary: build.release_binary.clone(),
        ..image::Arguments::default()
    })?;
    run(Command::new(kind).args(["load", "image-archive", "--name", CLUSTER]).arg(archive))
}

fn deploy() -> Result<()> {
    let helm = Helm::fetch()?;
    let mut install = helm.command("upgrade");
    install.args(["--install", PICKET]).arg(workspace().join(chart::CHART));
    install.args(["--namespace", PICKET, "--create-namespace", "--kube-context", CONTEXT]);
    run(install.arg("--values").arg(workspace().join(VALUES)))?;
    // An image that was loaded anew has the old name.
    run(kubectl()?.args(["rollout", "restart", "daemonset/picket"]))?;
    run(kubectl()?.args(["rollout", "status", "--timeout=5m", "daemonset/picket"]))?;
    println!(
        "events: kubectl --context {CONTEXT} --namespace {PICKET} exec daemonset/picket -- picket watch"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_given_what_the_values_name() {
        let text = |file: &str| std::fs::read_to_string(workspace().join(file)).unwrap();
        let (cluster, values) = (text(CONFIG), text(VALUES));
        assert!(cluster.contains(&format!("\nname: {CLUSTER}\n")));
        let named: Vec<_> = values.lines().filter_map(|line| line.split_once(": /machine/")).collect();
        assert_eq!(named.len(), 3, "{values}");
        for (key, folder) in named {
            let given = cluster.matches(&format!("containerPath: /machine/{folder},")).count();
            assert_eq!(given, cluster.matches("- role: ").count(), "{}", key.trim());
        }
    }
}
