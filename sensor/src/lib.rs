//! Picket: a Kubernetes node runtime sensor.
//!
//! The modules are the way of the data; the numbers are the order in which to read them, see `ARCHITECTURE.md`.
#![forbid(unsafe_code)]

pub mod detect; // 4  what an event means: rules and findings
pub mod event; // 1  bytes → typed events
pub mod identity; // 3  container, pod, host unit
pub mod kernel; // 0  load, attach, read the rings
pub mod pipeline; //    the stages, in order, for one record
pub mod policy; //    which events are wanted
pub mod process; // 2  process tree and lineage
pub mod sources; //    procfs, control groups, bundles: answers as inputs
pub mod stream; // 5  encode once, subscribers, gRPC

pub mod agent; //    wiring: threads, channels, start and stop
#[cfg(test)]
mod blessed; //    test: documents made from tables
pub mod bounded; //    tables that give up what was not touched for longest
pub mod cli; //    one file a command
pub mod clock; //    the only place that asks the time
pub mod config; //    settings
pub mod histogram; //    counts by bounds
pub mod metrics; //    the status for Prometheus
pub mod proto; //    the schema as Rust types
pub mod record; //    inputs of the pipeline to a file, and back
mod shared; //    how recordings keep shared values
