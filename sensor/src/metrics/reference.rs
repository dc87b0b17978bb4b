//! `docs/metrics.md`, made from the table of metrics.

use std::fmt::Write as _;

use super::table::{ALL, Kind};

const HEAD: &str = "\
<!-- Made from sensor/src/metrics/table.rs; to write it anew: PICKET_BLESS=1 cargo test -p sensor --lib metrics -->
# Metrics

With `metrics.listen` set ([configuration.md](configuration.md)) the agent tells these at `/metrics`, in the text form of
Prometheus (version 0.0.4). They are the numbers of `picket status` ([operations.md](operations.md)), and no more: counters
by class, and never an event, a pod or a path. Counters begin at 0 when the agent starts, where they do not say otherwise.

| name | kind | labels | what it tells |
|---|---|---|---|
";

/// The whole page.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for metric in ALL {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        // Writing to a `String` does not fail.
        writeln!(page, "| `{}` | {kind} | {labels} | {} |", metric.name, metric.help).unwrap_or_default();
    }
    page
}
