//! Credentials that change other than by executing a program.

use sensor_common::{
    class::{Class, Lane},
    record::privilege::{CallRecord, Facts},
};

use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{Memory, Typed, cgroup::Cgroup, cred::Cred, current::Current, syscall, task::Task},
    maps::{CALLS, Slot, VITAL},
};

/// The running task is about to act with these credentials instead of those it has.
#[inline(always)]
pub(crate) fn committed(new: Typed) {
    let Some(current) = Current::task() else { return };
    // What an executed program gains, its own event tells.
    if current.is_executing() {
        return;
    }
    let Some(old) = Cred::of(current.0) else { return };
    let Some((writer, record)) = Writer::new::<CallRecord>(Slot::Within, Lane::First, Class::Credentials)
    else {
        return;
    };
    *record = CallRecord::default();
    old.ids(&mut record.ids_before);
    old.further(&mut record.further_before);
    old.capabilities(&mut record.capabilities_before);
    record.number = old.user_namespace();
    let new = Cred(new);
    after(new, current, record);
    let same = record.ids == record.ids_before
        && record.further == record.further_before
        && record.capabilities == record.capabilities_before
        && record.namespaces.user == record.number
        && new.groups() == old.groups();
    if same {
        return;
    }
    record.facts |= Facts::BEFORE;
    (record.call, record.facts) = named_call(current, record.facts);
    send(current, writer, record);
}

/// A call that changes credentials succeeded; what they were before, the agent knows.
#[inline(always)]
pub(crate) fn changed(call: u32) {
    let Some(current) = Current::task() else { return };
    let Some(cred) = Cred::of(current.0) else { return };
    let Some((writer, record)) = Writer::new::<CallRecord>(Slot::Within, Lane::First, Class::Credentials)
    else {
        return;
    };
    *record = CallRecord { call, ..Default::default() };
    after(cred, current, record);
    send(current, writer, record);
}

/// The system call that the running task is in, if it has a name, and whether it is a 32-bit one.
#[inline(always)]
pub(super) fn named_call(current: Task<Current>, facts: u32) -> (u32, u32) {
    if syscall::is_compat(current) {
        return (0, facts | Facts::COMPAT);
    }
    let number = syscall::Syscall::of(current).number();
    (CALLS.get(number).map_or(0, |entry| entry.call), facts)
}

#[inline(always)]
fn after<M: Memory>(cred: Cred<M>, current: Task<Current>, record: &mut CallRecord) {
    cred.ids(&mut record.ids);
    cred.further(&mut record.further);
    cred.capabilities(&mut record.capabilities);
    current.namespaces(&mut record.namespaces);
    record.namespaces.user = cred.user_namespace();
}

#[inline(always)]
fn send(current: Task<Current>, writer: Writer, record: &mut CallRecord) {
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let Some(gate) = Gate::enter(Class::Credentials, cgroup) else { return };
    begin_gated(gate, current.reference(), &mut record.header);
    writer.send(&VITAL, gate.cgroup);
}
