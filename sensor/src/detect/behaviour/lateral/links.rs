//! Second names that credentials were given.

use std::collections::VecDeque;

use super::super::distinct::hash;
use super::about::HIDDEN;
use super::credential::{self, Kind};
use crate::detect::finding::{Finding, Severity};
use crate::event::{Event, operation::FileOperation, path::Components};

/// Files of a container that are kept.
const KEPT: usize = 8;

/// Files that are credentials though their names do not say so.
#[derive(Debug, Default)]
pub(super) struct Links(VecDeque<Link>);

#[derive(Debug)]
struct Link {
    /// Device and inode; zeros where the event that gave the name did not tell them.
    file: (u32, u64),
    /// The other name.
    path: u32,
    kind: Kind,
}

impl Links {
    /// What kind of credential a file is that is opened, if one of them was given this name.
    pub(super) fn kind(&self, event: &Event<'_>, file: &FileOperation<'_>) -> Option<Kind> {
        if self.0.is_empty() {
            return None;
        }
        let (path, _) = paths(event, file);
        let (name, identity) = (hash(&path), (file.record.file.device, file.record.file.inode));
        let is_it = |link: &&Link| link.path == name || identity.1 != 0 && link.file == identity;
        self.0.iter().find(is_it).map(|link| link.kind)
    }

    /// A file got another name: it is kept if it is a credential and the new name does not say so.
    pub(super) fn add(&mut self, event: &Event<'_>, file: &FileOperation<'_>) {
        let (path, new_path) = paths(event, file);
        let Some(kind) = of_text(&path).filter(|_| of_text(&new_path).is_none()) else { return };
        let link =
            Link { file: (file.record.file.device, file.record.file.inode), path: hash(&new_path), kind };
        self.0.retain(|known| known.path != link.path);
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(link);
    }
}

/// Whether a file that gets another name is a credential.
pub(super) fn is_credential(event: &Event<'_>, file: &FileOperation<'_>) -> bool {
    file.record.error >= 0 && of_text(&paths(event, file).0).is_some()
}

/// Both paths of an event.
fn paths(event: &Event<'_>, file: &FileOperation<'_>) -> (String, String) {
    let (mut path, mut new_path) = (String::new(), String::new());
    file.paths(event.incomplete, &mut path, &mut new_path);
    (path, new_path)
}

/// What kind of credential a path means.
fn of_text(path: &str) -> Option<Kind> {
    let mut parts = String::with_capacity(path.len() + 1);
    for part in path.rsplit('/').filter(|part| !part.is_empty()) {
        parts.push_str(part);
        parts.push('\0');
    }
    credential::kind(Components(parts.as_bytes()))
}

/// A credential is read by a name that hides it.
pub(super) fn read(kind: Kind, fact: &str) -> Finding {
    let summary = format!("{} was read by another name than its own.", super::capital(kind.text()));
    let mut finding = HIDDEN.finding(Severity::High, 0.9, summary);
    finding.techniques = kind.techniques().to_vec();
    finding.evidence.push(fact.to_owned());
    finding
}
