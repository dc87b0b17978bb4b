//! What needs, gives or shows privileges.
//!
//! By tracepoints, one program serves the ends of all these calls. By trampolines each call has a program
//! of its own at the end of the kernel's function of that call, and a second one for 32-bit programs.

mod objects;

pub(super) use self::objects::SERVICES as OBJECTS;

use sensor_common::class::Class;

use super::{
    BackEnd,
    Hook::{Fexit, SyscallExit},
    Program, Service, Way,
};

/// A service of one class: the programs of its calls by trampolines, and the calls.
macro_rules! service {
    ($name:literal, $class:ident, [$($program:expr),* $(,)?], [$($call:literal),*]) => {
        Service {
            name: $name,
            classes: &[Class::$class],
            required: false,
            ways: &[
                Way { back_end: BackEnd::Trampoline, programs: &[$($program),*] },
                Way {
                    back_end: BackEnd::Tracepoint,
                    programs: &[Program::new("exit_call", SyscallExit(&[$($call),*]))],
                },
            ],
        }
    };
}

/// The end of a call's own function.
macro_rules! call {
    ($kind:ident $program:literal $name:literal) => {
        Program::$kind($program, Fexit(&[concat!("__x64_sys_", $name)]))
    };
}

/// The same for 32-bit programs: by a function that translates, where the kernel has one.
macro_rules! call32 {
    ($program:literal $name:literal) => {
        Program::optional(
            $program,
            Fexit(&[concat!("__ia32_compat_sys_", $name), concat!("__ia32_sys_", $name)]),
        )
    };
}

/// The services.
pub(super) const SERVICES: &[Service] = &[
    service!(
        "process tracing",
        Ptrace,
        [call!(new "call_ptrace" "ptrace"), call32!("call32_ptrace" "ptrace"),],
        ["ptrace"]
    ),
    service!(
        "memory of other processes",
        ProcessMemory,
        [
            call!(new "call_vm_readv" "process_vm_readv"),
            call32!("call32_vm_readv" "process_vm_readv"),
            call!(new "call_vm_writev" "process_vm_writev"),
            call32!("call32_vm_writev" "process_vm_writev"),
        ],
        ["process_vm_readv", "process_vm_writev"]
    ),
    service!(
        "descriptors of other processes",
        PidfdGetfd,
        [call!(new "call_pidfd_getfd" "pidfd_getfd"), call32!("call32_pidfd_getfd" "pidfd_getfd"),],
        ["pidfd_getfd"]
    ),
    service!(
        "kernel modules",
        ModuleLoad,
        [
            call!(optional "call_init_module" "init_module"),
            call32!("call32_init_module" "init_module"),
            call!(new "call_finit_module" "finit_module"),
            call32!("call32_finit_module" "finit_module"),
            call!(optional "call_delete_module" "delete_module"),
            call32!("call32_delete_module" "delete_module"),
            call!(optional "call_kexec" "kexec_load"),
            call32!("call32_kexec" "kexec_load"),
            call!(optional "call_kexec_file" "kexec_file_load"),
            call32!("call32_kexec_file" "kexec_file_load"),
        ],
        ["init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load"]
    ),
    service!("BPF", Bpf, [call!(new "call_bpf" "bpf"), call32!("call32_bpf" "bpf"),], ["bpf"]),
    service!(
        "user page faults",
        Userfaultfd,
        [call!(new "call_userfaultfd" "userfaultfd"), call32!("call32_userfaultfd" "userfaultfd"),],
        ["userfaultfd"]
    ),
    service!(
        "files opened by handle",
        OpenByHandle,
        [call!(new "call_by_handle" "open_by_handle_at"), call32!("call32_by_handle" "open_by_handle_at"),],
        ["open_by_handle_at"]
    ),
    service!(
        "keys",
        Keyctl,
        [
            call!(new "call_keyctl" "keyctl"),
            call32!("call32_keyctl" "keyctl"),
            call!(optional "call_add_key" "add_key"),
            call32!("call32_add_key" "add_key"),
            call!(optional "call_request_key" "request_key"),
            call32!("call32_request_key" "request_key"),
        ],
        ["keyctl", "add_key", "request_key"]
    ),
    service!(
        "performance events",
        PerfEvent,
        [call!(new "call_perf_event" "perf_event_open"), call32!("call32_perf_event" "perf_event_open"),],
        ["perf_event_open"]
    ),
    service!(
        "scheduling",
        Scheduling,
        [
            call!(new "call_setaffinity" "sched_setaffinity"),
            call32!("call32_setaffinity" "sched_setaffinity"),
            call!(new "call_setscheduler" "sched_setscheduler"),
            call32!("call32_setscheduler" "sched_setscheduler"),
            call!(optional "call_setattr" "sched_setattr"),
            call32!("call32_setattr" "sched_setattr"),
            call!(optional "call_setparam" "sched_setparam"),
            call32!("call32_setparam" "sched_setparam"),
            call!(new "call_setpriority" "setpriority"),
            call32!("call32_setpriority" "setpriority"),
        ],
        ["sched_setaffinity", "sched_setscheduler", "sched_setattr", "sched_setparam", "setpriority"]
    ),
    service!(
        "signals",
        Signal,
        [
            call!(new "call_kill" "kill"),
            call32!("call32_kill" "kill"),
            call!(new "call_tgkill" "tgkill"),
            call32!("call32_tgkill" "tgkill"),
            call!(optional "call_tkill" "tkill"),
            call32!("call32_tkill" "tkill"),
            call!(optional "call_pidfd_signal" "pidfd_send_signal"),
            call32!("call32_pidfd_signal" "pidfd_send_signal"),
            call!(optional "call_sigqueue" "rt_sigqueueinfo"),
            call32!("call32_sigqueue" "rt_sigqueueinfo"),
            call!(optional "call_tgsigqueue" "rt_tgsigqueueinfo"),
            call32!("call32_tgsigqueue" "rt_tgsigqueueinfo"),
        ],
        ["kill", "tgkill", "tkill", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo"]
    ),
    service!("splicing", Splice, [Program::new("call_splice", Fexit(&["do_splice"]))], ["splice"]),
];
