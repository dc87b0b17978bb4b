//! `cargo xtask test`: everything that must pass before a change is handed in.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{as_root_keeping_path, cargo, in_ci, permit_root, run, run_told, target_dir, workspace};
use crate::report::{LEFT_TO_VM, Outcome, QUICK, Report};
use crate::{attack, cluster, lint, setup, vm};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Leave out the virtual machines, the demo and the cluster (they are listed as skipped)
    #[arg(long)]
    quick: bool,
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    setup::ensure(&setup::ALL)?;
    permit_root("the live tests and the demo")?;
    let mut report = lint::steps();
    report.step("unit tests", || {
        run(cargo().args([
            "test",
            "--locked",
            "--workspace",
            "--exclude",
            "sensor-ebpf",
            "--exclude",
            "picket-tests",
        ]))?;
        run(cargo().args(["test", "--locked", "--package", "picket-tests", "--lib"]))
    });
    let mut picket = None;
    report.step("release build", || {
        picket = Some(vm::agent()?);
        Ok(())
    });
    if let Some(picket) = &picket {
        let mut said = String::new();
        report.step("example in Rust", || crate::examples::rust().map(drop));
        report.step("live tests", || live(picket, &mut said));
        report.skips_of("live tests", &said);
        report.failures_of("live tests", &said);
        attack::step("attack laboratory", picket, &mut report);
    } else {
        failed(&mut report, "live tests");
        failed(&mut report, "attack laboratory");
    }
    heavy(arguments, picket.as_deref(), &mut report);
    report.finish(in_ci())
}

/// The steps that take minutes.
fn heavy(arguments: &Arguments, picket: Option<&Path>, report: &mut Report) {
    let (machines, show, cluster) = ("kernels", "demo", "cluster");
    if arguments.quick {
        report.skip(machines, QUICK);
        report.skip(show, QUICK);
        report.skip(cluster, QUICK);
        return;
    }
    let Some(picket) = picket else {
        failed(report, machines);
        failed(report, show);
        failed(report, cluster);
        return;
    };
    match vm::run(&vm::Arguments::each_class()) {
        Ok(kernels) => {
            report.extend(kernels);
            report.skip("kernels: tests that start an agent of their own", LEFT_TO_VM);
        }
        Err(error) => report.add(machines, Outcome::Failed(format!("{error:#}")), Duration::ZERO),
    }
    // As a process of its own: it watches for signals, and goes on as root.
    report.step(show, || {
        let itself = std::env::current_exe().context("cannot find the path of xtask itself")?;
        run(as_root_keeping_path(itself)?.args(["demo", "--picket"]).arg(picket))
    });
    cluster::deploy::step(cluster, picket, report);
}

fn failed(report: &mut Report, step: &str) {
    report.add(step, Outcome::Failed("picket was not built".into()), Duration::ZERO);
}

/// The live tests are built as the user, then run as root; `said` receives what they print, as shown.
fn live(picket: &Path, said: &mut String) -> Result<()> {
    let (test, workload) = (vm::live_tests()?, vm::workload()?);
    let mut command = as_root_keeping_path(test)?;
    command.args(vm::live_arguments(&[])).current_dir(workspace().join("tests")).env("PICKET_BIN", picket);
    command.env("PICKET_WORKLOAD", workload).env("PICKET_EXAMPLE", target_dir().join("debug/picket-example"));
    // Where it cannot be made, the test says why it is skipped, which CI does not accept.
    if let Ok(python) = crate::examples::python() {
        command.env("PICKET_PYTHON", python);
    }
    vm::matrix::forget_native()?;
    run_told(&mut command, said)?;
    vm::matrix::keep_native(said)
}
