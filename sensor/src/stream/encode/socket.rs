//! What happens to sockets.

use super::{Context, Subject};
use crate::event::{self, errno, network::SocketOperation};
use crate::proto;

impl Context {
    /// The message of an operation on a socket.
    pub(super) fn socket(
        &self,
        _event: &event::Event<'_>,
        operation: &SocketOperation<'_>,
        _subject: Subject<'_>,
    ) -> proto::SocketOperation {
        let record = &operation.record;
        proto::SocketOperation {
            error: errno::name(record.error.into()),
            repeats: record.repeats.into(),
            ..proto::SocketOperation::default()
        }
    }
}
