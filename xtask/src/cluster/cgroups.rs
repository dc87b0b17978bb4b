//! The control groups that kubelet makes for pods. Their name is kubelet's and the same for each, so a second
//! kubelet on this machine would share them.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use rustix::process::Pid;

use super::processes::number;

const ROOT: &str = "/sys/fs/cgroup";
const PODS: &str = "kubepods";

/// An error when another kubelet runs pods here.
pub(super) fn ensure_unused() -> Result<()> {
    let pids = processes();
    ensure!(
        pids.is_empty(),
        "{} processes are in {ROOT}'s groups `{PODS}`: another kubelet runs pods on this machine, and must \
         be stopped first",
        pids.len()
    );
    Ok(())
}

/// Every process of a pod.
pub(super) fn processes() -> Vec<Pid> {
    let mut pids: Vec<_> =
        trees().iter().flat_map(|tree| below(tree)).flat_map(|group| members(&group)).collect();
    pids.sort_unstable_by_key(|pid| pid.as_raw_nonzero());
    pids.dedup();
    pids
}

/// Removes the groups, all of which are empty by now.
pub(super) fn remove() {
    for group in trees().iter().flat_map(|tree| below(tree)) {
        if let Err(error) = std::fs::remove_dir(&group) {
            eprintln!("left: {}: {error}", group.display());
        }
    }
}

/// The group on every hierarchy: v2 alone, v1, hybrid. Some hierarchies of v1 have a second name.
fn trees() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    let below =
        std::fs::read_dir(root).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let all = std::iter::once(root.to_path_buf()).chain(below).map(|hierarchy| hierarchy.join(PODS));
    let mut trees: Vec<_> = all.filter_map(|folder| folder.canonicalize().ok()).collect();
    trees.sort();
    trees.dedup();
    trees
}

/// A group and all below it, the deepest first.
fn below(group: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(group).into_iter().flatten().filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut groups: Vec<_> = folders.flat_map(|entry| below(&entry.path())).collect();
    groups.push(group.to_path_buf());
    groups
}

fn members(group: &Path) -> Vec<Pid> {
    let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deepest_groups_come_first() {
        let root = std::env::temp_dir().join(format!("picket-cgroups-{}", std::process::id()));
        std::fs::create_dir_all(root.join("pod/container")).unwrap();
        std::fs::write(root.join("pod/container/cgroup.procs"), "7\n8\n0\n").unwrap();
        let (groups, pids) = (below(&root), members(&root.join("pod/container")));
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(groups, [root.join("pod/container"), root.join("pod"), root]);
        assert_eq!(pids.len(), 2, "{pids:?}");
    }
}
