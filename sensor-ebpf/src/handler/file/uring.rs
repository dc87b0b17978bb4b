//! Requests of io_uring about files (tracepoint back end): the kernel's copies of their paths.
//!
//! An open is told when it is complete, by its descriptor. One that gives none (a slot of the ring), and every
//! change, is told when it is submitted: after it, the kernel has forgotten the path.

use sensor_common::{class::Class, layout::ABSENT, record::file::Facts};

use super::{
    asked::{self, Change, NOWHERE, Name},
    open::{self, Asked},
    origin::Origin,
};
use crate::{
    kobj::{Memory, Raw, current::Current},
    maps::{Slot, offset},
};

// `enum io_uring_op` of `include/uapi/linux/io_uring.h`.
const OPENAT: u8 = 18;
const OPENAT2: u8 = 28;
const RENAMEAT: u8 = 35;
const UNLINKAT: u8 = 36;
const MKDIRAT: u8 = 37;
const SYMLINKAT: u8 = 38;
const LINKAT: u8 = 39;

/// `AT_REMOVEDIR`
const REMOVE_DIRECTORY: u32 = 0x200;

/// `IOSQE_CQE_SKIP_SUCCESS` of `include/uapi/linux/io_uring.h`, which the kernel keeps as it is: a request that goes
/// well is not told to be complete.
const UNTOLD: u32 = 1 << 6;

/// A request (`struct io_kiocb`) was accepted and will be carried out.
#[inline(always)]
pub(crate) fn submitted(request: Raw) {
    let code = request.number::<u8>(offset!(request_opcode));
    if code == OPENAT || code == OPENAT2 {
        let by_slot = request.number::<u32>(offset!(uring_open_slot)) != 0;
        let untold = request.number::<u32>(offset!(request_flags)) & UNTOLD != 0;
        if by_slot || untold || offset!(request_result) == ABSENT {
            open_asked(request);
        }
    } else if (RENAMEAT..=LINKAT).contains(&code) {
        change_asked(request, code);
    }
}

#[inline(always)]
fn open_asked(request: Raw) {
    let Some(current) = Current::task() else { return };
    let flags = request.number::<u64>(offset!(uring_open_flags)) as u32;
    let name = name(request, offset!(uring_open_directory), offset!(uring_open_path));
    asked::refused_open(current, 0, flags, Some(Origin::uring(0)), name, |record| {
        record.facts = Facts::ASKED
    });
}

#[inline(always)]
fn change_asked(request: Raw, code: u8) {
    let none = Name { text: 0, directory: NOWHERE, copied: true };
    let (mut flags, mut mode) = (0, 0);
    let (class, first, second) = match code {
        UNLINKAT => {
            flags = request.number(offset!(uring_unlink_flags));
            let class = if flags & REMOVE_DIRECTORY != 0 { Class::FileRmdir } else { Class::FileUnlink };
            (class, name(request, offset!(uring_unlink_directory), offset!(uring_unlink_path)), none)
        }
        MKDIRAT => {
            mode = u32::from(request.number::<u16>(offset!(uring_mkdir_mode)));
            let name = name(request, offset!(uring_mkdir_directory), offset!(uring_mkdir_path));
            (Class::FileMkdir, name, none)
        }
        _ => {
            flags = request.number(offset!(uring_rename_flags));
            let old = name(request, offset!(uring_rename_directory), offset!(uring_rename_path));
            let new = name(request, offset!(uring_rename_new_directory), offset!(uring_rename_new_path));
            match code {
                RENAMEAT => (Class::FileRename, old, new),
                SYMLINKAT => (Class::FileSymlink, new, Name { directory: NOWHERE, ..old }),
                _ => (Class::FileLink, old, new),
            }
        }
    };
    let facts = Facts::ASKED | Facts::IO_URING;
    let change = Change { class, name: first, new_name: second, attribute: 0, descriptor: None };
    asked::changed(Slot::Uring, &change, |record| {
        (record.flags, record.mode, record.facts) = (flags, mode, facts);
    });
}

/// A path of a request: the kernel's own copy.
#[inline(always)]
fn name(request: Raw, directory: u32, path: u32) -> Name {
    let copy = Raw(request.number(path));
    Name { text: copy.number(offset!(filename_name)), directory: request.number(directory), copied: true }
}

/// A request ended.
#[inline(always)]
pub(crate) fn completed(request: Raw) {
    let code = request.number::<u8>(offset!(request_opcode));
    if (code != OPENAT && code != OPENAT2) || offset!(request_result) == ABSENT {
        return;
    }
    let result = request.number::<i32>(offset!(request_result));
    let untold = request.number::<u32>(offset!(request_flags)) & UNTOLD != 0;
    if result >= 0 && !untold && request.number::<u32>(offset!(uring_open_slot)) == 0 {
        let flags = request.number::<u64>(offset!(uring_open_flags)) as u32;
        if !open::by_descriptor(result as u32, Origin::uring(flags), || Asked::UNKNOWN) {
            open::missed();
        }
    }
}
