//! `cgroup`: the group that names a task's container.

use sensor_common::{
    layout::ABSENT,
    limits::{CGROUP_BYTES_MAX, CGROUP_COMPONENTS_MAX},
};

use super::{Memory, Raw, Typed};
use crate::{
    emit::writer::{Components, Writer},
    maps::{offset, settings},
};

/// A control group.
#[derive(Clone, Copy)]
pub(crate) struct Cgroup<M = Typed>(pub(crate) M);

impl<M: Memory> Cgroup<M> {
    /// The group of a task in the hierarchy that the agent chose.
    #[inline(always)]
    pub(crate) fn of(task: M) -> Option<Self> {
        let set = task.follow(offset!(task_cgroups))?;
        let subsystem = settings().cgroup_subsystem;
        if subsystem == ABSENT {
            return set.follow(offset!(cssset_default_cgroup)).map(Self);
        }
        let state = set.follow(offset!(cssset_subsystems).wrapping_add(subsystem.wrapping_mul(8)))?;
        state.follow(offset!(css_cgroup)).map(Self)
    }

    /// Id: the inode number of its folder (`kernfs_node.id`).
    #[inline(always)]
    pub(crate) fn id(self) -> u64 {
        self.node().map_or(0, |node| node.number(offset!(kernfs_id)))
    }

    /// True if it is in the hierarchy that the agent chose.
    #[inline(always)]
    pub(crate) fn names_containers(self) -> bool {
        self.0.follow(offset!(cgroup_root)).is_some_and(|root| {
            root.number::<u32>(offset!(cgroup_root_hierarchy)) == settings().cgroup_hierarchy
        })
    }

    /// Writes the components of its path, leaf first. False if some are missing.
    #[inline(always)]
    pub(crate) fn write_path(self, to: &Writer, components: &Components) -> bool {
        let Some(node) = self.node() else { return false };
        let mut node = node.raw();
        for _ in 0..CGROUP_COMPONENTS_MAX {
            // The root has no parent; its name is empty and is left out.
            let Some(parent) = node.follow(offset!(kernfs_parent)) else { return true };
            let name = node.number::<u64>(offset!(kernfs_name));
            if !to.component(components, name, CGROUP_BYTES_MAX) {
                return false;
            }
            node = Raw(parent.0);
        }
        false
    }

    #[inline(always)]
    fn node(self) -> Option<M> {
        self.0.follow(offset!(cgroup_node))
    }
}
