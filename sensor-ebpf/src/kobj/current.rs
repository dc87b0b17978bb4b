//! The running task, read the fastest way that the kernel permits.

use core::ptr::{NonNull, read_volatile};

use aya_ebpf::{bindings::task_struct, helpers::bpf_get_current_task};
use sensor_common::layout::ABSENT;

use super::{Memory, Raw, task::Task};
use crate::maps::offset;

/// Something reached from the running task: plain loads where the kernel gives the task with its
/// type (5.11 and later), the helper before.
#[derive(Clone, Copy)]
pub(crate) struct Current(NonNull<u8>);

impl Current {
    /// The running task.
    #[inline(always)]
    pub(crate) fn task() -> Option<Task<Self>> {
        let task = if offset!(helper_current_task_btf) == ABSENT {
            // SAFETY: the helper takes nothing and gives the address of the running task.
            unsafe { bpf_get_current_task() as *mut task_struct }
        } else {
            // SAFETY: as above; the branch exists on kernels that have this helper only.
            unsafe { aya_ebpf::helpers::generated::bpf_get_current_task_btf() }
        };
        NonNull::new(task.cast::<u8>()).map(|task| Task(Self(task)))
    }
}

impl Memory for Current {
    #[inline(always)]
    fn read<T: Copy>(self, offset: u32) -> Option<T> {
        if offset!(helper_current_task_btf) == ABSENT {
            return Raw(self.address()).read(offset);
        }
        if offset == ABSENT {
            return None;
        }
        // SAFETY: as in `Typed`: the verifier knows the type of the task and of what is reached
        // from it, and a fault reads as zero.
        Some(unsafe { read_volatile(self.0.as_ptr().add(offset as usize).cast::<T>()) })
    }

    #[inline(always)]
    fn follow(self, offset: u32) -> Option<Self> {
        NonNull::new(self.read::<*mut u8>(offset)?).map(Self)
    }

    #[inline(always)]
    fn address(self) -> u64 {
        self.0.as_ptr() as u64
    }
}
