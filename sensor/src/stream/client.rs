//! Connects to an agent: what `picket watch`, `picket status` and the tests use.

use std::error::Error;
use std::io;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::UnixStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower::service_fn;

use super::address::{Address, Place};
use crate::proto::sensor_client::SensorClient;

/// Largest response that is accepted, in bytes; the agent sends about 1 MiB at most.
const RESPONSE_BYTES_MAX: usize = 16 << 20;

/// How long a connection by TCP may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// When an idle connection is asked for a sign of life, and how long that may take.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug, Error)]
#[error("cannot reach an agent at {place}: {reason}")]
pub struct ConnectError {
    /// Where.
    pub place: Place,
    /// Why, and what to do.
    pub reason: String,
}

/// Where an agent is, and for TCP what both sides prove themselves with.
#[derive(Clone, Debug)]
pub enum Target {
    /// Whoever may open the socket is served.
    Socket(Address),
    /// By TCP.
    Tls {
        /// Name or IP address, of an IPv6 one in brackets.
        host: String,
        /// Port.
        port: u16,
        /// What is proved, and how.
        proof: Box<Proof>,
    },
}

/// What both sides prove themselves with; all in PEM form.
#[derive(Clone)]
pub struct Proof {
    /// Authorities that sign the certificates of agents.
    pub ca: Vec<u8>,
    /// The client's certificate, and those of intermediate authorities.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
    /// Name that the agent's certificate must have, where it is not the host's.
    pub server_name: Option<String>,
}

impl std::fmt::Debug for Proof {
    /// Without the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Proof").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl From<Address> for Target {
    fn from(address: Address) -> Self {
        Self::Socket(address)
    }
}

impl Target {
    /// Without what proves anything.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Socket(address) => Place::Socket(address.clone()),
            Self::Tls { host, port, .. } => Place::Tls(host.clone(), *port),
        }
    }
}

/// Connects.
///
/// # Errors
/// When nobody listens, the caller may not connect, or one side cannot prove itself; says which.
pub async fn connect(target: &Target) -> Result<SensorClient<Channel>, ConnectError> {
    let channel = channel(target).await?;
    Ok(SensorClient::new(channel).max_decoding_message_size(RESPONSE_BYTES_MAX))
}

/// Connects without choosing a service, for health checks and reflection.
///
/// # Errors
/// As [`connect`].
pub async fn channel(target: &Target) -> Result<Channel, ConnectError> {
    let channel = match target {
        Target::Socket(address) => local(address).await,
        Target::Tls { proof, .. } => remote(&target.place(), proof).await,
    };
    channel.map_err(|error| ConnectError { place: target.place(), reason: reason(&error) })
}

async fn local(address: &Address) -> Result<Channel, tonic::transport::Error> {
    let path = address.path().to_owned();
    // The authority of an HTTP/2 request; nobody resolves it.
    patient(Endpoint::from_static("http://localhost"))
        .connect_with_connector(service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        }))
        .await
}

async fn remote(place: &Place, proof: &Proof) -> Result<Channel, tonic::transport::Error> {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&proof.ca))
        .identity(Identity::from_pem(&proof.certificate, &proof.key));
    let tls = match &proof.server_name {
        Some(name) => tls.domain_name(name),
        None => tls,
    };
    let endpoint = Endpoint::from_shared(place.to_string())?.tls_config(tls)?;
    patient(endpoint).connect_timeout(CONNECT_PATIENCE).connect().await
}

fn patient(endpoint: Endpoint) -> Endpoint {
    endpoint.http2_keep_alive_interval(KEEPALIVE_INTERVAL).keep_alive_timeout(KEEPALIVE_PATIENCE)
}

/// What an agent, or the way to it, says against a call.
#[must_use]
pub fn refusal(place: &Place, status: &tonic::Status) -> String {
    let Some(cause) = deepest(status.source()) else { return status.message().to_owned() };
    let said = format!("{}: {cause}", status.message());
    match place {
        Place::Socket(_) => said,
        // In TLS 1.3 a client learns only afterwards that its certificate is not taken, and often nothing but the end.
        Place::Tls(..) => format!(
            "{said} (does the agent know the authority of this certificate, and does its setting tls.clients, if it is set, name it?)"
        ),
    }
}

fn reason(error: &tonic::transport::Error) -> String {
    let Some(cause) = io_cause(error) else {
        return deepest(error.source())
            .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    };
    match cause.kind() {
        io::ErrorKind::NotFound => {
            "there is no such socket: is `picket run` running on this node?".to_owned()
        }
        io::ErrorKind::ConnectionRefused => {
            "nobody listens there: the agent that made it has ended, or listens elsewhere".to_owned()
        }
        io::ErrorKind::PermissionDenied => "only root may open it: use sudo".to_owned(),
        _ => cause.to_string(),
    }
}

/// Where a chain of errors ends.
fn deepest<'a>(mut error: Option<&'a (dyn Error + 'static)>) -> Option<&'a (dyn Error + 'static)> {
    while let Some(cause) = error.and_then(|error| error.source()) {
        error = Some(cause);
    }
    error
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
