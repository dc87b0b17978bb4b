//! The registers of the system call that the running task is in or returns from.

use aya_ebpf::helpers::generated::bpf_task_pt_regs;
use sensor_common::layout::ABSENT;

use super::{Memory, Raw, current::Current, task::Task};
use crate::maps::offset;

/// `THREAD_SIZE` of x86-64: the registers are at the end of the task's stack. Used before 5.15 only.
const STACK_BYTES: u64 = 16 * 1024;

/// `TS_COMPAT` of `arch/x86/include/asm/thread_info.h`: the task is in a 32-bit call.
const TS_COMPAT: u32 = 0x2;

/// True if the running task is in a 32-bit call.
#[inline(always)]
pub(crate) fn is_compat(task: Task<Current>) -> bool {
    task.0.number::<u32>(offset!(task_thread_status)) & TS_COMPAT != 0
}

/// `struct pt_regs` of a call.
#[derive(Clone, Copy)]
pub(crate) struct Syscall(Raw);

impl Syscall {
    /// The call that the running task is in.
    #[inline(always)]
    pub(crate) fn of(task: Task<Current>) -> Self {
        if offset!(helper_task_pt_regs) == ABSENT {
            let stack = task.0.number::<u64>(offset!(task_stack));
            return Self(Raw(stack + STACK_BYTES - u64::from(offset!(regs_size))));
        }
        // SAFETY: the pointer is that of the running task, with its type; the branch exists on
        // kernels that have this helper only.
        Self(Raw(unsafe { bpf_task_pt_regs(task.0.address() as *mut _) } as u64))
    }

    /// The registers that a system call's own function is given.
    #[inline(always)]
    pub(crate) const fn new(registers: Raw) -> Self {
        Self(registers)
    }

    /// Number of the call, by the machine's table for calls of its kind.
    #[inline(always)]
    pub(crate) fn number(self) -> u32 {
        self.0.number::<u64>(offset!(regs_number)) as u32
    }

    /// All six arguments of a 64-bit call.
    #[inline(always)]
    pub(crate) fn arguments(self) -> [u64; 6] {
        [
            self.0.number(offset!(regs_argument_0)),
            self.0.number(offset!(regs_argument_1)),
            self.0.number(offset!(regs_argument_2)),
            self.0.number(offset!(regs_argument_3)),
            self.0.number(offset!(regs_argument_4)),
            self.0.number(offset!(regs_argument_5)),
        ]
    }

    /// One argument of a 64-bit call, by the offset of its register.
    #[inline(always)]
    pub(crate) fn register(self, offset: u32) -> u64 {
        self.0.number(offset)
    }
}

/// Where the arguments of a call are.
pub(crate) trait Arguments: Copy {
    /// By a 32-bit system call.
    const COMPAT: bool;

    /// The argument with this number, from 0 to 5.
    fn argument(self, n: usize) -> u64;

    /// All six.
    #[inline(always)]
    fn all(self) -> [u64; 6] {
        [
            self.argument(0),
            self.argument(1),
            self.argument(2),
            self.argument(3),
            self.argument(4),
            self.argument(5),
        ]
    }
}

/// Arguments of a 64-bit call.
impl Arguments for Syscall {
    const COMPAT: bool = false;

    #[inline(always)]
    fn argument(self, n: usize) -> u64 {
        self.0.number(match n {
            0 => offset!(regs_argument_0),
            1 => offset!(regs_argument_1),
            2 => offset!(regs_argument_2),
            3 => offset!(regs_argument_3),
            4 => offset!(regs_argument_4),
            _ => offset!(regs_argument_5),
        })
    }
}

/// The registers of a 32-bit call.
#[derive(Clone, Copy)]
pub(crate) struct Compat(pub(crate) Syscall);

impl Arguments for Compat {
    const COMPAT: bool = true;

    #[inline(always)]
    fn argument(self, n: usize) -> u64 {
        let register = match n {
            0 => offset!(regs_bx),
            1 => offset!(regs_cx),
            2 => offset!(regs_argument_2),
            3 => offset!(regs_argument_1),
            4 => offset!(regs_argument_0),
            _ => offset!(regs_bp),
        };
        self.0.register(register) & u64::from(u32::MAX)
    }
}

/// Arguments that a hook below the system call was given.
#[derive(Clone, Copy)]
pub(crate) struct Given(pub(crate) [u64; 6]);

impl Arguments for Given {
    const COMPAT: bool = false;

    #[inline(always)]
    fn argument(self, n: usize) -> u64 {
        self.0.get(n).copied().unwrap_or_default()
    }
}
