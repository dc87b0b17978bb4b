//! A container runtime of CRI (`runtime.v1`) in the test: it says of the containers that the test made what the
//! test wants, and answers when the test lets it.

mod message;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime as Tokio};
use tokio::sync::watch;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::body::Body;
use tonic::codegen::http::{Request as HttpRequest, Response as HttpResponse};
use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use self::message as m;
use crate::container::Names;

/// Digest that the runtime says every image has.
pub const DIGEST: &str = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// How often it says that every container was started before.
pub const RESTARTS: u32 = 3;
/// What it says it is.
pub const VERSION: &str = "containerd 0.0-test (v1)";

/// A running runtime; ended when dropped.
#[derive(Debug)]
pub struct Runtime {
    socket: PathBuf,
    shared: Arc<Shared>,
    tokio: Option<Tokio>,
}

#[derive(Debug)]
struct Shared {
    containers: Mutex<Vec<Names>>,
    /// Whether it answers.
    open: watch::Sender<bool>,
}

impl Runtime {
    /// Starts a runtime without containers, whose socket lies in `folder`.
    ///
    /// # Panics
    /// When the socket cannot be made.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let socket = folder.join("cri.sock");
        let listener = StdListener::bind(&socket).expect("a writable folder");
        listener.set_nonblocking(true).expect("a socket of our own");
        let shared = Arc::new(Shared { containers: Mutex::default(), open: watch::Sender::new(true) });
        let tokio = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        let handler = Handler(Arc::clone(&shared));
        tokio.spawn(async move {
            let listener = UnixListener::from_std(listener).expect("a listening socket");
            let incoming = UnixListenerStream::new(listener);
            Server::builder().add_service(handler).serve_with_incoming(incoming).await.expect("it serves");
        });
        Self { socket, shared, tokio: Some(tokio) }
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// From now on it knows this container, and its pod by the same id with another beginning.
    pub fn add(&self, names: &Names) {
        self.shared.lock().push(names.clone());
    }

    /// From now on it takes calls and answers none, until [`Runtime::release`].
    pub fn hold(&self) {
        self.shared.open.send_replace(false);
    }

    /// It answers again, what waits included.
    pub fn release(&self) {
        self.shared.open.send_replace(true);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_background();
        }
        if let Err(error) = fs::remove_file(&self.socket) {
            eprintln!("cannot remove {}: {error}", self.socket.display());
        }
    }
}

/// Id of the sandbox of a container.
#[must_use]
pub fn sandbox_id(names: &Names) -> String {
    format!("5a5a5a5a{}", names.id.get(8..).unwrap_or_default())
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Names>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, is_it: impl Fn(&Names) -> bool) -> Result<Names, Status> {
        self.lock().iter().find(|names| is_it(names)).cloned().ok_or_else(|| Status::not_found("none such"))
    }
}

/// The service.
#[derive(Clone)]
struct Handler(Arc<Shared>);

impl NamedService for Handler {
    const NAME: &'static str = "runtime.v1.RuntimeService";
}

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse<Body>, Infallible>> + Send>>;

impl Service<HttpRequest<Body>> for Handler {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Answer {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            // The sender lives as long as we do.
            drop(shared.open.subscribe().wait_for(|open| *open).await);
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let answer = match method.as_str() {
                "Version" => unary(request, |_: m::Empty| Ok(version())).await,
                "ListContainers" => unary(request, move |request| Ok(list(&shared, request))).await,
                "ContainerStatus" => unary(request, move |request| container(&shared, &request)).await,
                "ListPodSandbox" => unary(request, |_: m::Empty| Ok(m::Empty {})).await,
                "PodSandboxStatus" => unary(request, move |request| sandbox(&shared, &request)).await,
                _ => unary(request, |_: m::Empty| Err::<m::Empty, _>(Status::unimplemented(method))).await,
            };
            Ok(answer)
        })
    }
}

async fn unary<Q, A, F>(request: HttpRequest<Body>, answer: F) -> HttpResponse<Body>
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + 'static,
    F: FnOnce(Q) -> Result<A, Status> + Send + 'static,
{
    let mut answer = Some(answer);
    let service = service_fn(move |request: Request<Q>| {
        let answer = answer.take().map(|answer| answer(request.into_inner()).map(Response::new));
        async move { answer.unwrap_or_else(|| Err(Status::internal("called twice"))) }
    });
    Grpc::new(ProstCodec::<A, Q>::default()).unary(service, request).await
}

fn version() -> m::Version {
    m::Version { runtime_name: "containerd".to_owned(), runtime_version: "0.0-test".to_owned() }
}

fn list(shared: &Shared, request: m::ListRequest) -> m::Containers {
    const RUNNING: i32 = 1;
    let wanted = request.filter.unwrap_or_default().id;
    let listed = |names: &Names| m::Container {
        id: names.id.clone(),
        pod_sandbox_id: sandbox_id(names),
        metadata: Some(metadata(names)),
        image: Some(m::Image { image: names.image.clone() }),
        image_ref: format!("sha256:{}", "0".repeat(64)),
        state: RUNNING,
        labels: kubelet_labels(names),
    };
    let containers = shared.lock();
    let containers = containers.iter().filter(|names| wanted.is_empty() || names.id == wanted);
    m::Containers { containers: containers.map(listed).collect() }
}

fn container(shared: &Shared, request: &m::Id) -> Result<m::ContainerAnswer, Status> {
    let names = shared.find(|names| names.id == request.id)?;
    let status = m::ContainerStatus {
        id: names.id.clone(),
        metadata: Some(metadata(&names)),
        image: Some(m::Image { image: names.image.clone() }),
        image_ref: format!("docker.io/library/bb@{DIGEST}"),
        labels: kubelet_labels(&names),
    };
    Ok(m::ContainerAnswer { status: Some(status) })
}

/// A pod that shares the node's network, and process ids among its containers.
fn sandbox(shared: &Shared, request: &m::Id) -> Result<m::SandboxAnswer, Status> {
    const NODE: i32 = 2;
    const POD: i32 = 0;
    let names = shared.find(|names| sandbox_id(names) == request.id)?;
    let metadata = m::SandboxMetadata {
        name: names.pod.clone(),
        uid: names.uid.clone(),
        namespace: names.namespace.clone(),
    };
    let options = Some(m::Options { network: NODE, pid: POD });
    let status = m::SandboxStatus {
        id: request.id.clone(),
        metadata: Some(metadata),
        linux: Some(m::Linux { namespaces: Some(m::Namespaces { options }) }),
        labels: map(&[("app", "web"), ("pod-template-hash", "1")]),
        annotations: map(&[("kubernetes.io/config.source", "file"), ("team", "a")]),
    };
    Ok(m::SandboxAnswer { status: Some(status) })
}

fn metadata(names: &Names) -> m::ContainerMetadata {
    m::ContainerMetadata { name: names.name.clone(), attempt: RESTARTS }
}

fn kubelet_labels(names: &Names) -> BTreeMap<String, String> {
    map(&[
        ("io.kubernetes.container.name", &names.name),
        ("io.kubernetes.pod.name", &names.pod),
        ("io.kubernetes.pod.namespace", &names.namespace),
        ("io.kubernetes.pod.uid", &names.uid),
    ])
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
