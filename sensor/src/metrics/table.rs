//! The table of all metrics: name, labels, meaning, and where in the status it is. The endpoint and
//! `docs/metrics.md` are made from it.

use super::text::{Samples, seconds};
use crate::proto::class_coverage::Canary;
use crate::proto::finding::Severity;
use crate::proto::identity_source_status::State;
use crate::proto::{Class, ClassLedger, Duration, GetStatusResponse, IdentitySourceStatus, Table, Timestamp};

/// How a value moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, until the agent starts anew.
    Counter,
    /// It is what it is now.
    Gauge,
    /// Counts by bounds.
    Histogram,
}

/// A metric.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
    /// Finds its samples in a status.
    pub(super) read: fn(&GetStatusResponse, &mut Samples<'_>),
}

macro_rules! metrics {
    ($($name:literal $kind:ident $labels:expr, $help:literal, $read:expr;)*) => {
        &[$(Metric { name: $name, kind: Kind::$kind, labels: &$labels, help: $help, read: $read }),*]
    };
}

/// All of them.
pub(super) static ALL: &[Metric] = metrics! {
    "picket_build_info" Gauge ["version", "node", "kernel"],
        "Always 1: which agent this is, and where.",
        |status, samples| samples.add(&[&status.version, &status.node, &status.kernel], 1);
    "picket_ready" Gauge [],
        "1 while the agent is ready, as `picket status` says.",
        |status, samples| samples.one(u8::from(status.ready));
    "picket_problems" Gauge [],
        "Reasons why it is not ready; `picket status` tells them.",
        |status, samples| samples.one(status.problems.len());
    "picket_start_time_seconds" Gauge [],
        "When the agent started, in seconds since 1970.",
        |status, samples| time(status.start_time, |value| samples.one(value));
    "picket_attach_seconds" Gauge [],
        "From the start of the agent until every hook was attached.",
        |status, samples| samples.one(duration(status.attach_time));
    "picket_resident_memory_bytes" Gauge [],
        "Resident memory of the agent; each ring buffer counts twice in it.",
        |status, samples| samples.one(status.resident_bytes);
    "picket_cpu_seconds_total" Counter [],
        "Processor time of the agent; not that of its kernel programs, which count for who runs into them.",
        |status, samples| samples.one(duration(status.cpu_time));
    "picket_hooks" Gauge ["attached"],
        "Kernel programs that are attached, and that could not be.",
        hooks;
    "picket_events_seen_total" Counter ["class"],
        "Events that the kernel programs saw: received + lost + filtered + aggregated + limited.",
        |status, samples| ledger(status, samples, |class| class.seen);
    "picket_events_received_total" Counter ["class"],
        "Records that reached the agent.",
        |status, samples| ledger(status, samples, |class| class.received);
    "picket_events_lost_total" Counter ["class"],
        "Records that did not reach the agent.",
        |status, samples| ledger(status, samples, |class| class.lost);
    "picket_events_filtered_total" Counter ["class"],
        "Events that nobody wants, by the kernel's filters.",
        |status, samples| ledger(status, samples, |class| class.filtered);
    "picket_events_aggregated_total" Counter ["class"],
        "Events that an equal one counts.",
        |status, samples| ledger(status, samples, |class| class.aggregated);
    "picket_events_limited_total" Counter ["class"],
        "Events beyond what their control group may send.",
        |status, samples| ledger(status, samples, |class| class.limited);
    "picket_events_published_total" Counter ["class"],
        "Events that were told, or would have been, had anybody asked.",
        |status, samples| ledger(status, samples, |class| class.published);
    "picket_events_quiet_total" Counter ["class"],
        "Events that reached the agent and are not wanted after all.",
        |status, samples| ledger(status, samples, |class| class.quiet);
    "picket_events_canary_total" Counter ["class"],
        "Events of the agent's own trials.",
        |status, samples| ledger(status, samples, |class| class.canary);
    "picket_losses_unattributed_total" Counter [],
        "Lost records that could not be booked on a control group.",
        |status, samples| samples.one(status.losses_unattributed);
    "picket_records_rejected_total" Counter [],
        "Records that could not be decoded; other than 0 is a bug.",
        |status, samples| samples.one(status.records_rejected);
    "picket_class_served" Gauge ["class", "back_end"],
        "1 where a back end serves the class, 0 where none does.",
        coverage;
    "picket_canary_seen" Gauge ["class"],
        "1 where the agent's last trial of the class came through, 0 where it did not; absent where there is none.",
        canary;
    "picket_canary_seen_time_seconds" Gauge ["class"],
        "When a trial of the class came through last, in seconds since 1970.",
        |status, samples| for class in &status.coverage {
            time(class.canary_time, |value| samples.add(&[class.class().as_str_name()], value));
        };
    "picket_programs_executed_total" Counter [],
        "Programs that were executed on the node, counted whether or not an agent runs: the count outlives it.",
        |status, samples| if let Some(executed) = &status.executed { samples.one(executed.all) };
    "picket_programs_unwatched_total" Counter [],
        "Those of which no agent was told by the kernel, because none was there.",
        |status, samples| if let Some(executed) = &status.executed { samples.one(executed.unwatched) };
    "picket_first_execs_total" Counter ["identity"],
        "First programs of containers, told with their whole identity (`known`) or before it was known (`unknown`).",
        |status, samples| {
            samples.add(&["known"], status.first_execs_identified);
            samples.add(&["unknown"], status.first_execs_unidentified);
        };
    "picket_identity_delay_seconds" Histogram ["source"],
        "From the creation of a container's control group until what this source tells of it was ready for events.",
        |status, samples| for delay in &status.identity_delays {
            if let Some(histogram) = &delay.nanoseconds {
                samples.histogram(&[&delay.source], histogram);
            }
        };
    "picket_identity_source_up" Gauge ["source"],
        "1 where a source of identity that is asked over a connection answers, 0 where it does not; absent where there is nothing to connect to.",
        |status, samples| for source in &status.identity_sources {
            match source.state() {
                State::Connected => samples.add(&[&name(source)], 1),
                State::Failing => samples.add(&[&name(source)], 0),
                State::Absent | State::Unspecified => (),
            }
        };
    "picket_identity_answers_total" Counter ["source"],
        "Its answers.",
        |status, samples| sources(status, samples, |source| source.answers);
    "picket_identity_failures_total" Counter ["source"],
        "Calls to it that failed.",
        |status, samples| sources(status, samples, |source| source.failures);
    "picket_identity_given_up_total" Counter ["source"],
        "Questions for it that were given up, because too many waited or for too long.",
        |status, samples| sources(status, samples, |source| source.given_up);
    "picket_table_entries" Gauge ["table"],
        "Entries of a bounded table.",
        |status, samples| tables(status, samples, |table| table.entries);
    "picket_table_capacity" Gauge ["table"],
        "Entries that it may have.",
        |status, samples| tables(status, samples, |table| table.capacity);
    "picket_table_evicted_total" Counter ["table"],
        "Entries that were given up because it was full.",
        |status, samples| tables(status, samples, |table| table.evicted);
    "picket_given_up_total" Counter ["what"],
        "What found no room, as `givenUp` of the status; nothing on a healthy node.",
        given_up;
    "picket_rules" Gauge ["state"],
        "Rules that were read (`loaded`), and those of them that are in force (`enabled`).",
        |status, samples| if let Some(rules) = &status.rules {
            samples.add(&["loaded"], rules.loaded);
            samples.add(&["enabled"], rules.enabled);
        };
    "picket_rules_load_time_seconds" Gauge [],
        "When the rules in force were read, in seconds since 1970.",
        |status, samples| if let Some(rules) = &status.rules { time(rules.load_time, |value| samples.one(value)) };
    "picket_rules_refused" Gauge [],
        "1 while the rule files as they are now cannot be used, so that those before stay in force.",
        |status, samples| if let Some(rules) = &status.rules { samples.one(u8::from(!rules.error.is_empty())) };
    "picket_rules_reloads_total" Counter [],
        "How often rules were read anew.",
        |status, samples| if let Some(rules) = &status.rules { samples.one(rules.reloads) };
    "picket_events_judged_total" Counter [],
        "Events that were judged by rules.",
        |status, samples| if let Some(rules) = &status.rules { samples.one(rules.events_judged) };
    "picket_rules_classes" Gauge ["of"],
        "Classes of events that rules make the kernel send, of containers (`containers`) and of the host (`host`).",
        |status, samples| if let Some(rules) = &status.rules {
            samples.add(&["containers"], rules.container_classes.len());
            samples.add(&["host"], rules.host_classes.len());
        };
    "picket_findings_total" Counter ["severity"],
        "Findings that were told, or would have been, had anybody asked.",
        |status, samples| for count in status.rules.iter().flat_map(|rules| &rules.findings) {
            samples.add(&[&count.severity().as_str_name().to_ascii_lowercase()], count.count);
        };
    "picket_findings_untold_total" Counter ["reason"],
        "Findings that were not told because an equal one in the same container was (`combined`), or because there were \
         too many of one rule in one container (`limited`), or because of an exception (`excepted`).",
        |status, samples| if let Some(rules) = &status.rules {
            samples.add(&["excepted"], rules.findings_excepted);
            samples.add(&["combined"], rules.findings_combined);
            samples.add(&["limited"], rules.findings_limited);
        };
    "picket_incidents_open" Gauge ["severity"],
        "Incidents that are open, by their severity; at most 32 are looked at.",
        open_incidents;
    "picket_incidents_total" Counter ["state"],
        "Incidents that were opened, closed because nothing more was found, and closed because there were too many \
         (`given_up`).",
        |status, samples| if let Some(incidents) = &status.incidents {
            samples.add(&["opened"], incidents.opened);
            samples.add(&["closed"], incidents.closed);
            samples.add(&["given_up"], incidents.table.map_or(0, |table| table.evicted));
        };
    "picket_incident_findings_total" Counter [],
        "Findings in incidents, each as often as it was found.",
        |status, samples| if let Some(incidents) = &status.incidents { samples.one(incidents.findings) };
    "picket_incident_findings_omitted_total" Counter [],
        "Findings that are in no timeline, because it was full.",
        |status, samples| if let Some(incidents) = &status.incidents { samples.one(incidents.omitted) };
    "picket_rule_name_failures_total" Counter [],
        "Look-ups of domain names that rules compare which failed.",
        |status, samples| if let Some(rules) = &status.rules { samples.one(rules.name_failures) };
    "picket_subscribers" Gauge [],
        "Clients that are subscribed.",
        |status, samples| samples.one(status.subscribers.len());
    "picket_subscriber_events_sent_total" Counter [],
        "Events queued for subscribers, those that are gone included.",
        |status, samples| samples.one(status.subscribers_sent);
    "picket_subscriber_events_lost_total" Counter [],
        "Events that subscribers lost because they were slow, those that are gone included.",
        |status, samples| samples.one(status.subscribers_lost);
    "picket_tls_connections" Gauge [],
        "Connections by TCP.",
        |status, samples| if let Some(tls) = &status.tls { samples.one(tls.connections) };
    "picket_tls_connections_max" Gauge [],
        "Connections by TCP that there may be.",
        |status, samples| if let Some(tls) = &status.tls { samples.one(tls.connections_max) };
    "picket_tls_connections_total" Counter ["outcome"],
        "Connections by TCP: of clients that proved themselves (`served`), closed because there were too many (`refused`), \
         for want of a proof (`failed`), and because `tls.clients` does not name them (`unknown`).",
        |status, samples| if let Some(tls) = &status.tls {
            samples.add(&["served"], tls.served);
            samples.add(&["refused"], tls.refused);
            samples.add(&["failed"], tls.failed);
            samples.add(&["unknown"], tls.unknown);
        };
    "picket_tls_renewals_total" Counter [],
        "How often certificate, key and authorities were taken anew.",
        |status, samples| if let Some(tls) = &status.tls { samples.one(tls.renewals) };
};

fn open_incidents(status: &GetStatusResponse, samples: &mut Samples<'_>) {
    let Some(incidents) = &status.incidents else { return };
    for severity in [Severity::Low, Severity::Medium, Severity::High, Severity::Critical] {
        let open = incidents.open.iter().filter(|incident| incident.severity() == severity);
        samples.add(&[&severity.as_str_name().to_ascii_lowercase()], open.count());
    }
}

fn hooks(status: &GetStatusResponse, samples: &mut Samples<'_>) {
    let attached = status.hooks.iter().filter(|hook| hook.attached).count();
    samples.add(&["true"], attached);
    samples.add(&["false"], status.hooks.len() - attached);
}

fn ledger(status: &GetStatusResponse, samples: &mut Samples<'_>, count: fn(&ClassLedger) -> u64) {
    for class in &status.classes {
        samples.add(&[class.class().as_str_name()], count(class));
    }
}

fn coverage(status: &GetStatusResponse, samples: &mut Samples<'_>) {
    for class in &status.coverage {
        let served = u8::from(class.back_end != "none");
        samples.add(&[class.class().as_str_name(), &class.back_end], served);
    }
}

fn canary(status: &GetStatusResponse, samples: &mut Samples<'_>) {
    for class in &status.coverage {
        let name = Class::as_str_name(&class.class());
        match class.canary() {
            Canary::Seen => samples.add(&[name], 1),
            Canary::Missed => samples.add(&[name], 0),
            Canary::Untried | Canary::Unspecified => (),
        }
    }
}

fn tables(status: &GetStatusResponse, samples: &mut Samples<'_>, value: fn(&Table) -> u64) {
    let tables = [
        ("processes", &status.processes),
        ("control_groups", &status.control_groups),
        ("flows", &status.flows),
        ("peers", &status.peers),
        ("findings_told", status.rules.as_ref().map_or(&None, |rules| &rules.findings_told)),
        ("incidents", status.incidents.as_ref().map_or(&None, |incidents| &incidents.table)),
        ("remembered", status.rules.as_ref().map_or(&None, |rules| &rules.remembered)),
        ("learned_images", status.rules.as_ref().map_or(&None, |rules| &rules.images)),
        ("rule_names", status.rules.as_ref().map_or(&None, |rules| &rules.names)),
    ];
    for (name, table) in tables {
        if let Some(table) = table {
            samples.add(&[name], value(table));
        }
    }
}

fn given_up(status: &GetStatusResponse, samples: &mut Samples<'_>) {
    let Some(given_up) = &status.given_up else { return };
    for (what, count) in [
        ("questions", given_up.questions),
        ("lookups", given_up.lookups),
        ("verdicts", given_up.verdicts),
        ("group_policies", given_up.group_policies),
        ("identity_waits", given_up.identity_waits),
        ("owner_waits", given_up.owner_waits),
        ("inquiries", given_up.inquiries),
        ("users", given_up.users),
        ("recorded_inputs", given_up.recorded_inputs),
    ] {
        samples.add(&[what], count);
    }
}

/// As the histogram of delays has it: `cri`, `kubernetes`.
fn name(source: &IdentitySourceStatus) -> String {
    source.source().as_str_name().to_ascii_lowercase()
}

fn sources(status: &GetStatusResponse, samples: &mut Samples<'_>, count: fn(&IdentitySourceStatus) -> u64) {
    for source in &status.identity_sources {
        samples.add(&[&name(source)], count(source));
    }
}

fn time(time: Option<Timestamp>, told: impl FnOnce(String)) {
    let Some(Timestamp { seconds: whole, nanos }) = time else { return };
    told(decimal(whole, nanos));
}

fn duration(duration: Option<Duration>) -> String {
    let Duration { seconds: whole, nanos } = duration.unwrap_or_default();
    decimal(whole, nanos)
}

/// None of these times is before 1970.
fn decimal(whole: i64, nanos: i32) -> String {
    let whole = u64::try_from(whole).unwrap_or_default();
    seconds(whole.saturating_mul(1_000_000_000).saturating_add(u64::try_from(nanos).unwrap_or_default()))
}
