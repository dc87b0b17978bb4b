//! Whoever judges events.

use std::fmt::Debug;

use super::{context::Given, finding::Finding};

/// Judges events.
///
/// What it wants to see beyond what the settings ask for is a matter of [`crate::policy::Policy::judged`].
pub trait Judge: Debug + Send {
    /// Tells what it finds in an event.
    fn judge(&mut self, given: Given<'_>, found: &mut dyn FnMut(Finding));
}
