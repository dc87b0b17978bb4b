//! A file is mapped to be executed that is not of the image which the process runs in: a library that was brought along.
//!
//! Every program maps its libraries. What lies in the image ends after a few reads, neither told nor counted.

use sensor_common::{
    class::{Class, Lane},
    record::file::FileRecord,
};

use super::{origin::Origin, walk};
use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{
        Memory, Raw,
        cgroup::Cgroup,
        current::Current,
        file::{self, FileWindow},
        syscall::Syscall,
        task::Task,
    },
    maps::{BULK, Slot, offset},
};

/// `PROT_EXEC` and `MAP_ANONYMOUS` of `include/uapi/asm-generic/mman-common.h`.
const EXECUTE: u64 = 4;
const ANONYMOUS: u64 = 0x20;

/// True if this protection lets a mapping be executed.
#[inline(always)]
pub(crate) const fn is_executable(protection: u64) -> bool {
    protection & EXECUTE != 0
}

/// The running task's `mmap`(address, length, protection, flags, file, offset) succeeded.
#[inline(always)]
pub(crate) fn by_call() {
    let Some(current) = Current::task() else { return };
    let registers = Syscall::of(current);
    if !is_executable(registers.register(offset!(regs_argument_2)))
        || registers.register(offset!(regs_argument_3)) & ANONYMOUS != 0
    {
        return;
    }
    if let Some(file) = file::behind(current.0, registers.register(offset!(regs_argument_4)) as u32) {
        tell(current, file);
    }
}

/// The running task may map a file to be executed.
#[inline(always)]
pub(crate) fn by_object(file: Raw) {
    let Some(current) = Current::task() else { return };
    // What a program consists of when it begins, its own event tells.
    if !current.is_executing() {
        tell(current, file);
    }
}

#[inline(always)]
fn tell(current: Task<Current>, file: Raw) {
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    if !Gate::is_wanted(Class::FileMapExec, cgroup) {
        return;
    }
    let file = FileWindow::of(file);
    let inode = Raw(file.number(offset!(file_inode)));
    if is_of_image(current, inode) {
        return;
    }
    let Some(gate) = Gate::enter(Class::FileMapExec, cgroup) else { return };
    let process = current.reference();
    let number = inode.number::<u64>(offset!(inode_number));
    let superblock = inode.number::<u64>(offset!(inode_superblock));
    let Some(repeats) = gate.repeats(process, number, superblock, 0) else { return };
    if !gate.permits() {
        return;
    }
    let Some((writer, record)) = Writer::new::<FileRecord>(Slot::Map, Lane::First, Class::FileMapExec) else {
        return;
    };
    let origin = Origin::of(current, 0);
    *record = FileRecord { repeats, call: origin.call, facts: origin.facts, ..Default::default() };
    begin_gated(gate, process, &mut record.header);
    file::at_inode(inode, &mut record.file);
    let path = offset!(file_path);
    let dentry = Raw(file.number(path.wrapping_add(offset!(path_dentry))));
    walk::own(dentry, Raw(file.number(path.wrapping_add(offset!(path_mnt)))), &writer, record);
    writer.send(&BULK, gate.cgroup);
}

/// True for a file of a lower layer of an overlay, and for one of the file system on which the task's root directory is,
/// where that is no overlay.
#[inline(always)]
fn is_of_image(current: Task<Current>, inode: Raw) -> bool {
    if let Some(upper) = file::is_in_upper_layer(inode) {
        return !upper;
    }
    let root = current
        .0
        .follow(offset!(task_fs))
        .and_then(|fs| Raw(fs.address() + u64::from(offset!(fs_root))).follow(offset!(path_dentry)))
        .map_or(0, |dentry| dentry.number::<u64>(offset!(dentry_inode)));
    Raw(root).number::<u64>(offset!(inode_superblock)) == inode.number::<u64>(offset!(inode_superblock))
}
