//! Where something belongs: a container, whatever control groups it has, or a control group of the host.

use crate::detect::{scene::Scene, told::hash};

/// Names a container, or a control group of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place(u64);

impl Place {
    /// Where the event happened.
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        // The same in every run; nobody in a container chooses its id.
        Self(match scene.container() {
            Some(known) => hash(&known.container.id),
            None => hash(scene.cgroup()),
        })
    }
}
