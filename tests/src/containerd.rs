//! A containerd of our own: its folders, its socket, an image made here, containers by `ctr`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::container::{Names, random_hex, succeeded};
use crate::scratch::{make_folder, write_file};

/// Name of the image that is imported.
pub const IMAGE: &str = "docker.io/library/bb:latest";

/// A running containerd; ended when dropped.
#[derive(Debug)]
pub struct Containerd {
    child: Child,
    folder: PathBuf,
}

impl Containerd {
    /// Starts containerd with everything in `folder`, and imports an image made of `root`.
    ///
    /// # Panics
    /// When it does not start; its log is shown.
    #[must_use]
    pub fn start(folder: PathBuf, root: &Path) -> Self {
        write_file(&folder.join("config.toml"), settings(&folder), 0o644);
        let log = File::create(folder.join("containerd.log")).expect("a writable folder");
        let child = Command::new("containerd")
            .arg("--config")
            .arg(folder.join("config.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be cloned"))
            .stderr(log)
            .spawn()
            .expect("containerd is installed");
        let containerd = Self { child, folder };
        containerd.wait_until_ready();
        containerd.import(root);
        containerd
    }

    fn wait_until_ready(&self) {
        for _ in 0..600 {
            if self.ctr(&["version"]).status.success() {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(self.folder.join("containerd.log")).unwrap_or_default();
        panic!("containerd does not answer\n{log}");
    }

    /// State folder, as `--runtime-state` wants it.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Runs a container to its end, with the annotations of Kubernetes, and returns its output.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, names: &Names, arguments: &[&str]) -> String {
        let annotations = names.annotations(false).into_iter();
        let annotations: Vec<String> = annotations
            .flat_map(|(key, value)| ["--annotation".to_owned(), format!("{key}={value}")])
            .collect();
        let mut command = vec!["run", "--rm"];
        command.extend(annotations.iter().map(String::as_str));
        command.extend([IMAGE, &names.id]);
        command.extend(arguments);
        succeeded(&format!("ctr {command:?}"), &self.ctr(&command))
    }

    fn ctr(&self, arguments: &[&str]) -> Output {
        Command::new("ctr")
            .arg("--address")
            .arg(self.folder.join("containerd.sock"))
            .args(["--namespace", "k8s.io"])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("ctr is installed")
    }

    /// Writes the image in the form of `docker save` and imports it: no registry has a part in it.
    fn import(&self, root: &Path) {
        let image = self.folder.join("image");
        make_folder(&image);
        archive(&image.join("layer.tar"), root, &["."]);
        let digest = Command::new("sha256sum").arg(image.join("layer.tar")).output().expect("sha256sum");
        let digest = succeeded("sha256sum", &digest);
        let digest = digest.split_whitespace().next().expect("sha256sum prints the sum");
        let configuration = json!({
            "architecture": architecture(), "os": "linux",
            "config": { "Env": ["PATH=/bin"], "Cmd": ["/bin/sh"] },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
            "history": [{ "created_by": random_hex(8) }],
        });
        let manifest = json!([{ "Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"] }]);
        write_file(&image.join("config.json"), configuration.to_string(), 0o644);
        write_file(&image.join("manifest.json"), manifest.to_string(), 0o644);
        let file = self.folder.join("image.tar");
        archive(&file, &image, &["manifest.json", "config.json", "layer.tar"]);
        let output = self.ctr(&["images", "import", &file.to_string_lossy()]);
        succeeded("ctr images import", &output);
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if kill_process(Pid::from_child(&self.child), Signal::TERM).is_ok() {
            drop(self.child.wait());
        }
    }
}

fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "version = 2\nroot = \"{folder}/root\"\nstate = \"{folder}/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\naddress = \"{folder}/containerd.sock\"\n"
    )
}

fn archive(file: &Path, folder: &Path, names: &[&str]) {
    let mut command = Command::new("tar");
    command.arg("-cf").arg(file).arg("-C").arg(folder).args(names);
    succeeded("tar", &command.output().expect("tar is installed"));
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
