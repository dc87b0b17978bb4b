//! The messages of CRI that are read (`sensor/proto/cri`), as Rust types.

#[expect(unreachable_pub, clippy::all, reason = "generated from the schema, which has the documentation")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/cri.rs"));
}

pub(super) use generated::*;
