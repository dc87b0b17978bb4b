//! The fixed part of each record, one file a family of classes.

pub mod container;
pub mod file;
pub mod network;
pub mod privilege;
pub mod process;
