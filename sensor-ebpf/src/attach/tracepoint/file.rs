//! Ended calls that open or change files.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::{ended, entry};
use crate::handler::file::open;

/// `sys_exit_open`, `openat`, `openat2`, `creat`: a descriptor, or a negative error number.
#[tracepoint]
pub(crate) fn exit_open(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if let Some(entry) = entry(number)
        && let Ok(descriptor) = u32::try_from(result)
    {
        open::by_descriptor(descriptor, entry.call);
    }
    0
}
