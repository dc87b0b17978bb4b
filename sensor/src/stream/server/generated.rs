//! The server side of the schema; its responses are [`crate::stream::frame::Frames`].

#![expect(
    unused_qualifications,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated from the schema, which has the documentation"
)]

include!(concat!(env!("OUT_DIR"), "/server/picket.v1.rs"));
