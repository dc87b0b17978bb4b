//! The root of a container's file system, by a process that runs in it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, openat, statx};

use crate::sources::cgroupfs::CgroupTree;

/// Processes of a control group that are looked at.
const PROCESSES_MAX: usize = 8;
/// Groups below a container's that are looked into where the container's own has no process.
const GROUPS_BELOW_MAX: usize = 16;

/// Which folder something is: device and inode.
type Place = (u32, u32, u64);

/// The host's processes, groups and roots.
#[derive(Clone, Debug)]
pub(super) struct Host {
    proc: PathBuf,
    groups: CgroupTree,
    /// The host's root as it is seen by different ways. A process that a runtime has not moved into its container
    /// yet has it too.
    roots: Vec<Place>,
    root: PathBuf,
}

/// What is known of a container's root.
#[derive(Debug)]
pub(super) enum Found {
    /// Here it is.
    Root(OwnedFd),
    /// No process is in the container yet.
    NotYet,
    /// There is no such control group any more.
    Gone,
}

impl Host {
    /// The host whose files are seen below `root`. `None` if its root cannot be told from a container's.
    pub(super) fn new(root: &Path, groups: CgroupTree) -> Option<Self> {
        let below = root.join("proc");
        let proc = if below.join("self").exists() { below } else { PathBuf::from("/proc") };
        let first = proc.join("1/root");
        let seen = open(&first).is_some();
        // Within a container's own root that of the host is known only by its first process.
        if !seen && root != Path::new("/") {
            return None;
        }
        let ways = [first.as_path(), root, Path::new("/")];
        let roots = ways.into_iter().filter_map(|way| place(&open(way)?)).collect();
        Some(Self { root: if seen { first } else { root.to_owned() }, proc, groups, roots })
    }

    /// The host's own root.
    pub(super) fn own(&self) -> Option<OwnedFd> {
        open(&self.root)
    }

    /// Root of the container whose control group has this path.
    pub(super) fn of(&self, group: &str) -> Found {
        let Some(processes) = self.groups.processes(group, PROCESSES_MAX) else { return Found::Gone };
        if let Some(root) = self.of_one(group, &processes) {
            return Found::Root(root);
        }
        if processes.is_empty() {
            // As where systemd runs in the container.
            for below in self.groups.below(group, GROUPS_BELOW_MAX) {
                let processes = self.groups.processes(&below, PROCESSES_MAX).unwrap_or_default();
                if let Some(root) = self.of_one(&below, &processes) {
                    return Found::Root(root);
                }
            }
        }
        Found::NotYet
    }

    fn of_one(&self, group: &str, processes: &[u32]) -> Option<OwnedFd> {
        processes.iter().find_map(|process| {
            let root = open(&self.proc.join(process.to_string()).join("root"))?;
            let is_hosts = place(&root).is_none_or(|place| self.roots.contains(&place));
            // Its number is still that of a process of the group, so it was not another one's root.
            let listed =
                || self.groups.processes(group, PROCESSES_MAX).is_some_and(|again| again.contains(process));
            (!is_hosts && listed()).then_some(root)
        })
    }
}

/// Opened as a place only: no file system is asked for anything.
fn open(path: &Path) -> Option<OwnedFd> {
    openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
}

fn place(folder: &OwnedFd) -> Option<Place> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let found = statx(folder, "", flags, StatxFlags::INO).ok()?;
    Some((found.stx_dev_major, found.stx_dev_minor, found.stx_ino))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_roots_of_the_groups_processes_that_are_not_the_hosts_are_taken() {
        let host = tempfile::tempdir().unwrap();
        let at = |path: &str| host.path().join(path);
        for folder in
            ["proc/self", "proc/1", "proc/7", "proc/8", "inner", "sys/fs/cgroup/k8s.io/c/init.scope"]
        {
            fs::create_dir_all(at(folder)).unwrap();
        }
        symlink(host.path(), at("proc/1/root")).unwrap();
        symlink(host.path(), at("proc/7/root")).unwrap();
        symlink(at("inner"), at("proc/8/root")).unwrap();
        let groups = CgroupTree::new(&at("sys/fs/cgroup"), "v2");
        let found = |list: &str, below: &str| {
            fs::write(at("sys/fs/cgroup/k8s.io/c/cgroup.procs"), list).unwrap();
            fs::write(at("sys/fs/cgroup/k8s.io/c/init.scope/cgroup.procs"), below).unwrap();
            Host::new(host.path(), groups.clone()).unwrap().of("/k8s.io/c")
        };
        let is_inner = |found: &Found| match found {
            Found::Root(root) => place(root) == open(&at("inner")).and_then(|inner| place(&inner)),
            Found::NotYet | Found::Gone => false,
        };
        assert!(matches!(found("", ""), Found::NotYet));
        assert!(matches!(found("7\n", ""), Found::NotYet), "not moved into its root yet");
        assert!(matches!(found("9\n0\n", ""), Found::NotYet), "gone, or of another namespace");
        assert!(is_inner(&found("7\n8\n", "")));
        assert!(is_inner(&found("", "8\n")), "systemd in the container");
        let host = Host::new(host.path(), groups).unwrap();
        assert!(matches!(host.of("/k8s.io/d"), Found::Gone));
    }

    #[test]
    fn a_host_that_is_not_seen_has_no_root() {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir_all(host.path().join("proc/self")).unwrap();
        let groups = CgroupTree::new(host.path(), "v2");
        assert!(Host::new(host.path(), groups).is_none());
    }
}
