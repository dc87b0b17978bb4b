//! What threads other than the pipeline's gave up because something was full: counters that they share with
//! the status.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that any thread may raise.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to it.
    pub fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// The sum.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters.
#[derive(Debug, Default)]
pub struct Lapses {
    /// Look-ups of containers that are not repeated any more, because too many waited.
    pub retries: Count,
    /// Containers that the runtime was not asked about, because too many waited.
    pub inquiries: Count,
    /// Containers whose users were not read, because too many waited or their files did not answer.
    pub users: Count,
    /// Records of control groups that could not be decoded.
    pub rejected: Count,
    /// Control groups that got no policy of their own in the kernel, because there are too many.
    pub groups: Count,
}
