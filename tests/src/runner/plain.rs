//! Tests that all share one world which was there before them, such as a cluster: one after the other, passed or
//! failed.

use std::process::ExitCode;

use super::selection::Selection;
use super::{FAILED, MISUSED, attempt};

/// A test in a world `W`: its name, of which a part on the command line chooses it, and what it does. It panics when
/// something is wrong.
pub type Test<W> = (&'static str, fn(&mut W));

/// Runs the tests that the command line asks for; `log` is asked what the world has to say after a failure.
#[must_use]
pub fn main<W>(tests: &[Test<W>], world: impl FnOnce() -> W, log: impl Fn(&W) -> String) -> ExitCode {
    let selection = match Selection::parse(std::env::args().skip(1)) {
        Ok(selection) => selection,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(MISUSED);
        }
    };
    let chosen: Vec<_> = tests.iter().filter(|(name, _)| selection.names(name)).collect();
    if selection.list {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let mut world = world();
    let mut failed = Vec::new();
    for (name, run) in &chosen {
        if !attempt(name, || run(&mut world)) {
            println!("{}", log(&world));
            failed.push(*name);
        }
    }
    failed.iter().for_each(|name| println!("FAILED: {name}"));
    println!(
        "\ntest result: {}. {} passed; {} failed; {} filtered out\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        chosen.len() - failed.len(),
        failed.len(),
        tests.len() - chosen.len(),
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}
