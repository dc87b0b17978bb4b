//! `cargo xtask`: the developer's commands, one file each.
#![forbid(unsafe_code)]

mod bench;
mod demo;
mod examples;
mod lint;
mod process;
mod report;
mod setup;
mod test;
mod tidy;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
// Used by the library of this package only.
use serde_json as _;

/// Picket's developer commands.
///
/// Start with `cargo xtask demo` to see Picket at work, and run `cargo xtask test` before a change is
/// handed in. What needs root asks before it uses sudo, unless it runs as root or CI is set.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show Picket: start the agent and a real container, watch its events, clean up
    Demo(demo::Arguments),
    /// Everything that must pass: lint, unit, live (as root), kernels, demo
    Test(test::Arguments),
    /// Find what is missing to build, test and show Picket, and install it (Debian, Ubuntu)
    Setup(setup::Arguments),
    /// Check what compilers do not: layers, purity, manifests, documents
    Tidy,
    /// Formatting, clippy for both targets, rustdoc, tidy, cargo-deny
    Lint,
    /// Measure what the agent costs
    Bench(bench::Arguments),
    /// Run the live tests on stock kernels in virtual machines (no KVM needed)
    Vm(vm::Arguments),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Demo(arguments) => demo::command(arguments),
        Verb::Test(arguments) => test::command(arguments),
        Verb::Setup(arguments) => setup::command(arguments),
        Verb::Tidy => tidy::command(),
        Verb::Lint => lint::command(),
        Verb::Bench(arguments) => bench::command(arguments),
        Verb::Vm(arguments) => vm::command(arguments),
    }
}
