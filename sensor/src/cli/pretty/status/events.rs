//! What serves each class, whether the agent's own trials come through, and what became of the events.

use std::collections::BTreeMap;

use super::{Page, class, owner};
use crate::cli::pretty::{Colour, text::safe};
use crate::proto::{ClassCoverage, ClassLedger, GetStatusResponse, GroupLedger, class_coverage::Canary};

/// Accounts of control groups that are shown.
const GROUPS_SHOWN: usize = 10;

/// A class: what serves it, and its account.
#[derive(Default)]
struct Row<'a> {
    coverage: Option<&'a ClassCoverage>,
    ledger: ClassLedger,
}

impl Row<'_> {
    /// Worth a line even where not everything is asked for.
    fn is_shown(&self) -> bool {
        let ClassLedger { seen, received, lost, unaccounted, .. } = self.ledger;
        seen > 0
            || received > 0
            || lost > 0
            || unaccounted > 0
            || self.back_end() == "none"
            || self.is_missed()
    }

    fn back_end(&self) -> &str {
        self.coverage.map(|coverage| coverage.back_end.as_str()).unwrap_or_default()
    }

    fn is_missed(&self) -> bool {
        self.coverage.is_some_and(|coverage| coverage.canary() == Canary::Missed)
    }
}

impl Page {
    /// The table of classes.
    pub(super) fn classes(&mut self, status: &GetStatusResponse, all: bool) {
        let mut rows: BTreeMap<i32, Row<'_>> = BTreeMap::new();
        for coverage in &status.coverage {
            rows.entry(coverage.class).or_default().coverage = Some(coverage);
        }
        for ledger in &status.classes {
            rows.entry(ledger.class).or_default().ledger = *ledger;
        }
        self.title("events");
        self.line(format_args!(
            "  {:<24} {:<15} {:<7} {:>11} {:>11} {:>11} {:>11} {:>9} {:>9} {:>9}",
            "class",
            "back end",
            "canary",
            "seen",
            "filtered",
            "received",
            "quiet",
            "combined",
            "limited",
            "lost"
        ));
        let mut hidden = 0;
        for (number, row) in &rows {
            // A class that this kernel has nothing for appears only with its events.
            if all && (row.coverage.is_some() || row.is_shown()) || row.is_shown() {
                self.class(*number, row);
            } else {
                hidden += usize::from(row.coverage.is_some());
            }
        }
        if hidden > 0 {
            self.line(format_args!("  {hidden} more are served and had no events (--all shows them)"));
        }
        self.remarks(status, all);
    }

    fn class(&mut self, number: i32, row: &Row<'_>) {
        let canary = match row.coverage.map(ClassCoverage::canary) {
            Some(Canary::Seen) => self.paint.paint(Colour::Good, format_args!("{:<7}", "seen")),
            Some(Canary::Missed) => self.paint.paint(Colour::Bad, format_args!("{:<7}", "MISSED")),
            Some(Canary::Untried | Canary::Unspecified) | None => format!("{:<7}", "-"),
        };
        let back_end = format!("{:<15}", safe(row.back_end()));
        let back_end = match row.back_end() {
            "none" => self.paint.paint(Colour::Notable, back_end),
            _ => back_end,
        };
        let ClassLedger { seen, received, lost, filtered, aggregated, limited, quiet, .. } = row.ledger;
        let flawed = |count: u64, colour| match (count, format!("{count:>9}")) {
            (0, text) => text,
            (_, text) => self.paint.paint(colour, text),
        };
        let (limited, lost) = (flawed(limited, Colour::Notable), flawed(lost, Colour::Bad));
        self.line(format_args!(
            "  {:<24} {back_end} {canary} {seen:>11} {filtered:>11} {received:>11} {quiet:>11} {aggregated:>9} \
             {limited} {lost}",
            class(number)
        ));
    }

    /// What a table cannot say.
    fn remarks(&mut self, status: &GetStatusResponse, all: bool) {
        for coverage in &status.coverage {
            let name = class(coverage.class);
            if !coverage.reason.is_empty() && (all || coverage.back_end == "none") {
                self.line(format_args!("  {name}: {}", safe(&coverage.reason)));
            }
            if !coverage.canary_note.is_empty() && (all || coverage.canary() == Canary::Missed) {
                self.line(format_args!("  {name}, canary: {}", safe(&coverage.canary_note)));
            }
        }
        let unaccounted: u64 = status.classes.iter().map(|ledger| ledger.unaccounted).sum();
        if unaccounted > 0 {
            self.line(format_args!("  {unaccounted} could not be booked on their control group"));
        }
        if status.records_rejected > 0 {
            let text = format!("{} records could not be decoded", status.records_rejected);
            let text = self.paint.paint(Colour::Bad, text);
            self.line(format_args!("  {text}"));
        }
        for field in &status.missing_kernel_fields {
            self.line(format_args!("  this kernel lacks {}", safe(field)));
        }
    }

    /// The accounts of the control groups with most events.
    pub(super) fn groups(&mut self, groups: &[GroupLedger]) {
        if groups.is_empty() {
            return;
        }
        self.title("control groups with most events");
        self.line(format_args!(
            "  {:<24} {:>11} {:>11} {:>11} {:>11} {:>9}  {}",
            "class", "seen", "filtered", "combined", "limited", "lost", "group"
        ));
        for group in groups.iter().take(GROUPS_SHOWN) {
            let GroupLedger { seen, filtered, aggregated, limited, lost, .. } = group;
            self.line(format_args!(
                "  {:<24} {seen:>11} {filtered:>11} {aggregated:>11} {limited:>11} {lost:>9}  {}",
                class(group.class),
                owner(group.container.as_ref(), &group.cgroup)
            ));
        }
    }
}
