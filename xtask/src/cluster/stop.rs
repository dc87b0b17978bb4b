//! From a cluster, or from what a crash left of it, to nothing. Nothing is remembered for this: processes have a
//! mark, pods have their control groups, and everything else is in the folder or in the node's namespaces.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;

use super::cgroups;
use super::folder::FOLDER;
use super::processes::{is_shim, kill, marked};
use crate::process::output;

const PAUSE: Duration = Duration::from_millis(100);
/// How often [`PAUSE`] is waited for processes that were killed.
const PAUSES: u32 = 300;

/// Ends and removes all of it. Does nothing when there is nothing.
pub(super) fn stop() -> Result<()> {
    // In this order nobody is left who would start a container again, or miss a shim.
    end("components", || marked().into_iter().filter(|pid| !is_shim(*pid)).collect())?;
    if Path::new(FOLDER).exists() {
        end("containers", cgroups::processes)?;
    }
    end("shims", marked)?;
    if Path::new(FOLDER).exists() {
        cgroups::remove();
        unmount()?;
        std::fs::remove_dir(FOLDER).with_context(|| format!("cannot remove {FOLDER}"))?;
    }
    Ok(())
}

/// Kills until none is found.
fn end(kind: &str, find: impl Fn() -> Vec<Pid>) -> Result<()> {
    for _ in 0..PAUSES {
        let left = find();
        if left.is_empty() {
            return Ok(());
        }
        left.into_iter().for_each(kill);
        std::thread::sleep(PAUSE);
    }
    let left: Vec<_> = find().into_iter().map(Pid::as_raw_nonzero).collect();
    ensure!(left.is_empty(), "{kind} of the cluster do not end: processes {left:?}");
    Ok(())
}

/// All of the node's mounts went with its namespace; the folder's own is this machine's.
fn unmount() -> Result<()> {
    let mounted = || {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        mounts.lines().any(|line| line.split(' ').nth(1) == Some(FOLDER))
    };
    while mounted() {
        output(Command::new("umount").args(["--lazy", FOLDER]))?;
    }
    Ok(())
}
