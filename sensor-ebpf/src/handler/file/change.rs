//! A change of names or attributes, told from the kernel's own objects (trampoline back end).
//!
//! The check of a change (`security_path_*`, once a system call) has the mount but not the result; where
//! the directory entries change, the result is known but not the mount. So the first notes what is asked,
//! for the thread, and the second tells it. What is not done in the end is not told.

use sensor_common::{
    call::Call,
    class::{Class, Lane},
    header::Incomplete,
    limits::NAME_BYTES_MAX,
    record::file::FileRecord,
    tail::Tail,
};

use aya_ebpf::helpers::bpf_get_current_pid_tgid;

use super::{asked::is_signal, origin::Origin, walk};
use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{Memory, Raw, cgroup::Cgroup, current::Current, file, syscall::Syscall, task::Task},
    maps::{BULK, CALLS, PENDING, Slot, offset},
};

// `include/uapi/linux/stat.h`
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
/// `mknod` and `mknodat` of `arch/x86/entry/syscalls/syscall_32.tbl`.
const MKNOD_32: [u32; 2] = [14, 297];

/// What a thread is about to change.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Pending {
    /// `struct dentry` that is removed, made or moved.
    pub(crate) dentry: u64,
    /// `struct dentry` of its directory.
    pub(crate) directory: u64,
    /// `struct vfsmount` of that directory.
    pub(crate) mount: u64,
    /// `struct dentry` that a file is moved to, or that a link is made of.
    pub(crate) other: u64,
    /// `struct vfsmount` of that.
    pub(crate) other_mount: u64,
    /// Text of a symbolic link, copied by the kernel.
    pub(crate) text: u64,
    /// [`Class`] as a number.
    pub(crate) class: u32,
    pub(crate) mode: u32,
    pub(crate) flags: u32,
    /// `dev_t` in the kernel's encoding.
    pub(crate) device: u32,
}

impl Pending {
    /// A change of an entry of a directory (`struct path`).
    #[inline(always)]
    pub(crate) fn new(class: Class, directory: Raw, dentry: u64) -> Self {
        Self {
            dentry,
            directory: directory.number(offset!(path_dentry)),
            mount: directory.number(offset!(path_mnt)),
            other: 0,
            other_mount: 0,
            text: 0,
            class: class as u32,
            mode: 0,
            flags: 0,
            device: 0,
        }
    }

    /// Keeps it until it is done, or until the thread asks for something else.
    #[inline(always)]
    pub(crate) fn note(self) {
        PENDING.insert(thread(), self, 0).ok();
    }

    /// What the running thread is about to change.
    #[inline(always)]
    fn of_thread() -> Option<Self> {
        // SAFETY: only this thread writes the entry; it is copied at once.
        unsafe { PENDING.get(thread()) }.copied()
    }
}

#[inline(always)]
fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

/// The name of a file or directory is gone: its entry is about to be forgotten.
#[inline(always)]
pub(crate) fn removed(dentry: Raw) {
    let Some(pending) = Pending::of_thread() else { return };
    if pending.dentry != dentry.0 {
        return;
    }
    if pending.class == Class::FileUnlink as u32 {
        tell(Class::FileUnlink, dentry, &pending);
    } else if pending.class == Class::FileRmdir as u32 {
        tell(Class::FileRmdir, dentry, &pending);
    }
}

/// The kernel is done with the making of an entry of this kind; it has a file now if that succeeded. A file system
/// within another one, such as the upper layer of an overlay, makes its own entry first: then it has none yet.
#[inline(always)]
pub(crate) fn created(class: Class) {
    let Some(pending) = Pending::of_thread() else { return };
    if pending.class == class as u32 {
        tell(class, Raw(pending.dentry), &pending);
    }
}

/// True if the check to make a file with this mode comes from an open with `O_CREAT`.
#[inline(always)]
pub(crate) fn is_open(mode: u32) -> bool {
    if mode & TYPE != REGULAR {
        return false;
    }
    let Some(current) = Current::task() else { return true };
    let number = Syscall::of(current).number();
    if current.is_compat() {
        return !MKNOD_32.contains(&number);
    }
    let call = CALLS.get(number).map_or(0, |entry| entry.call);
    call != Call::Mknod as u32 && call != Call::Mknodat as u32
}

/// Entries are about to be moved, or exchanged: the file system has done it.
#[inline(always)]
pub(crate) fn moved(dentry: Raw, to: Raw) {
    let Some(pending) = Pending::of_thread() else { return };
    if pending.class == Class::FileRename as u32 && pending.dentry == dentry.0 && pending.other == to.0 {
        tell(Class::FileRename, dentry, &pending);
    }
}

/// Tells a change once.
#[inline(always)]
fn tell(class: Class, dentry: Raw, pending: &Pending) {
    let inode = dentry.number::<u64>(offset!(dentry_inode));
    if inode == 0 {
        return;
    }
    PENDING.remove(thread()).ok();
    let Some(current) = Current::task() else { return };
    let Some((gate, writer, record)) = begin(class, current) else { return };
    record.mode = pending.mode;
    record.flags = pending.flags;
    record.rdev = pending.device;
    file::at_inode(Raw(inode), &mut record.file);
    begin_gated(gate, current.reference(), &mut record.header);
    // A link is told as the other names are: from the old one to the new one.
    let link = class as u32 == Class::FileLink as u32;
    let (from, to) = if link { (Raw(pending.other), dentry) } else { (dentry, Raw(pending.other)) };
    walk::own(from, Raw(pending.mount), &writer, record);
    if to.0 != 0 {
        let mount = if link { pending.mount } else { pending.other_mount };
        walk::other(Tail::NewPath, to, Raw(mount), &writer, Incomplete::NEW_PATH, record);
    }
    if pending.text != 0 && !writer.string::<NAME_BYTES_MAX>(Tail::NewPathText, pending.text) {
        record.header.incomplete |= Incomplete::NEW_PATH;
    }
    writer.send(&BULK, gate.cgroup);
}

/// Mode, owner or length of a file (`struct path`) was changed, or that was refused. `fixed` says how.
#[inline(always)]
pub(crate) fn attributes(class: Class, path: Raw, error: i32, mode: u32, owner: (u32, u32)) {
    if error != 0 && !is_signal(error) {
        return;
    }
    let Some(current) = Current::task() else { return };
    let dentry = Raw(path.number(offset!(path_dentry)));
    let inode = dentry.number::<u64>(offset!(dentry_inode));
    let Some((gate, writer, record)) = begin(class, current) else { return };
    record.error = error;
    record.mode = mode;
    (record.uid, record.gid) = owner;
    file::at_inode(Raw(inode), &mut record.file);
    begin_gated(gate, current.reference(), &mut record.header);
    walk::own(dentry, Raw(path.number(offset!(path_mnt))), &writer, record);
    writer.send(&BULK, gate.cgroup);
}

/// The file behind a descriptor was cut.
#[inline(always)]
pub(crate) fn truncated_by(descriptor: u32, error: i32) {
    let file = Current::task().and_then(|current| file::behind(current.0, descriptor));
    if let Some(file) = file {
        truncated(file, error);
    }
}

/// An open file was cut.
#[inline(always)]
pub(crate) fn truncated(file: Raw, error: i32) {
    let path = Raw(file.0 + u64::from(offset!(file_path)));
    attributes(Class::FileTruncate, path, error, 0, (u32::MAX, u32::MAX));
}

/// Asks whether a change is wanted, and begins its record.
#[inline(always)]
fn begin(class: Class, current: Task<Current>) -> Option<(Gate, Writer, &'static mut FileRecord)> {
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let gate = Gate::enter(class, cgroup)?;
    if !gate.permits() {
        return None;
    }
    let (writer, record) = Writer::new::<FileRecord>(Slot::Change, Lane::First, class)?;
    let origin = Origin::of(current, 0);
    *record = FileRecord { call: origin.call, facts: origin.facts, ..Default::default() };
    Some((gate, writer, record))
}
