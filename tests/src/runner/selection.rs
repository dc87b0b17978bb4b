//! The command line of the live tests: which tests, with which back ends.

use super::Test;
use crate::agent::BackEnd;

/// What the command line asks for. Options of cargo's own harness that change nothing here are taken
/// and ignored, so that the usual command lines work.
#[derive(Debug, Default)]
pub(super) struct Selection {
    names: Vec<String>,
    back_ends: Vec<BackEnd>,
    exact: bool,
    /// Without tests that start an agent of their own.
    shared_agent: bool,
    pub(super) list: bool,
}

impl Selection {
    pub(super) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut selection = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--back-end" => selection.add_back_end(&arguments.next().unwrap_or_default())?,
                "--exact" => selection.exact = true,
                "--list" => selection.list = true,
                "--shared-agent" => selection.shared_agent = true,
                "--test-threads" | "--color" | "--format" => drop(arguments.next()),
                option if option.starts_with('-') => {
                    if let Some(name) = option.strip_prefix("--back-end=") {
                        selection.add_back_end(name)?;
                    }
                }
                name => selection.names.push(name.to_owned()),
            }
        }
        Ok(selection)
    }

    fn add_back_end(&mut self, name: &str) -> Result<(), String> {
        let back_end = BackEnd::from_name(name)
            .ok_or_else(|| format!("--back-end {name}: must be auto, trampoline or tracepoint"))?;
        if !self.back_ends.contains(&back_end) {
            self.back_ends.push(back_end);
        }
        Ok(())
    }

    /// Back ends in the order of the command line: all tests run with the first, and those that depend on
    /// the back end with each of the others. Without an option it is the agent's own choice.
    pub(super) fn back_ends(&self) -> Vec<BackEnd> {
        if self.back_ends.is_empty() { vec![BackEnd::Auto] } else { self.back_ends.clone() }
    }

    pub(super) fn wants(&self, test: &Test) -> bool {
        !(self.shared_agent && test.own_agent) && self.names(test.name)
    }

    /// Whether the command line names this test, or none at all.
    pub(super) fn names(&self, test: &str) -> bool {
        let fits = |name: &String| if self.exact { test == name } else { test.contains(name.as_str()) };
        self.names.is_empty() || self.names.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Selection, String> {
        Selection::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn names_and_the_harness_options_of_cargo() {
        let selection = parse("--test-threads 1 --nocapture file").unwrap();
        assert!(selection.names("file::open") && !selection.names("net"));
        assert_eq!(selection.back_ends(), [BackEnd::Auto]);
        assert!(!parse("--exact file").unwrap().names("file::open"));
    }

    #[test]
    fn tests_that_start_agents_are_left_out_on_request() {
        let shared = Test::new("file::open", |_| ());
        let own = Test::new("file::limits", |_| ()).own_agent();
        let all = parse("file").unwrap();
        assert!(all.wants(&shared) && all.wants(&own));
        let some = parse("file --shared-agent").unwrap();
        assert!(some.wants(&shared) && !some.wants(&own));
    }

    #[test]
    fn back_ends_are_kept_in_order_and_once() {
        let selection = parse("--back-end auto --back-end=tracepoint --back-end auto").unwrap();
        assert_eq!(selection.back_ends(), [BackEnd::Auto, BackEnd::Tracepoint]);
        parse("--back-end kprobe").unwrap_err();
        parse("--back-end").unwrap_err();
    }
}
