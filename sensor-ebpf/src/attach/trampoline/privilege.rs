//! Calls that need, give or show privileges, at the end of the kernel's function of each call.

use aya_ebpf::{macros::fexit, programs::FExitContext};
use sensor_common::{call::Call, class::Class};

use crate::{
    handler::privilege::{self, Ended},
    kobj::{
        Raw,
        current::Current,
        syscall::{Compat, Given, Syscall},
    },
};

/// Programs at the end of `__x64_sys_NAME(const struct pt_regs *)`, and of its 32-bit sibling.
///
/// The registers are taken from the task: some kernels' types do not describe the functions' argument,
/// and then a program may not read it.
macro_rules! calls {
    ($($name:ident $compat:ident $call:ident $class:ident;)*) => {$(
        #[fexit]
        pub(crate) fn $name(ctx: FExitContext) -> i32 {
            if let Some(current) = Current::task() {
                let arguments = Syscall::of(current);
                let call = Ended { call: Call::$call as u32, arguments, result: ctx.arg(1) };
                privilege::ended(Class::$class, call);
            }
            0
        }

        #[fexit]
        pub(crate) fn $compat(ctx: FExitContext) -> i32 {
            if let Some(current) = Current::task() {
                let arguments = Compat(Syscall::of(current));
                let call = Ended { call: Call::$call as u32, arguments, result: ctx.arg(1) };
                privilege::ended(Class::$class, call);
            }
            0
        }
    )*};
}

calls! {
    call_ptrace call32_ptrace Ptrace Ptrace;
    call_vm_readv call32_vm_readv ProcessVmReadv ProcessMemory;
    call_vm_writev call32_vm_writev ProcessVmWritev ProcessMemory;
    call_pidfd_getfd call32_pidfd_getfd PidfdGetfd PidfdGetfd;
    call_init_module call32_init_module InitModule ModuleLoad;
    call_finit_module call32_finit_module FinitModule ModuleLoad;
    call_delete_module call32_delete_module DeleteModule ModuleLoad;
    call_kexec call32_kexec KexecLoad ModuleLoad;
    call_kexec_file call32_kexec_file KexecFileLoad ModuleLoad;
    call_bpf call32_bpf Bpf Bpf;
    call_userfaultfd call32_userfaultfd Userfaultfd Userfaultfd;
    call_by_handle call32_by_handle OpenByHandleAt OpenByHandle;
    call_keyctl call32_keyctl Keyctl Keyctl;
    call_add_key call32_add_key AddKey Keyctl;
    call_request_key call32_request_key RequestKey Keyctl;
    call_perf_event call32_perf_event PerfEventOpen PerfEvent;
    call_setaffinity call32_setaffinity SchedSetaffinity Scheduling;
    call_setscheduler call32_setscheduler SchedSetscheduler Scheduling;
    call_setattr call32_setattr SchedSetattr Scheduling;
    call_setparam call32_setparam SchedSetparam Scheduling;
    call_setpriority call32_setpriority Setpriority Scheduling;
    call_kill call32_kill Kill Signal;
    call_tgkill call32_tgkill Tgkill Signal;
    call_tkill call32_tkill Tkill Signal;
    call_pidfd_signal call32_pidfd_signal PidfdSendSignal Signal;
    call_sigqueue call32_sigqueue RtSigqueueinfo Signal;
    call_tgsigqueue call32_tgsigqueue RtTgsigqueueinfo Signal;
}

/// `do_splice(struct file *in, loff_t *off_in, struct file *out, loff_t *off_out, size_t len,
/// unsigned int flags)`: of 32-bit calls and io_uring as well.
#[fexit]
pub(crate) fn call_splice(ctx: FExitContext) -> i32 {
    let (from, to): (u64, u64) = (ctx.arg(0), ctx.arg(2));
    let arguments = Given([0, 0, 0, 0, ctx.arg(4), ctx.arg(5)]);
    let call = Ended { call: Call::Splice as u32, arguments, result: ctx.arg(6) };
    privilege::spliced(call, Raw(from), Raw(to));
    0
}
