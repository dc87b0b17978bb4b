//! The system calls themselves, without a library in between: the only file of the tests with `unsafe`.
//!
//! A workload must decide which call is made, with which registers, from which kind of memory. So the
//! functions here take numbers and addresses. That an address belongs to memory which the call may use is
//! the caller's matter, and the compiler cannot check it: use them in workloads only, whose process does
//! one thing and ends.
#![expect(unsafe_code, reason = "system calls by number, 32-bit calls, memory shared with the kernel")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::c_int;

use crate::errno::Errno;

/// One system call of the native kind.
///
/// # Errors
/// What the kernel says.
pub fn syscall(number: i64, arguments: [u64; 6]) -> Result<u64, Errno> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: any values may be in the registers; that addresses among them belong to memory which the call
    // may read or write is what this module's callers promise (see its head).
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 { Err(Errno::last()) } else { Ok(result.cast_unsigned()) }
}

/// A system call that returns a new file descriptor.
///
/// # Errors
/// What the kernel says.
pub fn descriptor(number: i64, arguments: [u64; 6]) -> Result<OwnedFd, Errno> {
    let fd = syscall(number, arguments)?;
    let fd = c_int::try_from(fd).map_err(|_| Errno(libc::EBADF))?;
    // SAFETY: the kernel has just made this descriptor for the caller, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes a descriptor that the kernel gave by another way than a call's result (io_uring, a message).
///
/// # Errors
/// When it is none.
pub fn adopt(fd: u32) -> Result<OwnedFd, Errno> {
    let fd = c_int::try_from(fd).map_err(|_| Errno(libc::EBADF))?;
    // SAFETY: as for `descriptor`: it is new, and only the caller knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Forks. `None` in the child, its pid in the parent.
///
/// # Errors
/// What the kernel says.
pub fn fork() -> Result<Option<u32>, Errno> {
    // SAFETY: the C library brings its own locks (allocator, output) in order in the child; workloads take
    // no other lock around this call.
    match unsafe { libc::fork() } {
        0 => Ok(None),
        pid => u32::try_from(pid).map(Some).map_err(|_| Errno::last()),
    }
}

/// One system call of the 32-bit kind from this 64-bit process. Addresses are below 4 GiB: see
/// [`Mapping::low`]. A kernel built without 32-bit calls ends the process by SIGSEGV.
///
/// # Errors
/// What the kernel says; `ENOSYS` on machines other than x86-64.
#[cfg(target_arch = "x86_64")]
pub fn syscall32(number: u32, arguments: [u32; 5]) -> Result<u32, Errno> {
    let [a, b, c, d, e] = arguments.map(u64::from);
    let result: u64;
    // SAFETY: the kernel keeps all registers but rax and, on old kernels, r8 to r11. rbx, which the compiler
    // keeps for itself, is put back. No stack of this process is used. As for addresses, see `syscall`.
    unsafe {
        std::arch::asm!(
            "xchg {first}, rbx",
            "int 0x80",
            "xchg {first}, rbx",
            first = inout(reg) a => _,
            inout("rax") u64::from(number) => result,
            in("rcx") b,
            in("rdx") c,
            in("rsi") d,
            in("rdi") e,
            lateout("r8") _,
            lateout("r9") _,
            lateout("r10") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    let low = u32::try_from(result & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    Errno::check(low.cast_signed())
}

/// As on x86-64, where alone it exists.
///
/// # Errors
/// Always `ENOSYS`.
#[cfg(not(target_arch = "x86_64"))]
pub fn syscall32(_number: u32, _arguments: [u32; 5]) -> Result<u32, Errno> {
    Err(Errno(libc::ENOSYS))
}

/// Memory mapped by `mmap`, that the kernel or another process may read and write at any time.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory is reached through atomic operations and system calls only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// Any flag for `mmap` that asks for addresses which a 32-bit call can take.
#[cfg(target_arch = "x86_64")]
const LOW: c_int = libc::MAP_32BIT;
#[cfg(not(target_arch = "x86_64"))]
const LOW: c_int = 0;

impl Mapping {
    /// Maps `length` bytes of a file, or new memory, with the `PROT_` and `MAP_` flags of `mmap`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(
        length: usize,
        protection: c_int,
        flags: c_int,
        file: Option<(BorrowedFd<'_>, i64)>,
    ) -> Result<Self, Errno> {
        let (fd, offset) = file.map_or((-1, 0), |(fd, offset)| (fd.as_raw_fd(), offset));
        // SAFETY: without MAP_FIXED, which nobody here gives, the kernel chooses addresses that are unused.
        let address = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, fd, offset) };
        if address == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let address = NonNull::new(address.cast()).ok_or(Errno(libc::ENOMEM))?;
        Ok(Self { address, length })
    }

    /// New memory with these protections.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn anonymous(length: usize, protection: c_int) -> Result<Self, Errno> {
        Self::new(length, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None)
    }

    /// A copy of the bytes at an address that fits into 32 bits.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn low(bytes: &[u8]) -> Result<Self, Errno> {
        let length = bytes.len().next_multiple_of(4096);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | LOW;
        let mapping = Self::new(length, libc::PROT_READ | libc::PROT_WRITE, flags, None)?;
        mapping.fill(bytes);
        Ok(mapping)
    }

    /// Where it begins.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.address.as_ptr() as u64
    }

    /// Reads the word at this offset, which is a multiple of 4.
    ///
    /// # Panics
    /// Outside the memory.
    #[must_use]
    pub fn load(&self, offset: usize) -> u32 {
        self.word(offset).load(Ordering::Acquire)
    }

    /// Writes the word at this offset, which is a multiple of 4.
    ///
    /// # Panics
    /// Outside the memory.
    pub fn store(&self, offset: usize, value: u32) {
        self.word(offset).store(value, Ordering::Release);
    }

    /// Writes the bytes at the start, padded with zeros to whole words.
    ///
    /// # Panics
    /// When they do not fit.
    pub fn fill(&self, bytes: &[u8]) {
        for (index, chunk) in bytes.chunks(4).enumerate() {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            self.store(index * 4, u32::from_ne_bytes(word));
        }
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.length, "word {offset} of {}", self.length);
        // SAFETY: the word lies in the mapping, which lives as long as `self` and begins at a page; all of
        // this process's accesses are atomic. Workloads touch only memory that they mapped for that.
        unsafe { AtomicU32::from_ptr(self.address.as_ptr().add(offset).cast()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no reference into it outlives it.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.length) };
    }
}
