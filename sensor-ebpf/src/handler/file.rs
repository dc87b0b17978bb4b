//! Files: opened, changed.

pub(crate) mod open;
