//! Connects to an agent: what `picket watch`, `picket status` and the tests use.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::address::Address;
use crate::proto::sensor_client::SensorClient;

/// Largest response that is accepted, in bytes; the agent sends about 1 MiB at most.
const RESPONSE_BYTES_MAX: usize = 16 << 20;

/// When an idle connection is asked for a sign of life, and how long that may take.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug, Error)]
#[error("cannot reach an agent at {address}: {reason}")]
pub struct ConnectError {
    /// Where.
    pub address: Address,
    /// Why, and what to do.
    pub reason: String,
}

/// Connects.
///
/// # Errors
/// When nobody listens or the caller may not connect; says which.
pub async fn connect(address: &Address) -> Result<SensorClient<Channel>, ConnectError> {
    let channel = channel(address).await?;
    Ok(SensorClient::new(channel).max_decoding_message_size(RESPONSE_BYTES_MAX))
}

/// Connects without choosing a service, for health checks and reflection.
///
/// # Errors
/// As [`connect`].
pub async fn channel(address: &Address) -> Result<Channel, ConnectError> {
    let path = address.path().to_owned();
    // The authority of an HTTP/2 request; nobody resolves it.
    Endpoint::from_static("http://localhost")
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_PATIENCE)
        .connect_with_connector(service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        }))
        .await
        .map_err(|error| ConnectError { address: address.clone(), reason: reason(&error) })
}

fn reason(error: &tonic::transport::Error) -> String {
    let Some(cause) = io_cause(error) else {
        return error.to_string();
    };
    match cause.kind() {
        io::ErrorKind::NotFound => {
            "there is no such socket: is `picket run` running on this node?".to_owned()
        }
        io::ErrorKind::ConnectionRefused => {
            "nobody listens there: the agent that made it has ended".to_owned()
        }
        io::ErrorKind::PermissionDenied => "only root may open it: use sudo".to_owned(),
        _ => cause.to_string(),
    }
}

/// The error of the system call, somewhere below that of the transport.
fn io_cause(error: &tonic::transport::Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}
