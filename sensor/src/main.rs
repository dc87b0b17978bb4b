//! The `picket` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use sensor::cli::{self, Command};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match &cli.command {
        Command::Run(args) => cli::run::run(args).await,
        Command::Watch(args) => cli::watch::run(args).await,
        Command::Status(args) => cli::status::run(args).await,
        Command::Check(args) => cli::check::run(args),
    }
}
