//! `cargo xtask attack`: the attack laboratory, all cases or some.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::process::{as_root_keeping_path, permit_root, run, run_told, workspace};
use crate::report::{Outcome, Report};
use crate::setup::{Need, ensure};
use crate::vm::{self, failures::LOOKED_AT};

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

/// How the laboratory begins the line of a variant or twin that is not as it should be: the id of its case follows.
const FAILED: &str = "FAILED ";

/// Everything: the step `name` of `cargo xtask test`.
pub(crate) fn step(name: &str, picket: &Path, report: &mut Report) {
    println!("\n== {name}");
    let (start, mut said) = (Instant::now(), String::new());
    let tested = laboratory(picket).and_then(|mut command| run_told(&mut command, &mut said));
    let tested = tested.map(|()| String::new()).or_else(|error| second_look(picket, &said, error));
    let outcome = tested.map_or_else(|error| Outcome::Failed(format!("{error:#}")), Outcome::Passed);
    report.add(name, outcome, start.elapsed());
    report.skips_of(name, &said);
}

/// Attacks in several steps depend on when their processes run: the cases that failed are tried once more by themselves, and
/// the report says which these were. A case that fails again is a failure.
fn second_look(picket: &Path, said: &str, error: anyhow::Error) -> Result<String> {
    let lines: Vec<_> = said.lines().filter_map(|line| line.strip_prefix(FAILED)).collect();
    let cases: BTreeSet<_> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    if cases.is_empty() || cases.len() > LOOKED_AT {
        return Err(error.context(lines.join("\n")));
    }
    println!("{error:#}\nonce more what failed: {cases:?}");
    let mut command = laboratory(picket)?;
    run(command.args(&cases)).map_err(|_| error.context(lines.join("\n")))?;
    Ok(format!("passed only when tried again: {}", lines.join("; ")))
}
