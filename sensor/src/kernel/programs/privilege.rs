//! What needs, gives or shows privileges.

use super::Service;

/// The services.
pub(super) const SERVICES: &[Service] = &[];
