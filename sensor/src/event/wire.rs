//! What goes over a connection: the first bytes of a flow, which protocol they are, and DNS messages.
//!
//! The bytes come from strangers on both ends, so every reader here takes any bytes, has a bound for
//! everything that it keeps, and says nothing rather than guess.

pub mod dns;
pub mod flow;
pub mod protocol;

mod cursor;
mod text;
