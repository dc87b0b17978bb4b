//! Rules as a judge of events.

use super::context::{Context, Given};
use super::finding::Finding;
use super::judge::Judge;
use super::pushdown::Pushdown;
use super::rules::{Ruleset, State};
use super::value::Facts as _;
use crate::policy::Judged;

/// Rules, with room to judge in.
#[derive(Debug)]
pub struct Engine {
    rules: Ruleset,
    state: State,
    /// `None`: nothing is held back.
    pushdown: Option<Pushdown>,
    /// Numbers of the rules that matched the event at hand; kept for its room.
    matched: Vec<usize>,
    buffer: Vec<u8>,
}

impl Engine {
    /// Of rules that were loaded. What none of them could match is held back by the kernel.
    #[must_use]
    pub fn new(rules: Ruleset) -> Self {
        let mut state = rules.state();
        let pushdown = Some(Pushdown::new(&rules, &mut state));
        Self { rules, state, pushdown, matched: Vec::new(), buffer: Vec::new() }
    }

    /// The same, to which every event is shown.
    #[must_use]
    pub fn without_pushdown(rules: Ruleset) -> Self {
        Self { pushdown: None, ..Self::new(rules) }
    }
}

impl Judge for Engine {
    fn judge(&mut self, given: Given<'_>, found: &mut dyn FnMut(Finding)) {
        let facts = Context::new(given);
        if !self.rules.kinds().contains(facts.kind()) {
            return;
        }
        let Self { rules, state, matched, buffer, .. } = self;
        matched.clear();
        rules.evaluate(state, &facts, &mut |rule| {
            matched.push(rule.number);
            found(rule.finding(&facts));
        });
        if rules.stops_at_first() && !matched.is_empty() {
            return;
        }
        // What was asked for may be a link to something else: both are judged, each as a whole.
        let Some(resolved) = facts.resolved(buffer) else { return };
        rules.evaluate(state, &resolved, &mut |rule| {
            if !matched.contains(&rule.number) {
                found(rule.finding(&resolved));
            }
        });
    }

    fn wanted(&self) -> Judged {
        self.pushdown.as_ref().map_or_else(Judged::everything, Pushdown::judged)
    }

    fn could_open(&mut self, given: Given<'_>) -> bool {
        let Self { rules, state, pushdown, buffer, .. } = self;
        pushdown.as_ref().is_none_or(|pushdown| pushdown.could_open(rules, state, buffer, given))
    }
}
