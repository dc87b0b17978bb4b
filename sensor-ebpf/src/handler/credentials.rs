//! Credentials that change other than by executing a program.

use sensor_common::{
    call::Call,
    class::{Class, Lane},
    record::privilege::{CallRecord, Facts},
};

use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{
        Memory, Typed,
        cgroup::Cgroup,
        cred::Cred,
        current::Current,
        syscall::{self, Syscall},
        task::Task,
    },
    maps::{CALLS, CREDENTIALS, Known, Slot, VITAL, offset},
};

/// An odd number whose bits look random.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The error with which a change is refused.
pub(crate) const EPERM: i64 = -1;

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
    if is_known(cred, current, record) {
        return;
    }
    send(current, writer, record);
}

/// A call that would have changed credentials was refused: `EPERM`. They are as they were. Equal are the calls of a process
/// that ask for root, or do not, whatever else they name.
#[inline(always)]
pub(crate) fn refused(call: u32) {
    let Some(current) = Current::task() else { return };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let Some(gate) = Gate::enter(Class::Credentials, cgroup) else { return };
    let process = current.reference();
    let arguments = Syscall::of(current).arguments();
    let root = u64::from(asks_for_root(call, arguments));
    let Some(repeats) = gate.repeats(process, call.into(), root, EPERM as u64) else { return };
    let Some((writer, record)) = Writer::new::<CallRecord>(Slot::Within, Lane::First, Class::Credentials)
    else {
        return;
    };
    *record = CallRecord { call, arguments, repeats, result: EPERM, ..Default::default() };
    if let Some(cred) = Cred::of(current.0) {
        after(cred, current, record);
    }
    begin_gated(gate, process, &mut record.header);
    writer.send(&VITAL, gate.cgroup);
}

/// True if one of the ids that a call is given is 0.
#[inline(always)]
fn asks_for_root(call: u32, arguments: [u64; 6]) -> bool {
    let [first, second, third, ..] = arguments.map(|argument| argument as u32);
    let two = call >= Call::Setreuid as u32;
    let three = call >= Call::Setresuid as u32;
    call <= Call::Setresgid as u32 && (first == 0 || two && second == 0 || three && third == 0)
}

/// True if the thread was told of with the same credentials, and executed no program since. They are noted.
#[inline(always)]
fn is_known(cred: Cred<Current>, current: Task<Current>, record: &CallRecord) -> bool {
    let process = current.reference();
    // Not by plain loads: the verifier would know pointers, with which one may not reckon.
    let known = Known {
        start_ns: process.start_ns,
        memory: current.0.raw().number(offset!(task_mm)),
        digest: digest(cred, record),
    };
    if let Some(before) = CREDENTIALS.get_ptr(process.tid) {
        // SAFETY: the pointer is that of a map's value, valid while the program runs; no other thread
        // has this key.
        let before = unsafe { *before };
        if before.start_ns == known.start_ns && before.memory == known.memory && before.digest == known.digest
        {
            return true;
        }
    }
    CREDENTIALS.insert(process.tid, known, 0).ok();
    false
}

/// A number that is another one when any of the credentials is.
#[inline(always)]
fn digest(cred: Cred<Current>, record: &CallRecord) -> u64 {
    let two = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    let (ids, further, sets) = (&record.ids, &record.further, &record.capabilities);
    [
        two(ids.uid, ids.gid),
        two(ids.euid, ids.egid),
        two(further.suid, further.sgid),
        two(further.fsuid, further.fsgid),
        sets.inheritable,
        sets.permitted,
        sets.effective,
        sets.bounding,
        sets.ambient,
        two(record.namespaces.user, 0),
        // Equal for credentials that were copied and not given other groups.
        cred.0.raw().number(offset!(cred_groups)),
    ]
    .into_iter()
    .fold(0, |sum: u64, word| (sum ^ word).wrapping_mul(FACTOR).rotate_left(29))
}

/// The system call that the running task is in, if it has a name, and whether it is a 32-bit one.
#[inline(always)]
pub(super) fn named_call(current: Task<Current>, facts: u32) -> (u32, u32) {
    if syscall::is_compat(current) {
        return (0, facts | Facts::COMPAT);
    }
    let number = Syscall::of(current).number();
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
