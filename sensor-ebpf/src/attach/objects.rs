//! Credentials, capabilities, namespaces, mounts, control groups and kernel settings: each class with its own kind of hook.

use aya_ebpf::{
    bindings::task_struct,
    macros::{btf_tracepoint, cgroup_sysctl, fentry, fexit, tracepoint},
    programs::{BtfTracePointContext, FEntryContext, FExitContext, SysctlContext, TracePointContext},
};

use sensor_common::call::Call;

use super::tracepoint::{ended, entry};
use crate::{
    handler::{
        capability, container, control, credentials,
        privilege::{self, Ended},
    },
    kobj::{
        Raw, Typed,
        current::Current,
        syscall::{Compat, Given, Syscall},
    },
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
    if let Some(entry) = entry(number) {
        if result >= 0 {
            credentials::changed(entry.call);
        } else if result == credentials::EPERM {
            credentials::refused(entry.call);
        }
    }
    0
}

/// As [`exit_credentials`], beside [`commit_credentials`], which is not called for what is refused.
#[tracepoint]
pub(crate) fn exit_refused_credentials(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if result == credentials::EPERM
        && let Some(entry) = entry(number)
    {
        credentials::refused(entry.call);
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

/// `TP_PROTO(struct task_struct *parent, struct task_struct *child)`
#[btf_tracepoint(function = "sched_process_fork")]
pub(crate) fn clone_namespaces(ctx: BtfTracePointContext) -> i32 {
    if let Some(creator) = Typed::new(ctx.arg::<*const task_struct>(0).cast())
        && let Some(child) = Typed::new(ctx.arg::<*const task_struct>(1).cast())
    {
        privilege::cloned(creator, child);
    }
    0
}

/// `int ksys_unshare(unsigned long unshare_flags)`: of 32-bit calls as well.
#[fexit(function = "ksys_unshare")]
pub(crate) fn call_unshare(ctx: FExitContext) -> i32 {
    let arguments = Given([ctx.arg(0), 0, 0, 0, 0, 0]);
    let result: i32 = ctx.arg(1);
    privilege::unshare(Ended { call: Call::Unshare as u32, arguments, result: result.into() });
    0
}

/// `int path_mount(const char *dev_name, struct path *path, const char *type_page, unsigned long flags,
/// void *data_page)`: of 32-bit calls as well.
#[fexit(function = "path_mount")]
pub(crate) fn call_mount(ctx: FExitContext) -> i32 {
    let arguments = Given([ctx.arg(0), ctx.arg(1), ctx.arg(2), ctx.arg(3), ctx.arg(4), 0]);
    let result: i32 = ctx.arg(5);
    privilege::mounted(Ended { call: Call::Mount as u32, arguments, result: result.into() });
    0
}

/// `int path_umount(struct path *path, int flags)`, which takes the path's references.
#[fentry(function = "path_umount")]
pub(crate) fn begin_unmount(ctx: FEntryContext) -> i32 {
    privilege::unmounting(Raw(ctx.arg(0)));
    0
}

/// As [`begin_unmount`].
#[fexit(function = "path_umount")]
pub(crate) fn call_unmount(ctx: FExitContext) -> i32 {
    let arguments = Given([0, ctx.arg(1), 0, 0, 0, 0]);
    let result: i32 = ctx.arg(2);
    privilege::unmounted(Ended { call: Call::Umount2 as u32, arguments, result: result.into() });
    0
}

/// Programs at the end of `__x64_sys_NAME(const struct pt_regs *)`, and of its 32-bit sibling.
macro_rules! calls {
    ($($name:ident $compat:ident $call:ident $handler:ident;)*) => {$(
        #[fexit]
        pub(crate) fn $name(ctx: FExitContext) -> i32 {
            let arguments = Syscall::new(Raw(ctx.arg(0)));
            privilege::$handler(Ended { call: Call::$call as u32, arguments, result: ctx.arg(1) });
            0
        }

        #[fexit]
        pub(crate) fn $compat(ctx: FExitContext) -> i32 {
            let arguments = Compat(Syscall::new(Raw(ctx.arg(0))));
            privilege::$handler(Ended { call: Call::$call as u32, arguments, result: ctx.arg(1) });
            0
        }
    )*};
}

calls! {
    call_setns call32_setns Setns setns;
    call_fsopen call32_fsopen Fsopen mount;
    call_fspick call32_fspick Fspick mount;
    call_fsconfig call32_fsconfig Fsconfig mount;
    call_fsmount call32_fsmount Fsmount mount;
    call_move_mount call32_move_mount MoveMount mount;
    call_open_tree call32_open_tree OpenTree mount;
    call_mount_setattr call32_mount_setattr MountSetattr mount;
    call_open_tree_attr call32_open_tree_attr OpenTreeAttr mount;
    call_pivot_root call32_pivot_root PivotRoot pivot_root;
    call_chroot call32_chroot Chroot chroot;
}

/// Programs at the end of system calls: each serves the calls of one class, so that none gets too long.
macro_rules! ends {
    ($($name:ident $handler:ident;)*) => {$(
        #[tracepoint]
        pub(crate) fn $name(ctx: TracePointContext) -> u32 {
            let (number, result) = ended(&ctx);
            if let (Some(entry), Some(current)) = (entry(number), Current::task()) {
                let arguments = Syscall::of(current);
                privilege::$handler(Ended { call: entry.call, arguments, result });
            }
            0
        }
    )*};
}

ends! {
    exit_unshare unshare;
    exit_setns setns;
    exit_mount mount;
    exit_pivot_root pivot_root;
    exit_chroot chroot;
}
