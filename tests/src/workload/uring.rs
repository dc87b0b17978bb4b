//! io_uring without a library: one request is submitted and its result awaited.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::Result;

use crate::errno::Errno;
use crate::raw::{Mapping, descriptor, syscall};

// include/uapi/linux/io_uring.h
const PARAMETERS: usize = 120;
const OFFSET_SUBMISSIONS: i64 = 0;
const OFFSET_COMPLETIONS: i64 = 0x800_0000;
const OFFSET_REQUESTS: i64 = 0x1000_0000;
const SETUP_SQPOLL: u32 = 2;
const ENTER_GETEVENTS: u64 = 1;
const ENTER_SQ_WAKEUP: u64 = 2;
const REQUEST_ASYNC: u8 = 1 << 4;
const ENTRIES: u32 = 4;
const PAGE: usize = 4096;

pub(super) const CONNECT: u8 = 16;
pub(super) const ACCEPT: u8 = 13;
pub(super) const OPENAT: u8 = 18;
pub(super) const SEND: u8 = 26;
pub(super) const OPENAT2: u8 = 28;
pub(super) const RENAMEAT: u8 = 35;
pub(super) const UNLINKAT: u8 = 36;
pub(super) const MKDIRAT: u8 = 37;
pub(super) const SYMLINKAT: u8 = 38;
pub(super) const LINKAT: u8 = 39;
pub(super) const SETXATTR: u8 = 42;
pub(super) const SOCKET: u8 = 45;

/// Who carries the request out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    /// The calling thread, in `io_uring_enter`.
    Caller,
    /// A worker thread that the kernel makes for this process.
    Thread,
    /// The kernel thread that polls the ring; the process makes no call for the request.
    Poller,
}

impl Worker {
    /// `uring`, `uring-async` and `uring-sqpoll`, or other words with the same ends.
    pub(super) fn of(how: &str) -> Self {
        match how.rsplit_once('-') {
            Some((_, "async")) => Self::Thread,
            Some((_, "sqpoll")) => Self::Poller,
            _ => Self::Caller,
        }
    }
}

/// `struct io_uring_sqe`, by the places that the requests here use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Request {
    pub(super) code: u8,
    pub(super) fd: i32,
    /// Also `addr2`.
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) length: u32,
    /// `open_flags`, `rename_flags`, `unlink_flags` and their like.
    pub(super) flags: u32,
    /// `addr3`.
    pub(super) third: u64,
}

impl Request {
    fn bytes(&self, worker: Worker) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[0] = self.code;
        bytes[1] = if worker == Worker::Thread { REQUEST_ASYNC } else { 0 };
        bytes[4..8].copy_from_slice(&self.fd.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_ne_bytes());
        bytes[16..24].copy_from_slice(&self.address.to_ne_bytes());
        bytes[24..28].copy_from_slice(&self.length.to_ne_bytes());
        bytes[28..32].copy_from_slice(&self.flags.to_ne_bytes());
        bytes[48..56].copy_from_slice(&self.third.to_ne_bytes());
        bytes
    }
}

/// A ring of its own for each request: makes it, submits, waits.
pub(super) fn submit(worker: Worker, request: &Request) -> Result<u32> {
    Ring::new(worker)?.submit(request)
}

/// A ring that was set up.
#[derive(Debug)]
pub(super) struct Ring {
    worker: Worker,
    fd: OwnedFd,
    submissions: Mapping,
    completions: Mapping,
    requests: Mapping,
    parameters: [u8; PARAMETERS],
}

impl Ring {
    pub(super) fn new(worker: Worker) -> Result<Self> {
        let mut parameters = [0; PARAMETERS];
        if worker == Worker::Poller {
            parameters[8..12].copy_from_slice(&SETUP_SQPOLL.to_ne_bytes());
        }
        let address = parameters.as_mut_ptr() as u64;
        let fd = descriptor(libc::SYS_io_uring_setup, [u64::from(ENTRIES), address, 0, 0, 0, 0])?;
        let map = |offset| {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            Mapping::new(PAGE, protection, libc::MAP_SHARED | libc::MAP_POPULATE, Some((fd.as_fd(), offset)))
        };
        let submissions = map(OFFSET_SUBMISSIONS)?;
        let completions = map(OFFSET_COMPLETIONS)?;
        let requests = map(OFFSET_REQUESTS)?;
        Ok(Self { worker, submissions, completions, requests, parameters, fd })
    }

    /// A field of `struct io_uring_params`, as an offset into one of the rings.
    fn at(&self, field: usize) -> usize {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.parameters[field..field + 4]);
        usize::try_from(u32::from_ne_bytes(bytes)).unwrap_or(usize::MAX)
    }

    /// Submits one request and returns its result.
    pub(super) fn submit(&self, request: &Request) -> Result<u32> {
        // `sq_off` begins at 40: head, tail, ring_mask, ring_entries, flags, dropped, array.
        let (tail, array) = (self.at(44), self.at(64));
        // `cq_off` begins at 80: head, tail, ring_mask, ring_entries, overflow, cqes.
        let (done, written, mask, results) = (self.at(80), self.at(84), self.at(88), self.at(100));
        self.requests.fill(&request.bytes(self.worker));
        let next = self.submissions.load(tail);
        let slot = usize::try_from(next % ENTRIES)?;
        self.submissions.store(array + slot * 4, 0);
        self.submissions.store(tail, next.wrapping_add(1));
        let head = self.completions.load(done);
        while self.completions.load(written) == head {
            self.enter()?;
        }
        let slot = usize::try_from(head & self.completions.load(mask))?;
        let result = self.completions.load(results + slot * 16 + 8);
        self.completions.store(done, head.wrapping_add(1));
        Ok(Errno::check(result.cast_signed())?)
    }

    fn enter(&self) -> Result<(), Errno> {
        let (submitted, wake) = if self.worker == Worker::Poller { (0, ENTER_SQ_WAKEUP) } else { (1, 0) };
        let fd = u64::from(self.fd.as_raw_fd().unsigned_abs());
        let arguments = [fd, submitted, 1, ENTER_GETEVENTS | wake, 0, 0];
        match syscall(libc::SYS_io_uring_enter, arguments) {
            Err(Errno(libc::EINTR)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
