//! Live tests: real processes and containers, seen through the real client, compared field by field.
//!
//! `live` runs all tests, `live NAME` those whose name contains it. Needs root.
#![forbid(unsafe_code)]

mod burst;
mod churn;
mod commands;
mod flood;
mod identity;
mod input;
mod network;
mod policy;
mod process;
mod workload;

use std::process::ExitCode;

use picket_tests::runner;

fn main() -> ExitCode {
    let tests = [
        workload::TESTS,
        process::TESTS,
        input::TESTS,
        network::TESTS,
        identity::TESTS,
        commands::TESTS,
        churn::TESTS,
        burst::TESTS,
        policy::TESTS,
        flood::TESTS,
    ]
    .concat();
    runner::main(&tests)
}
