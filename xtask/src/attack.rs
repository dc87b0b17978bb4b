//! `cargo xtask attack`: the attack laboratory, all cases or some.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::{as_root_keeping_path, permit_root, run, workspace};
use crate::setup::{Need, ensure};
use crate::vm;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Cases by their ids, or whole classes: escape, mining, lateral, supporting, benign (default: all)
    cases: Vec<String>,
    /// Name the cases and end
    #[arg(long)]
    list: bool,
    /// Print what came of each variant as JSON
    #[arg(long)]
    json: bool,
    /// Write to this file what the stream had of each variant that failed
    #[arg(long, value_name = "FILE")]
    explain: Option<String>,
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    ensure(&[Need::Ebpf, Need::Containers])?;
    permit_root("the attack laboratory")?;
    let mut command = laboratory(&vm::agent()?)?;
    command.args(&arguments.cases);
    for (given, option) in [(arguments.list, "--list"), (arguments.json, "--json")] {
        if given {
            command.arg(option);
        }
    }
    if let Some(file) = &arguments.explain {
        command.arg("--explain").arg(std::path::absolute(file)?);
    }
    run(&mut command)
}

/// The laboratory is built as the user, then run as root.
fn laboratory(picket: &Path) -> Result<Command> {
    let (test, workload) = (
        vm::built(&["test", "--package", "picket-tests", "--test", "attack", "--no-run"], "attack")?,
        vm::workload()?,
    );
    let mut command = as_root_keeping_path(test)?;
    command.current_dir(workspace().join("tests")).env("PICKET_BIN", picket).env("PICKET_WORKLOAD", workload);
    Ok(command)
}
