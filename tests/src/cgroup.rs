//! Control groups made by hand, in every hierarchy, as a runtime would make them.

use std::fs;
use std::path::PathBuf;

use crate::scratch::make_folder;

/// A control group in all hierarchies (but cpuset, which takes no process before it is set up).
#[derive(Debug)]
pub struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes `path` (such as `/k8s.io/ID`) in every hierarchy.
    #[must_use]
    pub fn create(path: &str) -> Self {
        let folders: Vec<PathBuf> =
            hierarchies().into_iter().map(|root| root.join(path.trim_start_matches('/'))).collect();
        folders.iter().for_each(|folder| make_folder(folder));
        Self { folders }
    }

    /// Shell commands that move the shell itself into the group.
    #[must_use]
    pub fn enter(&self) -> String {
        let moves =
            self.folders.iter().map(|folder| format!("echo $$ > {}/cgroup.procs; ", folder.display()));
        moves.collect()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            if let Err(error) = fs::remove_dir(folder) {
                eprintln!("cannot remove the control group {}: {error}", folder.display());
            }
        }
    }
}

fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc is mounted");
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let groups = fields.filter(|fields| match fields.as_slice() {
        [_, _, kind, options, ..] => {
            *kind == "cgroup2" || *kind == "cgroup" && !options.split(',').any(|name| name == "cpuset")
        }
        _ => false,
    });
    groups.filter_map(|fields| fields.get(1).map(PathBuf::from)).collect()
}
