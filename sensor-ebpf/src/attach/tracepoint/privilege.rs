//! Ended calls that need, give or show privileges.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::{ended, entry};
use crate::{
    handler::privilege::{self, Ended},
    kobj::{current::Current, syscall::Syscall},
};

/// All of them: which class and call it is, `CALLS` tells.
#[tracepoint]
pub(crate) fn exit_call(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if let (Some(entry), Some(current)) = (entry(number), Current::task()) {
        let arguments = Syscall::of(current);
        privilege::any_ended(entry.class, Ended { call: entry.call, arguments, result });
    }
    0
}
