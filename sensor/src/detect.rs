//! Stage 4: what an event means. Rules, their facts, and what they find.
//!
//! Pure: a finding follows from the event, the process tree, what is known of the container, and the rules.

pub mod field;
pub mod finding;
pub mod rules;
pub mod value;
