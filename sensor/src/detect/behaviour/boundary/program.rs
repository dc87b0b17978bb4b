//! Programs that a container runs from files of its node.

use super::super::super::{
    finding::{Finding, Severity},
    scene::Scene,
};
use super::{
    about,
    baseline::{self, Baseline},
    tempered,
};
use crate::event::{file::filesystem, path::End, process::Exec};
use crate::identity::{details::Mount, store::Known};

/// File systems of disks, by magic number: ext4, xfs, btrfs, f2fs.
const DISKS: [u64; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];
/// Folders of a node's system.
const SYSTEM: &[&str] = &["/bin", "/sbin", "/usr", "/lib", "/lib64", "/etc", "/boot", "/opt"];

/// Looks at the file of a program.
pub(super) fn judge(
    scene: &Scene<'_>,
    known: &Known,
    baseline: &Baseline,
    exec: &Exec<'_>,
    found: &mut dyn FnMut(Finding),
) {
    let file = &exec.record.file;
    let is_of_root = (file.device, file.filesystem) == baseline.root || file.filesystem == baseline::OVERLAY;
    if is_of_root || !DISKS.contains(&file.filesystem) || exec.executable_end() != End::Root {
        return;
    }
    let Some(mounts) = &known.container.details.mounts else { return };
    let Some(process) = scene.process() else { return };
    let path = process.program.executable.as_str();
    let mount = mounts
        .list()
        .iter()
        .filter(|mount| is_in(path, &mount.destination))
        .max_by_key(|mount| mount.destination.len());
    let (summary, evidence, confidence) = match mount {
        Some(mount) if is_system(path, mount) => (
            format!("The container runs {path}: a program of its node, whose system is mounted into it"),
            format!("The node's {} is mounted at {}.", mount.source, mount.destination),
            0.8,
        ),
        // A volume.
        Some(_) => return,
        None if mounts.left_out() > 0 => return,
        None => (
            format!(
                "The container runs {path} from a disk that is neither of its image nor one of its volumes"
            ),
            format!(
                "The file lies on {} (device {}), which nothing that the runtime mounted explains.",
                filesystem(file.filesystem),
                crate::event::file::Device::from_kernel(file.device)
            ),
            0.7,
        ),
    };
    let mut finding = about::FOREIGN_PROGRAM.finding(tempered(scene, Severity::High), confidence, summary);
    finding.evidence.push(evidence);
    found(finding);
}

/// Whether a path lies in a folder, or is it.
fn is_in(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a program below a mount is one of the node's system.
fn is_system(path: &str, mount: &Mount) -> bool {
    let inside = path.strip_prefix(mount.destination.trim_end_matches('/')).unwrap_or_default();
    let on_node = format!("{}{inside}", mount.source.trim_end_matches('/'));
    // Of one file that is mounted alone, its owner decided.
    !inside.is_empty() && SYSTEM.iter().any(|folder| is_in(&on_node, folder))
}
