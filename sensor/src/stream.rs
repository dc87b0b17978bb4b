//! Stage 5: encode once, share, deliver. gRPC over a socket that only root can open.

pub mod filter;
pub mod frame;
pub mod hub;
pub mod subscription;
