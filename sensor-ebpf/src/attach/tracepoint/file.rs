//! Ended calls that open or change files, and requests of io_uring that do.

use aya_ebpf::{
    macros::{btf_tracepoint, tracepoint},
    programs::{BtfTracePointContext, TracePointContext},
};
use sensor_common::layout::ABSENT;

use super::{ended, entry};
use crate::{
    handler::file::{call, map, uring},
    kobj::Raw,
    maps::offset,
};

/// `sys_exit_open`, `openat`, `openat2`, `creat`, `open_by_handle_at`: a descriptor, or a negative error number.
#[tracepoint]
pub(crate) fn exit_open(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if let Some(entry) = entry(number) {
        call::open_ended(entry.call, result);
    }
    0
}

/// `sys_exit_mmap`: an address, or a negative error number.
#[tracepoint]
pub(crate) fn exit_mmap(ctx: TracePointContext) -> u32 {
    let (_, result) = ended(&ctx);
    if !(-4095..0).contains(&result) {
        map::by_call();
    }
    0
}

/// `sys_exit_*` of the calls that change names: 0, or a negative error number.
#[tracepoint]
pub(crate) fn exit_names(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if let Some(entry) = entry(number) {
        call::names_ended(entry.call, entry.class, result);
    }
    0
}

/// `sys_exit_*` of the calls that change mode, owner and length: 0, or a negative error number.
#[tracepoint]
pub(crate) fn exit_attributes(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if let Some(entry) = entry(number) {
        call::attributes_ended(entry.call, entry.class, result);
    }
    0
}

/// `sys_exit_*` of the calls that set and remove extended attributes: 0, or a negative error number.
#[tracepoint]
pub(crate) fn exit_xattr(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if let Some(entry) = entry(number) {
        call::attributes_ended(entry.call, entry.class, result);
    }
    0
}

/// `TP_PROTO(struct io_kiocb *req)`; before 6.3 named `io_uring_submit_sqe`, with more arguments, and before
/// 6.0 the request is the second one.
#[btf_tracepoint(function = "io_uring_submit_req")]
pub(crate) fn uring_file_submit(ctx: BtfTracePointContext) -> i32 {
    if offset!(request_command_size) == ABSENT {
        uring::submitted(Raw(ctx.arg::<u64>(1)));
    } else {
        uring::submitted(Raw(ctx.arg::<u64>(0)));
    }
    0
}

/// `TP_PROTO(struct io_ring_ctx *ctx, void *req, …)`; before 5.19 without the request.
#[btf_tracepoint(function = "io_uring_complete")]
pub(crate) fn uring_file_complete(ctx: BtfTracePointContext) -> i32 {
    let request = ctx.arg::<u64>(1);
    // A further completion of a request that completes many times has none.
    if request != 0 {
        uring::completed(Raw(request));
    }
    0
}
