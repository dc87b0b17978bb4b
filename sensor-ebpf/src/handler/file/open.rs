//! A file was opened, or an open was refused.

use sensor_common::{
    class::{Class, Lane},
    header::Incomplete,
    ledger::LossReason,
    limits::NAME_BYTES_MAX,
    policy::{FileKey, Verdict},
    record::file::{Facts, FileRecord},
    tail::Tail,
};

use super::{
    asked::{self, Name},
    origin::{DROPPED, Origin, TRUNCATE},
    walk,
};
use crate::{
    emit::{begin_gated, book, gate::Gate, writer::Writer},
    kobj::{
        Memory, Raw,
        cgroup::Cgroup,
        current::Current,
        file::{self, FileWindow, InodeWindow},
        task::Task,
    },
    maps::{BULK, FILES, POLICY, Slot, offset},
};

/// The bits of `O_ACCMODE` with which a file can be changed.
const WRITES: u32 = 0o3;
/// `S_IALLUGO`
const PERMISSIONS: u32 = 0o7_777;
/// `FMODE_CREATED` of `include/linux/fs.h`: this open made the file.
const CREATED: u32 = 1 << 20;

/// What an open asks for, besides its flags.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// Address of the path's text; 0 where there is none any more.
    pub(crate) text: u64,
    /// The text is the kernel's copy, not the caller's memory.
    pub(crate) copied: bool,
    /// Permissions of a file that it makes, and its type where the kernel has added that.
    pub(crate) mode: u32,
}

impl Asked {
    /// Nothing that could be looked at.
    pub(crate) const UNKNOWN: Self = Self { text: 0, copied: true, mode: 0 };

    /// A number that equal texts have in common; 0 where there is none.
    #[inline(always)]
    fn fingerprint(self) -> u64 {
        if self.text == 0 {
            return 0;
        }
        asked::fingerprint(self.text, self.copied)
    }
}

/// The running task has opened a file and was given this descriptor. False if nothing is behind it: another
/// thread has closed it already.
#[inline(always)]
pub(crate) fn by_descriptor(descriptor: u32, origin: Origin, asked: impl FnOnce() -> Asked) -> bool {
    let Some(current) = Current::task() else { return true };
    let Some(file) = file::behind(current.0, descriptor) else { return false };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    if let Some(gate) = Gate::enter(Class::FileOpen, cgroup) {
        opened(gate, current, file, Ok(origin), asked);
    }
    true
}

/// A file was opened of which nothing is left to tell.
#[inline(always)]
pub(crate) fn missed() {
    let Some(current) = Current::task() else { return };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    if Gate::enter(Class::FileOpen, cgroup).is_some() {
        book(Lane::First, Class::FileOpen, cgroup, Some(LossReason::Unreadable));
    }
}

/// The kernel has opened a file for the running task.
#[inline(always)]
pub(crate) fn by_object(file: Raw, requested: u32, asked: impl FnOnce() -> Asked) {
    let Some(current) = Current::task() else { return };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let Some(gate) = Gate::enter(Class::FileOpen, cgroup) else { return };
    opened(gate, current, file, Err(requested), asked);
}

/// The kernel refused an open; the asked path is its own copy.
#[inline(always)]
pub(crate) fn refused(error: i32, flags: u32, name: Name, mode: u32) {
    if !asked::is_signal(error) {
        return;
    }
    let Some(current) = Current::task() else { return };
    asked::refused_open(current, error, flags, None, name, |record| {
        record.mode = mode & PERMISSIONS;
    });
}

/// A file was opened; what the kernel has of it is what is told. Where the origin is not known yet, there are the
/// flags that were asked for.
#[inline(always)]
fn opened(
    gate: Gate,
    current: Task<Current>,
    file: Raw,
    origin: Result<Origin, u32>,
    asked: impl FnOnce() -> Asked,
) {
    let file = Opened::of(file);
    let dropped = match origin {
        Ok(origin) => origin.dropped_flags(current),
        Err(requested) => requested & DROPPED,
    };
    let flags = file.flags | dropped;
    let asked = asked();
    let mut key = file.key(flags);
    let by_name = gate.tells_names();
    if by_name {
        key.way ^= asked.fingerprint();
    }
    let verdict = verdict(&key);
    if verdict == Verdict::Quiet as u32 && !gate.is_canary() && !gate.wants_all_files() {
        gate.filter();
        return;
    }
    let process = current.reference();
    let access = u64::from(flags) << 32 | u64::from(key.device);
    // By another name or through another mount it is another event: a name that was asked for before must not hide another
    // one that leads to the same file.
    let name = if by_name { 0 } else { asked.fingerprint() };
    let Some(repeats) = gate.repeats(process, key.inode, access, key.way ^ name) else { return };
    if verdict != Verdict::Wanted as u32 && !gate.permits() {
        return;
    }
    let Some((writer, record)) = Writer::new::<FileRecord>(Slot::File, Lane::First, Class::FileOpen) else {
        return;
    };
    let origin = match origin {
        Ok(origin) => origin,
        Err(requested) => Origin::of(current, requested),
    };
    let (call, facts, way, mode) = (origin.call, origin.facts, key.way, asked.mode & PERMISSIONS);
    *record = FileRecord { flags, repeats, call, facts, way, mode, ..Default::default() };
    if file.mode & CREATED != 0 {
        record.facts |= Facts::CREATED;
    }
    begin_gated(gate, process, &mut record.header);
    file::at_inode(file.inode, &mut record.file);
    walk::own(file.dentry, file.vfsmount, &writer, record);
    text(asked, &writer, record);
    writer.send(&BULK, gate.cgroup);
}

/// Adds the path as the caller wrote it, which need not be the one that the kernel came to.
#[inline(always)]
fn text(asked: Asked, writer: &Writer, record: &mut FileRecord) {
    if asked.text == 0 {
        return;
    }
    let whole = if asked.copied {
        writer.string::<NAME_BYTES_MAX>(Tail::PathText, asked.text)
    } else {
        writer.user_string::<NAME_BYTES_MAX>(Tail::PathText, asked.text)
    };
    if !whole {
        record.header.incomplete |= Incomplete::REQUESTED;
    }
}

/// What is told of an open file. Only that is kept: what it was read from takes much of the stack.
#[derive(Clone, Copy)]
struct Opened {
    flags: u32,
    mode: u32,
    inode: Raw,
    dentry: Raw,
    vfsmount: Raw,
}

impl Opened {
    #[inline(always)]
    fn of(file: Raw) -> Self {
        let file = FileWindow::of(file);
        let path = offset!(file_path);
        Self {
            flags: file.number(offset!(file_flags)),
            mode: file.number(offset!(file_mode)),
            inode: Raw(file.number(offset!(file_inode))),
            dentry: Raw(file.number(path.wrapping_add(offset!(path_dentry)))),
            vfsmount: Raw(file.number(path.wrapping_add(offset!(path_mnt)))),
        }
    }

    /// Under which the agent keeps its verdict. The flags are also those that the file does not keep: an open
    /// for reading may cut the file, or make it.
    #[inline(always)]
    fn key(self, flags: u32) -> FileKey {
        let inode = InodeWindow::of(self.inode);
        let superblock = Raw(inode.number(offset!(inode_superblock)));
        FileKey {
            inode: inode.number(offset!(inode_number)),
            changed_ns: file::changed_ns_of(&inode),
            device: superblock.number(offset!(superblock_device)),
            written: u32::from(flags & (WRITES | TRUNCATE) != 0 || self.mode & CREATED != 0),
            way: self.dentry.0 ^ self.vfsmount.0.rotate_left(32),
        }
    }
}

/// The agent's verdict on a file, 0 if there is none.
#[inline(always)]
fn verdict(key: &FileKey) -> u32 {
    let generation = POLICY.get(0).map_or(0, |policy| policy.generation);
    // SAFETY: the reference is used at once; entries are replaced whole by the agent.
    match unsafe { FILES.get(key) } {
        Some(known) if known.generation == generation => known.verdict,
        _ => 0,
    }
}
