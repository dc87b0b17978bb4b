//! Tests on a real cluster: `cargo xtask cluster test`. Picket runs in it as its chart says; what it tells of
//! pods is held against the API server.
#![forbid(unsafe_code)]

mod churn;
mod facts;
mod kubectl;
mod late;
mod outages;
mod privileges;
mod requests;
mod workloads;
mod world;

use std::process::ExitCode;

use picket_tests::runner::plain;
use world::World;

fn main() -> ExitCode {
    let tests =
        [privileges::TESTS, workloads::TESTS, churn::TESTS, requests::TESTS, outages::TESTS, late::TESTS]
            .concat();
    plain::main(&tests, World::enter, World::log)
}
