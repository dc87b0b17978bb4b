//! A capability is asked for.

use sensor_common::{
    call::Call,
    class::{Class, Lane},
    record::privilege::CallRecord,
};

use super::credentials::named_call;
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
    maps::{CALLS, Slot, VITAL, offset, watched_capabilities},
};

/// `CAP_OPT_NOAUDIT` of `include/linux/security.h`: the kernel but wonders, and nobody is told no.
const NO_AUDIT: u32 = 1 << 1;
/// `CAP_SYS_ADMIN`
const SYS_ADMIN: u32 = 21;

/// True if the use of a capability is told. Asked first: the hook is hot.
#[inline(always)]
pub(crate) fn is_watched(capability: u32) -> bool {
    capability < u64::BITS && watched_capabilities() & (1 << capability) != 0
}

/// The running task asked for a capability with these credentials, in this user namespace.
///
/// `options` are those of the call, where the hook tells them.
#[inline(always)]
pub(crate) fn asked(cred: Typed, namespace: Typed, capability: u32, options: Option<u32>, result: i32) {
    if options.is_some_and(|options| options & NO_AUDIT != 0) {
        return;
    }
    let Some(current) = Current::task() else { return };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    if !Gate::is_wanted(Class::Capability, cgroup) {
        return;
    }
    // Others than the task's own are lent for a moment (overlayfs) or belong to another task or file.
    if current.0.number::<u64>(offset!(task_real_cred)) != cred.address() {
        return;
    }
    if options.is_none() && capability == SYS_ADMIN && is_for_memory(current) {
        return;
    }
    let Some(gate) = Gate::enter(Class::Capability, cgroup) else { return };
    let process = current.reference();
    let outcome = u64::from(result != 0);
    let namespace = namespace.number::<u32>(offset!(user_namespace_inum));
    let Some(repeats) = gate.repeats(process, capability.into(), outcome, namespace.into()) else { return };
    let Some((writer, record)) = Writer::new::<CallRecord>(Slot::Within, Lane::First, Class::Capability)
    else {
        return;
    };
    *record = CallRecord { number: capability, result: result.into(), repeats, ..Default::default() };
    begin_gated(gate, process, &mut record.header);
    (record.call, record.facts) = named_call(current, 0);
    let cred = Cred(cred);
    cred.ids(&mut record.ids);
    cred.capabilities(&mut record.capabilities);
    current.namespaces(&mut record.namespaces);
    record.namespaces.user = cred.user_namespace();
    record.target_namespaces.user = namespace;
    writer.send(&VITAL, gate.cgroup);
}

/// True in a system call, or a fault, in which the kernel wonders whether the task may have its last
/// memory (`cap_vm_enough_memory`): that asks for `CAP_SYS_ADMIN` in almost every program, and nobody
/// is told no. Only the hook that does not tell the options needs this.
#[inline(always)]
fn is_for_memory(current: Task<Current>) -> bool {
    if syscall::is_compat(current) {
        return false;
    }
    // A fault is in no call: its number is -1, which is in no table.
    CALLS.get(Syscall::of(current).number()).is_none_or(|entry| {
        entry.call == Call::Mmap as u32 || entry.call == 0 && entry.class == Class::Capability.index()
    })
}
