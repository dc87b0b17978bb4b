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
    vital: Held,
    /// Files and sockets.
    bulk: Held,
    wake: Waker,
}

/// A ring buffer and the record that is its next.
struct Held {
    ring: RingBuf<MapData>,
    next: Vec<u8>,
}

impl Held {
    const fn new(ring: RingBuf<MapData>) -> Self {
        Self { ring, next: Vec::new() }
    }

    /// Looks for a next record, if there is none yet; its time, or the end of time.
    fn look(&mut self) -> u64 {
        if self.next.is_empty()
            && let Some(bytes) = self.ring.next()
        {
            self.next.extend_from_slice(&bytes);
        }
        if self.next.is_empty() { u64::MAX } else { time_of(&self.next) }
    }
}

impl Rings {
    /// Wraps the rings.
    #[must_use]
    pub const fn new(vital: RingBuf<MapData>, bulk: RingBuf<MapData>, wake: Waker) -> Self {
        Self { vital: Held::new(vital), bulk: Held::new(bulk), wake }
    }

    /// Waits until there is a record, somebody wakes the thread, or the time is over.
    ///
    /// # Errors
    /// The kernel refused to wait.
    pub fn wait(&self, at_most: Duration) -> std::io::Result<()> {
        wait([self.vital.ring.as_fd(), self.bulk.ring.as_fd()], &self.wake, at_most)
    }

    /// Hands over at most `most` records; the result is how many there were.
    ///
    /// What a task was and what it did are in different rings. Whatever went before a record on the same
    /// task is in its ring when that record is: so each ring is looked at after the other, and the older
    /// of both next records goes first.
    pub fn drain(&mut self, most: usize, mut record: impl FnMut(&[u8])) -> usize {
        for count in 0..most {
            let mut bulk = self.bulk.look();
            let vital = self.vital.look();
            if bulk == u64::MAX && vital != u64::MAX {
                bulk = self.bulk.look();
            }
            let older = match (vital <= bulk, vital, bulk) {
                (true, u64::MAX, _) => return count,
                (true, ..) => &mut self.vital.next,
                (false, ..) => &mut self.bulk.next,
            };
            record(older);
            older.clear();
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
