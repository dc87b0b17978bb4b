//! Reading a ring buffer: records in order, borrowed from the ring.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use sensor_common::header::RecordHeader;
use zerocopy::FromBytes;

/// A ring buffer and the means to wait for it.
pub struct Ring {
    ring: RingBuf<MapData>,
    wake: Waker,
}

/// Wakes the thread that waits for a ring.
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Creates one.
    ///
    /// # Errors
    /// No file descriptor could be had.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Wakes the waiting thread, now or when it waits next.
    pub fn wake(&self) {
        // The only failure is a counter that is full: then a wake is pending anyhow.
        rustix::io::write(&self.0, &1u64.to_ne_bytes()).ok();
    }

    fn clear(&self) {
        // Nothing to read means that nobody woke: fine as well.
        rustix::io::read(&self.0, &mut [0u8; 8]).ok();
    }
}

/// Two ring buffers that are read as one, in the order of the records' times.
pub struct Rings {
    /// Processes, containers, privileges.
    vital: RingBuf<MapData>,
    /// Files and sockets.
    bulk: RingBuf<MapData>,
    /// The next record of `bulk`, when one of `vital` went before it.
    waiting: Vec<u8>,
    wake: Waker,
}

impl Rings {
    /// Wraps the rings.
    #[must_use]
    pub const fn new(vital: RingBuf<MapData>, bulk: RingBuf<MapData>, wake: Waker) -> Self {
        Self { vital, bulk, waiting: Vec::new(), wake }
    }

    /// Waits until there is a record, somebody wakes the thread, or the time is over.
    ///
    /// # Errors
    /// The kernel refused to wait.
    pub fn wait(&self, at_most: Duration) -> std::io::Result<()> {
        wait([self.vital.as_fd(), self.bulk.as_fd()], &self.wake, at_most)
    }

    /// Hands over at most `most` records; the result is how many there were.
    ///
    /// What a process did is in one ring and what it was is in the other. A record of `bulk` is read
    /// first and held back: whatever went before it on the same task is in `vital` by then, so all of
    /// `vital` that is older goes first.
    pub fn drain(&mut self, most: usize, mut record: impl FnMut(&[u8])) -> usize {
        for count in 0..most {
            if self.waiting.is_empty()
                && let Some(bytes) = self.bulk.next()
            {
                self.waiting.extend_from_slice(&bytes);
            }
            let time = if self.waiting.is_empty() { u64::MAX } else { time_of(&self.waiting) };
            match self.vital.next() {
                Some(bytes) => {
                    let older = time_of(&bytes) <= time;
                    if !older {
                        record(&self.waiting);
                        self.waiting.clear();
                    }
                    record(&bytes);
                }
                None if self.waiting.is_empty() => return count,
                None => {
                    record(&self.waiting);
                    self.waiting.clear();
                }
            }
        }
        most
    }
}

/// Time of a record; 0 for one that is too short to have one.
fn time_of(bytes: &[u8]) -> u64 {
    RecordHeader::ref_from_prefix(bytes).map_or(0, |(header, _)| header.time_ns)
}

fn wait<const N: usize>(rings: [BorrowedFd<'_>; N], wake: &Waker, at_most: Duration) -> std::io::Result<()> {
    let mut descriptors: Vec<_> = rings.iter().map(|ring| PollFd::new(ring, PollFlags::IN)).collect();
    descriptors.push(PollFd::new(wake.0.as_ref(), PollFlags::IN));
    let timeout = Timespec::try_from(at_most).ok();
    match poll(&mut descriptors, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    wake.clear();
    Ok(())
}

impl Ring {
    /// Wraps a ring.
    #[must_use]
    pub const fn new(ring: RingBuf<MapData>, wake: Waker) -> Self {
        Self { ring, wake }
    }

    /// Waits until there is a record, somebody wakes the thread, or the time is over.
    ///
    /// # Errors
    /// The kernel refused to wait.
    pub fn wait(&self, at_most: Duration) -> std::io::Result<()> {
        wait([self.ring.as_fd()], &self.wake, at_most)
    }

    /// Hands over at most `most` records; the result is how many there were.
    pub fn drain(&mut self, most: usize, mut record: impl FnMut(&[u8])) -> usize {
        for count in 0..most {
            match self.ring.next() {
                Some(bytes) => record(&bytes),
                None => return count,
            }
        }
        most
    }
}
