//! Calls of a container runtime over CRI: one connection to one socket, each call with its longest time and its
//! largest answer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::message;

/// Largest list that is accepted, in bytes; the kubelet's own limit.
const LIST_BYTES_MAX: usize = 16 << 20;
/// Largest other answer, in bytes: annotations of a pod have 256 KiB at most.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why a call brought no answer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum CallError {
    /// The runtime says that there is no such container or pod.
    #[error("{0}")]
    Unknown(String),
    /// It does not serve what was called.
    #[error("{0}")]
    Unserved(String),
    /// There is no connection any more.
    #[error("the connection is lost: {0}")]
    Lost(String),
    /// No answer in time.
    #[error("no answer to {method} within {} ms", timeout.as_millis())]
    Late {
        /// Call.
        method: &'static str,
        /// Longest time.
        timeout: Duration,
    },
    /// Something else; the next call may succeed.
    #[error("{method}: {message}")]
    Failed {
        /// Call.
        method: &'static str,
        /// What the runtime or the decoder says.
        message: String,
    },
}

/// Calls, with their names in both versions of the interface.
#[derive(Clone, Copy, Debug)]
struct Method {
    name: &'static str,
    v1: &'static str,
    v1alpha2: &'static str,
}

macro_rules! method {
    ($name:literal) => {
        Method {
            name: $name,
            v1: concat!("/runtime.v1.RuntimeService/", $name),
            v1alpha2: concat!("/runtime.v1alpha2.RuntimeService/", $name),
        }
    };
}

const VERSION: Method = method!("Version");
const LIST_CONTAINERS: Method = method!("ListContainers");
const LIST_POD_SANDBOX: Method = method!("ListPodSandbox");
const CONTAINER_STATUS: Method = method!("ContainerStatus");
const POD_SANDBOX_STATUS: Method = method!("PodSandboxStatus");

/// Version of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interface {
    V1,
    V1alpha2,
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Client {
    channel: Channel,
    interface: Interface,
    timeout: Duration,
}

impl Client {
    /// Connects, and finds out which version the runtime speaks.
    pub(super) async fn connect(
        socket: &Path,
        timeout: Duration,
    ) -> Result<(Self, message::VersionResponse), CallError> {
        let connecting = tokio::time::timeout(timeout, channel(socket)).await;
        let channel = connecting
            .map_err(|_| CallError::Late { method: "connect", timeout })?
            .map_err(|error| CallError::Lost(reason(&error)))?;
        let mut client = Self { channel, interface: Interface::V1, timeout };
        match client.version().await {
            Err(CallError::Unserved(_)) => {
                client.interface = Interface::V1alpha2;
                let version = client.version().await?;
                Ok((client, version))
            }
            other => other.map(|version| (client, version)),
        }
    }

    /// Version of the interface that both speak.
    pub(super) const fn interface(&self) -> &'static str {
        match self.interface {
            Interface::V1 => "v1",
            Interface::V1alpha2 => "v1alpha2",
        }
    }

    /// Who answers.
    pub(super) async fn version(&self) -> Result<message::VersionResponse, CallError> {
        self.call(VERSION, message::VersionRequest {}, ANSWER_BYTES_MAX).await
    }

    /// All containers.
    pub(super) async fn containers(&self) -> Result<Vec<message::Container>, CallError> {
        let request = message::ListContainersRequest { filter: None };
        let answer: message::ListContainersResponse =
            self.call(LIST_CONTAINERS, request, LIST_BYTES_MAX).await?;
        Ok(answer.containers)
    }

    /// What a list says of the container with this id; `None` if there is none.
    pub(super) async fn container(&self, id: &str) -> Result<Option<message::Container>, CallError> {
        let filter = Some(message::ContainerFilter { id: id.to_owned() });
        let request = message::ListContainersRequest { filter };
        let answer: message::ListContainersResponse =
            self.call(LIST_CONTAINERS, request, ANSWER_BYTES_MAX).await?;
        Ok(answer.containers.into_iter().find(|container| container.id == id))
    }

    /// The container with this id.
    pub(super) async fn container_status(&self, id: &str) -> Result<message::ContainerStatus, CallError> {
        let request = message::ContainerStatusRequest { container_id: id.to_owned() };
        let answer: message::ContainerStatusResponse =
            self.call(CONTAINER_STATUS, request, ANSWER_BYTES_MAX).await?;
        let status = answer.status.filter(|status| status.id == id);
        status.ok_or_else(|| CallError::Unknown(format!("there is no status of container {id}")))
    }

    /// All pods.
    pub(super) async fn sandboxes(&self) -> Result<Vec<message::PodSandbox>, CallError> {
        let request = message::ListPodSandboxRequest {};
        let answer: message::ListPodSandboxResponse =
            self.call(LIST_POD_SANDBOX, request, LIST_BYTES_MAX).await?;
        Ok(answer.items)
    }

    /// The pod whose sandbox has this id.
    pub(super) async fn sandbox_status(&self, id: &str) -> Result<message::PodSandboxStatus, CallError> {
        let request = message::PodSandboxStatusRequest { pod_sandbox_id: id.to_owned() };
        let answer: message::PodSandboxStatusResponse =
            self.call(POD_SANDBOX_STATUS, request, ANSWER_BYTES_MAX).await?;
        let status = answer.status.filter(|status| status.id == id);
        status.ok_or_else(|| CallError::Unknown(format!("there is no status of sandbox {id}")))
    }

    async fn call<Q, A>(&self, method: Method, request: Q, bytes_max: usize) -> Result<A, CallError>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let path = PathAndQuery::from_static(match self.interface {
            Interface::V1 => method.v1,
            Interface::V1alpha2 => method.v1alpha2,
        });
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(bytes_max);
        let answer = tokio::time::timeout(self.timeout, async {
            grpc.ready().await.map_err(|error| Status::unavailable(reason(&error)))?;
            grpc.unary(Request::new(request), path, ProstCodec::default()).await
        });
        match answer.await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(failure(method.name, &status)),
            Err(_) => Err(CallError::Late { method: method.name, timeout: self.timeout }),
        }
    }
}

fn failure(method: &'static str, status: &Status) -> CallError {
    let message = status.message().to_owned();
    match status.code() {
        Code::NotFound => CallError::Unknown(message),
        Code::Unimplemented => CallError::Unserved(format!(
            "it does not serve CRI ({message}): is the CRI plugin of the runtime disabled?"
        )),
        Code::Unavailable => CallError::Lost(message),
        // What went wrong below gRPC: the peer speaks something else, or went away.
        _ if std::error::Error::source(status).is_some() => CallError::Lost(message),
        code => CallError::Failed { method, message: format!("{code:?}: {message}") },
    }
}

/// A connection that is not made again when it is lost: what happened meanwhile has to be asked for.
async fn channel(socket: &Path) -> Result<Channel, tonic::transport::Error> {
    let path = socket.to_owned();
    let used = Arc::new(AtomicBool::new(false));
    // The authority of an HTTP/2 request; nobody resolves it.
    Endpoint::from_static("http://localhost")
        .connect_with_connector(service_fn(move |_| {
            let (path, again) = (path.clone(), used.swap(true, Ordering::Relaxed));
            async move {
                if again {
                    return Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted));
                }
                UnixStream::connect(path).await.map(TokioIo::new)
            }
        }))
        .await
}

/// The innermost reason, which is the one that says something.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
