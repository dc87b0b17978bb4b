//! What ran, what failed and what was left out: the table at the end of `cargo xtask test`.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::vm::failures;

/// Reasons for a skip that are accepted where `CI` is set; any other skip there is a failure.
const ACCEPTED_SKIPS: [&str; 11] = [
    CARGO_DENY_ABSENT,
    ADVISORIES_UNREACHABLE,
    QUICK,
    LEFT_TO_VM,
    NO_CONTAINERD,
    SAME_EVERYWHERE,
    NO_TRAMPOLINES,
    NO_SAFE_TRIAL,
    NO_QUIET_TRIAL,
    NO_UPSTREAM_RULES,
    NO_MODULES,
];

/// Said by the live tests of what only trampolines tell.
const NO_TRAMPOLINES: &str = "no trampolines";
/// Said by the agent of classes that it does not try itself.
const NO_SAFE_TRIAL: &str = "the call has no safe form";
/// As [`NO_SAFE_TRIAL`].
const NO_QUIET_TRIAL: &str = "a control group of its own would disturb those who watch them";

/// Said by the live tests of Falco's own rules, which are not part of this repository.
const NO_UPSTREAM_RULES: &str = "PICKET_FALCO_RULES is not set";

/// Said by the attack laboratory on kernels that take no modules: the kernel VMs show them.
const NO_MODULES: &str = "this kernel takes no modules";

/// cargo-deny is an optional tool.
pub(crate) const CARGO_DENY_ABSENT: &str = "cargo-deny is not installed";
/// The advisory database lies on a host that not every machine reaches.
pub(crate) const ADVISORIES_UNREACHABLE: &str = "advisory database not reachable";
/// Said by the live tests inside a kernel VM, which holds runc only.
const NO_CONTAINERD: &str = "the VM has no containerd";
/// As [`NO_CONTAINERD`], of what does not depend on the kernel.
const SAME_EVERYWHERE: &str = "the same on every kernel";
/// How the live tests begin the reason for a class that the agent cannot see on a kernel: the table of
/// classes says on which.
const NOT_SERVED: &str = "no back end for ";
/// An agent takes half a minute to attach to an emulated kernel.
pub(crate) const LEFT_TO_VM: &str = "`cargo xtask vm` runs them on each kernel";
/// How the reasons begin for what comes from the Python index, which not every machine reaches.
pub(crate) const NOT_FETCHED: [&str; 2] = ["Helm cannot be fetched", "Python's grpc is missing"];
/// Left out on request.
pub(crate) const QUICK: &str = "--quick";

/// Lines of a failure's reason behind the table.
const REASON_MAX: usize = 12;

/// Characters of a step's detail in the table.
const DETAIL_MAX: usize = 100;

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All good, with a word on what was shown (may be empty).
    Passed(String),
    /// Something is wrong: the error, in one line or more.
    Failed(String),
    /// Did not run, and why.
    Skipped(String),
}

/// The steps so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<(String, Outcome, Duration)>,
}

impl Report {
    /// Adds a step that has ended.
    pub(crate) fn add(&mut self, step: impl Into<String>, outcome: Outcome, took: Duration) {
        self.steps.push((step.into(), outcome, took));
    }

    /// Adds the steps of another report.
    pub(crate) fn extend(&mut self, other: Self) {
        self.steps.extend(other.steps);
    }

    /// Runs a step, shows its heading and its error, and adds its outcome. Returns whether it passed.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {name}");
        let start = std::time::Instant::now();
        let result = work();
        let outcome = match &result {
            Ok(()) => Outcome::Passed(String::new()),
            Err(error) => {
                eprintln!("{name}: {error:#}");
                Outcome::Failed(format!("{error:#}"))
            }
        };
        self.add(name, outcome, start.elapsed());
        result.is_ok()
    }

    /// Adds a step that is left out.
    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        println!("\n== {name}: skipped, {reason}");
        self.add(name, Outcome::Skipped(reason.to_owned()), Duration::ZERO);
    }

    /// Adds what the live tests said they left out: lines `SKIPPED: <test>: <reason>`.
    pub(crate) fn skips_of(&mut self, step: &str, output: &str) {
        for skipped in output.lines().filter_map(|line| line.strip_prefix("SKIPPED: ")) {
            let (test, reason) = skipped.split_once(": ").unwrap_or((skipped, "no reason given"));
            self.add(format!("{step}: {test}"), Outcome::Skipped(reason.trim().to_owned()), Duration::ZERO);
        }
    }

    /// Adds the live tests that failed, each with its reason.
    pub(crate) fn failures_of(&mut self, step: &str, output: &str) {
        for failure in failures::of(output) {
            self.add(format!("{step}: {}", failure.name), Outcome::Failed(failure.why), Duration::ZERO);
        }
    }

    /// Prints the table; an error when a step failed, or was skipped in `ci` without an accepted reason.
    pub(crate) fn finish(mut self, ci: bool) -> Result<()> {
        if ci {
            self.refuse_unknown_skips();
        }
        println!("\n{self}");
        ensure!(self.count(|outcome| matches!(outcome, Outcome::Failed(_))) == 0, "not everything passed");
        Ok(())
    }

    fn refuse_unknown_skips(&mut self) {
        for (_, outcome, _) in &mut self.steps {
            if let Outcome::Skipped(reason) = outcome
                && !ACCEPTED_SKIPS.contains(&reason.as_str())
                && !reason.starts_with(NOT_SERVED)
                && !NOT_FETCHED.iter().any(|beginning| reason.starts_with(beginning))
            {
                *outcome = Outcome::Failed(format!("skipped, which CI does not accept: {reason}"));
            }
        }
    }

    fn count(&self, kind: fn(&Outcome) -> bool) -> usize {
        self.steps.iter().filter(|(_, outcome, _)| kind(outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.iter().map(|(name, _, _)| name.len()).max().unwrap_or(0);
        for (name, outcome, took) in &self.steps {
            let (word, detail) = match outcome {
                Outcome::Passed(detail) => ("passed ", detail),
                Outcome::Failed(detail) => ("FAILED ", detail),
                Outcome::Skipped(detail) => ("skipped", detail),
            };
            // More of an error is shown behind the table.
            let first: String = detail.lines().next().unwrap_or_default().chars().take(DETAIL_MAX).collect();
            let line = format!("{word}  {name:width$}  {:>5} s  {first}", took.as_secs());
            writeln!(formatter, "{}", line.trim_end())?;
        }
        for (name, outcome, _) in &self.steps {
            if let Outcome::Failed(detail) = outcome {
                writeln!(formatter, "\n{name}:")?;
                detail.lines().take(REASON_MAX).try_for_each(|line| writeln!(formatter, "  {line}"))?;
            }
        }
        write!(
            formatter,
            "{} passed, {} failed, {} skipped",
            self.count(|outcome| matches!(outcome, Outcome::Passed(_))),
            self.count(|outcome| matches!(outcome, Outcome::Failed(_))),
            self.count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_counts() {
        let mut report = Report::default();
        assert!(report.step("good", || Ok(())));
        assert!(!report.step("bad", || anyhow::bail!("broken\nin two lines")));
        report.skip("deny", CARGO_DENY_ABSENT);
        let table = report.to_string();
        assert!(table.ends_with("\n1 passed, 1 failed, 1 skipped"), "{table}");
        assert!(table.contains("FAILED   bad       0 s  broken\n"), "{table}");
        assert!(table.contains("\nbad:\n  broken\n  in two lines\n"), "{table}");
        report.finish(false).unwrap_err();
    }

    #[test]
    fn skips_of_the_live_tests_are_steps() {
        let mut report = Report::default();
        report.skips_of("live", "test a ... ok\nSKIPPED: x::y: the VM has no containerd\n");
        assert!(
            report.to_string().contains("skipped  live: x::y      0 s  the VM has no containerd\n"),
            "{report}"
        );
        report.finish(true).unwrap();
    }

    #[test]
    fn ci_accepts_only_known_skips() {
        let skipped = |reason: &str| {
            let mut report = Report::default();
            report.skip("step", reason);
            report
        };
        skipped("no time").finish(false).unwrap();
        skipped(CARGO_DENY_ABSENT).finish(true).unwrap();
        skipped("no time").finish(true).unwrap_err();
        skipped("no back end for MODULE_LOAD: no modules").finish(true).unwrap();
        skipped("Helm cannot be fetched: no network").finish(true).unwrap();
        let mut report = Report::default();
        report.skips_of("live tests", "SKIPPED: canary::PRIVILEGE_KEYCTL: the call has no safe form\n");
        report.finish(true).unwrap();
    }
}
