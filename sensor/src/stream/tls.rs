//! The stream by TCP: only with TLS, and only to clients that prove themselves by a certificate.

mod accept;
mod material;
pub mod name;
mod renewal;
mod verifier;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;

pub(super) use self::accept::Seat;
use self::renewal::Renewal;
use crate::config::resolved::Tls;
use crate::proto;
use crate::sources::lapses::Count;

/// Why the agent cannot listen for TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting} = {path}: cannot read this file: {source}", path = path.display())]
    Read {
        /// Setting that names it.
        setting: &'static str,
        /// File.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{setting} = {path}: {what}", path = path.display())]
    Content {
        /// Setting that names it.
        setting: &'static str,
        /// File.
        path: PathBuf,
        /// What is wrong, and what is right.
        what: String,
    },
    /// The address is taken, or is not this node's.
    #[error("tls.listen = {address}: cannot listen there: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl TlsError {
    /// True if a file that the settings name is wrong.
    #[must_use]
    pub const fn is_of_settings(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Content { .. })
    }
}

/// What became of connections; any thread may raise them.
#[derive(Debug, Default)]
struct Counters {
    /// That came.
    accepted: Count,
    /// That proved themselves.
    served: Count,
    /// That are over, served or not.
    ended: Count,
    /// Closed at once, because there were too many.
    refused: Count,
    /// Closed without a handshake: no or a wrong certificate, no TLS at all, too slow.
    failed: Count,
    /// Closed because `tls.clients` does not name them.
    unknown: Count,
    /// Files that were taken anew.
    renewals: Count,
}

/// Listens, with what it proves itself with.
#[derive(Debug)]
pub struct TlsListener {
    socket: TcpListener,
    address: SocketAddr,
    connections_max: usize,
    current: watch::Receiver<Arc<ServerConfig>>,
    renewal: Renewal,
    observer: Observer,
}

/// What the status tells of a [`TlsListener`].
#[derive(Clone, Debug)]
pub struct Observer {
    address: SocketAddr,
    connections_max: usize,
    counters: Arc<Counters>,
    problem: watch::Receiver<Option<String>>,
}

impl TlsListener {
    /// Reads the files and listens.
    ///
    /// # Errors
    /// Names the setting and the file, and what is wrong with it.
    pub async fn bind(settings: &Tls) -> Result<Self, TlsError> {
        let counters = Arc::<Counters>::default();
        let (renewal, current, problem) = Renewal::new(settings.clone(), Arc::clone(&counters))?;
        let failed = |source| TlsError::Bind { address: settings.listen, source };
        let socket = TcpListener::bind(settings.listen).await.map_err(failed)?;
        // The port that the system chose where the settings say 0.
        let address = socket.local_addr().map_err(failed)?;
        tracing::info!(%address, "listens for clients with a certificate");
        let connections_max = settings.connections_max;
        let observer = Observer { address, connections_max, counters, problem };
        Ok(Self { socket, address, connections_max, current, renewal, observer })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Looks at its files that often.
    #[cfg(test)]
    const fn looking_every(mut self, round: std::time::Duration) -> Self {
        self.renewal.round = round;
        self
    }

    /// For the status.
    #[must_use]
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }
}

impl Observer {
    /// Why new files are not in use, if they are not.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem.borrow().clone()
    }

    /// As the status tells it.
    #[must_use]
    pub fn report(&self) -> proto::TlsListener {
        let Counters { accepted, served, ended, refused, failed, unknown, renewals } = &*self.counters;
        // Read first: a connection that ends meanwhile must not make this negative.
        let ended = ended.get();
        let accepted = accepted.get();
        proto::TlsListener {
            address: self.address.to_string(),
            connections: accepted.saturating_sub(ended),
            connections_max: self.connections_max as u64,
            accepted,
            served: served.get(),
            refused: refused.get(),
            failed: failed.get(),
            unknown: unknown.get(),
            renewals: renewals.get(),
        }
    }
}

#[cfg(test)]
mod tests;
