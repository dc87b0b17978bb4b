//! Handing an event from the first program of a class to the second: see [`Lane`].
//!
//! [`Lane`]: sensor_common::class::Lane

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use sensor_common::class::Class;

use crate::maps::TAKEN;

/// The first program has taken the event that the current task causes.
#[inline(always)]
pub(crate) fn take(class: Class) {
    // A table that is full would make the second program send the event again; it holds as many
    // tasks as can be preempted right here, and one entry a thread that the second program missed.
    TAKEN.insert(key(class), 1, 0).ok();
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
