//! Puts a record with variable fields together in the per-CPU buffer.

use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::{
    bindings::BPF_RB_FORCE_WAKEUP,
    helpers::generated::{
        bpf_ktime_get_boot_ns, bpf_probe_read_kernel, bpf_probe_read_kernel_str, bpf_probe_read_user,
        bpf_probe_read_user_str, bpf_ringbuf_output,
    },
    maps::RingBuf,
};
use sensor_common::{
    class::{Class, Lane},
    header::RecordHeader,
    ledger::LossReason,
    limits::{COMPONENT_BYTES_MAX, SCRATCH_BYTES, TAIL_HEADER_BYTES, TAIL_START_MAX},
    tail::{Tail, TailHeader},
};

use super::{book, wake};
use crate::maps::{SCRATCH, Scratch, Slot};

/// Bounds a position to the first part of the buffer.
const MASK: u64 = TAIL_START_MAX as u64 - 1;

/// A record in the making.
pub(crate) struct Writer {
    scratch: *mut Scratch,
    /// Mark of this call in the buffer.
    owner: u64,
    lane: Lane,
    class: Class,
}

/// A field made of several strings, begun but not ended.
pub(crate) struct Components {
    /// Where its header goes.
    header: u64,
}

impl Writer {
    /// Takes the buffer and leaves room for the fixed part of the record.
    #[inline(always)]
    pub(crate) fn new<T>(slot: Slot, lane: Lane, class: Class) -> Option<(Self, &'static mut T)> {
        let scratch = SCRATCH.get_ptr_mut(slot as u32)?;
        // SAFETY: the helper takes no argument and reads a clock.
        let owner = unsafe { bpf_ktime_get_boot_ns() };
        // SAFETY: the pointer is that of a map value, valid while the program runs.
        unsafe { write_volatile(addr_of_mut!((*scratch).owner), owner) };
        let writer = Self { scratch, owner, lane, class };
        writer.set_cursor(size_of::<T>() as u64);
        // SAFETY: the buffer is larger than any fixed part and aligned to eight bytes; it belongs
        // to this CPU and this program until the program ends. Any bytes are a valid `T`: every
        // fixed part consists of integers.
        let fixed = unsafe { &mut *addr_of_mut!((*scratch).bytes).cast::<T>() };
        Some((writer, fixed))
    }

    /// Adds one kernel string as a field. False if it was cut or could not be read.
    #[inline(always)]
    pub(crate) fn string<const MAX: usize>(&self, kind: Tail, address: u64) -> bool {
        let Some(header) = self.begin() else { return false };
        if self.cursor() > MASK {
            return false;
        }
        let at = self.position();
        // SAFETY: the destination lies in the buffer for `MAX` + 1 bytes, the source is checked by
        // the helper.
        // One byte more than the longest string, terminator included, tells a cut one apart.
        let read =
            unsafe { bpf_probe_read_kernel_str(self.at(at).cast(), MAX as u32 + 1, address as *const _) };
        if read <= 0 {
            self.set_cursor(header);
            return false;
        }
        self.set_cursor(at + read as u64);
        self.end(kind, header);
        read as usize <= MAX
    }

    /// Adds bytes of the current task's own memory as a field. `None` if they cannot be read,
    /// `Some(false)` if not all fit.
    #[inline(always)]
    pub(crate) fn user_bytes<const MAX: usize>(&self, kind: Tail, start: u64, end: u64) -> Option<bool> {
        let wanted = end.wrapping_sub(start);
        let header = self.begin()?;
        if self.cursor() > MASK {
            return None;
        }
        let at = self.position();
        let length = if wanted > MAX as u64 { MAX as u64 } else { wanted };
        let to = self.at(at);
        // SAFETY: the destination lies in the buffer for twice `MAX` bytes, the source is checked by
        // the helper.
        let read =
            unsafe { bpf_probe_read_user(to.cast(), bounded::<MAX>(length) as u32, start as *const _) };
        if read != 0 {
            self.set_cursor(header);
            return None;
        }
        self.set_cursor(at + length);
        self.end(kind, header);
        Some(wanted <= MAX as u64)
    }

    /// Adds one string of the current task's own memory as a field. False if it was cut or could not be
    /// read.
    #[inline(always)]
    pub(crate) fn user_string<const MAX: usize>(&self, kind: Tail, address: u64) -> bool {
        let Some(header) = self.begin() else { return false };
        if self.cursor() > MASK {
            return false;
        }
        let at = self.position();
        // SAFETY: as in `string`.
        let read =
            unsafe { bpf_probe_read_user_str(self.at(at).cast(), MAX as u32 + 1, address as *const _) };
        if read <= 0 {
            self.set_cursor(header);
            return false;
        }
        self.set_cursor(at + read as u64);
        self.end(kind, header);
        read as usize <= MAX
    }

    /// Adds bytes of the kernel's memory as a field. `None` if they cannot be read, `Some(false)` if
    /// not all fit.
    #[inline(always)]
    pub(crate) fn bytes<const MAX: usize>(&self, kind: Tail, address: u64, wanted: u64) -> Option<bool> {
        let header = self.begin()?;
        if self.cursor() > MASK {
            return None;
        }
        let at = self.position();
        let length = if wanted > MAX as u64 { MAX as u64 } else { wanted };
        let to = self.at(at);
        // SAFETY: as in `user_bytes`.
        let read =
            unsafe { bpf_probe_read_kernel(to.cast(), bounded::<MAX>(length) as u32, address as *const _) };
        if read != 0 {
            self.set_cursor(header);
            return None;
        }
        self.set_cursor(at + length);
        self.end(kind, header);
        Some(wanted <= MAX as u64)
    }

    /// Begins a field made of several strings.
    #[inline(always)]
    pub(crate) fn components(&self) -> Option<Components> {
        self.begin().map(|header| Components { header })
    }

    /// Adds one string to a field. False if it does not fit or cannot be read.
    #[inline(always)]
    pub(crate) fn component(&self, field: &Components, address: u64, bytes_max: usize) -> bool {
        let end = field.header + (TAIL_HEADER_BYTES + bytes_max) as u64;
        let cursor = self.cursor();
        if cursor > MASK || cursor >= end {
            return false;
        }
        let at = self.position();
        // SAFETY: the destination lies in the buffer for `COMPONENT_BYTES_MAX` bytes, the source
        // is checked by the helper.
        let read = unsafe {
            bpf_probe_read_kernel_str(self.at(at).cast(), COMPONENT_BYTES_MAX as u32, address as *const _)
        };
        if read <= 0 {
            return false;
        }
        self.set_cursor(at + read as u64);
        true
    }

    /// Ends a field made of several strings.
    #[inline(always)]
    pub(crate) fn end_components(&self, kind: Tail, field: &Components) {
        self.end(kind, field.header);
    }

    /// Sends the record and books its fate. The length in its header is set here.
    #[inline(always)]
    pub(crate) fn send(self, ring: &'static RingBuf, cgroup: u64) {
        // SAFETY: the header is where every record begins.
        let time_ns = unsafe { read_volatile(addr_of!((*self.at(0).cast::<RecordHeader>()).time_ns)) };
        self.send_with(ring, cgroup, wake(time_ns));
    }

    /// As [`Writer::send`], and the reader is woken at once.
    #[inline(always)]
    pub(crate) fn send_now(self, ring: &'static RingBuf, cgroup: u64) {
        self.send_with(ring, cgroup, u64::from(BPF_RB_FORCE_WAKEUP));
    }

    #[inline(always)]
    fn send_with(self, ring: &'static RingBuf, cgroup: u64, flags: u64) {
        // SAFETY: as in `new`.
        if unsafe { read_volatile(addr_of!((*self.scratch).owner)) } != self.owner {
            // SAFETY: as in `new`. The other one's record may be mixed with this one's as well.
            unsafe { write_volatile(addr_of_mut!((*self.scratch).owner), 0) };
            book(self.lane, self.class, cgroup, Some(LossReason::Preempted));
            return;
        }
        let length = self.cursor() & 0x7fff;
        if length > SCRATCH_BYTES as u64 {
            book(self.lane, self.class, cgroup, Some(LossReason::Unreadable));
            return;
        }
        // SAFETY: the length is the first field of every record's header.
        unsafe { write_volatile(self.at(0).cast::<u32>(), length as u32) };
        // SAFETY: the buffer holds `length` bytes of the record, the ring is a map of this object.
        let sent = unsafe {
            bpf_ringbuf_output(core::ptr::from_ref(ring).cast_mut().cast(), self.at(0).cast(), length, flags)
        };
        book(self.lane, self.class, cgroup, if sent == 0 { None } else { Some(LossReason::RingFull) });
    }

    /// Leaves room for a field's header. `None` when the buffer has no room for a field.
    #[inline(always)]
    fn begin(&self) -> Option<u64> {
        let header = self.cursor();
        if header > MASK - TAIL_HEADER_BYTES as u64 {
            return None;
        }
        self.set_cursor(header + TAIL_HEADER_BYTES as u64);
        Some(header)
    }

    /// Writes a field's header and pads the field to eight bytes.
    #[inline(always)]
    fn end(&self, kind: Tail, header: u64) {
        let end = self.cursor();
        let length = end.wrapping_sub(header + TAIL_HEADER_BYTES as u64);
        let fields = TailHeader { kind: kind as u16, reserved: 0, length: length as u32 };
        // SAFETY: the mask keeps the header inside the buffer; positions are multiples of eight.
        unsafe { write_volatile(self.at(header & MASK & !7).cast::<TailHeader>(), fields) };
        self.set_cursor((end + 7) & !7);
    }

    /// Where the next byte goes, bounded for the verifier.
    #[inline(always)]
    fn position(&self) -> u64 {
        self.cursor() & MASK
    }

    #[inline(always)]
    fn cursor(&self) -> u64 {
        // SAFETY: the pointer is that of a map value, see `new`. The read is volatile so that the
        // compiler keeps the cursor in memory.
        unsafe { read_volatile(addr_of!((*self.scratch).cursor)) }
    }

    #[inline(always)]
    fn set_cursor(&self, to: u64) {
        // SAFETY: as in `cursor`.
        unsafe { write_volatile(addr_of_mut!((*self.scratch).cursor), to) };
    }

    /// Address of a byte of the buffer.
    #[inline(always)]
    fn at(&self, position: u64) -> *mut u8 {
        // SAFETY: callers bound the position to the buffer, and the verifier checks that they do.
        unsafe { addr_of_mut!((*self.scratch).bytes).cast::<u8>().add(position as usize) }
    }
}

/// A length of at most `MAX`, such that verifiers before 5.12 see its bound as well: they forget that of
/// a number which was on the stack meanwhile. The compiler would drop a mask that changes nothing.
#[inline(always)]
fn bounded<const MAX: usize>(mut length: u64) -> u64 {
    // SAFETY: an operation on the named register only.
    unsafe {
        core::arch::asm!(
            "{0} &= {1}",
            inout(reg) length,
            const (MAX + 1).next_power_of_two() - 1,
            options(pure, nomem, nostack)
        );
    }
    length
}
