//! A file was opened.

use sensor_common::{
    class::{Class, Lane},
    header::Incomplete,
    policy::{FileKey, Verdict},
    record::{file::FileRecord, process::FileFlags},
    tail::Tail,
};

use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{
        Memory, Raw,
        cgroup::Cgroup,
        current::Current,
        file,
        path::{self, Walk},
        task::Task,
    },
    maps::{BULK, FILES, POLICY, Slot, offset},
};

/// Bits of `O_ACCMODE` and those with which a file changes: `O_CREAT`, `O_TRUNC`.
const WRITES: u32 = 0o3;

/// The running task has opened a file and was given this descriptor.
#[inline(always)]
pub(crate) fn by_descriptor(descriptor: u32, call: u32) {
    let Some(current) = Current::task() else { return };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let Some(gate) = Gate::enter(Class::FileOpen, cgroup) else { return };
    match file::behind(current.0, descriptor) {
        Some(file) => opened(gate, current, file, call),
        None => gate.filter(),
    }
}

/// A file was opened; what the kernel has of it is what is told.
#[inline(always)]
pub(crate) fn opened(gate: Gate, current: Task<Current>, file: Raw, call: u32) {
    let flags = file.number::<u32>(offset!(file_flags));
    let inode = file.number::<u64>(offset!(file_inode));
    let superblock = Raw(inode).number::<u64>(offset!(inode_superblock));
    let key = FileKey {
        inode: Raw(inode).number(offset!(inode_number)),
        changed_ns: file::changed_ns(Raw(inode)),
        device: Raw(superblock).number(offset!(superblock_device)),
        written: u32::from(flags & WRITES != 0),
    };
    let verdict = verdict(&key);
    if verdict == Verdict::Quiet as u32 && !gate.is_canary() && !gate.wants_all_files() {
        gate.filter();
        return;
    }
    let process = current.reference();
    let access = u64::from(flags) << 32 | u64::from(key.device);
    let Some(repeats) = gate.repeats(process, key.inode, access, 0) else { return };
    if verdict != Verdict::Wanted as u32 && !gate.permits() {
        return;
    }
    let Some((writer, record)) = Writer::new::<FileRecord>(Slot::File, Lane::First, Class::FileOpen) else {
        return;
    };
    *record = FileRecord { flags, repeats, call, ..Default::default() };
    begin_gated(gate, process, &mut record.header);
    file::identity(file, &mut record.file);
    let place = Raw(file.0 + u64::from(offset!(file_path)));
    record.file.mount_id = path::mount_id(place);
    if let Some(components) = writer.components() {
        match path::write(place, &writer, &components) {
            Walk::Complete => {}
            Walk::Detached => record.file.flags |= FileFlags::DETACHED,
            Walk::Cut => record.header.incomplete |= Incomplete::PATH,
        }
        writer.end_components(Tail::Path, &components);
    }
    writer.send(&BULK, gate.cgroup);
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
