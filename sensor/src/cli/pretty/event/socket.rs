//! What is said of sockets.

use super::safe;
use crate::proto::SocketOperation;

/// What happened, after the program's name.
pub(super) fn what(operation: &SocketOperation) -> String {
    format!(" {}", safe(&operation.protocol))
}
