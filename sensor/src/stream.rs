//! Stage 5: encode once, share, deliver. gRPC over a socket that only root can open.

pub mod address;
pub mod client;
pub mod encode;
pub mod filter;
pub mod frame;
pub mod hub;
pub mod listener;
pub mod server;
pub mod subscription;

#[cfg(test)]
mod tests;
