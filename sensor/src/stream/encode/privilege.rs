//! Privileged calls.

mod calls;

use sensor_common::{call::Call, record::privilege::Facts};

use super::{Context, Subject};
use crate::event::{self, call::PrivilegedCall, errno};
use crate::proto;

impl Context {
    /// The message of a privileged call.
    pub(super) fn call(
        &self,
        event: &event::Event<'_>,
        call: &PrivilegedCall<'_>,
        subject: Subject<'_>,
    ) -> proto::PrivilegedCall {
        let record = &call.record;
        let mut message = proto::PrivilegedCall {
            call: Call::from_number(record.call).map(Call::name).unwrap_or_default().to_owned(),
            error: errno::name(record.result),
            repeats: record.repeats.into(),
            unverified: record.facts & Facts::UNVERIFIED != 0,
            compat: record.facts & Facts::COMPAT != 0,
            ..proto::PrivilegedCall::default()
        };
        self.calls(event, call, subject, &mut message);
        message
    }
}
