//! Handing an event from the first program of a class to the second: see [`Lane`].
//!
//! [`Lane`]: sensor_common::class::Lane

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use sensor_common::class::Class;

use crate::maps::TAKEN;

/// The first program takes the event that the current task causes. False if it may not, because
/// the note finds no room: then the second program handles the event.
#[inline(always)]
pub(crate) fn take(class: Class) -> bool {
    TAKEN.insert(key(class), 1, 0).is_ok()
}

/// The current thread ends: notes that the second program was not called for go with it.
#[inline(always)]
pub(crate) fn forget() {
    TAKEN.remove(key(Class::ProcessFork)).ok();
    TAKEN.remove(key(Class::ProcessExec)).ok();
}

/// True if the first program has taken the event.
#[inline(always)]
pub(crate) fn is_taken(class: Class) -> bool {
    TAKEN.remove(key(class)).is_ok()
}

#[inline(always)]
fn key(class: Class) -> u64 {
    let thread = bpf_get_current_pid_tgid() & u64::from(u32::MAX);
    thread | u64::from(class.index()) << 32
}
