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
    /// Where the rules are that matched the event at hand; kept for its room.
    matched: Vec<usize>,
    buffer: Vec<u8>,
}

impl Engine {
    /// Of rules that were loaded.
    #[must_use]
    pub fn new(rules: Ruleset) -> Self {
        Self { state: rules.state(), rules, matched: Vec::new(), buffer: Vec::new() }
    }
}

impl Judge for Engine {
    fn judge(&mut self, given: Given<'_>, found: &mut dyn FnMut(Finding)) {
        let facts = Context::new(given);
        if !self.rules.kinds().contains(facts.kind()) {
            return;
        }
        let Self { rules, state, matched, buffer } = self;
        matched.clear();
        rules.evaluate(state, &facts, &mut |rule| {
            matched.push(std::ptr::from_ref(rule).addr());
            found(rule.finding(&facts));
        });
        if rules.stops_at_first() && !matched.is_empty() {
            return;
        }
        // What was asked for may be a link to something else: both are judged, each as a whole.
        let Some(resolved) = facts.resolved(buffer) else { return };
        rules.evaluate(state, &resolved, &mut |rule| {
            if !matched.contains(&std::ptr::from_ref(rule).addr()) {
                found(rule.finding(&resolved));
            }
        });
    }
}
