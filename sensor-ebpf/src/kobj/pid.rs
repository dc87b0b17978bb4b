//! `pid`: from a number or a descriptor to the task, as the kernel itself looks it up.

use sensor_common::layout::ABSENT;

use super::{Memory, Raw, current::Current, file, task::Task};
use crate::maps::offset;

/// Levels of the table of a pid namespace: six bits each, and pids have at most 22.
const LEVELS_MAX: u32 = 4;
/// Last bits of an entry that is a node of the table (`xa_is_node` of `include/linux/xarray.h`).
const NODE: u64 = 2;

/// The pid with a number in the pid namespace of the running task (`find_vpid`).
#[inline(always)]
pub(crate) fn find(current: Task<Current>, number: u32) -> Option<Raw> {
    let namespace = current.pid_namespace()?;
    let mut entry = namespace.number::<u64>(offset!(pid_namespace_head));
    for level in 0..LEVELS_MAX {
        if entry & 3 != NODE {
            break;
        }
        let node = Raw(entry - NODE);
        let index = number >> (u32::from(node.number::<u8>(offset!(xa_node_shift))) & 31);
        // The first node spans all numbers that there are; lower ones span a part.
        if level == 0 && index > 63 {
            return None;
        }
        let slots = node.0.wrapping_add(u64::from(offset!(xa_node_slots)));
        entry = Raw(slots.wrapping_add(u64::from(index & 63) * 8)).number(0);
    }
    (entry != 0 && entry & 3 == 0).then_some(Raw(entry))
}

/// The pid that a descriptor of the running task refers to; meaningless for one that is no pidfd.
#[inline(always)]
pub(crate) fn by_descriptor(current: Task<Current>, descriptor: u32) -> Option<Raw> {
    let file = file::behind(current.0, descriptor)?;
    // Since 6.9 pidfds have inodes of their own (pidfs), which hold it.
    file.follow(offset!(file_private))
        .or_else(|| file.follow(offset!(file_inode))?.follow(offset!(inode_private)))
}

/// The task of a pid, if it is still there.
#[inline(always)]
pub(crate) fn task(pid: Raw) -> Option<Task<Raw>> {
    let link = offset!(task_pid_links);
    if link == ABSENT {
        return None;
    }
    // The first kind of a pid's tasks and of a task's links is `PIDTYPE_PID`.
    let first = pid.follow(offset!(pid_tasks))?;
    Some(Task(Raw(first.0.wrapping_sub(u64::from(link)))))
}
