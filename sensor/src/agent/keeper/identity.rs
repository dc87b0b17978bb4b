//! The status of the sources of identity.

use crate::clock::BootClock;
use crate::histogram::Histogram;
use crate::identity::container::Source;
use crate::proto::{self, identity_source_status::State as Shown};
use crate::sources::{
    account::{Account, State},
    delay::Delays,
};
use crate::stream::encode;

/// How a source does.
pub(super) fn source(account: &Account, clock: BootClock) -> proto::IdentitySourceStatus {
    let (state, version, error) = match account.state() {
        State::Absent => (Shown::Absent, String::new(), account.error()),
        State::Connected(version) => (Shown::Connected, version, account.error()),
        State::Failing(error) => (Shown::Failing, String::new(), error),
    };
    proto::IdentitySourceStatus {
        source: encode::identity_source(account.source).into(),
        place: account.place.clone(),
        state: state.into(),
        version,
        error,
        answers: account.answers.get(),
        failures: account.failures.get(),
        unknown: account.unknown.get(),
        given_up: account.given_up.get(),
        cut: account.cut.get(),
        last_answer: account.last_answer_ns().map(|ns| clock.to_wall(ns)),
    }
}

/// How late each source is.
pub(super) fn delays(delays: &Delays) -> Vec<proto::IdentityDelay> {
    let delay = |(source, histogram): &(Source, Histogram)| proto::IdentityDelay {
        source: source.name().to_owned(),
        nanoseconds: Some(histogram.into()),
    };
    delays.read().iter().map(delay).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_of_a_source_is_told() {
        let account = Account::new(Source::Cri, "/run/s".into());
        account.becomes(State::Connected("r 1".into()));
        account.answered();
        account.failed("no");
        account.cut.add(3);
        let status = source(&account, BootClock::with_offset(0));
        assert_eq!(status.state(), Shown::Connected);
        assert_eq!((status.version.as_str(), status.error.as_str(), status.cut), ("r 1", "no", 3));
        assert!(status.last_answer.is_some());
        account.becomes(State::Failing("hangs".into()));
        let status = source(&account, BootClock::with_offset(0));
        assert_eq!((status.state(), status.error.as_str()), (Shown::Failing, "hangs"));
    }

    #[test]
    fn each_source_has_its_delays() {
        let names: Vec<_> = delays(&Delays::default()).into_iter().map(|delay| delay.source).collect();
        assert_eq!(names, ["control_group", "bundle", "cri", "kubernetes"]);
    }
}
