//! By which call the running task does something to a file.

use sensor_common::{call::Call, record::file::Facts};

use crate::{
    kobj::{current::Current, syscall::Syscall, task::Task},
    maps::{CALLS, offset},
};

/// `io_uring_enter`, on every machine.
const IO_URING_ENTER: u32 = 426;

// `include/uapi/asm-generic/fcntl.h`
const CREATE: u32 = 0o100;
pub(super) const TRUNCATE: u32 = 0o1_000;
/// `O_CREAT`, `O_EXCL`, `O_NOCTTY`, `O_TRUNC`: done with once the file is open.
pub(super) const DROPPED: u32 = 0o1_700;

/// What made an operation.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// [`sensor_common::call::Call`] as a number, 0 where it is not known.
    pub(crate) call: u32,
    /// [`Facts`] bits.
    pub(crate) facts: u32,
    /// `O_*` flags that were asked for, where the hook tells them.
    pub(crate) requested: u32,
}

impl Origin {
    /// A system call, by its own program.
    #[inline(always)]
    pub(crate) const fn call(call: u32) -> Self {
        Self { call, facts: 0, requested: 0 }
    }

    /// A request of io_uring.
    #[inline(always)]
    pub(crate) const fn uring(requested: u32) -> Self {
        Self { call: 0, facts: Facts::IO_URING, requested }
    }

    /// Flags of an open that the kernel does not keep in the file. Those of `openat2` are in the caller's
    /// memory, which may have changed: they are left out.
    #[inline(always)]
    pub(crate) fn dropped_flags(self, task: Task<Current>) -> u32 {
        let requested = if self.call == Call::Openat as u32 {
            Syscall::of(task).register(offset!(regs_argument_2)) as u32
        } else if self.call == Call::Open as u32 {
            Syscall::of(task).register(offset!(regs_argument_1)) as u32
        } else if self.call == Call::Creat as u32 {
            CREATE | TRUNCATE
        } else {
            0
        };
        (requested | self.requested) & DROPPED
    }

    /// The call that the running task is in.
    #[inline(always)]
    pub(crate) fn of(task: Task<Current>, requested: u32) -> Self {
        if task.is_uring_worker() {
            return Self::uring(requested);
        }
        if task.is_compat() {
            return Self { call: 0, facts: Facts::COMPAT, requested };
        }
        let number = Syscall::of(task).number();
        if number == IO_URING_ENTER {
            return Self::uring(requested);
        }
        Self { requested, ..Self::call(CALLS.get(number).map_or(0, |entry| entry.call)) }
    }
}
