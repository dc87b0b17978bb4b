//! Files: opened, changed, mapped.

pub(crate) mod asked;
pub(crate) mod call;
pub(crate) mod change;
pub(crate) mod map;
pub(crate) mod open;
pub(crate) mod origin;
pub(crate) mod uring;
mod walk;
