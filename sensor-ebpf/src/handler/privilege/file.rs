//! Calls that reach a file in an unusual way: by its handle, into a pipe.

use sensor_common::{class::Class, tail::Tail};

use super::{Alike, Ended};
use crate::{
    kobj::{Memory, Raw, current::Current, file, syscall::Arguments},
    maps::offset,
};

/// `S_IFMT`, `S_IFREG` and `S_IFIFO` of `include/uapi/linux/stat.h`.
const TYPE: u16 = 0o170_000;
const REGULAR: u16 = 0o100_000;
const FIFO: u16 = 0o010_000;

/// `open_by_handle_at`(mount, handle, flags): the opened file, or the file that names the mount.
#[inline(always)]
pub(crate) fn by_handle<A: Arguments>(call: Ended<A>) {
    let Some(mut told) = call.begin(Class::OpenByHandle, Alike::Never) else { return };
    if let Ok(descriptor) = u32::try_from(call.result) {
        if let Some(file) = file::behind(told.current.0, descriptor) {
            told.file(file);
        }
    } else if let Some(mount) = file::behind(told.current.0, call.number(0)) {
        told.path(Tail::Base, Raw(mount.0 + u64::from(offset!(file_path))));
    }
    told.send();
}

/// splice(in, offset, out, offset, length, flags), from a regular file into a pipe.
#[inline(always)]
pub(crate) fn splice<A: Arguments>(call: Ended<A>) {
    let Some(current) = Current::task() else { return };
    let (Some(from), Some(to)) =
        (file::behind(current.0, call.number(0)), file::behind(current.0, call.number(2)))
    else {
        return;
    };
    spliced(call, from, to);
}

/// The same with the files themselves.
#[inline(always)]
pub(crate) fn spliced<A: Arguments>(call: Ended<A>, from: Raw, to: Raw) {
    if kind(from) != REGULAR || kind(to) != FIFO {
        return;
    }
    let inode = from.number::<u64>(offset!(file_inode));
    let Some(mut told) = call.begin(Class::Splice, Alike::If(inode, 0)) else { return };
    told.file(from);
    told.send();
}

/// Type bits of a file's inode.
#[inline(always)]
fn kind(file: Raw) -> u16 {
    file.follow(offset!(file_inode)).map_or(0, |inode| inode.number::<u16>(offset!(inode_mode)) & TYPE)
}
