//! Where the kernel's own file systems are mounted that attaching needs.

use std::fs::File;
use std::path::{Path, PathBuf};

/// `TRACEFS_MAGIC` of `include/uapi/linux/magic.h`.
const TRACEFS: u64 = 0x7472_6163;
/// `CGROUP2_SUPER_MAGIC` of the same file.
const CGROUP2: u64 = 0x6367_7270;

/// Places of tracefs, the usual one first.
const TRACEFS_PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// Places of the v2 tree: alone, and beside v1 controllers.
const CGROUP2_PLACES: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

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

/// Root of the v2 control groups.
///
/// # Errors
/// Text that says why there is none.
pub fn cgroup_root() -> Result<File, String> {
    let place = mounted(&CGROUP2_PLACES, CGROUP2).ok_or("no v2 control group tree is mounted")?;
    File::open(&place).map_err(|error| format!("cannot open {}: {error}", place.display()))
}

fn mounted(places: &[&str], magic: u64) -> Option<PathBuf> {
    let is_there = |place: &&&str| {
        rustix::fs::statfs(Path::new(place)).is_ok_and(|found| found.f_type.cast_unsigned() == magic)
    };
    places.iter().find(is_there).map(PathBuf::from)
}
