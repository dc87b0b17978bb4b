//! File systems that are mounted, moved, changed or unmounted: the old interface and the new one.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use sensor_common::{
    call::Call,
    class::Class,
    header::Incomplete,
    limits::{COMPONENT_BYTES_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX},
    tail::Tail,
};

use super::{Alike, Ended, Told};
use crate::{
    kobj::{
        Memory, Raw,
        current::Current,
        file,
        path::{self, Walk},
        syscall::{self, Arguments, Compat, Syscall},
        task::Task,
    },
    maps::{MOUNTPOINTS, Mountpoint, offset},
};

/// Number of the argument of mount(2) that holds the options.
const OPTIONS: usize = 4;
/// Flags of mount(2) by which its kinds differ: `MS_REMOUNT`, `MS_BIND`, `MS_MOVE`, and the four of
/// propagation.
const KINDS: u32 = 0x20 | 0x1000 | 0x2000 | 0xf << 17;
/// `OPEN_TREE_CLONE`
const CLONE: u32 = 1;
/// `MOVE_MOUNT_F_EMPTY_PATH`
const MOVE_FROM_DESCRIPTOR: u32 = 0x04;
/// `FSCONFIG_SET_STRING`, the one command whose value is a string beside those that are paths.
const SET_STRING: u32 = 1;
/// `FSCONFIG_SET_PATH` and `FSCONFIG_SET_PATH_EMPTY`.
const SET_PATH: [u32; 2] = [3, 4];

/// Where what a call tells is to be found; 0 for nothing. Each is written at one place, because every
/// place makes the program longer.
#[derive(Clone, Copy, Default)]
struct Places {
    /// Text of the source in the caller's memory.
    source: u64,
    /// Text of the target.
    target: u64,
    /// `struct path` in which the target's text starts, if not in the working directory.
    base: u64,
    /// `struct path` of the target.
    resolved: u64,
    /// Text of the file system's type.
    kind: u64,
    /// File of a context, which knows that type.
    context: u64,
    /// Text of a parameter's name.
    name: u64,
    /// Text of a value.
    value: u64,
    /// File that was opened or moved.
    file: u64,
}

/// One of the calls, of which the kernel kept nothing but what descriptors lead to.
#[inline(always)]
pub(crate) fn mount<A: Arguments>(call: Ended<A>) {
    let Some(mut told) = call.begin(Class::Mount, alike(call)) else { return };
    let places = find(call, told.current);
    if let Some(file) = some(places.file) {
        file::identity(file, &mut told.record.file);
    }
    if let Some(context) = some(places.context) {
        filesystem(&mut told, context);
    }
    told.user_string::<COMPONENT_BYTES_MAX>(Tail::Filesystem, places.kind, Incomplete::NAME);
    told.user_string::<COMPONENT_BYTES_MAX>(Tail::Name, places.name, Incomplete::NAME);
    told.user_string::<NAME_BYTES_MAX>(Tail::PathText, places.source, Incomplete::PATH);
    told.user_string::<NAME_BYTES_MAX>(Tail::NewPathText, places.target, Incomplete::NEW_PATH);
    // One walk: the target itself, or where its text starts.
    let (kind, place) = match places.resolved {
        0 => (Tail::Base, places.base),
        resolved => (Tail::NewPath, resolved),
    };
    if place != 0 && told.path(kind, Raw(place)) == Walk::Cut {
        told.record.header.incomplete |= Incomplete::NEW_PATH;
    }
    told.user_string::<VALUE_BYTES_MAX>(Tail::Value, places.value, Incomplete::VALUE);
    told.send();
}

/// Which calls need not be told twice: those that fail, and what everybody may do.
#[inline(always)]
fn alike<A: Arguments>(call: Ended<A>) -> Alike {
    let is = |known: Call| call.call == known as u32;
    let kind = if is(Call::Mount) {
        call.number(3) & KINDS
    } else if is(Call::Fsconfig) {
        call.number(1) & 0xf
    } else {
        0
    };
    if is(Call::OpenTree) && call.number(2) & CLONE == 0 {
        // No tree is made: it is but an open.
        return Alike::If(0, kind, 0);
    }
    call.failures_of(kind)
}

#[inline(always)]
fn find<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Places {
    let is = |known: Call| call.call == known as u32;
    let text = |n| call.arguments.argument(n);
    // The file behind the first argument, or the one that the call gave.
    let first = address(current, call.number(0));
    let given = u32::try_from(call.result).map_or(0, |descriptor| address(current, descriptor));
    let directory =
        current.0.follow(offset!(task_fs)).map_or(0, |fs| fs.address() + u64::from(offset!(fs_pwd)));
    let none = Places::default();
    if is(Call::Mount) {
        let (source, target) = (text(0), text(1));
        return Places { source, target, base: directory, kind: text(2), value: text(4), ..none };
    }
    if is(Call::Umount2) {
        return Places { target: text(0), base: directory, ..none };
    }
    if is(Call::Fsopen) {
        let kind = if given == 0 { text(0) } else { 0 };
        return Places { context: given, kind, ..none };
    }
    if is(Call::Fsconfig) {
        let command = call.number(1);
        let has_text = command == SET_STRING || command == SET_PATH[0] || command == SET_PATH[1];
        let value = if has_text { text(3) } else { 0 };
        return Places { context: first, name: text(2), value, ..none };
    }
    if is(Call::Fsmount) {
        return Places { context: first, ..none };
    }
    if is(Call::MoveMount) {
        let by_descriptor = call.number(4) & MOVE_FROM_DESCRIPTOR != 0;
        if by_descriptor && call.result == 0 && first != 0 {
            // The mount behind the descriptor is where it was moved to.
            return Places { resolved: place_of(first), file: first, ..none };
        }
        let source = if by_descriptor { 0 } else { text(1) };
        let folder = address(current, call.number(2));
        let base = if folder == 0 { directory } else { place_of(folder) };
        return Places { source, target: text(3), base, file: first, ..none };
    }
    // fspick, open_tree, mount_setattr: a folder, and a path that starts there.
    let base = if first == 0 { directory } else { place_of(first) };
    let file = if is(Call::MountSetattr) || is(Call::Fspick) { 0 } else { given };
    Places { target: text(1), base, file, ..none }
}

/// Address of the file behind a descriptor, 0 if there is none.
#[inline(always)]
fn address(current: Task<Current>, descriptor: u32) -> u64 {
    file::behind(current.0, descriptor).map_or(0, |file| file.0)
}

/// Address of a file's `struct path`.
#[inline(always)]
fn place_of(file: u64) -> u64 {
    file + u64::from(offset!(file_path))
}

#[inline(always)]
fn some(address: u64) -> Option<Raw> {
    (address != 0).then_some(Raw(address))
}

/// mount(2) with the kernel's own copies of the texts, and the place that it found. Of the options there is
/// no such copy any more: while the kernel reads them it puts NULs between them.
#[inline(always)]
pub(crate) fn mounted<A: Arguments>(call: Ended<A>) {
    let Some(mut told) = call.begin(Class::Mount, alike(call)) else { return };
    let [source, place, kind, flags, ..] = call.arguments.all();
    // The same places as the arguments of the system call.
    told.record.arguments = [0, 0, 0, flags, 0, 0];
    if source != 0 && !told.writer.string::<NAME_BYTES_MAX>(Tail::PathText, source) {
        told.record.header.incomplete |= Incomplete::PATH;
    }
    if told.path(Tail::NewPath, Raw(place)) == Walk::Cut {
        told.record.header.incomplete |= Incomplete::NEW_PATH;
    }
    if kind != 0 && !told.writer.string::<COMPONENT_BYTES_MAX>(Tail::Filesystem, kind) {
        told.record.header.incomplete |= Incomplete::NAME;
    }
    let registers = Syscall::of(told.current);
    let data = if syscall::is_compat(told.current) {
        Compat(registers).argument(OPTIONS)
    } else {
        registers.argument(OPTIONS)
    };
    told.user_string::<VALUE_BYTES_MAX>(Tail::Value, data, Incomplete::VALUE);
    told.send();
}

/// A mount is about to go: afterwards nothing says where it was, so that is noted now.
#[inline(always)]
pub(crate) fn unmounting(place: Raw) {
    let Some(vfsmount) = place.follow(offset!(path_mnt)) else { return };
    let (parent, dentry) = path::mountpoint(vfsmount);
    MOUNTPOINTS.insert(thread(), Mountpoint { parent, dentry }, 0).ok();
}

/// umount2(2): what was noted, and how it ended.
#[inline(always)]
pub(crate) fn unmounted<A: Arguments>(call: Ended<A>) {
    let thread = thread();
    let Some(known) = MOUNTPOINTS.get_ptr(thread) else { return };
    // SAFETY: the pointer is that of a map's value, valid while the program runs; no other thread has
    // this key.
    let Mountpoint { parent, dentry } = unsafe { *known };
    if let Some(told) = call.begin(Class::Mount, call.failures_of(0)) {
        told.record.arguments = [0, call.arguments.argument(1), 0, 0, 0, 0];
        if let Some(components) = told.writer.components() {
            if path::write_from(Raw(dentry), Raw(parent), &told.writer, &components) == Walk::Cut {
                told.record.header.incomplete |= Incomplete::NEW_PATH;
            }
            told.writer.end_components(Tail::NewPath, &components);
        }
        told.send();
    }
    MOUNTPOINTS.remove(thread).ok();
}

/// Name of the file system that the context (`struct fs_context`) of a file is for.
#[inline(always)]
fn filesystem(told: &mut Told, context: Raw) {
    let Some(name) = context
        .follow(offset!(file_private))
        .and_then(|context| context.follow(offset!(fs_context_type)))
        .map(|kind| kind.number::<u64>(offset!(filesystem_name)))
    else {
        return;
    };
    if !told.writer.string::<COMPONENT_BYTES_MAX>(Tail::Filesystem, name) {
        told.record.header.incomplete |= Incomplete::NAME;
    }
}

#[inline(always)]
fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}
