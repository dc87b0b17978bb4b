//! Who a call is aimed at, and what is asked for.

use super::super::{base_name, container_name, safe, word};
use crate::proto::PrivilegedCall;

/// Kinds and the target.
pub(super) fn what(call: &PrivilegedCall) -> String {
    let mut text = String::new();
    for field in [&call.kind, &call.attach_type].into_iter().filter(|field| !field.is_empty()) {
        text.push_str(&format!(" {}", word(field)));
    }
    if let Some(target) = &call.target {
        let name = match base_name(&target.executable) {
            "" => "?".to_owned(),
            name => safe(name),
        };
        let pid = target.pid.or(target.container_pid).map(|pid| format!("[{pid}]")).unwrap_or_default();
        text.push_str(&format!(" → {name}{pid}"));
        if let Some(container) = &call.target_container {
            text.push_str(&format!(" in {}", container_name(container)));
        }
    }
    if call.repeats > 0 {
        text.push_str(&format!(" (and {} times before)", call.repeats));
    }
    text
}
