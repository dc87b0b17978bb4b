//! What needs, gives or shows privileges.

mod objects;

use super::Service;

/// The services.
pub(super) const SERVICES: &[Service] = objects::SERVICES;
