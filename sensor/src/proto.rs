//! The protobuf schema `picket.v1` as Rust types, with its canonical JSON mapping.

mod open_enum;
mod time;

use open_enum::{open_known, open_number};
pub use time::{Duration, Timestamp};

#[expect(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated from the schema, which has the documentation"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/picket.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/picket.v1.serde.rs"));
}

pub use generated::*;

/// The schema as an encoded `google.protobuf.FileDescriptorSet`, for reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/picket.v1.descriptor.bin"));

/// Name of the service, as health checks ask for it.
pub const SERVICE: &str = "picket.v1.Sensor";

#[cfg(test)]
mod tests;
