//! Rules: how many, from where, and what they found.

use super::{Colour, Page, safe};
use crate::proto::{GetStatusResponse, Rules};

/// Warnings that are shown where not everything is asked for.
const WARNINGS_SHOWN: usize = 3;

impl Page {
    /// Nothing of an agent without rules that was never given any.
    pub(super) fn rules(&mut self, status: &GetStatusResponse, all: bool) {
        let Some(rules) = &status.rules else { return };
        self.title("rules");
        let Rules { loaded, enabled, macros, lists, .. } = rules;
        let (files, when) = (rules.files.len(), rules.load_time.unwrap_or_default());
        if files == 0 {
            let paths: Vec<_> = rules.paths.iter().map(|path| safe(path)).collect();
            self.line(format_args!("  none: there is no rule file in {}", paths.join(", ")));
        } else {
            self.line(format_args!(
                "  {enabled} of {loaded} rules in force ({macros} macros, {lists} lists), from {files} files, read at {when}"
            ));
        }
        if all {
            for file in &rules.files {
                self.line(format_args!("    {}", safe(file)));
            }
        }
        self.refused(rules);
        let shown = if all { usize::MAX } else { WARNINGS_SHOWN };
        for warning in rules.warnings.iter().take(shown) {
            self.line(format_args!("  warning: {}", safe(warning)));
        }
        if let more @ 1.. = rules.warnings.len().saturating_sub(shown) {
            self.line(format_args!("  {more} more warnings (--all shows them)"));
        }
        self.found(rules);
    }

    /// What rules make the kernel send, and how much of what happened it did not.
    fn pushed_down(&mut self, rules: &Rules) {
        if !rules.pushdown {
            if rules.enabled > 0 {
                self.line(format_args!("  looked at: every event, since rules.pushdown is off"));
            }
            return;
        }
        let (containers, host) = (rules.container_classes.len(), rules.host_classes.len());
        let (filtered, seen) = (rules.events_filtered, rules.events_seen);
        self.line(format_args!(
            "  looked at: {containers} classes of containers, {host} of the host; {filtered} of {seen} events filtered in the kernel, as nothing could match"
        ));
    }

    fn refused(&mut self, rules: &Rules) {
        if rules.error.is_empty() {
            return;
        }
        let since = rules.error_time.unwrap_or_default();
        let refused = format_args!("  the files as they are since {since} are NOT in force:").to_string();
        let refused = self.paint.paint(Colour::Bad, refused);
        self.line(format_args!("{refused}"));
        for line in rules.error.lines() {
            self.line(format_args!("    {}", safe(line)));
        }
    }

    fn found(&mut self, rules: &Rules) {
        let counts: Vec<_> = rules.findings.iter().rev().filter(|count| count.count > 0).collect();
        let found: Vec<_> = counts
            .iter()
            .map(|count| format!("{} {}", count.count, count.severity().as_str_name().to_lowercase()))
            .collect();
        let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
        self.line(format_args!("  findings: {found}; {} events judged", rules.events_judged));
        self.pushed_down(rules);
        let (combined, limited) = (rules.findings_combined, rules.findings_limited);
        let excepted = rules.findings_excepted;
        if combined + limited + excepted > 0 {
            self.line(format_args!(
                "  not told: {combined} equal ones, {limited} beyond rules.burst, {excepted} excepted"
            ));
        }
        if let Some(images) = rules.images.filter(|images| images.entries > 0) {
            self.line(format_args!("  learned of {} images (picket normal)", images.entries));
        }
        if let Some(names) = rules.names.filter(|names| names.entries > 0) {
            let failures = rules.name_failures;
            self.line(format_args!("  names with addresses: {}, look-ups failed: {failures}", names.entries));
        }
    }
}
