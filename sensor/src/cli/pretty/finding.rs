//! A finding as a block for people: what, how bad, where, by whom, and what to do next.

use super::event::{place, time_of_day};
use super::text::{safe, word};
use super::{Colour, Paint};
use crate::proto::{
    Event, Finding, Process,
    finding::{Severity, Source},
};

/// Ancestors that are shown, the nearest first.
const LINEAGE_MAX: usize = 8;

/// Characters of a text that are shown.
const TEXT_MAX: usize = 600;

/// The block, without the end of its last line.
#[must_use]
pub fn block(event: &Event, found: &Finding, paint: Paint) -> String {
    let head = format!(
        "{} {} {}",
        paint.paint(Colour::Dim, time_of_day(event.time)),
        paint.paint(colour(found.severity()), severity(found.severity())),
        safe(title(found)),
    );
    let mut lines = vec![head];
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("    {name:<11}{value}"));
        }
    };
    fact("", shortened(safe(&found.summary)));
    fact("where", paint.paint(Colour::Place, place(event)));
    fact("process", event.process.as_ref().map(process).unwrap_or_default());
    fact("lineage", lineage(event));
    fact("techniques", found.techniques.iter().map(|id| safe(id)).collect::<Vec<_>>().join(" "));
    fact("rule", format!("{}{}", safe(&found.id), confidence(found)));
    for evidence in &found.evidence {
        // Those of a rule stand in its output.
        if found.source() != Source::Rule {
            fact("evidence", shortened(safe(&evidence.fact)));
        }
    }
    let mut cursors: Vec<_> = found.evidence.iter().map(|evidence| safe(&evidence.cursor)).collect();
    cursors.dedup();
    fact("event", cursors.join(" "));
    if found.repeats > 0 {
        fact("repeats", format!("{} more were not shown since the last one", found.repeats));
    }
    for next in &found.next {
        fact("next", safe(next));
    }
    lines.join("\n")
}

/// A text of the length that a person reads; JSON has it whole.
fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The same as a part of a line.
pub(super) fn what(found: &Finding) -> String {
    format!("{} {}: {}", severity(found.severity()), safe(title(found)), shortened(safe(&found.summary)))
}

pub(in crate::cli::pretty) const fn colour(severity: Severity) -> Colour {
    match severity {
        Severity::High | Severity::Critical => Colour::Bad,
        Severity::Medium => Colour::Notable,
        Severity::Low | Severity::Unspecified => Colour::Dim,
    }
}

pub(in crate::cli::pretty) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
        Severity::Unspecified => "?",
    }
}

fn title(found: &Finding) -> &str {
    if found.name.is_empty() { &found.id } else { &found.name }
}

fn confidence(found: &Finding) -> String {
    if found.confidence > 0.0 && found.confidence < 1.0 {
        format!(" (confidence {:.1})", found.confidence)
    } else {
        String::new()
    }
}

/// Executable, number, user, and arguments.
fn process(process: &Process) -> String {
    let mut text = named(process);
    if let Some(uid) = process.effective_uid.or(process.uid) {
        text.push_str(&format!(" uid {uid}"));
    }
    if !process.arguments.is_empty() {
        let words: Vec<_> = process.arguments.iter().map(|argument| word(argument)).collect();
        text.push_str(&format!(": {}", words.join(" ")));
    }
    text
}

pub(in crate::cli::pretty) fn named(process: &Process) -> String {
    let name = if process.executable.is_empty() { "?".to_owned() } else { word(&process.executable) };
    process.pid.map_or_else(|| name.clone(), |pid| format!("{name}[{pid}]"))
}

/// From the parent upwards.
fn lineage(event: &Event) -> String {
    let parent = event.process.as_ref().and_then(|process| process.parent.as_deref());
    let all: Vec<_> = parent.into_iter().chain(&event.ancestors).collect();
    let mut names: Vec<_> = all.iter().take(LINEAGE_MAX).map(|process| named(process)).collect();
    if all.len() > LINEAGE_MAX {
        names.push("…".to_owned());
    }
    names.join(" < ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Container, Evidence, Pod, Timestamp};

    fn of(pid: u32, executable: &str) -> Process {
        Process { pid: Some(pid), executable: executable.into(), ..Process::default() }
    }

    fn event() -> Event {
        let parent = Some(Box::new(of(6, "/bin/sh")));
        let process = Process {
            arguments: vec!["cat".into(), "/etc/shadow".into()],
            uid: Some(0),
            parent,
            ..of(7, "/bin/cat")
        };
        let pod = Pod { namespace: "shop".into(), name: "web-1".into(), ..Pod::default() };
        Event {
            time: Some(Timestamp::default()),
            process: Some(process),
            container: Some(Container { name: "main".into(), pod: Some(pod), ..Container::default() }),
            ancestors: vec![of(5, "/sbin/init")],
            ..Event::default()
        }
    }

    fn found() -> Finding {
        Finding {
            id: "read-secret".into(),
            name: "Read secret".into(),
            severity: Severity::High.into(),
            confidence: 0.8,
            techniques: vec!["T1555".into()],
            summary: "it was read\x1b[2J".into(),
            evidence: vec![Evidence { cursor: "i-3".into(), fact: "/etc/shadow".into() }],
            next: vec!["look at it".into()],
            repeats: 2,
            ..Finding::default()
        }
    }

    #[test]
    fn the_block_has_every_fact_and_no_command_for_the_terminal() {
        let expected = "\
00:00:00.000 HIGH Read secret
               it was read\\u{1b}[2J
    where      shop/web-1/main
    process    /bin/cat[7] uid 0: cat /etc/shadow
    lineage    /bin/sh[6] < /sbin/init[5]
    techniques T1555
    rule       read-secret (confidence 0.8)
    evidence   /etc/shadow
    event      i-3
    repeats    2 more were not shown since the last one
    next       look at it";
        assert_eq!(block(&event(), &found(), Paint::OFF), expected);
        assert_eq!(what(&found()), "HIGH Read secret: it was read\\u{1b}[2J");
    }

    #[test]
    fn long_texts_are_shortened_and_a_rules_evidence_is_its_output() {
        let found = Finding { summary: "ä".repeat(601), source: Source::Rule.into(), ..found() };
        let block = block(&event(), &found, Paint::OFF);
        assert!(block.contains(&format!("{}…\n", "ä".repeat(600))), "{block}");
        assert!(!block.contains("evidence") && block.contains("event      i-3"), "{block}");
    }

    #[test]
    fn what_is_missing_is_left_out() {
        let block = block(&Event::default(), &Finding { id: "a\n".into(), ..Finding::default() }, Paint::OFF);
        assert_eq!(block, "--:--:--.--- ? a\\n\n    where      -\n    rule       a\\n");
    }
}
