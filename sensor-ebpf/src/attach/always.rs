//! BTF tracepoints that both back ends use, two programs each: see [`Lane`].

use aya_ebpf::{bindings::task_struct, macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use sensor_common::class::{
    Class,
    Lane::{self, First, Second},
};

use crate::{
    emit::{count_recovered, count_refused, lane},
    handler::{container, process},
    kobj::Typed,
    maps::settings,
};

/// `TP_PROTO(struct task_struct *parent, struct task_struct *child)`
#[btf_tracepoint(function = "sched_process_fork")]
pub(crate) fn process_fork(ctx: BtfTracePointContext) -> i32 {
    fork(First, &ctx)
}

/// As [`process_fork`].
#[btf_tracepoint(function = "sched_process_fork")]
pub(crate) fn process_fork_2(ctx: BtfTracePointContext) -> i32 {
    fork(Second, &ctx)
}

/// `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`
#[btf_tracepoint(function = "sched_process_exec")]
pub(crate) fn process_exec(ctx: BtfTracePointContext) -> i32 {
    exec(First, &ctx)
}

/// As [`process_exec`].
#[btf_tracepoint(function = "sched_process_exec")]
pub(crate) fn process_exec_2(ctx: BtfTracePointContext) -> i32 {
    exec(Second, &ctx)
}

/// As [`process_exec`]; attached before it, and for longer.
#[btf_tracepoint(function = "sched_process_exec")]
pub(crate) fn witness_exec(_ctx: BtfTracePointContext) -> i32 {
    process::witnessed();
    0
}

/// `TP_PROTO(struct task_struct *p)`; since 6.17 `TP_PROTO(struct task_struct *p, bool group_dead)`
#[btf_tracepoint(function = "sched_process_exit")]
pub(crate) fn process_exit(ctx: BtfTracePointContext) -> i32 {
    exit(First, &ctx)
}

/// As [`process_exit`].
#[btf_tracepoint(function = "sched_process_exit")]
pub(crate) fn process_exit_2(ctx: BtfTracePointContext) -> i32 {
    exit(Second, &ctx)
}

/// `TP_PROTO(struct cgroup *cgrp, const char *path)`
#[btf_tracepoint(function = "cgroup_mkdir")]
pub(crate) fn cgroup_create(ctx: BtfTracePointContext) -> i32 {
    cgroup(First, Class::CgroupCreate, &ctx)
}

/// As [`cgroup_create`].
#[btf_tracepoint(function = "cgroup_mkdir")]
pub(crate) fn cgroup_create_2(ctx: BtfTracePointContext) -> i32 {
    cgroup(Second, Class::CgroupCreate, &ctx)
}

/// `TP_PROTO(struct cgroup *cgrp, const char *path)`
#[btf_tracepoint(function = "cgroup_rmdir")]
pub(crate) fn cgroup_remove(ctx: BtfTracePointContext) -> i32 {
    cgroup(First, Class::CgroupRemove, &ctx)
}

/// As [`cgroup_remove`].
#[btf_tracepoint(function = "cgroup_rmdir")]
pub(crate) fn cgroup_remove_2(ctx: BtfTracePointContext) -> i32 {
    cgroup(Second, Class::CgroupRemove, &ctx)
}

#[inline(always)]
fn fork(lane: Lane, ctx: &BtfTracePointContext) -> i32 {
    if is_mine(lane, Class::ProcessFork)
        && let (Some(creator), Some(child)) = (argument(ctx, 0), argument(ctx, 1))
    {
        process::forked(lane, creator, child);
    }
    0
}

#[inline(always)]
fn exec(lane: Lane, ctx: &BtfTracePointContext) -> i32 {
    if is_mine(lane, Class::ProcessExec)
        && let (Some(current), Some(binprm)) = (argument(ctx, 0), argument(ctx, 2))
    {
        let caller: u32 = ctx.arg(1);
        if settings().diagnostics != 0 {
            debug!(ctx, "exec by thread {}", caller);
        }
        process::executed(lane, current, caller, binprm);
    }
    0
}

#[inline(always)]
fn exit(lane: Lane, ctx: &BtfTracePointContext) -> i32 {
    if is_mine(lane, Class::ProcessExit)
        && let Some(task) = argument(ctx, 0)
    {
        lane::forget();
        process::exited(lane, task);
    }
    0
}

#[inline(always)]
fn cgroup(lane: Lane, class: Class, ctx: &BtfTracePointContext) -> i32 {
    if is_mine(lane, class)
        && let Some(cgroup) = argument(ctx, 0)
    {
        let path: *const u8 = ctx.arg(1);
        container::cgroup_changed(lane, class, cgroup, path as u64);
    }
    0
}

/// True if the program of this lane is the one to handle the event.
#[inline(always)]
fn is_mine(which: Lane, class: Class) -> bool {
    match which {
        First => {
            let mine = lane::take(class);
            if !mine {
                count_refused(class);
            }
            mine
        }
        Second => {
            let mine = !lane::is_taken(class);
            if mine {
                count_recovered(class);
            }
            mine
        }
    }
}

/// A pointer argument, whose type the verifier takes from the tracepoint's prototype.
#[inline(always)]
fn argument(ctx: &BtfTracePointContext, n: usize) -> Option<Typed> {
    Typed::new(ctx.arg::<*const task_struct>(n).cast())
}
