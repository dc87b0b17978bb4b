//! Control groups that exist already: ids and paths, from the mounted hierarchy.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Most groups that are visited at the start; a node has some thousands.
const VISITED_MAX: usize = 100_000;

/// A mounted hierarchy.
#[derive(Clone, Debug)]
pub struct CgroupTree {
    /// `v2`, or the name of a v1 controller.
    pub hierarchy: String,
    root: PathBuf,
}

impl CgroupTree {
    /// The hierarchy below `mounts` (`/sys/fs/cgroup`): itself, or in its own folder where v1
    /// controllers are mounted beside it.
    #[must_use]
    pub fn new(mounts: &Path, hierarchy: &str) -> Self {
        let candidates = match hierarchy {
            "v2" => [mounts.join("unified"), mounts.to_owned()],
            controller => [mounts.join(controller), mounts.to_owned()],
        };
        let root = candidates.into_iter().find(|folder| folder.is_dir()).unwrap_or_else(|| mounts.to_owned());
        Self { hierarchy: hierarchy.to_owned(), root }
    }

    /// Id of a group: the inode number of its folder, as `kernfs_node.id` on 64-bit kernels.
    #[must_use]
    pub fn id(&self, path: &str) -> Option<u64> {
        fs::metadata(self.root.join(path.trim_start_matches('/'))).ok().map(|folder| folder.ino())
    }

    /// Path of the group that lists this process, by its number in the reader's pid namespace. Unlike
    /// `/proc/PID/cgroup`, these lists do not depend on the control group namespace of the reader.
    #[must_use]
    pub fn holding(&self, pid: u32) -> Option<String> {
        let lists = |path: &str| {
            let list = self.root.join(path.trim_start_matches('/')).join("cgroup.procs");
            let list = fs::read_to_string(list).unwrap_or_default();
            list.lines().any(|line| line.parse() == Ok(pid))
        };
        self.groups().into_iter().map(|(_, path)| path).find(|path| lists(path))
    }

    /// The first processes of a group, at most `most`, by their numbers in the reader's pid namespace; `None` if there is
    /// no such group.
    #[must_use]
    pub fn processes(&self, path: &str, most: usize) -> Option<Vec<u32>> {
        // More than so many numbers; the list itself may be long.
        const DIGITS_MAX: usize = 16;
        let list = self.root.join(path.trim_start_matches('/')).join("cgroup.procs");
        let mut text = Vec::new();
        let bytes_max = u64::try_from(most.saturating_mul(DIGITS_MAX)).unwrap_or(u64::MAX);
        fs::File::open(list).ok()?.take(bytes_max).read_to_end(&mut text).ok()?;
        // The last one may be cut.
        let whole = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let numbers = whole.filter_map(|line| std::str::from_utf8(line).ok()?.trim_end().parse().ok());
        // A process of another pid namespace is listed as 0.
        Some(numbers.filter(|number| *number != 0).take(most).collect())
    }

    /// Groups right below one, at most `most`.
    #[must_use]
    pub fn below(&self, path: &str, most: usize) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join(path.trim_start_matches('/'))) else {
            return Vec::new();
        };
        let folders =
            entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
        names.take(most).map(|name| format!("{}/{name}", path.trim_end_matches('/'))).collect()
    }

    /// Every group: id and path from the root of the hierarchy. One that goes meanwhile is left out.
    #[must_use]
    pub fn groups(&self) -> Vec<(u64, String)> {
        let mut groups = Vec::new();
        // Relative to the root; names need not be UTF-8.
        let mut folders = vec![PathBuf::new()];
        while let Some(path) = folders.pop() {
            let folder = self.root.join(&path);
            let Ok(metadata) = fs::metadata(&folder) else { continue };
            groups.push((metadata.ino(), format!("/{}", path.to_string_lossy())));
            if groups.len() >= VISITED_MAX {
                tracing::warn!(VISITED_MAX, "more control groups than are read at the start");
                break;
            }
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.filter_map(Result::ok) {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path.join(entry.file_name()));
                }
            }
        }
        groups
    }
}

/// Path of a process in a hierarchy, from its `/proc/PID/cgroup` (cgroups(7)).
#[must_use]
pub fn path_in<'a>(text: &'a str, hierarchy: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let found = match hierarchy {
            "v2" => number == "0" && controllers.is_empty(),
            controller => controllers.split(',').any(|name| name == controller),
        };
        found.then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_line_of_the_hierarchy() {
        let text = "8:pids:/a\n4:memory,hugetlb:/b:c\n1:name=systemd:/\n0::/d\n";
        assert_eq!(path_in(text, "pids"), Some("/a"));
        assert_eq!(path_in(text, "memory"), Some("/b:c"));
        assert_eq!(path_in(text, "v2"), Some("/d"));
        assert_eq!(path_in(text, "cpu"), None);
        assert_eq!(path_in("", "v2"), None);
    }

    #[test]
    fn walks_the_tree_with_ids() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("pids/k8s.io/abc")).unwrap();
        let tree = CgroupTree::new(root.path(), "pids");
        let groups = tree.groups();
        let paths: Vec<_> = groups.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(paths, ["/", "/k8s.io", "/k8s.io/abc"]);
        let id = fs::metadata(root.path().join("pids/k8s.io/abc")).unwrap().ino();
        assert_eq!(tree.id("/k8s.io/abc"), Some(id));
        assert!(groups.contains(&(id, "/k8s.io/abc".to_owned())));
        assert_eq!(tree.id("/gone"), None);
        fs::write(root.path().join("pids/k8s.io/abc/cgroup.procs"), "7\n0\n8\n").unwrap();
        assert_eq!(tree.holding(8).as_deref(), Some("/k8s.io/abc"));
        assert_eq!(tree.holding(9), None);
        assert_eq!(tree.processes("/k8s.io/abc", 8), Some(vec![7, 8]));
        assert_eq!(tree.processes("/k8s.io/abc", 1), Some(vec![7]));
        assert_eq!((tree.processes("/gone", 8), tree.below("/gone", 8)), (None, vec![]));
        assert_eq!(tree.below("/k8s.io", 8), ["/k8s.io/abc"]);
        assert_eq!(tree.below("/", 8), ["/k8s.io"]);
    }
}
