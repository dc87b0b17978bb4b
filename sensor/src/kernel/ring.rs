//! Reading a ring buffer: records in order, borrowed from the ring.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

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
        let ring: BorrowedFd<'_> = self.ring.as_fd();
        let mut descriptors =
            [PollFd::new(&ring, PollFlags::IN), PollFd::new(self.wake.0.as_ref(), PollFlags::IN)];
        let timeout = Timespec::try_from(at_most).ok();
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.wake.clear();
        Ok(())
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
