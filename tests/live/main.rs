//! Live tests: real processes and containers, seen through the real client, compared field by field.
//!
//! `live` runs all tests, `live NAME` those whose name contains it. Needs root.
#![forbid(unsafe_code)]

mod boundary;
mod burst;
mod calls;
mod canary;
mod churn;
mod commands;
mod examples;
mod file;
mod findings;
mod flood;
mod hostile;
mod identity;
mod incidents;
mod input;
mod network;
mod objects;
mod pack;
mod packets;
mod policy;
mod process;
mod pushdown;
mod record;
mod restart;
mod serve;
mod upstream;
mod verdict;
mod workload;

use std::process::ExitCode;

use picket_tests::runner;

fn main() -> ExitCode {
    let tests = [
        workload::TESTS,
        process::TESTS,
        file::TESTS,
        pack::TESTS,
        boundary::TESTS,
        packets::TESTS,
        input::TESTS,
        network::TESTS,
        identity::TESTS,
        incidents::TESTS,
        commands::TESTS,
        canary::TESTS,
        churn::TESTS,
        burst::TESTS,
        objects::TESTS,
        policy::TESTS,
        flood::TESTS,
        hostile::TESTS,
        calls::TESTS,
        verdict::TESTS,
        restart::TESTS,
        serve::TESTS,
        record::TESTS,
        examples::TESTS,
        findings::TESTS,
        pushdown::TESTS,
        upstream::TESTS,
    ]
    .concat();
    runner::main(&tests)
}
