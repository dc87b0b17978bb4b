//! What is said of files.

use crate::cli::pretty::text::word;
use crate::proto::FileOperation;
use crate::proto::file_operation::Access;

/// What happened, after the program's name.
pub(super) fn what(operation: &FileOperation) -> String {
    let mut text = format!(" {}", word(&operation.path));
    if !operation.new_path.is_empty() {
        text.push_str(&format!(" -> {}", word(&operation.new_path)));
    }
    if !operation.link_target.is_empty() {
        text.push_str(&format!(" -> {}", word(&operation.link_target)));
    }
    for fact in facts(operation) {
        text.push(' ');
        text.push_str(&word(&fact));
    }
    text
}

/// Further facts, in words.
fn facts(operation: &FileOperation) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(match operation.access() {
        Access::Unspecified => None,
        Access::Read => Some("read".to_owned()),
        Access::Write => Some("write".to_owned()),
        Access::ReadWrite => Some("read-write".to_owned()),
        Access::Path => Some("path".to_owned()),
    });
    for (name, value) in [
        ("mode", &operation.mode),
        ("attribute", &operation.attribute),
        ("kind", &operation.node_kind),
        ("device", &operation.node_device),
    ] {
        if !value.is_empty() {
            facts.push(format!("{name}={value}"));
        }
    }
    for (name, id) in [("uid", operation.uid), ("gid", operation.gid)] {
        facts.extend(id.map(|id| format!("{name}={id}")));
    }
    facts.extend(operation.flags.iter().filter(|flag| *flag != "O_CLOEXEC").cloned());
    if operation.repeats > 0 {
        facts.push(format!("repeats={}", operation.repeats));
    }
    facts
}

/// What deserves a look.
pub(super) fn notes(operation: &FileOperation, notes: &mut Vec<String>) {
    let facts = [
        (operation.created, "created"),
        (operation.removed, "removed"),
        (operation.io_uring, "io_uring"),
        (operation.compat, "32-bit call"),
        (operation.outcome_unknown, "outcome unknown"),
        (operation.unverified, "unverified"),
    ];
    if !operation.error.is_empty() {
        notes.push(operation.error.clone());
    }
    notes.extend(facts.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note.to_owned()));
}
