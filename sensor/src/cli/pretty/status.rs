//! The answer of `GetStatus` as a page.

mod events;
mod identity;
mod incidents;
mod rules;

use std::fmt::{self, Write as _};

use super::text::safe;
use super::{Colour, Paint};
use crate::proto::{Class, Container, GetStatusResponse, Hook, Table, TlsListener, loss};

/// The page, with its last line end; with `all`, classes without events and every hook as well.
#[must_use]
pub fn page(status: &GetStatusResponse, all: bool, paint: Paint) -> String {
    let mut page = Page { text: String::new(), paint };
    page.head(status);
    page.classes(status, all);
    page.groups(&status.groups);
    page.losses(status);
    page.hooks(&status.hooks, all);
    page.rules(status, all);
    page.incidents(status);
    page.identity(status, all);
    page.given_up(status);
    page.subscribers(status);
    page.text
}

struct Page {
    text: String,
    paint: Paint,
}

impl Page {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a `String` does not fail.
        writeln!(self.text, "{line}").unwrap_or_default();
    }

    /// A line `name: value`, where there is a value.
    fn fact(&mut self, name: &str, value: impl fmt::Display) {
        let value = value.to_string();
        if !value.is_empty() {
            self.line(format_args!("{name:<12}{value}"));
        }
    }

    fn head(&mut self, status: &GetStatusResponse) {
        let verdict = match status.ready {
            true => self.paint.paint(Colour::Good, "ready"),
            false => self.paint.paint(Colour::Bad, "NOT READY"),
        };
        self.fact("agent", verdict);
        for problem in &status.problems {
            let problem = self.paint.paint(Colour::Bad, safe(problem));
            self.fact("problem", problem);
        }
        self.fact("version", safe(&status.version));
        self.fact("node", safe(&status.node));
        self.fact("kernel", safe(&status.kernel));
        self.fact("cgroups", safe(&status.cgroup_hierarchy));
        self.fact("started", status.start_time.map(|time| time.to_string()).unwrap_or_default());
        self.fact(
            "attached",
            status.attach_time.map(|time| format!("{time} after the start")).unwrap_or_default(),
        );
        self.fact("memory", bytes(status.resident_bytes));
        self.fact("tcp", status.tls.as_ref().map(listener).unwrap_or_default());
    }

    /// The programs; of those that are attached, where not everything is asked for, their number.
    fn hooks(&mut self, hooks: &[Hook], all: bool) {
        self.title("hooks");
        let attached = hooks.iter().filter(|hook| hook.attached).count();
        for hook in hooks.iter().filter(|hook| all || !hook.attached) {
            let state = match (hook.attached, hook.error.as_str()) {
                (true, _) => self.paint.paint(Colour::Good, "attached"),
                (false, "") => self.paint.paint(Colour::Bad, "not attached"),
                (false, error) => {
                    self.paint.paint(Colour::Bad, format_args!("not attached: {}", safe(error)))
                }
            };
            let (program, target, back_end) = (safe(&hook.program), safe(&hook.target), safe(&hook.back_end));
            self.line(format_args!("  {program:<20} {target:<24} {back_end:<16} {state}"));
        }
        if !all {
            self.line(format_args!("  {attached} attached (--all lists them)"));
        }
    }

    fn losses(&mut self, status: &GetStatusResponse) {
        if status.losses.is_empty() && status.losses_unattributed == 0 {
            return;
        }
        self.title("losses");
        for loss in &status.losses {
            self.line(format_args!(
                "  {:>12} {:<20} {:<12} {}",
                loss.count,
                class(loss.class),
                reason(loss.reason),
                owner(loss.container.as_ref(), &loss.cgroup)
            ));
        }
        if status.losses_unattributed > 0 {
            self.line(format_args!("  {:>12} of unknown control groups", status.losses_unattributed));
        }
    }

    fn identity(&mut self, status: &GetStatusResponse, all: bool) {
        self.title("identity");
        self.table("processes", status.processes.as_ref());
        self.table("control groups", status.control_groups.as_ref());
        if status.peers.is_some() {
            self.table("addresses of the cluster", status.peers.as_ref());
        }
        let (with, without) = (status.first_execs_identified, status.first_execs_unidentified);
        self.line(format_args!("  first execs of containers: {with} with full identity, {without} without"));
        if let Some(executed) = &status.executed {
            let (all, unwatched) = (executed.all, executed.unwatched);
            self.line(format_args!("  programs executed: {all}, of which {unwatched} while no agent ran"));
        }
        self.delays(&status.identity_delays);
        self.sources(&status.identity_sources, all);
        // A map has no order of its own.
        let labels: std::collections::BTreeMap<_, _> = status.node_labels.iter().collect();
        for (key, value) in labels {
            self.line(format_args!("  label of the node: {}={}", safe(key), safe(value)));
        }
    }

    fn given_up(&mut self, status: &GetStatusResponse) {
        let given_up = status.given_up.unwrap_or_default();
        let flows = status.flows.map_or(0, |flows| flows.evicted);
        let counts = [
            (given_up.questions, "questions for the container of a control group"),
            (given_up.lookups, "look-ups of containers"),
            (given_up.inquiries, "questions about containers to a runtime or the API server"),
            (given_up.users, "readings of the users of containers"),
            (given_up.verdicts, "verdicts on files: the kernel asks again"),
            (given_up.group_policies, "policies of control groups: everything is wanted of them"),
            (given_up.identity_waits, "waits of events for their container"),
            (given_up.owner_waits, "waits of first bytes for the owner of their socket"),
            (flows, "flows before their protocol was known"),
            (given_up.recorded_inputs, "inputs that a recording lacks"),
        ];
        let mut counts = counts.into_iter().filter(|(count, _)| *count > 0).peekable();
        if counts.peek().is_some() {
            self.title("given up, because there was no room");
        }
        for (count, what) in counts {
            self.line(format_args!("  {count:>12} {what}"));
        }
    }

    fn table(&mut self, name: &str, table: Option<&Table>) {
        let Some(Table { entries, capacity, evicted }) = table else { return };
        self.line(format_args!("  {name}: {entries} of at most {capacity}, {evicted} given up"));
    }

    fn subscribers(&mut self, status: &GetStatusResponse) {
        self.title("subscribers");
        if status.subscribers.is_empty() {
            self.line(format_args!("  none"));
        }
        for subscriber in &status.subscribers {
            let (id, sent, lost) = (subscriber.id, subscriber.sent, subscriber.lost);
            self.line(format_args!("  {id}: {sent} sent, {lost} lost"));
        }
    }

    fn title(&mut self, title: &str) {
        let title = self.paint.paint(Colour::Place, title);
        self.line(format_args!("\n{title}"));
    }
}

fn class(number: i32) -> String {
    Class::try_from(number)
        .map_or_else(|unknown| unknown.0.to_string(), |class| class.as_str_name().to_owned())
}

fn reason(number: i32) -> String {
    loss::Reason::try_from(number)
        .map_or_else(|unknown| unknown.0.to_string(), |reason| reason.as_str_name().to_owned())
}

/// Name of a container, or of a control group that is none's.
fn owner(container: Option<&Container>, cgroup: &str) -> String {
    match container {
        Some(Container { name, pod: Some(pod), .. }) => {
            format!("{}/{}/{}", safe(&pod.namespace), safe(&pod.name), safe(name))
        }
        Some(container) if !container.name.is_empty() => safe(&container.name),
        _ => safe(cgroup),
    }
}

/// For people: `12.3 MiB`.
fn bytes(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB)
}

/// The stream by TCP: what a client that is not served leaves behind.
fn listener(tls: &TlsListener) -> String {
    let TlsListener { address, connections, connections_max, refused, failed, unknown, .. } = tls;
    let address = safe(address);
    format!(
        "{address}, {connections} of {connections_max} connections; refused: {refused} too many, {failed} without \
         a proof, {unknown} not named"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{
        ClassCoverage, ClassLedger, Duration, GivenUp, GroupLedger, LossEntry, Subscriber, Timestamp,
        class_coverage::Canary,
    };

    fn status() -> GetStatusResponse {
        GetStatusResponse {
            version: "0.1.0".into(),
            node: "n1".into(),
            kernel: "6.12.0".into(),
            start_time: Some(Timestamp::default()),
            ready: true,
            hooks: vec![
                Hook {
                    program: "fork".into(),
                    target: "sched_process_fork".into(),
                    back_end: "btf_tracepoint".into(),
                    attached: true,
                    ..Hook::default()
                },
                Hook { program: "exec".into(), error: "EPERM\x1b[2J".into(), ..Hook::default() },
            ],
            attach_time: Some(Duration::from_nanos(120_000_000)),
            resident_bytes: 20 << 20 | 1 << 19,
            classes: vec![ClassLedger {
                class: 2,
                seen: 10,
                received: 9,
                lost: 1,
                published: 9,
                ..ClassLedger::default()
            }],
            coverage: vec![
                ClassCoverage {
                    class: 2,
                    back_end: "btf_tracepoint".into(),
                    canary: Canary::Seen.into(),
                    ..ClassCoverage::default()
                },
                ClassCoverage { class: 21, back_end: "tracepoint".into(), ..ClassCoverage::default() },
                ClassCoverage {
                    class: 20,
                    back_end: "tracepoint".into(),
                    canary: Canary::Missed.into(),
                    canary_note: "no event came".into(),
                    ..ClassCoverage::default()
                },
                ClassCoverage {
                    class: 46,
                    back_end: "none".into(),
                    reason: "no fentry: EPERM".into(),
                    ..ClassCoverage::default()
                },
            ],
            groups: vec![GroupLedger {
                cgroup: "77".into(),
                class: 2,
                seen: 10,
                lost: 1,
                ..GroupLedger::default()
            }],
            losses: vec![LossEntry {
                class: 2,
                reason: loss::Reason::RingFull.into(),
                count: 1,
                cgroup: "/a".into(),
                container: None,
            }],
            subscribers: vec![Subscriber { id: 1, sent: 9, lost: 0 }],
            processes: Some(Table { entries: 5, capacity: 100, evicted: 0 }),
            first_execs_identified: 4,
            ..GetStatusResponse::default()
        }
    }

    #[test]
    fn the_page_has_every_fact() {
        let page = page(&status(), false, Paint::OFF);
        let expected = "\
agent       ready
version     0.1.0
node        n1
kernel      6.12.0
started     1970-01-01T00:00:00Z
attached    0.120s after the start
memory      20.5 MiB

events
  class                    back end        canary         seen    filtered    received       quiet  combined   limited      lost
  PROCESS_EXEC             btf_tracepoint  seen             10           0           9           0         0         0         1
  FILE_OPEN                tracepoint      MISSED            0           0           0           0         0         0         0
  PRIVILEGE_MOUNT          none            -                 0           0           0           0         0         0         0
  1 more are served and had no events (--all shows them)
  FILE_OPEN, canary: no event came
  PRIVILEGE_MOUNT: no fentry: EPERM

control groups with most events
  class                           seen    filtered    combined     limited      lost  group
  PROCESS_EXEC                      10           0           0           0         1  77

losses
             1 PROCESS_EXEC         RING_FULL    /a

hooks
  exec                                                           not attached: EPERM\\u{1b}[2J
  1 attached (--all lists them)

identity
  processes: 5 of at most 100, 0 given up
  first execs of containers: 4 with full identity, 0 without

subscribers
  1: 9 sent, 0 lost
";
        assert_eq!(page, expected);
    }

    #[test]
    fn everything_is_shown_where_it_is_asked_for() {
        let page = page(&status(), true, Paint::OFF);
        for part in
            ["FILE_RENAME ", "  fork                 sched_process_fork       btf_tracepoint   attached"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("--all"));
    }

    #[test]
    fn rules_and_what_they_found() {
        use crate::proto::{FindingCount, Rules, finding::Severity};

        let count = |severity: Severity, count| FindingCount { severity: severity.into(), count };
        let rules = Rules {
            files: vec!["/etc/picket/rules/a.yaml".into()],
            loaded: 3,
            enabled: 2,
            load_time: Some(Timestamp::default()),
            error: "a.yaml:1:2: no\x1b[2J\nb.yaml:3:4: no".into(),
            error_time: Some(Timestamp::default()),
            warnings: ["w1", "w2", "w3", "w4"].map(str::to_owned).to_vec(),
            events_judged: 9,
            findings: vec![count(Severity::Low, 1), count(Severity::Medium, 0), count(Severity::High, 2)],
            findings_combined: 5,
            pushdown: true,
            container_classes: vec![1, 2],
            events_seen: 100,
            events_filtered: 97,
            ..Rules::default()
        };
        let status = GetStatusResponse { rules: Some(rules), ..GetStatusResponse::default() };
        let shown = page(&status, false, Paint::OFF);
        let expected = "
rules
  2 of 3 rules in force (0 macros, 0 lists), from 1 files, read at 1970-01-01T00:00:00Z
  the files as they are since 1970-01-01T00:00:00Z are NOT in force:
    a.yaml:1:2: no\\u{1b}[2J
    b.yaml:3:4: no
  warning: w1
  warning: w2
  warning: w3
  1 more warnings (--all shows them)
  findings: 2 high, 1 low; 9 events judged
  looked at: 2 classes of containers, 0 of the host; 97 of 100 events filtered in the kernel, as nothing could match
  not told: 5 equal ones, 0 beyond rules.burst, 0 excepted
";
        assert!(shown.contains(expected), "{shown}");
        assert!(page(&status, true, Paint::OFF).contains("    /etc/picket/rules/a.yaml\n"));
        let none = Rules { paths: vec!["/etc/picket/rules".into()], ..Rules::default() };
        let status = GetStatusResponse { rules: Some(none), ..GetStatusResponse::default() };
        assert!(
            page(&status, false, Paint::OFF).contains("none: there is no rule file in /etc/picket/rules")
        );
    }

    #[test]
    fn problems_and_unknown_numbers_are_shown() {
        let status = GetStatusResponse {
            problems: vec!["no hook\r".into()],
            classes: vec![ClassLedger { class: 77, seen: 1, ..ClassLedger::default() }],
            losses_unattributed: 3,
            records_rejected: 2,
            missing_kernel_fields: vec!["x".into()],
            flows: Some(Table { entries: 1, capacity: 1, evicted: 4 }),
            given_up: Some(GivenUp { questions: 6, ..GivenUp::default() }),
            ..GetStatusResponse::default()
        };
        let page = page(&status, false, Paint::ON);
        for part in [
            "NOT READY",
            "no hook\\r",
            "  77 ",
            "3 of unknown",
            "2 records could not",
            "lacks x",
            "none",
            "no room",
            "4 flows",
            "6 questions",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
