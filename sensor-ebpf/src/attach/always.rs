//! BTF tracepoints that both back ends use.

use aya_ebpf::{bindings::task_struct, macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use sensor_common::class::Class;

use crate::{
    handler::{container, process},
    kobj::Typed,
    maps::settings,
};

/// `TP_PROTO(struct task_struct *parent, struct task_struct *child)`
#[btf_tracepoint(function = "sched_process_fork")]
pub(crate) fn process_fork(ctx: BtfTracePointContext) -> i32 {
    process::forked(argument(&ctx, 0), argument(&ctx, 1));
    0
}

/// `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`
#[btf_tracepoint(function = "sched_process_exec")]
pub(crate) fn process_exec(ctx: BtfTracePointContext) -> i32 {
    let caller: u32 = ctx.arg(1);
    if settings().diagnostics != 0 {
        debug!(&ctx, "exec by thread {}", caller);
    }
    process::executed(argument(&ctx, 0), caller, argument(&ctx, 2));
    0
}

/// `TP_PROTO(struct task_struct *p)`; since 6.17 `TP_PROTO(struct task_struct *p, bool group_dead)`
#[btf_tracepoint(function = "sched_process_exit")]
pub(crate) fn process_exit(ctx: BtfTracePointContext) -> i32 {
    process::exited(argument(&ctx, 0));
    0
}

/// `TP_PROTO(struct cgroup *cgrp, const char *path)`
#[btf_tracepoint(function = "cgroup_mkdir")]
pub(crate) fn cgroup_create(ctx: BtfTracePointContext) -> i32 {
    container::cgroup_changed(Class::CgroupCreate, argument(&ctx, 0), ctx.arg::<*const u8>(1) as u64);
    0
}

/// `TP_PROTO(struct cgroup *cgrp, const char *path)`
#[btf_tracepoint(function = "cgroup_rmdir")]
pub(crate) fn cgroup_remove(ctx: BtfTracePointContext) -> i32 {
    container::cgroup_changed(Class::CgroupRemove, argument(&ctx, 0), ctx.arg::<*const u8>(1) as u64);
    0
}

/// A pointer argument, whose type the verifier takes from the tracepoint's prototype.
#[inline(always)]
fn argument(ctx: &BtfTracePointContext, n: usize) -> Typed {
    Typed::new(ctx.arg::<*const task_struct>(n).cast())
}
