//! Rules as a judge of events.

use super::context::{Context, Given};
use super::finding::Finding;
use super::judge::Judge;
use super::rules::{Ruleset, State};
use super::value::Facts as _;

/// Rules, with room to judge in.
#[derive(Debug)]
pub struct Engine {
    rules: Ruleset,
    state: State,
}

impl Engine {
    /// Of rules that were loaded.
    #[must_use]
    pub fn new(rules: Ruleset) -> Self {
        Self { state: rules.state(), rules }
    }
}

impl Judge for Engine {
    fn judge(&mut self, given: Given<'_>, found: &mut dyn FnMut(Finding)) {
        let facts = Context::new(given);
        if self.rules.kinds().contains(facts.kind()) {
            self.rules.evaluate(&mut self.state, &facts, &mut |rule| found(rule.finding(&facts)));
        }
    }
}
