//! What is said of privileged calls.

use super::safe;
use crate::proto::PrivilegedCall;

/// What happened, after the program's name.
pub(super) fn what(operation: &PrivilegedCall) -> String {
    format!(" {}", safe(&operation.call))
}
