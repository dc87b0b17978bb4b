//! Mounts, by the old call and by the new ones. Begin with `unshare mount , private`.
//!
//! ```text
//! private                          all mounts here become private
//! mount TYPE SOURCE TARGET [FLAGS [DATA]]
//! bind-mount OLD NEW [FLAGS]       FLAGS are added to `bind`, such as `rec`
//! remount TARGET FLAGS             `ro nosuid nodev noexec remount bind move rec private slave shared`
//! move OLD NEW
//! propagate TARGET FLAGS
//! umount TARGET [FLAGS]            `force detach expire nofollow`
//! fsmount TYPE TARGET              fsopen, fsconfig, fsmount, move_mount
//! fsopen TYPE                      fsopen alone
//! fspick TARGET                    fspick and a reconfiguration
//! open-tree OLD NEW                open_tree with a clone, move_mount
//! move-mount OLD NEW               open_tree without a clone, move_mount
//! mount-setattr ATTRIBUTES TARGET  `ro nosuid nodev noexec noatime` (since 5.12)
//! ```

use std::ffi::CStr;

use anyhow::{Context, Result};

use super::Operation;
use super::names::{ATTRIBUTES, MOUNT, UNMOUNT};
use super::open::{HERE, address, raw};
use super::words::Words;
use crate::raw::{descriptor, syscall};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("private", "", private),
    Operation::new("mount", "TYPE SOURCE TARGET [FLAGS [DATA]]", mount),
    Operation::new("bind-mount", "OLD NEW [FLAGS]", bind),
    Operation::new("remount", "TARGET FLAGS", |words| change(words, libc::MS_REMOUNT)),
    Operation::new("move", "OLD NEW", move_old),
    Operation::new("propagate", "TARGET FLAGS", |words| change(words, 0)),
    Operation::new("umount", "TARGET [FLAGS]", unmount),
    Operation::new("fsmount", "TYPE TARGET", fsmount),
    Operation::new("fsopen", "TYPE", fsopen),
    Operation::new("fspick", "TARGET", fspick),
    Operation::new("open-tree", "OLD NEW", |words| by_tree(words, OPEN_TREE_CLONE)),
    Operation::new("move-mount", "OLD NEW", |words| by_tree(words, 0)),
    Operation::new("mount-setattr", "ATTRIBUTES TARGET", set_attributes),
];

// include/uapi/linux/mount.h
const OPEN_TREE_CLONE: u64 = 1;
const MOVE_MOUNT_F_EMPTY_PATH: u64 = 4;
const FSCONFIG_CMD_CREATE: u64 = 6;
const FSCONFIG_CMD_RECONFIGURE: u64 = 7;
/// Bytes of `struct mount_attr`.
const ATTRIBUTES_SIZE: u64 = 32;
const NONE: &CStr = c"none";
const EMPTY: &CStr = c"";

/// mount(2); `None` is a null pointer.
pub(super) fn mount_call(
    source: &CStr,
    target: u64,
    kind: Option<&CStr>,
    flags: u64,
    data: Option<&CStr>,
) -> Result<()> {
    let [kind, data] = [kind, data].map(|text| text.map_or(0, address));
    syscall(libc::SYS_mount, [address(source), target, kind, flags, data, 0])?;
    Ok(())
}

fn private(_words: &mut Words<'_>) -> Result<()> {
    mount_call(NONE, address(c"/"), None, libc::MS_REC | libc::MS_PRIVATE, None)
}

fn mount(words: &mut Words<'_>) -> Result<()> {
    let (kind, source, target) = (words.text("TYPE")?, words.text("SOURCE")?, words.text("TARGET")?);
    let flags = words.maybe().map_or(Ok(0), |word| super::words::flags(word, MOUNT))?;
    let data = words.maybe().map(super::words::text).transpose()?;
    mount_call(&source, address(&target), Some(&kind), flags, data.as_deref())
}

fn bind(words: &mut Words<'_>) -> Result<()> {
    let (old, new) = (words.text("OLD")?, words.text("NEW")?);
    let flags = words.maybe().map_or(Ok(0), |word| super::words::flags(word, MOUNT))?;
    mount_call(&old, address(&new), None, flags | libc::MS_BIND, None)
}

fn change(words: &mut Words<'_>, always: u64) -> Result<()> {
    let (target, flags) = (words.text("TARGET")?, words.flags("FLAGS", MOUNT)?);
    mount_call(NONE, address(&target), None, flags | always, None)
}

fn move_old(words: &mut Words<'_>) -> Result<()> {
    let (old, new) = (words.text("OLD")?, words.text("NEW")?);
    mount_call(&old, address(&new), None, libc::MS_MOVE, None)
}

fn unmount(words: &mut Words<'_>) -> Result<()> {
    let target = words.text("TARGET")?;
    let flags = words.maybe().map_or(Ok(0), |word| super::words::flags(word, UNMOUNT))?;
    syscall(libc::SYS_umount2, [address(&target), flags, 0, 0, 0, 0])?;
    Ok(())
}

fn fsmount(words: &mut Words<'_>) -> Result<()> {
    let (kind, target) = (words.text("TYPE")?, words.text("TARGET")?);
    let context = descriptor(libc::SYS_fsopen, [address(&kind), 0, 0, 0, 0, 0]).context("fsopen")?;
    let create = [raw(&context), FSCONFIG_CMD_CREATE, 0, 0, 0, 0];
    syscall(libc::SYS_fsconfig, create).context("fsconfig")?;
    let tree = descriptor(libc::SYS_fsmount, [raw(&context), 0, 0, 0, 0, 0]).context("fsmount")?;
    let arguments = [raw(&tree), address(EMPTY), HERE, address(&target), MOVE_MOUNT_F_EMPTY_PATH, 0];
    syscall(libc::SYS_move_mount, arguments).context("move_mount")?;
    Ok(())
}

fn fsopen(words: &mut Words<'_>) -> Result<()> {
    let kind = words.text("TYPE")?;
    descriptor(libc::SYS_fsopen, [address(&kind), 0, 0, 0, 0, 0])?;
    Ok(())
}

fn fspick(words: &mut Words<'_>) -> Result<()> {
    let target = words.text("TARGET")?;
    let context = descriptor(libc::SYS_fspick, [HERE, address(&target), 0, 0, 0, 0]).context("fspick")?;
    syscall(libc::SYS_fsconfig, [raw(&context), FSCONFIG_CMD_RECONFIGURE, 0, 0, 0, 0]).context("fsconfig")?;
    Ok(())
}

fn by_tree(words: &mut Words<'_>, flags: u64) -> Result<()> {
    let (old, new) = (words.text("OLD")?, words.text("NEW")?);
    let tree = descriptor(libc::SYS_open_tree, [HERE, address(&old), flags, 0, 0, 0]).context("open_tree")?;
    let arguments = [raw(&tree), address(EMPTY), HERE, address(&new), MOVE_MOUNT_F_EMPTY_PATH, 0];
    syscall(libc::SYS_move_mount, arguments).context("move_mount")?;
    Ok(())
}

fn set_attributes(words: &mut Words<'_>) -> Result<()> {
    let (attributes, target) = (words.flags("ATTRIBUTES", ATTRIBUTES)?, words.text("TARGET")?);
    // `struct mount_attr`: to set, to clear, propagation, user namespace.
    let wish = [attributes, 0, 0, 0];
    let arguments = [HERE, address(&target), 0, wish.as_ptr() as u64, ATTRIBUTES_SIZE, 0];
    syscall(libc::SYS_mount_setattr, arguments)?;
    Ok(())
}
