//! The `picket` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use sensor::cli::{self, Command};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    if matches!(cli.command, Command::Run(_)) {
        cli::frugal::settle();
    }
    work(cli.command)
}

#[tokio::main(worker_threads = 2)]
async fn work(command: Command) -> ExitCode {
    match &command {
        Command::Run(args) => cli::run::run(args).await,
        Command::Watch(args) => cli::watch::run(args).await,
        Command::Status(args) => cli::status::run(args).await,
        Command::Normal(args) => cli::normal::run(args).await,
        Command::Record(args) => cli::record::run(args).await,
        Command::Replay(args) => cli::replay::run(args),
        Command::Check(args) => cli::check::run(args),
        Command::Rules(args) => cli::rules::run(args),
    }
}
