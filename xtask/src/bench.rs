//! `cargo xtask bench`: what the agent costs the machine. Builds and starts `picket-bench` (of `tests`),
//! which measures; shows what it found. Nothing here fails because something took long.

mod digest;
mod hooks;
mod rules;
mod table;

use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// Time per operation with and without the agent, in one run, and run times of its programs
    Hooks(hooks::Arguments),
    /// Events a second through decode, tree, identity and rules, on one core; needs no root
    Rules(rules::Arguments),
    /// The same with every behaviour, incidents and what is learned of images
    Detect(rules::Arguments),
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    match &arguments.benchmark {
        Benchmark::Hooks(arguments) => hooks::command(arguments),
        Benchmark::Rules(arguments) => rules::command(arguments, false),
        Benchmark::Detect(arguments) => rules::command(arguments, true),
    }
}
