//! Credentials, capabilities, control groups and kernel settings: each class with its own kind of hook.

use aya_ebpf::{
    bindings::task_struct,
    macros::{btf_tracepoint, cgroup_sysctl, fentry, fexit, tracepoint},
    programs::{BtfTracePointContext, FEntryContext, FExitContext, SysctlContext, TracePointContext},
};

use super::tracepoint::{ended, entry};
use crate::{
    handler::{capability, container, control, credentials},
    kobj::Typed,
};

/// `int commit_creds(struct cred *new)`
#[fentry(function = "commit_creds")]
pub(crate) fn commit_credentials(ctx: FEntryContext) -> i32 {
    if let Some(new) = Typed::new(ctx.arg::<*const task_struct>(0).cast()) {
        credentials::committed(new);
    }
    0
}

/// `sys_exit_setuid` and the others of its kind: 0, or a negative error number; of `setfsuid` and
/// `setfsgid`, the id before.
#[tracepoint]
pub(crate) fn exit_credentials(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if let Some(entry) = entry(number)
        && result >= 0
    {
        credentials::changed(entry.call);
    }
    0
}

/// `int cap_capable(const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts)`
#[fexit(function = "cap_capable")]
pub(crate) fn capability_asked(ctx: FExitContext) -> i32 {
    let number: u32 = ctx.arg(2);
    if capability::is_watched(number)
        && let Some(cred) = Typed::new(ctx.arg::<*const task_struct>(0).cast())
        && let Some(namespace) = Typed::new(ctx.arg::<*const task_struct>(1).cast())
    {
        capability::asked(cred, namespace, number, Some(ctx.arg(3)), ctx.arg(4));
    }
    0
}

/// `TP_PROTO(const struct cred *cred, struct user_namespace *target_ns, const struct user_namespace
/// *capable_ns, int cap, int ret)`
#[btf_tracepoint(function = "cap_capable")]
pub(crate) fn capability_told(ctx: BtfTracePointContext) -> i32 {
    let number: u32 = ctx.arg(3);
    if capability::is_watched(number)
        && let Some(cred) = Typed::new(ctx.arg::<*const task_struct>(0).cast())
        && let Some(namespace) = Typed::new(ctx.arg::<*const task_struct>(1).cast())
    {
        capability::asked(cred, namespace, number, None, ctx.arg(4));
    }
    0
}

/// `TP_PROTO(struct cgroup *dst_cgrp, const char *path, struct task_struct *task, bool threadgroup)`
#[btf_tracepoint(function = "cgroup_attach_task")]
pub(crate) fn cgroup_move(ctx: BtfTracePointContext) -> i32 {
    if let Some(cgroup) = Typed::new(ctx.arg::<*const task_struct>(0).cast())
        && let Some(task) = Typed::new(ctx.arg::<*const task_struct>(2).cast())
    {
        container::moved(cgroup, ctx.arg::<*const u8>(1) as u64, task);
    }
    0
}

/// Reads and writes of `/proc/sys`; 1 lets them go on.
#[cgroup_sysctl]
pub(crate) fn write_setting(ctx: SysctlContext) -> i32 {
    // SAFETY: the context is that of the kernel, valid while the program runs.
    if unsafe { (*ctx.sysctl).write } != 0 {
        control::setting(ctx.sysctl);
    }
    1
}

/// `ssize_t cgroup_file_write(struct kernfs_open_file *of, char *buf, size_t nbytes, loff_t off)`
#[fexit(function = "cgroup_file_write")]
pub(crate) fn write_control_file(ctx: FExitContext) -> i32 {
    if let Some(open) = Typed::new(ctx.arg::<*const task_struct>(0).cast()) {
        control::control_file(open, ctx.arg::<*const u8>(1) as u64, ctx.arg(2), ctx.arg(4));
    }
    0
}
