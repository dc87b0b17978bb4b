//! Whoever judges events.

use std::fmt::Debug;

use super::{context::Given, finding::Finding};
use crate::policy::Judged;

/// Judges events.
pub trait Judge: Debug + Send {
    /// Tells what it finds in an event.
    fn judge(&mut self, given: Given<'_>, found: &mut dyn FnMut(Finding));

    /// What it wants to see, whatever the settings ask for: the same for as long as it lives.
    fn wanted(&self) -> Judged {
        Judged::default()
    }

    /// Whether it could find anything in another open of the file that this event opened, by the same name and to be read
    /// or written as here, whoever opens it. If not, the kernel need not send these.
    fn could_open(&mut self, given: Given<'_>) -> bool {
        let _ = given;
        true
    }
}
