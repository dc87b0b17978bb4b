//! What a record tells of.

/// Classes of records, in the order of their numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Class {
    /// A process came into being (not: a thread).
    ProcessFork = 1,
    /// A process began to execute a program.
    ProcessExec = 2,
    /// The last thread of a process ended.
    ProcessExit = 3,
    /// A control group was created.
    CgroupCreate = 4,
    /// A control group was removed.
    CgroupRemove = 5,
}

impl Class {
    /// Every class, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::ProcessFork, Self::ProcessExec, Self::ProcessExit, Self::CgroupCreate, Self::CgroupRemove];

    /// Slots of a table indexed by [`Class::index`].
    pub const SLOTS: u32 = 8;

    /// Index into per-class tables.
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> u32 {
        self as u32
    }
}

/// Which of the two programs of a class made a record.
///
/// The kernel does not run a program on a CPU on which the same program is being preempted (its
/// recursion guard), and since 7.0 programs on tracepoints can be. A second program behind each
/// first one takes the events that the first one was not called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Lane {
    /// The program that is called first.
    First = 0,
    /// The one that is called after it.
    Second = 1,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Slot of a class in a table that has one for each lane.
    #[inline(always)]
    #[must_use]
    pub const fn slot(self, class: Class) -> u32 {
        class.index() + self as u32 * Class::SLOTS
    }
}

impl TryFrom<u16> for Class {
    type Error = UnknownClass;

    fn try_from(number: u16) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| *class as u16 == number).ok_or(UnknownClass(number))
    }
}

/// A class number that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownClass(pub u16);

const _: () = assert!((Class::CgroupRemove as u32) < Class::SLOTS);
