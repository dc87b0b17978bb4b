//! The part of xtask that build scripts share: how the kernel programs are built.
//!
//! The commands themselves live in the binary (`main.rs`), so that a change to one of them does not
//! rebuild everything that has a build script.
#![forbid(unsafe_code)]

// Used by the binary of this package only.
use clap as _;

pub mod ebpf;
