//! An agent that answers on a socket, whoever started it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::agent::binary;

/// Where an agent listens.
#[derive(Clone, Debug)]
pub struct Contact {
    socket: PathBuf,
}

impl Contact {
    /// An agent on this socket.
    #[must_use]
    pub const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Path of its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its address, as `--listen` and `--connect` want it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// A command of the client side, not yet started.
    #[must_use]
    pub fn client(&self, verb: &str) -> Command {
        let mut command = Command::new(binary());
        command.args([verb, "--connect", &self.address()]).stdin(Stdio::null());
        command
    }

    /// Runs a command of the client side.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn picket(&self, verb: &str, arguments: &[&str]) -> Output {
        self.client(verb).args(arguments).output().expect("the program under test can be run")
    }

    /// `GetStatusResponse`, as JSON; an error holds what was said instead.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn status(&self) -> Result<Value, String> {
        let output = self.picket("status", &["-o", "json"]);
        serde_json::from_slice(&output.stdout).map_err(|error| {
            let text = String::from_utf8_lossy(&output.stderr);
            format!("picket status -o json: {}: {error}: {text}", output.status)
        })
    }
}
