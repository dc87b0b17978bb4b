//! Which control group hierarchy names containers on this node.

use sensor_common::layout::{ABSENT, Layout};
use thiserror::Error;

/// A hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// `v2`, or the name of a v1 controller.
    pub name: String,
    /// Id (`/proc/cgroups`, column `hierarchy`); 0 for v2.
    pub id: u32,
    /// Index of the controller among the kernel's, or [`ABSENT`] for v2.
    pub subsystem: u32,
}

/// Why no hierarchy can be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HierarchyError {
    /// Asked for one that is not there.
    #[error(
        "control group controller `{name}` has no v1 hierarchy here (see /proc/cgroups); use `auto` or `v2`"
    )]
    Unknown {
        /// Name of the controller.
        name: String,
    },
    /// Asked for one that the programs cannot follow.
    #[error("control group controller `{name}` cannot name containers; use `auto`, `v2`, `pids` or `memory`")]
    Unsupported {
        /// Name of the controller.
        name: String,
    },
}

/// Chooses a hierarchy: as configured, or (`auto`) the v1 `pids` or `memory` controller where one
/// is mounted, because runtimes always place containers there, else v2.
///
/// `proc_cgroups` is the contents of `/proc/cgroups`, absent on kernels without v1.
///
/// # Errors
/// A configured hierarchy that does not exist here.
pub fn choose(wanted: &str, proc_cgroups: &str, layout: &Layout) -> Result<Hierarchy, HierarchyError> {
    let v2 = Hierarchy { name: "v2".to_owned(), id: 0, subsystem: ABSENT };
    let v1 = |name: &str, subsystem: u32| {
        let id = v1_hierarchy(proc_cgroups, name)?;
        (subsystem != ABSENT).then(|| Hierarchy { name: name.to_owned(), id, subsystem })
    };
    match wanted {
        "v2" => Ok(v2),
        "auto" => Ok(v1("pids", layout.pids_subsystem)
            .or_else(|| v1("memory", layout.memory_subsystem))
            .unwrap_or(v2)),
        "pids" => v1("pids", layout.pids_subsystem)
            .ok_or_else(|| HierarchyError::Unknown { name: wanted.to_owned() }),
        "memory" => v1("memory", layout.memory_subsystem)
            .ok_or_else(|| HierarchyError::Unknown { name: wanted.to_owned() }),
        _ => Err(HierarchyError::Unsupported { name: wanted.to_owned() }),
    }
}

/// Id of the v1 hierarchy of a controller, if it has one.
fn v1_hierarchy(proc_cgroups: &str, name: &str) -> Option<u32> {
    proc_cgroups.lines().find_map(|line| {
        let mut columns = line.split_whitespace();
        (columns.next()? == name).then_some(())?;
        columns.next()?.parse().ok().filter(|id| *id != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str =
        "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t4\t8\t1\npids\t8\t1\t1\n";
    const UNIFIED: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t80\t1\npids\t0\t80\t1\n";

    fn layout() -> Layout {
        Layout { pids_subsystem: 11, memory_subsystem: 4, ..Layout::UNKNOWN }
    }

    #[test]
    fn prefers_the_controller_in_which_every_runtime_places_containers() {
        let chosen = choose("auto", HYBRID, &layout()).unwrap();
        assert_eq!(chosen, Hierarchy { name: "pids".into(), id: 8, subsystem: 11 });
        assert_eq!(choose("auto", UNIFIED, &layout()).unwrap().name, "v2");
        assert_eq!(choose("auto", "", &layout()).unwrap().name, "v2");
        let without_pids = Layout { pids_subsystem: ABSENT, ..layout() };
        assert_eq!(choose("auto", HYBRID, &without_pids).unwrap().name, "memory");
    }

    #[test]
    fn a_wish_that_cannot_be_met_is_an_error() {
        assert_eq!(choose("v2", HYBRID, &layout()).unwrap().subsystem, ABSENT);
        assert!(choose("pids", UNIFIED, &layout()).unwrap_err().to_string().contains("`pids`"));
        assert!(choose("cpu", HYBRID, &layout()).unwrap_err().to_string().contains("`cpu`"));
    }
}
