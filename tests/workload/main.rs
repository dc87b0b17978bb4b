//! `picket-workload`: does one thing after the other, in exactly the way that the command line asks for.
//! See `picket_tests::workload` for the grammar, and `picket-workload help` for the list.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use picket_tests::workload;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    workload::main(&words)
}
