//! Stage 4: what an event means. Rules, behaviours, their facts, and what they find.
//!
//! Pure: a finding follows from the event, the process tree, what is known of the container, and the rules.

pub mod behaviour;
pub mod context;
pub mod engine;
pub mod exception;
pub mod field;
pub mod finding;
pub mod incident;
pub mod judge;
pub mod names;
pub mod namespace;
pub mod normal;
mod pushdown;
pub mod rules;
pub mod scene;
pub mod technique;
pub mod told;
pub mod value;
