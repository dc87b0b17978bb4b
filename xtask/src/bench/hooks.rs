//! `cargo xtask bench hooks`: builds, measures as root, shows.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{digest, table};
use crate::process::{as_root, cargo, permit_root, run, target_dir};
use crate::setup::{Need, ensure as setup};
use crate::vm::built;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds; each measures every row without the agent, with it, and with a subscriber
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only rows whose name contains this (may repeat)
    #[arg(long, value_name = "TEXT")]
    row: Vec<String>,
    /// Back end, for `picket run`: trampoline, tracepoint or auto
    #[arg(long, value_name = "NAME")]
    back_end: Option<String>,
    /// Settings file, for `picket run`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// File whose opening is reported
    #[arg(long, value_name = "FILE", default_value = "/etc/shadow")]
    reported: String,
    /// Measure this picket instead of building one
    #[arg(long, value_name = "FILE")]
    picket: Option<PathBuf>,
    /// Also write the digest and every round to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    setup(&[Need::Ebpf, Need::Containers])?;
    let picket = picket(arguments)?;
    let package = ["build", "--locked", "--release", "--package", "picket-tests"];
    // The harness looks for the second one beside the first.
    let bench = built(&[&package[..], &["--bins"]].concat(), "picket-bench")?;
    permit_root("attaching to the kernel")?;
    let mut command = as_root("env");
    command.arg(format!("PICKET_BIN={}", picket.display())).arg(bench);
    command.arg(settings(arguments)?.to_string()).stdout(Stdio::piped());
    let output = command.spawn().and_then(std::process::Child::wait_with_output);
    let output = output.context("cannot start picket-bench")?;
    ensure!(output.status.success(), "picket-bench failed: {}", output.status);
    let found = serde_json::from_slice(&output.stdout).context("picket-bench wrote no JSON")?;
    let digest = digest::digest(&found)?;
    println!("\n{}", table::render(&digest));
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&digest.json()).context("the digest has no JSON")?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn picket(arguments: &Arguments) -> Result<PathBuf> {
    if arguments.picket.is_none() {
        run(cargo().args(["build", "--locked", "--release", "--package", "sensor", "--bin", "picket"]))?;
    }
    let picket = arguments.picket.clone().unwrap_or_else(|| target_dir().join("release/picket"));
    std::path::absolute(&picket)
        .ok()
        .filter(|path| path.exists())
        .with_context(|| format!("{} is missing", picket.display()))
}

/// What `picket-bench` is told.
fn settings(arguments: &Arguments) -> Result<Value> {
    let mut run = Vec::new();
    if let Some(back_end) = &arguments.back_end {
        run.extend(["--back-end".to_owned(), back_end.clone()]);
    }
    if let Some(config) = &arguments.config {
        let path = std::path::absolute(config).context("no current folder")?;
        run.extend(["--config".to_owned(), path.to_string_lossy().into_owned()]);
    }
    Ok(json!({
        "rounds": arguments.rounds,
        "rows": arguments.row,
        "reported": arguments.reported,
        "arguments": run,
    }))
}
