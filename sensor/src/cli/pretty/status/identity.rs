//! Sources of identity: how they do, and how late they are.

use std::fmt::Write as _;

use super::{Colour, Page, safe};
use crate::proto::{
    Duration, Histogram, IdentityDelay, IdentitySource, IdentitySourceStatus, identity_source_status::State,
};

impl Page {
    /// One line for each source that told of a container.
    pub(super) fn delays(&mut self, delays: &[IdentityDelay]) {
        for delay in delays {
            let histogram = delay.nanoseconds.clone().unwrap_or_default();
            let count: u64 = histogram.counts.iter().sum();
            if count > 0 {
                let [half, most] = [500, 990].map(|share| within(&histogram, share));
                self.line(format_args!(
                    "  told by {} of {count} new containers: half of them {half}, 99% {most} after their creation",
                    safe(&delay.source)
                ));
            }
        }
    }

    /// One line for each source that is there, and its problem below; with `all`, of the others too.
    pub(super) fn sources(&mut self, sources: &[IdentitySourceStatus], all: bool) {
        let is_absent = |status: &&IdentitySourceStatus| status.state() == State::Absent;
        let absent = sources.iter().filter(is_absent).count();
        for status in sources.iter().filter(|status| all || !is_absent(status)) {
            let (source, place) = (source(status.source), safe(&status.place));
            let state = match State::try_from(status.state) {
                Ok(State::Connected) => self.paint.paint(Colour::Good, safe(&status.version)),
                Ok(State::Failing) => self.paint.paint(Colour::Bad, "does not answer"),
                Ok(State::Absent) => "is not there".to_owned(),
                Ok(State::Unspecified) | Err(_) => status.state.to_string(),
            };
            self.line(format_args!("  {source} {place}: {state}{}", counts(status)));
            if !status.error.is_empty() {
                self.line(format_args!("    {}", safe(&status.error)));
            }
        }
        if absent > 0 && !all {
            self.line(format_args!("  {absent} sources are not there (--all lists them)"));
        }
    }
}

/// What there is to count.
fn counts(status: &IdentitySourceStatus) -> String {
    let counts = [
        (status.answers, "answers"),
        (status.failures, "failures"),
        (status.unknown, "unknown containers"),
        (status.given_up, "questions given up"),
        (status.cut, "labels or annotations left out"),
    ];
    let mut text = String::new();
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        // Writing to a `String` does not fail.
        write!(text, ", {count} {what}").unwrap_or_default();
    }
    text
}

fn source(number: i32) -> String {
    IdentitySource::try_from(number)
        .map_or_else(|unknown| unknown.0.to_string(), |source| source.as_str_name().to_owned())
}

/// Bound of the shortest `share` (in thousandths) of the delays, in words.
fn within(histogram: &Histogram, share: u64) -> String {
    let count: u64 = histogram.counts.iter().sum();
    let wanted = count.saturating_mul(share).div_ceil(1000);
    let mut seen: u64 = 0;
    let shorter = histogram.counts.iter().take_while(|count| {
        seen = seen.saturating_add(**count);
        seen < wanted
    });
    let bucket = shorter.count();
    let duration = |ns: u64| Duration::from_nanos(i64::try_from(ns).unwrap_or(i64::MAX));
    match (histogram.bounds.get(bucket), histogram.bounds.last()) {
        (Some(bound), _) => format!("within {}", duration(*bound)),
        (None, Some(longest)) => format!("more than {}", duration(*longest)),
        (None, None) => "at an unknown time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Paint, page};
    use super::*;
    use crate::proto::GetStatusResponse;

    #[test]
    fn sources_and_their_delays_are_shown() {
        let histogram = Histogram { bounds: vec![1_000_000, 5_000_000], counts: vec![0, 3, 1], sum: 0 };
        let status = GetStatusResponse {
            identity_delays: vec![
                IdentityDelay { source: "cri".into(), nanoseconds: Some(histogram) },
                IdentityDelay { source: "kubernetes".into(), nanoseconds: Some(Histogram::default()) },
            ],
            identity_sources: vec![
                IdentitySourceStatus {
                    source: IdentitySource::Cri.into(),
                    place: "/run/a".into(),
                    state: State::Connected.into(),
                    version: "r 1\x1b[2J (v1)".into(),
                    answers: 7,
                    ..IdentitySourceStatus::default()
                },
                IdentitySourceStatus {
                    source: IdentitySource::Cri.into(),
                    place: "/run/b".into(),
                    state: State::Failing.into(),
                    failures: 2,
                    error: "no answer".into(),
                    ..IdentitySourceStatus::default()
                },
                IdentitySourceStatus {
                    source: IdentitySource::Cri.into(),
                    place: "/run/c".into(),
                    state: State::Absent.into(),
                    ..IdentitySourceStatus::default()
                },
            ],
            ..GetStatusResponse::default()
        };
        let expected = "
  told by cri of 4 new containers: half of them within 0.005s, 99% more than 0.005s after their creation
  CRI /run/a: r 1\\u{1b}[2J (v1), 7 answers
  CRI /run/b: does not answer, 2 failures
    no answer
  1 sources are not there (--all lists them)
";
        let few = page(&status, false, Paint::OFF);
        assert!(few.contains(expected), "{few}");
        assert!(page(&status, true, Paint::OFF).contains("\n  CRI /run/c: is not there\n"));
    }
}
