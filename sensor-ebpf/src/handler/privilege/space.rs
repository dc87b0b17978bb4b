//! Namespaces that are left or entered, and roots that are changed.

use sensor_common::{
    call::Call,
    class::{Class, Lane},
    header::Incomplete,
    limits::NAME_BYTES_MAX,
    record::privilege::{CallRecord, Facts},
    tail::Tail,
};
use zerocopy::FromZeros;

use super::{Alike, Ended, Told};
use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    handler::credentials::named_call,
    kobj::{
        Memory, Raw, Typed, cgroup::Cgroup, cred::Cred, current::Current, file, path::Walk, pid,
        syscall::Arguments, task::Task,
    },
    maps::{Slot, VITAL, offset},
};

/// `NSFS_MAGIC` of `include/uapi/linux/magic.h`.
const NSFS: u64 = 0x6e73_6673;

/// `CLONE_NEW*` of `include/uapi/linux/sched.h`.
const NAMESPACES: u32 = 0x7e02_0080;

/// unshare(flags)
#[inline(always)]
pub(crate) fn unshare<A: Arguments>(call: Ended<A>) {
    let kinds = call.number(0) & NAMESPACES;
    // What else a thread may leave, everybody may.
    let alike = if kinds == 0 { Alike::If(0, 0, 0) } else { call.failures_of(kinds) };
    if let Some(told) = call.begin(Class::Unshare, alike) {
        told.send();
    }
}

/// setns(file, kinds): the file is a namespace's, or since 5.8 a process's.
#[inline(always)]
pub(crate) fn setns<A: Arguments>(call: Ended<A>) {
    let Some(mut told) = call.begin(Class::Setns, call.failures_of(call.number(1) & NAMESPACES)) else {
        return;
    };
    let descriptor = call.number(0);
    if let Some(file) = file::behind(told.current.0, descriptor) {
        file::identity(file, &mut told.record.file);
        // Only what the kernel took as a process is one for sure.
        if call.result == 0
            && told.record.file.filesystem != NSFS
            && let Some(task) = pid::by_descriptor(told.current, descriptor).and_then(pid::task)
        {
            told.target(task);
        }
    }
    told.send();
}

/// A task came into being by `clone` in other namespaces than its creator's.
#[inline(always)]
pub(crate) fn cloned(creator: Typed, child: Typed) {
    let (Some(old), Some(new)) = (Cred::of(creator), Cred::of(child)) else { return };
    let proxy = |task: Typed| task.follow(offset!(task_nsproxy)).map_or(0, Memory::address);
    if proxy(creator) == proxy(child) && old.user_namespace() == new.user_namespace() {
        return;
    }
    let Some(current) = Current::task() else { return };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let Some(gate) = Gate::enter(Class::Unshare, cgroup) else { return };
    let Some((writer, record)) = Writer::new::<CallRecord>(Slot::Within, Lane::First, Class::Unshare) else {
        return;
    };
    record.zero();
    begin_gated(gate, current.reference(), &mut record.header);
    // Of its own calls the kernel knows by which it was made; a 32-bit one is named like the others.
    (record.call, record.facts) = named_call(current, Facts::TARGET);
    if record.call == 0 {
        record.call = Call::Clone as u32;
    }
    old.ids(&mut record.ids);
    old.capabilities(&mut record.capabilities);
    current.namespaces(&mut record.namespaces);
    record.namespaces.user = old.user_namespace();
    let task = Task(child);
    record.target = task.reference();
    record.target_cgroup = Cgroup::of(child).map_or(0, Cgroup::id);
    task.namespaces(&mut record.target_namespaces);
    record.target_namespaces.user = new.user_namespace();
    writer.send(&VITAL, gate.cgroup);
}

/// chroot(path): afterwards the task's root is the place; where it failed there is but the text.
#[inline(always)]
pub(crate) fn chroot<A: Arguments>(call: Ended<A>) {
    let Some(mut told) = call.begin(Class::Chroot, call.failures_of(0)) else { return };
    let root = if call.result == 0 { root(&mut told) } else { None };
    let text = if root.is_none() { call.arguments.argument(0) } else { 0 };
    told.user_string::<NAME_BYTES_MAX>(Tail::NewPathText, text, Incomplete::NEW_PATH);
    let kind = if root.is_none() { Tail::Base } else { Tail::NewPath };
    walk(&mut told, kind, root);
    told.send();
}

/// `pivot_root`(new, old). Afterwards the new root is `/`, so its path is the caller's; which file it
/// is, the kernel says.
#[inline(always)]
pub(crate) fn pivot_root<A: Arguments>(call: Ended<A>) {
    let Some(mut told) = call.begin(Class::PivotRoot, call.failures_of(0)) else { return };
    let (new, old) = (call.arguments.argument(0), call.arguments.argument(1));
    if call.result == 0 {
        root(&mut told);
    }
    told.user_string::<NAME_BYTES_MAX>(Tail::NewPathText, new, Incomplete::NEW_PATH);
    told.user_string::<NAME_BYTES_MAX>(Tail::PathText, old, Incomplete::PATH);
    walk(&mut told, Tail::Base, None);
    told.send();
}

/// Writes a place as a field, or the working directory.
#[inline(always)]
fn walk(told: &mut Told, kind: Tail, place: Option<Raw>) {
    let place = place.or_else(|| {
        let fs = told.current.0.follow(offset!(task_fs))?;
        Some(Raw(fs.address() + u64::from(offset!(fs_pwd))))
    });
    if let Some(place) = place
        && told.path(kind, place) == Walk::Cut
    {
        told.record.header.incomplete |= Incomplete::NEW_PATH;
    }
}

/// Place (`struct path`) of the task's root; its identity becomes that of the event's file.
#[inline(always)]
fn root(told: &mut Told) -> Option<Raw> {
    let place = Raw(told.current.0.follow(offset!(task_fs))?.address() + u64::from(offset!(fs_root)));
    let inode = place.follow(offset!(path_dentry))?.follow(offset!(dentry_inode))?;
    file::of_inode(inode, &mut told.record.file);
    Some(place)
}
