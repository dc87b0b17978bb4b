//! Sockets: made, bound, connected, closed, written to.

pub(crate) mod accept;
pub(crate) mod bind;
pub(crate) mod connect;
pub(crate) mod create;
pub(crate) mod datagram;
pub(crate) mod state;
pub(crate) mod stdio;
mod tell;
