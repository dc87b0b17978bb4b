//! `cargo xtask bench rules`: builds and starts the benchmark `rules` of `sensor`, which measures and prints.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::process::{cargo, run, workspace};
use crate::setup::{Need, ensure as setup};

/// Folder with rule files of Falco's.
const FALCO_RULES: &str = "PICKET_FALCO_RULES";
/// The shipped rules, in the workspace.
const OWN_RULES: &str = "deploy/rules";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rules: files or folders (may repeat) [default: deploy/rules, and the folder that PICKET_FALCO_RULES names]
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Recording whose inputs are used, instead of made-up ones
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// Seconds of each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    seconds: u64,
}

pub(crate) fn command(arguments: &Arguments, behaviours: bool) -> Result<()> {
    setup(&[Need::Ebpf])?;
    let mut rules = arguments.rules.clone();
    if rules.is_empty() {
        rules.extend(std::env::var_os(FALCO_RULES).map(PathBuf::from));
        rules.extend(Some(workspace().join(OWN_RULES)).filter(|folder| folder.is_dir()));
    }
    ensure!(!rules.is_empty(), "there are no rules: give --rules, or set {FALCO_RULES}");
    let mut bench = cargo();
    bench.args(["bench", "--locked", "--package", "sensor", "--bench", "rules", "--"]);
    // It runs in another folder.
    let absolute = |path: &PathBuf| std::path::absolute(path).context("no current folder");
    for path in &rules {
        bench.arg("--rules").arg(absolute(path)?);
    }
    if let Some(path) = &arguments.recording {
        bench.arg("--recording").arg(absolute(path)?);
    }
    if behaviours {
        bench.arg("--behaviours");
    }
    run(bench.arg("--seconds").arg(arguments.seconds.to_string()))
}
