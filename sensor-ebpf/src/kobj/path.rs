//! `path`: the walk from a directory entry to the root of its mount namespace.

use sensor_common::limits::{PATH_BYTES_MAX, PATH_COMPONENTS_MAX};

use super::{Memory, Raw};
use crate::{
    emit::writer::{Components, Writer},
    maps::offset,
};

/// Mounts on the root of a mount namespace, one on the other, that are looked at.
const STACKED_MAX: usize = 8;

/// How a walk ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// At the root of the mount namespace.
    Complete,
    /// At an entry without parent that is no root of a mount: a memfd, or a detached tree.
    Detached,
    /// Too many components or bytes, or one that could not be read.
    Cut,
}

/// Writes the components of a path (`struct path` at an address), leaf first.
#[inline(always)]
pub(crate) fn write(path: Raw, to: &Writer, components: &Components) -> Walk {
    let Some(dentry) = path.follow(offset!(path_dentry)) else { return Walk::Cut };
    let Some(vfsmount) = path.follow(offset!(path_mnt)) else { return Walk::Cut };
    write_from(dentry, vfsmount, to, components)
}

/// The mount above a mount (its `vfsmount`), and the directory entry there that it covers.
#[inline(always)]
pub(crate) fn mountpoint(vfsmount: Raw) -> (u64, u64) {
    let mount = mount_of(vfsmount);
    let above = mount.number::<u64>(offset!(mount_parent));
    (above.wrapping_add(u64::from(offset!(mount_vfs))), mount.number(offset!(mount_mountpoint)))
}

/// As [`write`], from an entry of a mount (its `vfsmount`).
#[inline(always)]
pub(crate) fn write_from(mut dentry: Raw, vfsmount: Raw, to: &Writer, components: &Components) -> Walk {
    let mut mount = mount_of(vfsmount);
    let mut root = mount.number::<u64>(offset!(mount_vfs).wrapping_add(offset!(vfsmount_root)));

    for _ in 0..PATH_COMPONENTS_MAX {
        if dentry.0 == root {
            let above = mount.number::<u64>(offset!(mount_parent));
            if above == mount.0 || above == 0 {
                return Walk::Complete;
            }
            dentry = Raw(mount.number(offset!(mount_mountpoint)));
            mount = Raw(above);
            root = mount.number(offset!(mount_vfs).wrapping_add(offset!(vfsmount_root)));
            continue;
        }
        // Not by one read of both: six more words on the stack, and 7.2's verifier does not get to the end of
        // the programs that walk.
        let parent = dentry.number::<u64>(offset!(dentry_parent));
        let name = dentry.number::<u64>(offset!(dentry_name));
        if !to.component(components, name, PATH_BYTES_MAX) {
            return Walk::Cut;
        }
        if parent == dentry.0 {
            return Walk::Detached;
        }
        dentry = Raw(parent);
    }
    Walk::Cut
}

/// True if a path (`struct path` at an address) is not the root of its mount namespace: that of a mount which is on the
/// root of another one, and so on.
#[inline(always)]
pub(crate) fn is_below_root(path: Raw) -> bool {
    let (Some(mut dentry), Some(vfsmount)) =
        (path.follow(offset!(path_dentry)), path.follow(offset!(path_mnt)))
    else {
        return false;
    };
    let mut mount = mount_of(vfsmount);
    for _ in 0..STACKED_MAX {
        let root = mount.number::<u64>(offset!(mount_vfs).wrapping_add(offset!(vfsmount_root)));
        if dentry.0 != root {
            return true;
        }
        let above = mount.number::<u64>(offset!(mount_parent));
        if above == mount.0 || above == 0 {
            return false;
        }
        dentry = Raw(mount.number(offset!(mount_mountpoint)));
        mount = Raw(above);
    }
    false
}

/// Id of the mount of a path.
#[inline(always)]
pub(crate) fn mount_id(path: Raw) -> u32 {
    path.follow(offset!(path_mnt)).map_or(0, |vfsmount| mount_of(vfsmount).number(offset!(mount_id)))
}

/// Id of a mount.
#[inline(always)]
pub(crate) fn id_of(vfsmount: Raw) -> u32 {
    mount_of(vfsmount).number(offset!(mount_id))
}

/// The `struct mount` that embeds a `struct vfsmount`.
#[inline(always)]
fn mount_of(vfsmount: Raw) -> Raw {
    Raw(vfsmount.0.wrapping_sub(u64::from(offset!(mount_vfs))))
}
