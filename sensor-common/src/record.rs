//! The fixed part of each record, one file a family of classes.

pub mod process;
