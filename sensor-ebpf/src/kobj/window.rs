//! Several fields of an object, read at once.

use core::{mem::MaybeUninit, ptr::read_volatile};

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use sensor_common::layout::ABSENT;

use super::{Memory, Raw};

/// The first `WORDS` words of an object: one call of the helper instead of one a field. Fields beyond
/// them are read one by one.
pub(crate) struct Window<const WORDS: usize> {
    object: Raw,
    words: [u64; WORDS],
}

impl<const WORDS: usize> Window<WORDS> {
    /// Reads the beginning of an object; zeros where it cannot be read.
    #[inline(always)]
    pub(crate) fn of(object: Raw) -> Self {
        let mut words = MaybeUninit::<[u64; WORDS]>::uninit();
        let bytes = size_of::<[u64; WORDS]>() as u32;
        // SAFETY: the helper writes all of the words: what it read or, where it cannot read, zeros.
        let words = unsafe {
            bpf_probe_read_kernel(words.as_mut_ptr().cast(), bytes, object.0 as *const _);
            words.assume_init()
        };
        Self { object, words }
    }

    /// Where the object is.
    #[inline(always)]
    pub(crate) const fn object(&self) -> Raw {
        self.object
    }

    /// Reads a number, 0 where the kernel does not have it.
    #[inline(always)]
    pub(crate) fn number<T: Copy + Default>(&self, offset: u32) -> T {
        if offset == ABSENT {
            return T::default();
        }
        if offset as usize + size_of::<T>() > size_of::<[u64; WORDS]>() {
            return self.object.number(offset);
        }
        // SAFETY: the field lies within the words, as just checked. The read is volatile so that it stays
        // one at an offset that the verifier knows.
        unsafe { read_volatile(self.words.as_ptr().cast::<u8>().add(offset as usize).cast::<T>()) }
    }
}
