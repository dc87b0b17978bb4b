//! `/metrics` by plain HTTP. Whoever reaches the port may ask, so everything about it is bounded: connections,
//! time, the size of a request, and how often the agent is asked for its status.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{sleep, timeout};

use super::{page, text};
use crate::clock;
use crate::stream::server::Backend;

/// Connections at once; a scraper needs one.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may last, its answer included.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(15);
/// How long the head of a request may take.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long an answer is given again without asking the agent anew.
const FRESH: Duration = Duration::from_secs(1);
/// Pause after the system refused to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
struct Source {
    backend: Backend,
    /// The last page, and when it was made, in nanoseconds since boot. Held while a new one is made, so that many
    /// who ask at once ask once.
    last: Mutex<Option<(u64, Bytes)>>,
}

/// Answers for ever.
pub(super) async fn serve(socket: TcpListener, backend: Backend) {
    let source = Arc::new(Source { backend, last: Mutex::new(None) });
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        match socket.accept().await {
            // Beyond the bound it is closed at once.
            Ok((stream, _)) => {
                if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                    let source = Arc::clone(&source);
                    tokio::spawn(async move {
                        // Whatever goes wrong with one who asks is no matter of the agent's.
                        drop(timeout(CONNECTION_PATIENCE, connection(stream, source)).await);
                        drop(place);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for metrics");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, source: Arc<Source>) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let source = Arc::clone(&source);
        async move { Ok::<_, std::convert::Infallible>(source.answer(&request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

impl Source {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != "/metrics" {
            return plain(StatusCode::NOT_FOUND, "there is /metrics only\n".into());
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET it\n".into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match self.page().await {
            Ok(page) => plain(StatusCode::OK, page),
            Err(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n").into()),
        }
    }

    async fn page(&self) -> Result<Bytes, &'static str> {
        let came = clock::boot_ns();
        let mut last = self.last.lock().await;
        // Made while this one waited, or a moment before it came.
        if let Some((made, page)) = &*last
            && came.saturating_sub(*made) < clock::nanos(FRESH)
        {
            return Ok(page.clone());
        }
        let status = self.backend.ask_status().await.map_err(|error| error.text())?;
        let page = Bytes::from(page(&status));
        *last = Some((clock::boot_ns(), page.clone()));
        Ok(page)
    }
}

fn plain(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(text::CONTENT_TYPE));
    response
}
