//! The text form of Prometheus, version 0.0.4: help, type and samples of one metric after the other.

use std::fmt::{Display, Write as _};

use super::table::{Kind, Metric};
use crate::proto::{GetStatusResponse, Histogram};

/// `Content-Type` of this form.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where the samples of one metric go.
pub(super) struct Samples<'a> {
    page: &'a mut String,
    metric: &'a Metric,
}

/// Writes a metric; nothing where it has no samples.
pub(super) fn metric(page: &mut String, metric: &Metric, status: &GetStatusResponse) {
    let before = page.len();
    let (name, help) = (metric.name, Escaped { text: metric.help, quotes: false });
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    line(page, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    let head = page.len();
    (metric.read)(status, &mut Samples { page, metric });
    if page.len() == head {
        page.truncate(before);
    }
}

impl Samples<'_> {
    /// A sample of a metric without labels.
    pub(super) fn one(&mut self, value: impl Display) {
        self.add(&[], value);
    }

    /// A sample with the values of the metric's labels, in their order.
    pub(super) fn add(&mut self, values: &[&str], value: impl Display) {
        self.sample("", values, None, value);
    }

    /// The samples of a histogram in nanoseconds, told in seconds.
    pub(super) fn histogram(&mut self, values: &[&str], histogram: &Histogram) {
        let bounds = histogram.bounds.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]);
        let mut sum = 0_u64;
        for (bound, count) in bounds.zip(&histogram.counts) {
            sum = sum.saturating_add(*count);
            self.sample("_bucket", values, Some(&bound), sum);
        }
        self.sample("_sum", values, None, seconds(histogram.sum));
        self.sample("_count", values, None, sum);
    }

    fn sample(&mut self, suffix: &str, values: &[&str], bound: Option<&str>, value: impl Display) {
        let Self { page, metric } = self;
        page.push_str(metric.name);
        page.push_str(suffix);
        let labels = metric.labels.iter().copied().zip(values.iter().copied());
        let mut separator = '{';
        for (label, value) in labels.chain(bound.map(|bound| ("le", bound))) {
            let value = Escaped { text: value, quotes: true };
            // Writing to a `String` does not fail.
            write!(page, "{separator}{label}=\"{value}\"").unwrap_or_default();
            separator = ',';
        }
        let end = if separator == ',' { "}" } else { "" };
        line(page, format_args!("{end} {value}"));
    }
}

/// Nanoseconds as seconds, exactly.
pub(super) fn seconds(nanoseconds: u64) -> String {
    const NANOSECONDS: u64 = 1_000_000_000;
    let (whole, rest) = (nanoseconds / NANOSECONDS, nanoseconds % NANOSECONDS);
    if rest == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{rest:09}");
    text.trim_end_matches('0').to_owned()
}

/// Text in which what would end it is escaped; in help, quotes end nothing.
struct Escaped<'a> {
    text: &'a str,
    quotes: bool,
}

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.text.chars() {
            match character {
                '\\' => formatter.write_str("\\\\")?,
                '\n' => formatter.write_str("\\n")?,
                '"' if self.quotes => formatter.write_str("\\\"")?,
                character => formatter.write_char(character)?,
            }
        }
        Ok(())
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let odd = Metric {
            name: "odd",
            kind: Kind::Gauge,
            labels: &["a", "b"],
            help: "one\\two\n\"three\"",
            read: |_, samples| samples.add(&["x\"}\n", "\\"], 1),
        };
        let mut page = String::new();
        metric(&mut page, &odd, &GetStatusResponse::default());
        let expected =
            "# HELP odd one\\\\two\\n\"three\"\n# TYPE odd gauge\nodd{a=\"x\\\"}\\n\",b=\"\\\\\"} 1\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_metric_without_samples_is_not_told() {
        let none = Metric { name: "none", kind: Kind::Counter, labels: &[], help: "h", read: |_, _| () };
        let mut page = "before\n".to_owned();
        metric(&mut page, &none, &GetStatusResponse::default());
        assert_eq!(page, "before\n");
    }

    #[test]
    fn nanoseconds_are_told_in_seconds_without_rounding() {
        for (nanoseconds, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (100_000, "0.0001"),
            (2_500_000_000, "2.5"),
            (30_000_000_000, "30"),
        ] {
            assert_eq!(seconds(nanoseconds), text);
        }
        assert_eq!(seconds(u64::MAX), "18446744073.709551615");
    }
}
