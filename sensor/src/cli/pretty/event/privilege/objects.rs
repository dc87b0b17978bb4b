//! Credentials, capabilities, namespaces, mounts, roots and control files.

use super::super::{safe, word};
use crate::proto::{Credentials, PrivilegedCall};

/// What there is to say of the fields that these classes fill.
pub(super) fn what(call: &PrivilegedCall) -> String {
    let mut text = String::new();
    if let (Some(after), false) = (&call.credentials, !call.capability.is_empty()) {
        text.push_str(&match &call.credentials_before {
            Some(before) => format!(" {} → {}", ids(before), ids(after)),
            None => format!(" → {}", ids(after)),
        });
    }
    if !call.capability.is_empty() {
        text.push_str(&format!(" capability {}", safe(&call.capability)));
    }
    let words = [&call.request, &call.filesystem, &call.source, &call.path, &call.name, &call.value];
    for field in words.into_iter().filter(|field| !field.is_empty()) {
        text.push(' ');
        text.push_str(&word(field));
    }
    if !call.flags.is_empty() {
        text.push_str(&format!(" {}", safe(&call.flags.join("|"))));
    }
    text
}

fn ids(of: &Credentials) -> String {
    let (uid, gid) = (of.uid.unwrap_or_default(), of.gid.unwrap_or_default());
    match (of.euid, of.egid) {
        (None, None) => format!("{uid}:{gid}"),
        (euid, egid) => {
            format!("{uid}:{gid} (effective {}:{})", euid.unwrap_or(uid), egid.unwrap_or(gid))
        }
    }
}
