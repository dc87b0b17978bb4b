//! Harness of the end-to-end tests: starts the agent, makes real containers, reads events through
//! the real client and compares them with the truth.
//!
//! Reading order: [`runner`] runs the tests of a target; each gets a [`lab::Lab`], which makes
//! [`container`]s and [`containerd`] and starts the [`agent`]; a [`client`] receives the events; a
//! test compares them by [`expect`] with what [`truth`] reads from the kernel by other ways. What the tests look
//! for is done by [`workload`]s, most of it through the bare system calls of [`raw`].
#![deny(unsafe_code)]

pub mod agent;
pub mod certificates;
pub mod cgroup;
pub mod client;
pub mod contact;
pub mod container;
pub mod containerd;
mod coverage;
pub mod cri;
pub mod errno;
pub mod example;
pub mod expect;
pub mod hello;
pub mod image;
pub mod lab;
pub mod lines;
pub mod numbers;
pub mod pods;
pub mod raw;
pub mod recording;
pub mod runner;
pub mod scratch;
pub mod skip;
pub mod truth;
pub mod workload;
