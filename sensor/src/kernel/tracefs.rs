//! Where the kernel's own file systems are mounted that attaching needs.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// `TRACEFS_MAGIC` of `include/uapi/linux/magic.h`.
const TRACEFS: u64 = 0x7472_6163;
/// `CGROUP2_SUPER_MAGIC` of the same file.
const CGROUP2: u64 = 0x6367_7270;

/// Places of tracefs, the usual one first.
const TRACEFS_PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// Inode of its root (`__kernfs_new_node` of `fs/kernfs/dir.c` begins there); a group has another.
const CGROUP2_ROOT: u64 = 1;

/// Folder of tracefs; mounts it at its usual place if it is nowhere.
///
/// # Errors
/// Text that says why there is none.
pub fn find() -> Result<PathBuf, String> {
    if let Some(place) = mounted(&TRACEFS_PLACES, TRACEFS) {
        return Ok(place);
    }
    let [place, _] = TRACEFS_PLACES;
    let flags = rustix::mount::MountFlags::NOSUID
        | rustix::mount::MountFlags::NODEV
        | rustix::mount::MountFlags::NOEXEC;
    rustix::mount::mount("tracefs", place, "tracefs", flags, None)
        .map_err(|error| format!("tracefs is not mounted and cannot be mounted at {place}: {error}"))?;
    tracing::info!(place, "mounted tracefs");
    Ok(place.into())
}

/// Root of the v2 control groups, of which `place` is the folder: alone, or beside those of v1.
///
/// # Errors
/// Text that says why there is none. In a control group namespace, what is mounted is the agent's own group:
/// programs there would see nothing of the others.
pub fn cgroup_root(place: &Path) -> Result<File, String> {
    let places = [place.to_owned(), place.join("unified")];
    let folder = places
        .iter()
        .find(|place| is_mounted(place, CGROUP2))
        .ok_or_else(|| format!("no v2 control group tree is mounted at {}", place.display()))?;
    let failed = |error: std::io::Error| format!("cannot open {}: {error}", folder.display());
    let root = File::open(folder).map_err(failed)?;
    match root.metadata().map_err(failed)?.ino() {
        CGROUP2_ROOT => Ok(root),
        _ => Err(format!(
            "{} is not the root of the control groups but a group in them: use the host's control group \
             namespace, or correct identity.host_root",
            folder.display()
        )),
    }
}

fn mounted(places: &[&str], magic: u64) -> Option<PathBuf> {
    places.iter().find(|place| is_mounted(Path::new(place), magic)).map(PathBuf::from)
}

fn is_mounted(place: &Path, magic: u64) -> bool {
    rustix::fs::statfs(place).is_ok_and(|found| found.f_type.cast_unsigned() == magic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_control_groups_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = cgroup_root(folder.path()).unwrap_err();
        assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
    }

    /// Where this machine has such a tree, and a group in it.
    #[test]
    fn a_group_is_not_the_root() {
        let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let Some(tree) = trees.into_iter().find(|place| is_mounted(place, CGROUP2)) else { return };
        let groups = std::fs::read_dir(tree).unwrap().filter_map(Result::ok).map(|entry| entry.path());
        for group in groups.filter(|path| path.is_dir()) {
            let error = cgroup_root(&group).unwrap_err();
            assert!(error.contains("not the root"), "{error}");
        }
    }
}
