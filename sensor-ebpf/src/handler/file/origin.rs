//! By which call the running task does something to a file.

use sensor_common::record::file::Facts;

use crate::{
    kobj::{current::Current, syscall::Syscall, task::Task},
    maps::CALLS,
};

/// `io_uring_enter`, on every machine.
const IO_URING_ENTER: u32 = 426;

/// What made an operation.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// [`sensor_common::call::Call`] as a number, 0 where it is not known.
    pub(crate) call: u32,
    /// [`Facts`] bits.
    pub(crate) facts: u32,
}

impl Origin {
    /// A system call, by its own program.
    #[inline(always)]
    pub(crate) const fn call(call: u32) -> Self {
        Self { call, facts: 0 }
    }

    /// A request of io_uring.
    #[inline(always)]
    pub(crate) const fn uring() -> Self {
        Self { call: 0, facts: Facts::IO_URING }
    }

    /// The call that the running task is in.
    #[inline(always)]
    pub(crate) fn of(task: Task<Current>) -> Self {
        if task.is_uring_worker() {
            return Self::uring();
        }
        if task.is_compat() {
            return Self { call: 0, facts: Facts::COMPAT };
        }
        let number = Syscall::of(task).number();
        if number == IO_URING_ENTER {
            return Self::uring();
        }
        Self::call(CALLS.get(number).map_or(0, |entry| entry.call))
    }
}
