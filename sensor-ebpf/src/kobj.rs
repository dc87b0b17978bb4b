//! Reading kernel objects: the unsafe loads live here, behind handles that cannot be misused.

pub(crate) mod cgroup;
pub(crate) mod cred;
pub(crate) mod file;
pub(crate) mod path;
pub(crate) mod task;

use core::ptr::read_volatile;

use aya_ebpf::helpers::bpf_probe_read_kernel;
use sensor_common::layout::ABSENT;

/// A kernel object from which fields can be read by their offset.
///
/// A read of an [`ABSENT`] field, or one that the kernel refuses, is `None`.
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
#[derive(Clone, Copy)]
pub(crate) struct Typed(*const u8);

impl Typed {
    /// Wraps an argument of a BTF program.
    #[inline(always)]
    pub(crate) const fn new(pointer: *const u8) -> Self {
        Self(pointer)
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
        Some(unsafe { read_volatile(self.0.add(offset as usize).cast::<T>()) })
    }

    #[inline(always)]
    fn follow(self, offset: u32) -> Option<Self> {
        let pointer = self.read::<*const u8>(offset)?;
        (!pointer.is_null()).then_some(Self(pointer))
    }

    #[inline(always)]
    fn address(self) -> u64 {
        self.0 as u64
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
        // SAFETY: the helper checks the address and fails on one that cannot be read.
        unsafe { bpf_probe_read_kernel((self.0 + u64::from(offset)) as *const T) }.ok()
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
