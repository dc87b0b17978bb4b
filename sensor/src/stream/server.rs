//! The gRPC services: `picket.v1.Sensor`, health and reflection.

mod generated;
mod sensor;

use std::io;
use std::pin::Pin;
use std::time::Duration;

use thiserror::Error;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::Builder as Reflection;

use self::generated::sensor_server::SensorServer;
use super::filter::Filter;
use super::hub::HubHandle;
use super::{connection::Connection, listener::Listener, tls::TlsListener};
use crate::detect::normal::Learned;
use crate::proto;
use crate::record::Options;

/// Largest request that is accepted, in bytes: room for thousands of names in a filter.
const REQUEST_BYTES_MAX: usize = 256 * 1024;

/// Most calls at once on one connection.
const CONNECTION_CALLS_MAX: u32 = 128;

/// When a silent connection is asked for a sign of life, and how long that may take. The kernel
/// closes the connection of a client that died; this is for one that hangs. It is generous: a
/// client that was only stopped for a while shall still be told what it missed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
const KEEPALIVE_PATIENCE: Duration = Duration::from_secs(300);

/// How long clients get to take the end of their streams in, when the agent ends.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// How long the agent may take to tell its status.
const STATUS_PATIENCE: Duration = Duration::from_secs(5);

/// A question for the agent's status. The server itself adds the subscribers to the answer.
pub type StatusRequest = oneshot::Sender<proto::GetStatusResponse>;

/// Asks for a recording, in parts that each end where a frame ends.
#[derive(Debug)]
pub struct RecordingRequest {
    /// What it is to hold.
    pub options: Options,
    /// Containers of which it is to hold only what they do, if `options` say so.
    pub of: Filter,
    /// Where it comes from, or why not.
    pub reply: oneshot::Sender<Result<mpsc::Receiver<Vec<u8>>, NoRecording>>,
}

/// Why there is no recording.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoRecording {
    /// There is one already.
    #[error("somebody records already, and one recording at a time is possible: wait for its end, or end it")]
    Busy,
    /// Something else.
    #[error("the agent cannot record: it is ending, or its pipeline does not answer (see its log)")]
    Failed,
}

/// Why the server stopped.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("the gRPC server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The embedded schema cannot be served by reflection.
    #[error("the schema in this binary is broken: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// What the server needs from the rest of the agent.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Where subscriptions are asked for.
    pub hub: HubHandle,
    /// Who answers for the status.
    pub status: mpsc::Sender<StatusRequest>,
    /// Who makes recordings.
    pub recordings: mpsc::Sender<RecordingRequest>,
    /// Who knows what was learned of images.
    pub learned: mpsc::Sender<oneshot::Sender<Vec<Learned>>>,
    /// Whether every hook is attached and events flow; health follows it.
    pub ready: watch::Receiver<bool>,
    /// Turns true, or loses its sender, when the agent ends.
    pub stop: watch::Receiver<bool>,
}

/// Why there is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStatus {
    /// Nobody is left to ask.
    Ending,
    /// It takes too long.
    Stuck,
}

impl NoStatus {
    /// For who asked.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ending => "the agent is ending",
            Self::Stuck => "the agent does not tell its status: it is stuck",
        }
    }
}

impl Backend {
    /// Begins a recording.
    ///
    /// # Errors
    /// When there is one already, or the agent does not answer.
    pub async fn record(&self, options: Options, of: Filter) -> Result<mpsc::Receiver<Vec<u8>>, NoRecording> {
        let (reply, begun) = oneshot::channel();
        let request = RecordingRequest { options, of, reply };
        self.recordings.send(request).await.map_err(|_| NoRecording::Failed)?;
        begun.await.unwrap_or(Err(NoRecording::Failed))
    }

    /// Asks what was learned of images; `None`: nobody answers.
    pub async fn ask_learned(&self) -> Option<Vec<Learned>> {
        let (reply, told) = oneshot::channel();
        self.learned.send(reply).await.ok()?;
        told.await.ok()
    }

    /// Asks the agent how it is.
    ///
    /// # Errors
    /// When it does not answer; says why.
    pub async fn ask_status(&self) -> Result<proto::GetStatusResponse, NoStatus> {
        let (answer, answered) = oneshot::channel();
        let ask = async {
            self.status.send(answer).await.ok()?;
            answered.await.ok()
        };
        let mut status = match tokio::time::timeout(STATUS_PATIENCE, ask).await {
            Ok(Some(status)) => status,
            Ok(None) => return Err(NoStatus::Ending),
            Err(_) => return Err(NoStatus::Stuck),
        };
        status.subscribers = self.hub.subscribers();
        (status.subscribers_sent, status.subscribers_lost) = self.hub.totals();
        Ok(status)
    }
}

/// Serves until `stop`, by TCP too where there is a listener for it; then ends the streams and waits a
/// little for clients to take that in. Removes the socket.
///
/// # Errors
/// When the transport fails.
pub async fn serve(
    listener: Listener,
    remote: Option<TlsListener>,
    backend: Backend,
) -> Result<(), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let Backend { ready, stop, .. } = backend.clone();
    let ready_now = *ready.borrow();
    set_health(&reporter, ready_now).await;
    let follow = tokio::spawn(follow_readiness(reporter, ready));
    let router = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_PATIENCE))
        .max_concurrent_streams(CONNECTION_CALLS_MAX)
        .add_service(
            SensorServer::new(sensor::Service::new(backend)).max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let Listener { socket, file } = listener;
    let serving = router.serve_with_incoming_shutdown(incoming(socket, remote), stopped(stop.clone()));
    let give_up = async {
        stopped(stop).await;
        tokio::time::sleep(END_PATIENCE).await;
    };
    let result = tokio::select! {
        result = serving => result,
        () = give_up => {
            tracing::debug!("a client did not take the end of its stream in");
            Ok(())
        }
    };
    follow.abort();
    drop(file);
    Ok(result?)
}

/// Connections of both kinds, as they come.
fn incoming(
    socket: UnixListener,
    remote: Option<TlsListener>,
) -> Pin<Box<dyn Stream<Item = io::Result<Connection>> + Send>> {
    let local = UnixListenerStream::new(socket).map(|stream| stream.map(Connection::Unix));
    let Some(remote) = remote else { return Box::pin(local) };
    let (connections, work) = remote.connections();
    // Ends when the server drops the receiver.
    tokio::spawn(work);
    Box::pin(local.merge(ReceiverStream::new(connections).map(Ok)))
}

/// Ready when the agent is to end.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that nobody is left who could say so: the same.
    drop(stop.wait_for(|stop| *stop).await);
}

fn reflection() -> Reflection<'static> {
    Reflection::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

async fn follow_readiness(reporter: HealthReporter, mut ready: watch::Receiver<bool>) {
    while ready.changed().await.is_ok() {
        let now = *ready.borrow_and_update();
        set_health(&reporter, now).await;
    }
    set_health(&reporter, false).await;
}

async fn set_health(reporter: &HealthReporter, ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in ["", proto::SERVICE] {
        reporter.set_service_status(service, status).await;
    }
}
