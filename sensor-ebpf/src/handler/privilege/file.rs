//! Calls that reach a file in an unusual way: by its handle, into a pipe.

use sensor_common::class::Class;

use super::{Ended, Event, tell};
use crate::{
    kobj::{Memory, Raw, current::Current, file, syscall::Arguments, task::Task},
    maps::offset,
};

/// `S_IFMT`, `S_IFREG` and `S_IFIFO` of `include/uapi/linux/stat.h`.
const TYPE: u16 = 0o170_000;
const REGULAR: u16 = 0o100_000;
const FIFO: u16 = 0o010_000;

/// `open_by_handle_at`(mount, handle, flags): the opened file, or the file that names the mount.
#[inline(always)]
pub(super) fn by_handle<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let descriptor = u32::try_from(call.result).unwrap_or(call.number(0));
    let found = file::behind(current.0, descriptor).map_or(0, |file| file.0);
    let (file, base) = if call.result < 0 { (0, found) } else { (found, 0) };
    let inode = if file == 0 { 0 } else { Raw(file).number(offset!(file_inode)) };
    Some(Event { file, base, ..Event::new(Class::OpenByHandle, inode, call.number(2)) })
}

/// splice(in, offset, out, offset, length, flags), from a regular file into a pipe.
#[inline(always)]
pub(super) fn splice<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let from = file::behind(current.0, call.number(0))?;
    let to = file::behind(current.0, call.number(2))?;
    between(from, to)
}

/// The same where the hook gave the files themselves.
#[inline(always)]
pub(crate) fn spliced<A: Arguments>(call: Ended<A>, from: Raw, to: Raw) {
    if let Some(event) = between(from, to) {
        tell(call, event);
    }
}

#[inline(always)]
fn between(from: Raw, to: Raw) -> Option<Event> {
    if kind(from) != REGULAR || kind(to) != FIFO {
        return None;
    }
    let inode = from.number::<u64>(offset!(file_inode));
    Some(Event { file: from.0, ..Event::new(Class::Splice, inode, 0) })
}

/// Type bits of a file's inode.
#[inline(always)]
fn kind(file: Raw) -> u16 {
    file.follow(offset!(file_inode)).map_or(0, |inode| inode.number::<u16>(offset!(inode_mode)) & TYPE)
}
