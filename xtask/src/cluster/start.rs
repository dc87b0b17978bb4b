//! From nothing to a cluster that takes pods.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Pid;

use super::components::{Component, control, workers};
use super::folder::{FOLDER, kubeconfig, kubectl, log, path};
use super::processes::{self, last_words};
use super::settings::ADDRESS;
use super::{cgroups, images, keys, settings};
use crate::process::output;

/// How long a step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(200);
/// The node's namespaces are this one's; its log and process id have this name.
pub(super) const NODE: &str = "node";

/// Starts everything, and waits until the node takes pods.
pub(super) fn start(binaries: &Path) -> Result<()> {
    cgroups::ensure_unused()?;
    prepare().context("cannot prepare the cluster's folder")?;
    let mut started = Started::default();
    let node = started.node(binaries)?;
    write_kubectl(node, binaries)?;
    for component in control() {
        started.component(&component, node)?;
    }
    started.wait("containerd does not answer", images::runtime_answers)?;
    images::import_own()?;
    started.wait("the API server does not answer", || answers(&["get", "--raw", "/readyz"]))?;
    for component in workers() {
        started.component(&component, node)?;
    }
    started.wait("no default service account", || answers(&["get", "serviceaccount", "default"]))?;
    started.wait("the node is not ready", node_is_ready)
}

fn prepare() -> Result<()> {
    std::fs::create_dir(FOLDER).with_context(|| format!("cannot make {FOLDER}"))?;
    output(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0700", "picket-cluster", FOLDER]))?;
    for folder in ["log", "pid", "etcd"] {
        let folder = path(folder);
        std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    settings::write()?;
    keys::make()
}

fn write_kubectl(node: Pid, binaries: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let script = format!(
        "#!/bin/sh\nexec nsenter --target={} --net -- {} --kubeconfig={} \"$@\"\n",
        node.as_raw_nonzero(),
        binaries.join("kubectl").display(),
        kubeconfig().display()
    );
    let file = kubectl();
    super::folder::write("kubectl", &script)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot set the mode of {}", file.display()))
}

fn answers(arguments: &[&str]) -> bool {
    output(Command::new(kubectl()).arg("--request-timeout=5s").args(arguments)).is_ok()
}

/// Whether pods can be placed.
pub(super) fn node_is_ready() -> bool {
    let condition = r#"jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}"#;
    let nodes =
        output(Command::new(kubectl()).args(["--request-timeout=5s", "get", "nodes", "-o", condition]));
    nodes.is_ok_and(|status| status == "True")
}

/// What was started so far.
#[derive(Default)]
struct Started {
    children: Vec<(&'static str, Child)>,
}

impl Started {
    /// Makes the node's namespaces, and returns the process that keeps them.
    fn node(&mut self, binaries: &Path) -> Result<Pid> {
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--net",
            "--propagation=slave",
            "--",
            "sh",
            "-euc",
            include_str!("node.sh"),
        ]);
        command.arg("sh").arg(FOLDER).arg(binaries).arg(ADDRESS);
        let child = processes::spawn(NODE, command)?;
        let node = Pid::from_child(&child);
        self.children.push((NODE, child));
        self.wait("the node's namespaces are not there", || path("node.ready").exists())?;
        Ok(node)
    }

    fn component(&mut self, component: &Component, node: Pid) -> Result<()> {
        self.children.push((component.name, processes::start(component, node)?));
        Ok(())
    }

    /// Waits until `ready`. A component that ends meanwhile is an error that shows its last words; when it
    /// takes too long, the latest component shows its own.
    fn wait(&mut self, complaint: &str, ready: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            for (name, child) in &mut self.children {
                if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for {name}"))? {
                    bail!("{name} ended: {status}\n{}", words(name));
                }
            }
            if start.elapsed() > PATIENCE {
                let latest = self.children.last().map_or("", |(name, _)| name);
                let seconds = PATIENCE.as_secs();
                bail!("{complaint} after {seconds} s; {latest} says last:\n{}", words(latest));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

fn words(component: &str) -> String {
    last_words(&log(component))
}
