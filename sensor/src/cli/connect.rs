//! How the commands of the client side reach an agent: where it is, and what both sides prove.

use std::path::{Path, PathBuf};

use clap::Args;
use thiserror::Error;
use tonic::transport::Channel;

use super::exit;
use crate::proto::sensor_client::SensorClient;
use crate::stream::address::{DEFAULT_ADDRESS, Place};
use crate::stream::client::{self, ConnectError, Proof, Target};

/// Arguments of every command that talks to an agent.
#[derive(Args, Clone, Debug)]
pub struct ConnectArgs {
    /// The agent: its socket on this node, or https://HOST:PORT for one that listens for TLS
    #[arg(long, value_name = "unix:///PATH|https://HOST:PORT", default_value = DEFAULT_ADDRESS)]
    pub connect: Place,
    /// With https: PEM file with the authorities that sign the certificates of agents
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// With https: PEM file with the certificate by which this client proves itself
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// With https: PEM file with the private key of that certificate
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// With https: name in the agent's certificate, where it is not HOST
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
}

/// A command line that leads to no agent.
#[derive(Debug, Error)]
pub enum TargetError {
    /// TLS needs all three.
    #[error(
        "--connect {0} needs --ca, --certificate and --key: an agent serves only clients with a certificate"
    )]
    Proof(Place),
    /// The socket needs none.
    #[error(
        "--ca, --certificate, --key and --server-name are for --connect https://HOST:PORT; {0} is a socket"
    )]
    Socket(Place),
    /// A file.
    #[error("{flag} {path}: cannot read this file: {source}", path = path.display())]
    Read {
        /// Which.
        flag: &'static str,
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum NoConnection {
    /// The command line leads to no agent.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// There is none that answers.
    #[error(transparent)]
    Agent(#[from] ConnectError),
}

impl NoConnection {
    /// The exit code that says so.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Target(_) => exit::USAGE,
            Self::Agent(_) => exit::UNREACHABLE,
        }
    }
}

impl ConnectArgs {
    /// A connection to the agent.
    ///
    /// # Errors
    /// When the command line leads to none, or it does not answer.
    pub async fn client(&self) -> Result<SensorClient<Channel>, NoConnection> {
        Ok(client::connect(&self.target()?).await?)
    }

    /// Where to connect, with the files read.
    ///
    /// # Errors
    /// When flags are missing or too many, or a file cannot be read.
    pub fn target(&self) -> Result<Target, TargetError> {
        let Self { connect, ca, certificate, key, server_name } = self;
        match (connect, ca, certificate, key) {
            (Place::Socket(address), None, None, None) if server_name.is_none() => {
                Ok(Target::Socket(address.clone()))
            }
            (Place::Socket(_), ..) => Err(TargetError::Socket(connect.clone())),
            (Place::Tls(host, port), Some(ca), Some(certificate), Some(key)) => Ok(Target::Tls {
                host: host.clone(),
                port: *port,
                proof: Box::new(Proof {
                    ca: read("--ca", ca)?,
                    certificate: read("--certificate", certificate)?,
                    key: read("--key", key)?,
                    server_name: server_name.clone(),
                }),
            }),
            (Place::Tls(..), ..) => Err(TargetError::Proof(connect.clone())),
        }
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, TargetError> {
    std::fs::read(path).map_err(|source| TargetError::Read { flag, path: path.to_owned(), source })
}
