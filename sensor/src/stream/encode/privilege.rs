//! Privileged calls.

use sensor_common::call::Call;

use super::{Context, Subject};
use crate::event::{self, call::PrivilegedCall, errno};
use crate::proto;

impl Context {
    /// The message of a privileged call.
    pub(super) fn call(
        &self,
        _event: &event::Event<'_>,
        call: &PrivilegedCall<'_>,
        _subject: Subject<'_>,
    ) -> proto::PrivilegedCall {
        let record = &call.record;
        proto::PrivilegedCall {
            call: Call::from_number(record.call).map(Call::name).unwrap_or_default().to_owned(),
            error: errno::name(record.result),
            repeats: record.repeats.into(),
            ..proto::PrivilegedCall::default()
        }
    }
}
