//! Reading kernel objects: the unsafe loads live here, behind handles that cannot be misused.

pub(crate) mod cgroup;
pub(crate) mod cred;
pub(crate) mod current;
pub(crate) mod file;
pub(crate) mod path;
pub(crate) mod pid;
pub(crate) mod sock;
pub(crate) mod syscall;
pub(crate) mod task;

use core::{
    ffi::c_void,
    mem::MaybeUninit,
    ptr::{NonNull, read_volatile},
};

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use sensor_common::layout::ABSENT;

/// A kernel object from which fields can be read by their offset.
///
/// A read of an [`ABSENT`] field is `None`; one that the kernel refuses gives zeros.
pub(crate) trait Memory: Copy {
    /// Reads a field.
    fn read<T: Copy>(self, offset: u32) -> Option<T>;

    /// Follows a pointer field; `None` for a null pointer.
    fn follow(self, offset: u32) -> Option<Self>;

    /// Where the object is.
    fn address(self) -> u64;

    /// Reads a number, 0 where it cannot be read.
    #[inline(always)]
    fn number<T: Copy + Default>(self, offset: u32) -> T {
        self.read(offset).unwrap_or_default()
    }

    /// The same object, read through the helper from now on.
    #[inline(always)]
    fn raw(self) -> Raw {
        Raw(self.address())
    }
}

/// An object whose type the verifier knows: reads are plain loads, and following a pointer keeps
/// the type.
///
/// Never null, so that an `Option` of it is one word: an absent pointer beside a flag would be a
/// stack slot that is read before it was written, which kernels before 6.3 refuse.
#[derive(Clone, Copy)]
pub(crate) struct Typed(NonNull<u8>);

impl Typed {
    /// Wraps an argument of a BTF program.
    #[inline(always)]
    pub(crate) fn new(pointer: *const u8) -> Option<Self> {
        NonNull::new(pointer.cast_mut()).map(Self)
    }
}

impl Memory for Typed {
    #[inline(always)]
    fn read<T: Copy>(self, offset: u32) -> Option<T> {
        if offset == ABSENT {
            return None;
        }
        // SAFETY: the verifier knows the type behind the pointer and refuses a program whose
        // offset is not a field of it; a fault at run time reads as zero (BPF_PROBE_MEM).
        Some(unsafe { read_volatile(self.0.as_ptr().add(offset as usize).cast::<T>()) })
    }

    #[inline(always)]
    fn follow(self, offset: u32) -> Option<Self> {
        Self::new(self.read::<*const u8>(offset)?)
    }

    #[inline(always)]
    fn address(self) -> u64 {
        self.0.as_ptr() as u64
    }
}

/// An object known by its address only: reads go through `bpf_probe_read_kernel`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw(pub(crate) u64);

impl Memory for Raw {
    #[inline(always)]
    fn read<T: Copy>(self, offset: u32) -> Option<T> {
        if offset == ABSENT {
            return None;
        }
        let mut value = MaybeUninit::<T>::uninit();
        let source = (self.0 + u64::from(offset)) as *const c_void;
        // SAFETY: the helper writes the whole value: what it read or, where it cannot read, zeros.
        // `T` is a number or a pointer, for which zeros are valid. Its result is not looked at, so
        // that there is no second branch for the verifier to follow to the end of the program.
        unsafe {
            bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, source);
            Some(value.assume_init())
        }
    }

    #[inline(always)]
    fn follow(self, offset: u32) -> Option<Self> {
        let address = self.read::<u64>(offset)?;
        (address != 0).then_some(Self(address))
    }

    #[inline(always)]
    fn address(self) -> u64 {
        self.0
    }
}
