//! Runs the tests of a target one after the other: passed, failed or skipped, the third always shown.

mod matrix;
pub mod plain;
mod selection;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::agent::BackEnd;
use crate::coverage::Coverage;
use crate::lab::Lab;
use crate::skip;
use matrix::{Matrix, Verdict};
use selection::Selection;

/// Exit code of cargo's own harness for failed tests.
const FAILED: u8 = 101;
/// Exit code for a command line that is not understood.
const MISUSED: u8 = 2;

/// A test that takes longer says so.
const LONG: Duration = Duration::from_secs(10);

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    name: &'static str,
    run: fn(&mut Lab),
    native_only: Option<&'static str>,
    unless: Option<fn() -> Option<String>>,
    each_back_end: bool,
    own_agent: bool,
    proves: &'static [&'static str],
}

impl Test {
    /// A test that runs everywhere.
    #[must_use]
    pub const fn new(name: &'static str, run: fn(&mut Lab)) -> Self {
        Self {
            name,
            run,
            native_only: None,
            unless: None,
            each_back_end: false,
            own_agent: false,
            proves: &[],
        }
    }

    /// Inside a VM the test is skipped, for this reason.
    #[must_use]
    pub const fn native_only(self, reason: &'static str) -> Self {
        Self { native_only: Some(reason), ..self }
    }

    /// The test is skipped where this gives a reason: something that not every machine has is missing.
    #[must_use]
    pub const fn unless(self, reason: fn() -> Option<String>) -> Self {
        Self { unless: Some(reason), ..self }
    }

    /// What it sees depends on the back end: it runs once with each that the command line names.
    #[must_use]
    pub const fn each_back_end(self) -> Self {
        Self { each_back_end: true, ..self }
    }

    /// It starts agents of its own, which takes long where the processor is emulated: `--shared-agent` leaves it out. It
    /// must not be the only one to show a class.
    #[must_use]
    pub const fn own_agent(self) -> Self {
        Self { own_agent: true, ..self }
    }

    /// Event classes, such as `FILE_OPEN`, that arrive with their facts when it passes. Where the agent
    /// says that nothing serves one of them, the test is skipped, with the agent's reason.
    #[must_use]
    pub const fn proves(self, classes: &'static [&'static str]) -> Self {
        Self { proves: classes, ..self }
    }
}

/// Runs the tests that the command line asks for.
#[must_use]
pub fn main(tests: &[Test]) -> ExitCode {
    let selection = match Selection::parse(std::env::args().skip(1)) {
        Ok(selection) => selection,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(MISUSED);
        }
    };
    let chosen: Vec<_> = tests.iter().filter(|test| selection.wants(test)).copied().collect();
    if selection.list {
        chosen.iter().for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let mut run = Run::new();
    for (number, back_end) in selection.back_ends().into_iter().enumerate() {
        let again: Vec<_> = chosen.iter().filter(|test| number == 0 || test.each_back_end).copied().collect();
        run.pass(&again, back_end, number == 0);
    }
    run.check_classes(tests);
    run.finish(tests.len() - chosen.len())
}

/// What came of the tests so far.
struct Run {
    lab: Lab,
    passed: u32,
    skipped: u32,
    failed: Vec<String>,
    matrix: Matrix,
    /// One for each pass that needed it.
    coverages: Vec<Coverage>,
}

impl Run {
    fn new() -> Self {
        let (lab, matrix) = (Lab::new(), Matrix::default());
        Self { lab, passed: 0, skipped: 0, failed: Vec::new(), matrix, coverages: Vec::new() }
    }

    /// Runs these with one back end. A pass after the first is left out when the agent serves all classes
    /// as in an earlier one: nothing new would be seen.
    fn pass(&mut self, tests: &[Test], back_end: BackEnd, first: bool) {
        if tests.is_empty() {
            return;
        }
        self.lab.use_back_end(back_end);
        let mut coverage = Coverage::default();
        if tests.iter().any(|test| test.each_back_end || !test.proves.is_empty()) {
            match self.coverage(back_end) {
                Some(answer) if !first && self.coverages.iter().any(|one| one.serves_as(&answer)) => {
                    println!("back end {back_end}: as before on this kernel, not run again");
                    return self.end_agent();
                }
                Some(answer) => coverage = answer,
                // Counted as failed: without it no test of a class says what it proved.
                None => return,
            }
        }
        self.coverages.push(coverage.clone());
        tests.iter().for_each(|test| self.test(test, &name(test, back_end), &coverage));
        self.end_agent();
    }

    /// Each class that the agent lists must be proved by one of all tests, chosen or not: else nothing would say
    /// that it never was.
    fn check_classes(&mut self, tests: &[Test]) {
        let proved: Vec<_> = tests.iter().flat_map(|test| test.proves).copied().collect();
        let listed = self.coverages.iter().flat_map(|coverage| coverage.beyond(&proved));
        let unproved: BTreeSet<_> = listed.map(|class| format!("no test proves {class}")).collect();
        self.failed.extend(unproved);
    }

    /// Asks the shared agent what serves each class; nothing is a failure of this pass.
    fn coverage(&mut self, back_end: BackEnd) -> Option<Coverage> {
        let mut coverage = None;
        let lab = &mut self.lab;
        let asked = attempt(&format!("an agent with back end {back_end}"), || {
            coverage = Some(Coverage::of(&lab.agent().status()));
        });
        if !asked {
            self.failed.push(format!("an agent with back end {back_end}"));
        }
        coverage
    }

    fn test(&mut self, test: &Test, name: &str, coverage: &Coverage) {
        let reason = test.native_only.filter(|_| skip::in_vm()).map(str::to_owned);
        let reason = reason.or_else(|| test.unless.and_then(|reason| reason()));
        let verdict = if let Some(reason) = reason.or_else(|| coverage.unserved(test.proves)) {
            skip::report(name, &reason);
            self.skipped += 1;
            Verdict::Skipped
        } else if attempt(name, || {
            coverage.check_known(test.proves);
            (test.run)(&mut self.lab);
        }) {
            self.passed += 1;
            Verdict::Passed
        } else {
            println!("{}", self.lab.log_tail());
            self.failed.push(name.to_owned());
            Verdict::Failed
        };
        self.matrix.add(test.proves, coverage, verdict);
    }

    fn end_agent(&mut self) {
        let name = "the shared agent ends cleanly";
        if !attempt(name, || self.lab.finish()) {
            self.failed.push(name.to_owned());
        }
    }

    fn finish(self, filtered: usize) -> ExitCode {
        self.failed.iter().for_each(|name| println!("FAILED: {name}"));
        print!("{}", self.matrix);
        let verdict = if self.failed.is_empty() { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {verdict}. {} passed; {} failed; {} skipped; {filtered} filtered out\n",
            self.passed,
            self.failed.len(),
            self.skipped,
        );
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
    }
}

/// A test's name, with the back end where one was asked for.
fn name(test: &Test, back_end: BackEnd) -> String {
    match back_end {
        BackEnd::Auto => test.name.to_owned(),
        BackEnd::Trampoline | BackEnd::Tracepoint => format!("{} [{back_end}]", test.name),
    }
}

/// Runs one; a panic, whose message the default hook has printed, is a failure.
fn attempt(name: &str, run: impl FnOnce()) -> bool {
    println!("test {name} ...");
    let start = Instant::now();
    let good = catch_unwind(AssertUnwindSafe(run)).is_ok();
    let took = start.elapsed();
    if took > LONG {
        println!("{name}: took {} s", took.as_secs());
    }
    println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
    good
}
