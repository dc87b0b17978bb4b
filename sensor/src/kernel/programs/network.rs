//! Sockets.

use super::Service;

/// The services.
pub(super) const SERVICES: &[Service] = &[];
