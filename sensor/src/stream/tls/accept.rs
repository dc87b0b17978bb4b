//! Accepts connections, lets each prove itself in a task of its own, and hands on those that did.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{Error, ServerConfig};

use super::{Counters, TlsListener, verifier::UNKNOWN};
use crate::stream::connection::Connection;

/// How long a client may take to prove itself.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// Pause after the system refused to accept, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that have proved themselves and may wait to be taken.
const WAITING_MAX: usize = 16;

/// A connection's seat among those that may be. Who holds it counts.
#[derive(Debug)]
pub(in crate::stream) struct Seat {
    counters: Arc<Counters>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counters.ended.add(1);
    }
}

impl TlsListener {
    /// Works until the receiver, or the task in which this runs, is gone.
    pub(in crate::stream) fn connections(
        self,
    ) -> (mpsc::Receiver<Connection>, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let work = async move {
            let Self { socket, connections_max, current, renewal, observer, .. } = self;
            let places = Arc::new(Semaphore::new(connections_max));
            let accepting = async {
                loop {
                    let stream = match socket.accept().await {
                        Ok((stream, _)) => stream,
                        Err(error) => {
                            tracing::warn!(%error, "cannot accept a connection");
                            sleep(PAUSE).await;
                            continue;
                        }
                    };
                    let counters = &observer.counters;
                    let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
                        counters.refused.add(1);
                        continue;
                    };
                    counters.accepted.add(1);
                    let seat = Seat { counters: Arc::clone(counters), _permit: permit };
                    let server = Arc::clone(&current.borrow());
                    tokio::spawn(prove(stream, server, seat, sender.clone()));
                }
            };
            tokio::select! {
                () = accepting => (),
                () = renewal.run() => (),
                () = sender.closed() => (),
            }
        };
        (receiver, work)
    }
}

/// One handshake.
async fn prove(stream: TcpStream, server: Arc<ServerConfig>, seat: Seat, proved: mpsc::Sender<Connection>) {
    let peer = stream.peer_addr().map(|address| address.to_string()).unwrap_or_default();
    // Events go out at once; at worst they wait a moment.
    drop(stream.set_nodelay(true));
    let handshake = timeout(HANDSHAKE_PATIENCE, TlsAcceptor::from(server).accept(stream));
    let tls = tokio::select! {
        tls = handshake => tls,
        () = proved.closed() => return,
    };
    let counters = Arc::clone(&seat.counters);
    match tls {
        Ok(Ok(stream)) => {
            counters.served.add(1);
            tracing::debug!(peer, "a client with a certificate");
            // The server has ended: fine.
            proved.send(Connection::Tls(Box::new(stream), seat)).await.ok();
        }
        Ok(Err(error)) => {
            let reason = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
            let unknown = reason == Some(&UNKNOWN);
            if unknown { &counters.unknown } else { &counters.failed }.add(1);
            tracing::debug!(peer, %error, unknown, "a client that did not prove itself");
        }
        Err(_) => {
            counters.failed.add(1);
            tracing::debug!(peer, "a client that did not prove itself in time");
        }
    }
}
