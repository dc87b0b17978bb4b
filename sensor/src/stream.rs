//! Stage 5: encode once, share, deliver. gRPC over a socket that only root can open, and by TCP with mutual TLS.

pub mod address;
pub mod client;
mod connection;
pub mod encode;
pub mod filter;
pub mod frame;
pub mod hub;
pub mod listener;
pub mod server;
pub mod subscription;
pub mod tls;

#[cfg(test)]
mod tests;
