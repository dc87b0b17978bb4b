//! Ended system calls about files: which argument means what.

use sensor_common::{call::Call, class::Class, record::file::Facts};

use super::{
    asked::{self, Change, HERE, NOWHERE, Name, is_signal},
    open::{self, Asked},
    origin::Origin,
};
use crate::{
    kobj::{current::Current, syscall::Syscall},
    maps::{ARGUMENTS, Slot},
};

/// `AT_REMOVEDIR` of `unlinkat`.
const REMOVE_DIRECTORY: u32 = 0x200;
/// `__O_TMPFILE` without `O_DIRECTORY`, and `O_CREAT`: with these a mode is given.
const WITH_MODE: u32 = 0o20_000_000 | 0o100;

/// Places of arguments: 0 to 5 are the call's own.
#[derive(Clone, Copy)]
struct Shape {
    directory: u8,
    path: u8,
    new_directory: u8,
    new_path: u8,
    flags: u8,
    mode: u8,
    uid: u8,
    gid: u8,
    device: u8,
    attribute: u8,
    descriptor: u8,
}

/// Place of `AT_FDCWD`.
const AT_HERE: u8 = 6;
/// Place of 0.
const NO: u8 = 7;
/// Place of -1: no descriptor, no place where a path begins, no change of owner.
const NONE: u8 = 8;
/// Place of the shape itself.
const SHAPE: usize = 9;

impl Shape {
    const NOTHING: Self = Self {
        directory: AT_HERE,
        path: NO,
        new_directory: AT_HERE,
        new_path: NO,
        flags: NO,
        mode: NO,
        uid: NONE,
        gid: NONE,
        device: NO,
        attribute: NO,
        descriptor: NONE,
    };

    /// A call whose first argument is a path.
    const PATH: Self = Self { path: 0, ..Self::NOTHING };
    /// A call whose first two arguments are a directory and a path.
    const AT: Self = Self { directory: 0, path: 1, ..Self::NOTHING };
    /// A call whose first argument is a descriptor of the file.
    const FILE: Self = Self { descriptor: 0, ..Self::NOTHING };

    /// As one number, four bits for each place.
    const fn pack(self) -> u64 {
        let places = [
            self.directory,
            self.path,
            self.new_directory,
            self.new_path,
            self.flags,
            self.mode,
            self.uid,
            self.gid,
            self.device,
            self.attribute,
            self.descriptor,
        ];
        let (mut packed, mut at) = (0, 0);
        while at < places.len() {
            packed |= (places[at] as u64) << (at * 4);
            at += 1;
        }
        packed
    }
}

macro_rules! shapes {
    ($($call:ident $base:ident { $($place:ident: $argument:expr),* })*) => {
        /// What the arguments of a call mean; 0 for calls that are not about files.
        #[inline(always)]
        fn shape(call: u32) -> u64 {
            $(
                if call == Call::$call as u32 {
                    return const { Shape { $($place: $argument,)* ..Shape::$base }.pack() };
                }
            )*
            0
        }
    };
}

shapes! {
    Open PATH { flags: 1, mode: 2 }
    Openat AT { flags: 2, mode: 3 }
    Openat2 AT {}
    Creat PATH { mode: 1 }
    Rename PATH { new_path: 1 }
    Renameat AT { new_directory: 2, new_path: 3 }
    Renameat2 AT { new_directory: 2, new_path: 3, flags: 4 }
    Link PATH { new_path: 1 }
    Linkat AT { new_directory: 2, new_path: 3, flags: 4 }
    Symlink PATH { path: 1, new_path: 0, new_directory: NONE }
    Symlinkat AT { directory: 1, path: 2, new_path: 0, new_directory: NONE }
    Unlink PATH {}
    Unlinkat AT { flags: 2 }
    Rmdir PATH {}
    Mkdir PATH { mode: 1 }
    Mkdirat AT { mode: 2 }
    Mknod PATH { mode: 1, device: 2 }
    Mknodat AT { mode: 2, device: 3 }
    Chmod PATH { mode: 1 }
    Fchmod FILE { mode: 1 }
    Fchmodat AT { mode: 2 }
    Fchmodat2 AT { mode: 2, flags: 3 }
    Chown PATH { uid: 1, gid: 2 }
    Lchown PATH { uid: 1, gid: 2 }
    Fchown FILE { uid: 1, gid: 2 }
    Fchownat AT { uid: 2, gid: 3, flags: 4 }
    Setxattr PATH { attribute: 1 }
    Lsetxattr PATH { attribute: 1 }
    Fsetxattr FILE { attribute: 1 }
    Removexattr PATH { attribute: 1 }
    Lremovexattr PATH { attribute: 1 }
    Fremovexattr FILE { attribute: 1 }
    Setxattrat AT { attribute: 3, flags: 2 }
    Removexattrat AT { attribute: 3, flags: 2 }
    Truncate PATH {}
    Ftruncate FILE {}
}

/// Arguments of the running task's call, by what they mean.
struct Arguments {
    values: *mut [u64; 16],
}

impl Arguments {
    /// Reads them from the registers.
    #[inline(always)]
    fn of(call: u32, slot: u32) -> Option<Self> {
        let current = Current::task()?;
        let values = ARGUMENTS.get_ptr_mut(slot)?;
        let own = Syscall::of(current).arguments();
        // SAFETY: the pointer is that of a map's value, valid while the program runs. The writes are
        // volatile so that the values come back as any numbers, and the verifier follows one path only.
        unsafe {
            let to = values.cast::<u64>();
            for (at, value) in own.into_iter().enumerate() {
                to.add(at).write_volatile(value);
            }
            to.add(AT_HERE as usize).write_volatile(HERE as u64);
            to.add(NO as usize).write_volatile(0);
            to.add(NONE as usize).write_volatile(u64::MAX);
            to.add(SHAPE).write_volatile(shape(call));
        }
        Some(Self { values })
    }

    /// One of them, by its place in the shape.
    #[inline(always)]
    fn get(&self, place: u32) -> u64 {
        // SAFETY: as in `of`; the place is masked to the size of the value.
        unsafe {
            let shape = self.values.cast::<u64>().add(SHAPE).read_volatile();
            let at = (shape >> (place * 4)) & 0xf;
            self.values.cast::<u64>().add(at as usize).read_volatile()
        }
    }

    /// The mode of a file that an open may make.
    #[inline(always)]
    fn mode_of_open(&self, call: u32) -> u32 {
        let given = self.get(4) as u32 & WITH_MODE != 0 || call == Call::Creat as u32;
        if given { self.get(5) as u32 } else { 0 }
    }

    #[inline(always)]
    fn name(&self) -> Name {
        Name { directory: self.get(0) as i32, text: self.get(1), copied: false }
    }

    #[inline(always)]
    fn new_name(&self) -> Name {
        Name { directory: self.get(2) as i32, text: self.get(3), copied: false }
    }
}

/// `open` and its siblings ended.
#[inline(always)]
pub(crate) fn open_ended(call: u32, result: i64) {
    // What is closed again already is told as it was asked for.
    if result >= 0 && open::by_descriptor(result as u32, Origin::call(call), || asked(call)) {
        return;
    }
    let error = error(result);
    // A handle is no path, and the class of its own tells it.
    if result < 0 && !is_signal(error) || call == Call::OpenByHandleAt as u32 {
        return;
    }
    let (Some(current), Some(arguments)) = (Current::task(), Arguments::of(call, 0)) else { return };
    let flags = arguments.get(4) as u32;
    let mode = arguments.mode_of_open(call);
    let origin = Some(Origin::call(call));
    asked::refused_open(current, error, flags, origin, arguments.name(), |record| record.mode = mode);
}

/// What the running task's call to open asks for. That of `openat2` has its mode in the caller's memory: it is left
/// out.
#[inline(always)]
fn asked(call: u32) -> Asked {
    let Some(arguments) = Arguments::of(call, 0) else { return Asked::UNKNOWN };
    Asked { text: arguments.get(1), copied: false, mode: arguments.mode_of_open(call) }
}

/// A call that changes names ended.
#[inline(always)]
pub(crate) fn names_ended(call: u32, class: u32, result: i64) {
    if result < 0 && !is_signal(result as i32) {
        return;
    }
    let Some(arguments) = Arguments::of(call, 1) else { return };
    let flags = arguments.get(4) as u32;
    let directory = call == Call::Unlinkat as u32 && flags & REMOVE_DIRECTORY != 0;
    let Some(class) = (if directory { Some(Class::FileRmdir) } else { class_of(class) }) else { return };
    let change = Change {
        class,
        name: arguments.name(),
        new_name: arguments.new_name(),
        attribute: 0,
        descriptor: None,
    };
    asked::changed(Slot::Change, &change, |record| {
        (record.error, record.flags, record.call) = (error(result), flags, call);
        record.mode = arguments.get(5) as u32;
        record.rdev = decode_device(arguments.get(8) as u32);
    });
}

/// A call that changes mode, owner, length or attributes of a file ended.
#[inline(always)]
pub(crate) fn attributes_ended(call: u32, class: u32, result: i64) {
    if result < 0 && !is_signal(result as i32) {
        return;
    }
    let Some(class) = class_of(class) else { return };
    let Some(arguments) = Arguments::of(call, 2) else { return };
    let removed = call == Call::Removexattr as u32
        || call == Call::Lremovexattr as u32
        || call == Call::Fremovexattr as u32
        || call == Call::Removexattrat as u32;
    let descriptor = arguments.get(10);
    let change = Change {
        class,
        name: arguments.name(),
        new_name: Name { directory: NOWHERE, text: 0, copied: false },
        attribute: arguments.get(9),
        descriptor: if descriptor == u64::MAX { None } else { Some(descriptor as u32) },
    };
    asked::changed(Slot::Attribute, &change, |record| {
        (record.error, record.call) = (error(result), call);
        record.mode = arguments.get(5) as u32;
        record.uid = arguments.get(6) as u32;
        record.gid = arguments.get(7) as u32;
        record.facts = if removed { Facts::REMOVED } else { 0 };
    });
}

#[inline(always)]
const fn error(result: i64) -> i32 {
    if result < 0 { result as i32 } else { 0 }
}

/// The class of a change, from its number in the table of calls.
#[inline(always)]
fn class_of(number: u32) -> Option<Class> {
    let number = number as u16;
    if number < Class::FileRename as u16 || number > Class::FileTruncate as u16 {
        return None;
    }
    // SAFETY: every number from that of renames to that of truncations is a class.
    Some(unsafe { core::mem::transmute::<u16, Class>(number) })
}

/// A device number as programs write it (`new_decode_dev`) in the kernel's encoding.
#[inline(always)]
pub(crate) const fn decode_device(number: u32) -> u32 {
    let major = (number & 0xf_ff00) >> 8;
    let minor = (number & 0xff) | ((number >> 12) & 0xf_ff00);
    major << 20 | minor
}
