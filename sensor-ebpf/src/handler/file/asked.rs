//! Operations on files that are told as they were asked for: refused opens, and on the tracepoint back
//! end all changes.

use aya_ebpf::helpers::generated::{
    bpf_probe_read_kernel, bpf_probe_read_kernel_str, bpf_probe_read_user, bpf_probe_read_user_str,
};
use sensor_common::{
    class::{Class, Lane},
    header::Incomplete,
    limits::{COMPONENT_BYTES_MAX, NAME_BYTES_MAX},
    record::file::{Facts, FileRecord},
    tail::Tail,
};

use super::{origin::Origin, walk};
use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{
        Memory, Raw,
        cgroup::Cgroup,
        current::Current,
        file::{self, FileWindow},
        task::Task,
    },
    maps::{ARGUMENTS, BULK, Slot, offset, secret},
};

/// `AT_FDCWD`: relative paths begin at the working directory.
pub(crate) const HERE: i32 = -100;

/// Entry of [`ARGUMENTS`] in which texts are compared.
const FINGERPRINTS: u32 = 3;

/// Bytes of a text that are read at once, with a NUL, and how many of such a path has at most.
const PIECE_BYTES: u32 = 128;
const PIECES_MAX: u32 = NAME_BYTES_MAX as u32 / (PIECE_BYTES - 1) + 1;

/// Errors with which a refused operation is told: `EPERM`, `EACCES`, `EXDEV` (a path that leaves where
/// `openat2` keeps it), `ETXTBSY`, `EROFS`, `ELOOP`. The others, above all `ENOENT`, are everyday life.
#[inline(always)]
pub(crate) const fn is_signal(error: i32) -> bool {
    matches!(-error, 1 | 13 | 18 | 26 | 30 | 40)
}

/// A path as it was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    /// Address of the text; 0 for none.
    pub(crate) text: u64,
    /// Descriptor of the directory where a relative path begins, or [`HERE`].
    pub(crate) directory: i32,
    /// The text is the kernel's copy, not the caller's memory.
    pub(crate) copied: bool,
}

/// A change of a file, as it was asked for.
pub(crate) struct Change {
    pub(crate) class: Class,
    pub(crate) name: Name,
    /// New path, or the text of a symbolic link.
    pub(crate) new_name: Name,
    /// Address of the name of an attribute; 0 for none.
    pub(crate) attribute: u64,
    /// Descriptor of the file, where it is asked for by that: then there is no name.
    pub(crate) descriptor: Option<u32>,
}

/// An open was refused with this error number and flags; `fill` adds to the record. Without an origin, the
/// call that the task is in made it.
#[inline(always)]
pub(crate) fn refused_open(
    current: Task<Current>,
    error: i32,
    flags: u32,
    origin: Option<Origin>,
    name: Name,
    fill: impl FnOnce(&mut FileRecord),
) {
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let Some(gate) = Gate::enter(Class::FileOpen, cgroup) else { return };
    let process = current.reference();
    let what = u64::from(flags) << 32 | u64::from(error.unsigned_abs());
    let Some(repeats) =
        gate.repeats(process, fingerprint(name.text, name.copied), what, name.directory as u64)
    else {
        return;
    };
    if !gate.permits() {
        return;
    }
    let Some((writer, record)) = Writer::new::<FileRecord>(Slot::File, Lane::First, Class::FileOpen) else {
        return;
    };
    *record = FileRecord { error, flags, repeats, ..Default::default() };
    fill(record);
    begin_gated(gate, process, &mut record.header);
    let origin = match origin {
        Some(origin) => origin,
        None => Origin::of(current, 0),
    };
    record.call = origin.call;
    record.facts |= origin.facts;
    text(current, name, (Tail::PathText, Tail::Base), Incomplete::PATH, &writer, record);
    writer.send(&BULK, gate.cgroup);
}

/// A change was asked for, and done or refused. `fill` adds to the record.
#[inline(always)]
pub(crate) fn changed(slot: Slot, change: &Change, fill: impl FnOnce(&mut FileRecord)) {
    let Some(current) = Current::task() else { return };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let class = change.class;
    let Some(gate) = Gate::enter(class, cgroup) else { return };
    if !gate.permits() {
        return;
    }
    let Some((writer, record)) = Writer::new::<FileRecord>(slot, Lane::First, class) else { return };
    *record = FileRecord::default();
    fill(record);
    begin_gated(gate, current.reference(), &mut record.header);
    match change.descriptor {
        Some(descriptor) => {
            if let Some(file) = file::behind(current.0, descriptor) {
                of_file(file, &writer, record);
            }
        }
        None => {
            text(current, change.name, (Tail::PathText, Tail::Base), Incomplete::PATH, &writer, record);
            let kinds = (Tail::NewPathText, Tail::NewBase);
            text(current, change.new_name, kinds, Incomplete::NEW_PATH, &writer, record);
        }
    }
    if change.attribute != 0 {
        record.facts |= Facts::NAME_UNVERIFIED;
        if !writer.user_string::<COMPONENT_BYTES_MAX>(Tail::Name, change.attribute) {
            record.header.incomplete |= Incomplete::NAME;
        }
    }
    writer.send(&BULK, gate.cgroup);
}

/// Identity and path of an open file.
#[inline(always)]
fn of_file(file: Raw, writer: &Writer, record: &mut FileRecord) {
    let file = FileWindow::of(file);
    file::at_inode(Raw(file.number(offset!(file_inode))), &mut record.file);
    let path = offset!(file_path);
    let dentry = Raw(file.number(path.wrapping_add(offset!(path_dentry))));
    walk::own(dentry, Raw(file.number(path.wrapping_add(offset!(path_mnt)))), writer, record);
}

/// Writes a path as it was asked for, and where it begins unless it is absolute.
#[inline(always)]
fn text(
    current: Task<Current>,
    name: Name,
    kinds: (Tail, Tail),
    incomplete: u32,
    writer: &Writer,
    record: &mut FileRecord,
) {
    if name.text == 0 {
        return;
    }
    let whole = if name.copied {
        writer.string::<NAME_BYTES_MAX>(kinds.0, name.text)
    } else {
        record.facts |= Facts::UNVERIFIED;
        writer.user_string::<NAME_BYTES_MAX>(kinds.0, name.text)
    };
    if !whole {
        record.header.incomplete |= incomplete;
    }
    if name.directory == NOWHERE || is_absolute(name) {
        return;
    }
    let Some(place) = start(current, name.directory) else { return };
    let Some(dentry) = place.follow(offset!(path_dentry)) else { return };
    let Some(vfsmount) = place.follow(offset!(path_mnt)) else { return };
    walk::other(kinds.1, dentry, vfsmount, writer, incomplete, record);
}

/// A name that is no path: what a symbolic link points to.
pub(crate) const NOWHERE: i32 = -1;

/// Where relative paths begin: the `struct path` of the working directory or of an open directory.
#[inline(always)]
fn start(current: Task<Current>, directory: i32) -> Option<Raw> {
    if directory == HERE {
        let fs = current.0.follow(offset!(task_fs))?;
        return Some(Raw(fs.address() + u64::from(offset!(fs_pwd))));
    }
    let file = file::behind(current.0, directory as u32)?;
    Some(Raw(file.0 + u64::from(offset!(file_path))))
}

/// True if the text begins at the root. If another thread changes it meanwhile, the text is shown without
/// its beginning, and is unverified anyway.
#[inline(always)]
fn is_absolute(name: Name) -> bool {
    let mut first = 0u8;
    // SAFETY: one byte is written to one byte; the source is checked by the helpers.
    unsafe {
        if name.copied {
            bpf_probe_read_kernel((&raw mut first).cast(), 1, name.text as *const _);
        } else {
            bpf_probe_read_user((&raw mut first).cast(), 1, name.text as *const _);
        }
    }
    first == b'/'
}

/// A number that equal texts have in common, and that nobody can bring about by another text: it begins with a secret. The
/// text is the kernel's copy or the caller's memory.
#[inline(always)]
pub(super) fn fingerprint(text: u64, copied: bool) -> u64 {
    text_fingerprint(text, u64::from(copied), secret())
}

/// The whole text, piece by piece. A function of its own: so the verifier looks at it once, and not at what follows it for
/// each number of pieces. By its signature it takes and gives any numbers.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn text_fingerprint(text: u64, copied: u64, secret: u64) -> u64 {
    let Some(words) = ARGUMENTS.get_ptr_mut(FINGERPRINTS) else { return 0 };
    let (mut sum, mut from) = (secret, text);
    for _ in 0..PIECES_MAX {
        // SAFETY: the pointer is that of a map's value of so many bytes; the source is checked by the helpers.
        let read = unsafe {
            *words = [0; PIECE_BYTES as usize / 8];
            if copied != 0 {
                bpf_probe_read_kernel_str(words.cast(), PIECE_BYTES, from as *const _)
            } else {
                bpf_probe_read_user_str(words.cast(), PIECE_BYTES, from as *const _)
            }
        };
        // SAFETY: as above; the value is copied word by word.
        for word in unsafe { &*words } {
            // There is no NUL within a text.
            if *word == 0 {
                break;
            }
            sum = mix(sum ^ *word);
        }
        if read < i64::from(PIECE_BYTES) {
            break;
        }
        from += u64::from(PIECE_BYTES) - 1;
    }
    sum
}

/// Another number for almost every one. What becomes of a difference depends on the number itself, unlike with a multiplication
/// by a constant.
#[inline(always)]
const fn mix(number: u64) -> u64 {
    (number & 0xffff_ffff).wrapping_mul(number >> 32).wrapping_add(number.rotate_left(32))
}
