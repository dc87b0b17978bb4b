//! A containerd of the demo's own: root, state and socket in the demo's folder, so that it disturbs none.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::background::Background;
use super::scratch::Scratch;
use super::stop::Stop;
use crate::image::oci::Image;
use crate::process::output;

/// The container runs as if Kubernetes had started it.
pub(crate) const IMAGE: &str = "docker.io/library/picket-demo:latest";
pub(crate) const POD: &str = "web-1";
pub(crate) const NAMESPACE: &str = "default";
pub(crate) const CONTAINER: &str = "main";

/// containerd's own namespace for Kubernetes.
const RUNTIME_NAMESPACE: &str = "k8s.io";
const READY: Duration = Duration::from_secs(60);

/// The running containerd; its containers, their shims and itself end when it is dropped.
#[derive(Debug)]
pub(crate) struct Containerd {
    folder: PathBuf,
    process: Option<Background>,
    /// Control groups that were there before: somebody else's.
    cgroups: Vec<PathBuf>,
}

impl Containerd {
    pub(crate) fn start(scratch: &Scratch, stop: &Stop) -> Result<Self> {
        let folder = scratch.path().join("containerd");
        std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let cgroups = runtime_cgroups();
        let configuration = folder.join("config.toml");
        std::fs::write(&configuration, settings(&folder))
            .with_context(|| format!("cannot write {}", configuration.display()))?;
        let mut command = Command::new("containerd");
        command.arg("--config").arg(&configuration);
        let mut process = Background::start(command, "containerd", &scratch.path().join("containerd.log"))?;
        let answers = || ctr(&folder, &["version"]).output().is_ok_and(|output| output.status.success());
        process.wait_until(READY, stop, answers)?;
        Ok(Self { folder, process: Some(process), cgroups })
    }

    /// The folder to give to `picket run --runtime-state`.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Gives it an image.
    pub(crate) fn import(&self, image: &Image, scratch: &Scratch) -> Result<()> {
        let file = scratch.path().join("image.tar");
        std::fs::write(&file, image.archive()?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        output(self.ctr(&["images", "import"]).arg(file))?;
        Ok(())
    }

    fn ctr(&self, arguments: &[&str]) -> Command {
        ctr(&self.folder, arguments)
    }

    /// Runs `script` in a container to its end, and returns the container's id.
    pub(crate) fn run(&self, script: &str, scratch: &Scratch, stop: &Stop) -> Result<String> {
        let (id, uid) = (random_hex(32)?, random_uuid()?);
        let annotations = annotations(&id, &uid);
        let mut arguments = vec!["run", "--rm"];
        arguments.extend(annotations.iter().flat_map(|annotation| ["--annotation", annotation]));
        arguments.extend([IMAGE, &id, "/bin/sh", "-c", script]);
        let log = scratch.path().join("container.log");
        let mut running = Background::start(self.ctr(&arguments), "ctr run", &log)?;
        let status = running.wait(stop)?;
        ensure!(status.success(), "the container failed: {status}\n{}", running.last_words());
        Ok(id)
    }

    fn remove_containers(&self) {
        let list = output(&mut self.ctr(&["containers", "list", "--quiet"]));
        for id in list.unwrap_or_default().split_whitespace() {
            // Each may have ended by itself meanwhile: what is left is what counts, see below.
            for step in [
                ["tasks", "kill", "--signal", "SIGKILL", id].as_slice(),
                &["tasks", "delete", "--force", id],
                &["containers", "delete", id],
            ] {
                drop(output(&mut self.ctr(step)));
            }
        }
    }

    /// Shims outlive containerd. Ours name its socket, which lies in our folder.
    fn end_shims(&self) {
        let folder = self.folder.display().to_string();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok) {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            let ours = words.contains("containerd-shim") && words.contains(&folder);
            if let Some(pid) = pid.filter(|_| ours)
                && let Err(error) = kill_process(pid, Signal::KILL)
            {
                eprintln!("cannot end the shim {pid:?}: {error}");
            }
        }
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.remove_containers();
        self.process = None;
        self.end_shims();
        // runc removes the container's control groups, not the namespace's above them. Only empty ones go.
        for cgroup in runtime_cgroups().iter().filter(|cgroup| !self.cgroups.contains(cgroup)) {
            if let Err(error) = std::fs::remove_dir(cgroup) {
                eprintln!("left: {}: {error}", cgroup.display());
            }
        }
    }
}

fn ctr(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("ctr");
    command.arg("--address").arg(folder.join("containerd.sock"));
    command.args(["--namespace", RUNTIME_NAMESPACE]).args(arguments);
    command
}

/// The control groups of the namespace that exist, on every hierarchy (v2 alone, v1, hybrid).
fn runtime_cgroups() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let below =
        std::fs::read_dir(root).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let all =
        std::iter::once(root.to_path_buf()).chain(below).map(|hierarchy| hierarchy.join(RUNTIME_NAMESPACE));
    // v1 hierarchies have links to them (cpu, cpuacct): each folder once.
    let mut found: Vec<_> = all.filter_map(|folder| folder.canonicalize().ok()).collect();
    found.sort();
    found.dedup();
    found
}

fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "version = 2\nroot = \"{folder}/root\"\nstate = \"{folder}/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\naddress = \"{folder}/containerd.sock\"\n"
    )
}

/// What containerd's CRI plugin writes into the bundle of a pod's container.
fn annotations(id: &str, uid: &str) -> Vec<String> {
    [
        ("container-type", "container"),
        ("sandbox-id", id),
        ("sandbox-name", POD),
        ("sandbox-namespace", NAMESPACE),
        ("sandbox-uid", uid),
        ("container-name", CONTAINER),
        ("image-name", IMAGE),
    ]
    .iter()
    .map(|(name, value)| format!("io.kubernetes.cri.{name}={value}"))
    .collect()
}

fn random_hex(bytes: usize) -> Result<String> {
    use std::io::Read;
    let mut buffer = vec![0; bytes];
    let mut source = std::fs::File::open("/dev/urandom").context("cannot open /dev/urandom")?;
    source.read_exact(&mut buffer).context("cannot read /dev/urandom")?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn random_uuid() -> Result<String> {
    let uuid =
        std::fs::read_to_string("/proc/sys/kernel/random/uuid").context("cannot read a random uuid")?;
    Ok(uuid.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kubernetes() {
        let all = annotations("a", "b");
        assert!(all.contains(&"io.kubernetes.cri.sandbox-name=web-1".to_owned()), "{all:?}");
        assert_eq!(random_hex(32).unwrap().len(), 64);
        assert_eq!(random_uuid().unwrap().len(), 36);
    }
}
