//! Second names that credentials were given.

use std::collections::VecDeque;

use sensor_common::record::process::FileIdentity;

use super::about::HIDDEN;
use super::credential::{self, Kind};
use crate::detect::finding::{Finding, Severity};
use crate::event::operation::FileOperation;

/// Files of a container that are kept.
const KEPT: usize = 8;

/// Files that are credentials though their names do not say so: device and inode.
#[derive(Debug, Default)]
pub(super) struct Links(VecDeque<(u32, u64, Kind)>);

/// What a file was by the name that it had, if its new name hides it.
pub(super) fn kind(file: &FileOperation<'_>) -> Option<Kind> {
    let kind = credential::kind(file.path?)?;
    let hidden = file.new_path.is_some_and(|path| credential::kind(path).is_none());
    (hidden && file.record.error >= 0).then_some(kind)
}

impl Links {
    /// What kind of credential a file is, whatever it is called.
    pub(super) fn kind(&self, file: &FileIdentity) -> Option<Kind> {
        let known =
            self.0.iter().find(|(device, inode, _)| (*device, *inode) == (file.device, file.inode))?;
        (file.inode != 0).then_some(known.2)
    }

    /// A credential got another name.
    pub(super) fn add(&mut self, file: &FileIdentity, kind: Kind) {
        if file.inode == 0 || self.kind(file).is_some() {
            return;
        }
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((file.device, file.inode, kind));
    }
}

/// A credential is read by a name that hides it.
pub(super) fn read(kind: Kind, fact: &str) -> Finding {
    let summary = format!("{} was read by another name than its own.", super::capital(kind.text()));
    let mut finding = HIDDEN.finding(Severity::High, 0.9, summary);
    finding.techniques = kind.techniques().to_vec();
    finding.evidence.push(fact.to_owned());
    finding
}
