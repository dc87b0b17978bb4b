//! Counters of what was seen and what was lost, so that
//! seen = sent + lost + filtered + aggregated + limited holds exactly.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Counters of one class and lane on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ClassCounters {
    /// Events that happened and concern the agent.
    pub seen: u64,
    /// Records that went into the ring buffer.
    pub sent: u64,
    /// Records that did not, for whatever reason.
    pub lost: u64,
    /// Events that the first program left to the second.
    pub refused: u64,
    /// Times that the second program was called and the first had not been; the events among them
    /// that concern the agent are in `seen`.
    pub recovered: u64,
    /// Losses that could not be booked on their control group: the table was full.
    pub lost_unattributed: u64,
    /// Events that nobody wants.
    pub filtered: u64,
    /// Events that are counted by an equal one.
    pub aggregated: u64,
    /// Events beyond what their control group may send.
    pub limited: u64,
    /// Events that could not be booked on their control group: the table was full.
    pub unaccounted: u64,
}

/// Why a record was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum LossReason {
    /// The ring buffer had no room: the agent did not read fast enough.
    RingFull = 1,
    /// The per-CPU buffer or a kernel object could not be reached.
    Unreadable = 2,
    /// The kernel called neither program of the class: both were being preempted on that CPU.
    /// Counted by the kernel, so without control group, and threads count too, which are no events:
    /// there were at most so many.
    NotCalled = 3,
    /// A program that preempted this one took the buffer in which the record was put together.
    Preempted = 4,
    /// The control group made more events than it may. Counted in its account, not by the table of
    /// losses.
    RateLimited = 5,
}

impl LossReason {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::RingFull, Self::Unreadable, Self::NotCalled, Self::Preempted, Self::RateLimited];

    /// The reason with this number, if this version knows it.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u32 == number)
    }
}

/// Key of the table of losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct LossKey {
    /// Control group whose record was lost.
    pub cgroup: u64,
    /// [`crate::class::Class`] as a number.
    pub class: u32,
    /// [`LossReason`] as a number.
    pub reason: u32,
}
