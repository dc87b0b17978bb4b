//! Where something belongs: a container, whatever control groups it has, or a control group of the host.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::detect::scene::Scene;

/// Names a container, or a control group of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place(u64);

impl Place {
    /// Where the event happened.
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        // The same in every run; nobody in a container chooses its id.
        let mut hasher = DefaultHasher::new();
        match scene.container() {
            Some(known) => known.container.id.hash(&mut hasher),
            None => scene.cgroup().hash(&mut hasher),
        }
        Self(hasher.finish())
    }
}
