//! What is said of privileged calls.

mod calls;

use super::safe;
use crate::proto::PrivilegedCall;

/// What happened, after the program's name.
pub(super) fn what(call: &PrivilegedCall) -> String {
    let mut text = format!(" {}", safe(&call.call));
    text.push_str(&calls::what(call));
    if !call.error.is_empty() {
        text.push_str(&format!(": {}", safe(&call.error)));
    }
    if call.unverified {
        text.push_str(" [unverified]");
    }
    text
}
