//! `cargo xtask`: the developer's commands, one file each.
#![forbid(unsafe_code)]

mod apt;
mod attack;
mod bench;
mod chart;
mod cluster;
mod corpus;
mod demo;
mod examples;
mod image;
mod kind;
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
    /// Formatting, clippy for both targets, rustdoc, tidy, cargo-deny, the Helm chart
    Lint,
    /// Make the container image, its bill of materials included (no container builder needed)
    Image(image::Arguments),
    /// Make the plain manifests of deploy/kubernetes from the Helm chart
    Manifests(chart::Arguments),
    /// Make the recordings of the replay tests anew (as root), to be reviewed
    Corpus,
    /// Measure what the agent costs
    Bench(bench::Arguments),
    /// A real Kubernetes of one node, on this machine: started, tested on, taken away without a trace
    Cluster(cluster::Arguments),
    /// A cluster of containers for debugging (needs Docker or podman, and kind)
    Kind(kind::Arguments),
    /// Run the attack laboratory, whole or by cases: is everything found, and ordinary work left alone?
    Attack(attack::Arguments),
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
        Verb::Image(arguments) => image::command(arguments),
        Verb::Manifests(arguments) => chart::command(arguments),
        Verb::Corpus => corpus::command(),
        Verb::Bench(arguments) => bench::command(arguments),
        Verb::Cluster(arguments) => cluster::command(arguments),
        Verb::Kind(arguments) => kind::command(arguments),
        Verb::Attack(arguments) => attack::command(arguments),
        Verb::Vm(arguments) => vm::command(arguments),
    }
}
