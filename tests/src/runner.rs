//! Runs the tests of a target one after the other: passed, failed or skipped, the third always shown.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::lab::Lab;
use crate::skip;

/// Exit code of cargo's own harness for failed tests.
const FAILED: u8 = 101;

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    name: &'static str,
    run: fn(&mut Lab),
    native_only: Option<&'static str>,
}

impl Test {
    /// A test that runs everywhere.
    #[must_use]
    pub const fn new(name: &'static str, run: fn(&mut Lab)) -> Self {
        Self { name, run, native_only: None }
    }

    /// Inside a VM the test is skipped, for this reason.
    #[must_use]
    pub const fn native_only(self, reason: &'static str) -> Self {
        Self { native_only: Some(reason), ..self }
    }
}

/// What the command line asks for. Options of cargo's own harness that change nothing here are taken
/// and ignored, so that the usual command lines work.
#[derive(Debug, Default)]
struct Selection {
    names: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
}

impl Selection {
    fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut selection = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => selection.exact = true,
                "--list" => selection.list = true,
                "--skip" => selection.skipped.extend(arguments.next()),
                "--test-threads" | "--color" | "--format" => drop(arguments.next()),
                option if option.starts_with('-') => {}
                name => selection.names.push(name.to_owned()),
            }
        }
        selection
    }

    fn wants(&self, test: &Test) -> bool {
        let fits =
            |name: &String| if self.exact { test.name == name } else { test.name.contains(name.as_str()) };
        (self.names.is_empty() || self.names.iter().any(fits)) && !self.skipped.iter().any(fits)
    }
}

/// Runs the tests that the command line asks for.
#[must_use]
pub fn main(tests: &[Test]) -> ExitCode {
    let selection = Selection::parse(std::env::args().skip(1));
    let chosen: Vec<_> = tests.iter().filter(|test| selection.wants(test)).collect();
    if selection.list {
        chosen.iter().for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let mut lab = Lab::new();
    let (mut passed, mut skipped, mut failed) = (0, 0, Vec::new());
    for test in &chosen {
        match test.native_only {
            Some(reason) if skip::in_vm() => {
                skip::report(test.name, reason);
                skipped += 1;
            }
            Some(_) | None if attempt(test.name, || (test.run)(&mut lab)) => passed += 1,
            Some(_) | None => {
                println!("{}", lab.log_tail());
                failed.push(test.name);
            }
        }
    }
    if !attempt("the shared agent ends cleanly", || lab.finish()) {
        failed.push("the shared agent ends cleanly");
    }
    failed.iter().for_each(|name| println!("FAILED: {name}"));
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {} failed; {skipped} skipped; {} filtered out\n",
        failed.len(),
        tests.len() - chosen.len(),
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// Runs one; a panic, whose message the default hook has printed, is a failure.
fn attempt(name: &str, run: impl FnOnce()) -> bool {
    println!("test {name} ...");
    let good = catch_unwind(AssertUnwindSafe(run)).is_ok();
    println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
    good
}
