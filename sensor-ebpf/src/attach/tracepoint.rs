//! Fallback back end: tracepoints of single system calls, at their end.
//!
//! One program serves all calls of a kind: which call it is, the map `CALLS` tells by the number that
//! the tracepoint gives. Arguments come from the registers that the call was entered with.

mod file;
mod network;
mod privilege;

use core::ptr::read_volatile;

use aya_ebpf::{EbpfContext, programs::TracePointContext};
use sensor_common::call::CallEntry;

use crate::maps::CALLS;

/// Number of the system call and its result (`trace_event_raw_sys_exit` of one call: an `int` at 8,
/// a `long` at 16).
#[inline(always)]
fn ended(ctx: &TracePointContext) -> (u32, i64) {
    let start = ctx.as_ptr().cast::<u8>();
    // SAFETY: every tracepoint of an ended system call has these fields there, and the verifier
    // checks that they lie within the context.
    unsafe { (read_volatile(start.add(8).cast::<u32>()), read_volatile(start.add(16).cast::<i64>())) }
}

/// What a number means.
#[inline(always)]
fn entry(number: u32) -> Option<CallEntry> {
    CALLS.get(number).copied().filter(|entry| entry.call != 0)
}
