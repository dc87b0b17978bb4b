//! A container runtime that says what a test wants: CRI on a unix socket, in both versions or in the old one only.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::body::Body;
use tonic::codegen::http::{Request as HttpRequest, Response as HttpResponse};
use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use super::super::message::*;

/// What the runtime holds and how it behaves.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) sandboxes: BTreeMap<String, PodSandboxStatus>,
    /// Only the old version of the interface is served.
    pub(super) old: bool,
    /// No call is answered.
    pub(super) hangs: bool,
    /// Calls so far: method and what it was about.
    pub(super) calls: Vec<String>,
}

/// A running runtime; ended when dropped.
pub(super) struct Fake {
    pub(super) state: Arc<Mutex<State>>,
    /// Its own, so that its connections end with it.
    runtime: Option<Runtime>,
}

impl Fake {
    pub(super) fn start(socket: &Path) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        Self::go_on(socket, state)
    }

    /// A runtime that was started anew with what another held.
    pub(super) fn go_on(socket: &Path, state: Arc<Mutex<State>>) -> Self {
        drop(std::fs::remove_file(socket));
        let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let inside = runtime.enter();
        let listener = UnixListenerStream::new(UnixListener::from_std(listener).unwrap());
        drop(inside);
        let server = Server::builder()
            .add_service(Handler::<false>(Arc::clone(&state)))
            .add_service(Handler::<true>(Arc::clone(&state)))
            .serve_with_incoming(listener);
        runtime.spawn(async move { server.await.unwrap() });
        Self { state, runtime: Some(runtime) }
    }

    pub(super) fn edit<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        edit(&mut self.state.lock().unwrap())
    }

    /// How often something was called.
    pub(super) fn calls(&self, call: &str) -> usize {
        self.edit(|state| state.calls.iter().filter(|made| *made == call).count())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The service in its old (`true`) or new version.
#[derive(Clone)]
struct Handler<const OLD: bool>(Arc<Mutex<State>>);

impl NamedService for Handler<false> {
    const NAME: &'static str = "runtime.v1.RuntimeService";
}

impl NamedService for Handler<true> {
    const NAME: &'static str = "runtime.v1alpha2.RuntimeService";
}

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse<Body>, Infallible>> + Send>>;

impl<const OLD: bool> Service<HttpRequest<Body>> for Handler<OLD> {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Answer {
        let state = Arc::clone(&self.0);
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        if !OLD && state.lock().unwrap().old {
            return unary(request, |_: VersionRequest| Err::<VersionResponse, _>(unserved()));
        }
        if state.lock().unwrap().hangs {
            return Box::pin(pending());
        }
        match method.as_str() {
            "Version" => unary(request, move |_: VersionRequest| {
                Ok(VersionResponse { runtime_name: "containerd".into(), runtime_version: "1.2".into() })
            }),
            "ListContainers" => unary(request, move |request| list(&state, request)),
            "ContainerStatus" => unary(request, move |request| container(&state, &request)),
            "ListPodSandbox" => unary(request, move |_: ListPodSandboxRequest| Ok(sandboxes(&state))),
            "PodSandboxStatus" => unary(request, move |request| sandbox(&state, &request)),
            _ => unary(request, |_: VersionRequest| Err::<VersionResponse, _>(unserved())),
        }
    }
}

fn unary<Q, A, F>(request: HttpRequest<Body>, answer: F) -> Answer
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + 'static,
    F: FnOnce(Q) -> Result<A, Status> + Send + 'static,
{
    let mut answer = Some(answer);
    let service = service_fn(move |request: Request<Q>| {
        let answer = answer.take().unwrap()(request.into_inner()).map(Response::new);
        async move { answer }
    });
    Box::pin(async move { Ok(Grpc::new(ProstCodec::<A, Q>::default()).unary(service, request).await) })
}

fn unserved() -> Status {
    Status::unimplemented("unknown service")
}

/// As containerd: an id may be given by its beginning.
fn list(state: &Mutex<State>, request: ListContainersRequest) -> Result<ListContainersResponse, Status> {
    let mut state = state.lock().unwrap();
    let id = request.filter.map(|filter| filter.id).unwrap_or_default();
    state.calls.push(format!("list {id}"));
    let containers = state.containers.values().filter(|container| container.id.starts_with(&id));
    Ok(ListContainersResponse { containers: containers.cloned().collect() })
}

/// The image's id is in the list, its digest in the status.
fn container(
    state: &Mutex<State>,
    request: &ContainerStatusRequest,
) -> Result<ContainerStatusResponse, Status> {
    let mut state = state.lock().unwrap();
    let id = &request.container_id;
    state.calls.push(format!("status {id}"));
    let Container { id, metadata, image, labels, .. } =
        state.containers.get(id).cloned().ok_or_else(|| Status::not_found("no such container"))?;
    let image_ref = format!("docker.io/library/web@sha256:{}", "ab".repeat(32));
    let status = ContainerStatus {
        id,
        metadata,
        image,
        image_ref,
        labels,
        started_at: 7,
        ..ContainerStatus::default()
    };
    Ok(ContainerStatusResponse { status: Some(status) })
}

fn sandboxes(state: &Mutex<State>) -> ListPodSandboxResponse {
    let listed = |status: &PodSandboxStatus| PodSandbox {
        id: status.id.clone(),
        metadata: status.metadata.clone(),
        labels: status.labels.clone(),
        annotations: status.annotations.clone(),
        ..PodSandbox::default()
    };
    ListPodSandboxResponse { items: state.lock().unwrap().sandboxes.values().map(listed).collect() }
}

fn sandbox(
    state: &Mutex<State>,
    request: &PodSandboxStatusRequest,
) -> Result<PodSandboxStatusResponse, Status> {
    let mut state = state.lock().unwrap();
    state.calls.push(format!("sandbox {}", request.pod_sandbox_id));
    let status = state.sandboxes.get(&request.pod_sandbox_id).cloned();
    Ok(PodSandboxStatusResponse { status: Some(status.ok_or_else(|| Status::not_found("no such sandbox"))?) })
}

/// Where a test's socket lies.
pub(super) fn socket(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("cri.sock")
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A pod `web-1` in `shop` with this sandbox.
pub(super) fn pod_of(id: &str) -> PodSandboxStatus {
    PodSandboxStatus {
        id: id.into(),
        metadata: Some(PodSandboxMetadata {
            name: "web-1".into(),
            uid: format!("uid-{id}"),
            namespace: "shop".into(),
        }),
        linux: Some(LinuxPodSandboxStatus {
            namespaces: Some(Namespace {
                options: Some(NamespaceOption {
                    network: NamespaceMode::Node.into(),
                    pid: NamespaceMode::Container.into(),
                }),
            }),
        }),
        labels: map(&[("app", "web"), ("other", "x")]),
        annotations: map(&[("kubernetes.io/config.source", "api")]),
    }
}

/// A container `main` of that pod.
pub(super) fn container_of(id: &str, sandbox: &str) -> Container {
    Container {
        id: id.into(),
        pod_sandbox_id: sandbox.into(),
        metadata: Some(ContainerMetadata { name: "main".into(), attempt: 3 }),
        image: Some(ImageSpec { image: "web:1".into(), user_specified_image: String::new() }),
        image_ref: format!("sha256:{}", "cd".repeat(32)),
        state: ContainerState::ContainerRunning.into(),
        labels: map(&[
            ("io.kubernetes.pod.uid", &format!("uid-{sandbox}")),
            ("io.kubernetes.pod.name", "web-1"),
            ("io.kubernetes.pod.namespace", "shop"),
            ("io.kubernetes.container.name", "main"),
        ]),
    }
}
