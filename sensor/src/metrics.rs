//! The agent's counters for Prometheus: what the status tells, in its text form, by HTTP.

pub mod reference;
mod serve;
mod table;
mod text;

use std::net::SocketAddr;

use thiserror::Error;
use tokio::net::TcpListener;

use crate::proto::GetStatusResponse;
use crate::stream::server::Backend;

/// Why there is no endpoint.
#[derive(Debug, Error)]
#[error("metrics.listen = {address}: cannot listen there: {source}")]
pub struct MetricsError {
    address: SocketAddr,
    source: std::io::Error,
}

/// A listening endpoint that answers nobody yet.
#[derive(Debug)]
pub struct Endpoint(TcpListener);

impl Endpoint {
    /// Listens.
    ///
    /// # Errors
    /// When the address is taken, or is not this node's.
    pub async fn bind(address: SocketAddr) -> Result<Self, MetricsError> {
        let socket = TcpListener::bind(address).await.map_err(|source| MetricsError { address, source })?;
        tracing::info!(%address, "tells metrics");
        Ok(Self(socket))
    }

    /// Answers for ever.
    pub async fn serve(self, backend: Backend) {
        serve::serve(self.0, backend).await;
    }
}

/// A status as metrics.
#[must_use]
pub fn page(status: &GetStatusResponse) -> String {
    let mut page = String::new();
    for metric in table::ALL {
        text::metric(&mut page, metric, status);
    }
    page
}

#[cfg(test)]
mod tests;
