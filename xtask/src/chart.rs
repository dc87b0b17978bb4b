//! The Helm chart: linted, rendered with many values, compared with what the repository says of it; and
//! `cargo xtask manifests`, which makes the plain manifests from it.

mod helm;
mod judge;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{in_ci, workspace};
use crate::report::{NOT_FETCHED, Outcome, Report};
pub(crate) use helm::Helm;

/// The chart, relative to the workspace.
pub(crate) const CHART: &str = "deploy/helm/picket";
/// What is made from it.
const MANIFESTS: &str = "deploy/kubernetes/picket.yaml";
/// Release and namespace of the plain manifests, and of all examples.
const NAME: &str = "picket";
/// The Kubernetes that the plain manifests are for. Some of their fields are unknown to earlier ones.
const KUBERNETES: &str = "1.31.0";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing: check the chart, and whether the file is what it gives
    #[arg(long)]
    check: bool,
}

/// Writes the plain manifests, or runs the checks.
pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    if arguments.check {
        let mut report = Report::default();
        steps(&mut report);
        return report.finish(in_ci());
    }
    let made = manifests(&Helm::fetch()?)?;
    let file = path(MANIFESTS);
    std::fs::create_dir_all(file.parent().context("the manifests have a folder")?)
        .with_context(|| format!("cannot make the folder of {}", file.display()))?;
    std::fs::write(&file, made).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{MANIFESTS} is what the chart gives");
    Ok(())
}

/// Everything that can be said about the chart without a cluster. Without Helm it is left out.
pub(crate) fn steps(report: &mut Report) {
    let helm = match Helm::fetch() {
        Ok(helm) => helm,
        Err(error) => {
            let reason = format!("{}: {error:#}", NOT_FETCHED[0]);
            println!("\n== chart: skipped, {reason}");
            report.add("chart", Outcome::Skipped(reason), Duration::ZERO);
            return;
        }
    };
    report.step("chart: lint", || judge::lint(&helm));
    report.step("chart: renderings", || judge::renderings(&helm));
    report.step("chart: wrong values are refused", || judge::refusals(&helm));
    report.step("plain manifests", || current(&manifests(&helm)?));
}

/// The chart, rendered for a version of Kubernetes.
pub(crate) fn rendered(kubernetes: &str, values: &[&str]) -> Result<String> {
    Helm::fetch()?.template(kubernetes, values)
}

fn path(relative: &str) -> PathBuf {
    workspace().join(relative)
}

fn current(made: &str) -> Result<()> {
    let there = std::fs::read_to_string(path(MANIFESTS)).unwrap_or_default();
    ensure!(there == made, "{MANIFESTS} is not what the chart gives: run `cargo xtask manifests`");
    Ok(())
}

fn manifests(helm: &Helm) -> Result<String> {
    Ok(plain(&helm.template(KUBERNETES, &["namespace.create=true"])?))
}

/// What Helm rendered, without that it was Helm.
fn plain(rendered: &str) -> String {
    let mut text = format!(
        "# Picket, for those without Helm: `kubectl apply --filename picket.yaml`. Needs Kubernetes {} or later.\n\
         # Made from {CHART} by `cargo xtask manifests`; values.yaml there explains what is here.\n",
        KUBERNETES.trim_end_matches(".0")
    );
    let of_helm = ["# Source: ", "app.kubernetes.io/managed-by: ", "helm.sh/chart: "];
    for line in
        rendered.lines().filter(|line| !of_helm.iter().any(|start| line.trim_start().starts_with(start)))
    {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_manifests_do_not_speak_of_helm() {
        let rendered = "---\n# Source: x\nkind: A\nlabels:\n  app.kubernetes.io/managed-by: Helm\n  \
                        helm.sh/chart: picket-1\n  a: b  \n";
        let text = plain(rendered);
        assert!(text.ends_with("\n---\nkind: A\nlabels:\n  a: b\n"), "{text}");
        assert!(text.contains("Needs Kubernetes 1.31 or later"), "{text}");
    }
}
