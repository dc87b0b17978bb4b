//! The commands of `picket` and what they may be given.

pub mod args;
pub mod check;
pub mod class;
pub mod connect;
mod falco;
pub mod frugal;
mod json;
pub mod normal;
pub mod pretty;
pub mod record;
pub mod replay;
pub mod rules;
pub mod run;
pub mod status;
pub mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use self::args::{
    CheckArgs, MatchingChoice, NormalArgs, OutputFormat, RecordArgs, ReplayArgs, RulesArgs, RulesCommand,
    RulesTestArgs, RunArgs, StatusArgs, WatchArgs, WatchFormat,
};

/// Exit codes, the same for all commands.
pub mod exit {
    /// `picket status`: the agent answers, and says that it is not ready.
    pub const NOT_READY: u8 = 1;
    /// No agent can be reached, or the connection to it was lost.
    pub const UNREACHABLE: u8 = 2;
    /// The command line is wrong (`EX_USAGE` of sysexits.h).
    pub const USAGE: u8 = 64;
    /// The settings are wrong (`EX_CONFIG` of sysexits.h).
    pub const CONFIG: u8 = 78;
}

/// Sees what the containers of a Kubernetes node do, from the kernel, and streams it by gRPC.
///
/// An agent (`picket run`) runs on each node, as root. The other commands talk to it through its
/// socket, which only root can open, or by TCP with a certificate, where the agent listens for that.
#[derive(Debug, Parser)]
#[command(
    name = "picket",
    version,
    after_help = "Examples:
  picket check                      can this kernel run the agent?
  picket run                        start the agent in the foreground
  picket watch --class exec         programs that are started, as they start
  picket watch -o json | jq .       every event, one JSON object a line
  picket watch --findings           what the rules find
  picket status                     is the agent ready, and has it lost anything?
  picket normal                     what programs of each image always do
  picket record --duration 30s      what happens, for later
  picket replay picket.recording    the events of it

Exit codes: 0 success, 1 failed or not ready, 2 no agent can be reached,
64 wrong command line, 78 wrong settings."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the agent, in the foreground
    Run(RunArgs),
    /// Show events as they happen
    Watch(WatchArgs),
    /// Tell whether the agent is ready, what it has seen and what it has lost
    Status(StatusArgs),
    /// Write the agent's inputs to a file, from which `replay` makes the same events again
    Record(RecordArgs),
    /// Show the events of a recording, without kernel and without root
    Replay(ReplayArgs),
    /// Tell what the agent could do on this kernel, without attaching anything
    Check(CheckArgs),
    /// Show what the agent has learned of images
    Normal(NormalArgs),
    /// Look at rule files, without an agent
    Rules(RulesArgs),
}

/// Reads the command line.
///
/// # Errors
/// The code to exit with, after help, version or an error have been printed.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(arguments).map_err(|error| {
        // Nothing can be done if standard error is closed too.
        drop(error.print());
        if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS }
    })
}

#[cfg(test)]
mod tests;
