//! Fixed part of the record of a task that changed its control group.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::header::{RecordHeader, TaskRef};

/// A task was moved. The header's process is the one that was moved, its control group the new one. The
/// new group's path follows as a variable field.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MoveRecord {
    /// Common part.
    pub header: RecordHeader,
    /// The task that moved it.
    pub mover: TaskRef,
    /// The group that it was in, where known; 0 otherwise.
    pub from: u64,
}
