//! `cargo xtask lint`: everything that can be said about the code without running it.

use std::process::Command;

use anyhow::{Context, Result};
use xtask::ebpf::Toolchain;

use crate::examples::MANIFEST;
use crate::process::{cargo, in_ci, run, target_dir, workspace};
use crate::report::{ADVISORIES_UNREACHABLE, CARGO_DENY_ABSENT, Outcome, Report};

pub(crate) fn command() -> Result<()> {
    crate::setup::ensure(&[crate::setup::Need::Ebpf, crate::setup::Need::Lint])?;
    steps().finish(in_ci())
}

/// Runs every lint, also after one has failed: all that is wrong is said at once.
pub(crate) fn steps() -> Report {
    let mut report = Report::default();
    report.step("format", || {
        run(cargo().args(["fmt", "--all", "--check"]))?;
        run(cargo().args(["fmt", "--check", "--manifest-path", MANIFEST]))
    });
    report.step("clippy", || {
        let host = ["clippy", "--workspace", "--exclude", "sensor-ebpf", "--all-targets", "--locked", "--"];
        run(cargo().args(host).arg("-Dwarnings"))?;
        let example = ["clippy", "--locked", "--manifest-path", MANIFEST, "--target-dir"];
        run(cargo().args(example).arg(target_dir()).args(["--", "-Dwarnings"]))
    });
    report.step("clippy of the kernel programs", kernel_clippy);
    report.step("rustdoc", || {
        let all = [
            "doc",
            "--workspace",
            "--exclude",
            "sensor-ebpf",
            "--no-deps",
            "--document-private-items",
            "--locked",
        ];
        run(cargo().env("RUSTDOCFLAGS", "-Dwarnings").args(all))
    });
    report.step("tidy", crate::tidy::command);
    deny(&mut report);
    crate::chart::steps(&mut report);
    report
}

fn kernel_clippy() -> Result<()> {
    let toolchain = Toolchain::detect()?;
    run(toolchain.cargo("clippy", &workspace(), &target_dir().join("ebpf")).args(["--", "-Dwarnings"]))
        .with_context(|| format!("with the {toolchain}"))
}

fn deny(report: &mut Report) {
    let (step, advisories) = ("cargo-deny", "cargo-deny advisories");
    if Command::new("cargo-deny").arg("--version").output().is_err() {
        report.skip(step, CARGO_DENY_ABSENT);
        report.skip(advisories, CARGO_DENY_ABSENT);
        return;
    }
    report.step(step, || run(cargo().args(["deny", "check", "bans", "licenses", "sources"])));
    let fetched = cargo().args(["deny", "fetch", "db"]).output().is_ok_and(|output| output.status.success());
    if fetched {
        report.step(advisories, || run(cargo().args(["deny", "check", "--disable-fetch", "advisories"])));
    } else {
        report.add(
            advisories,
            Outcome::Skipped(ADVISORIES_UNREACHABLE.to_owned()),
            std::time::Duration::ZERO,
        );
    }
}
