//! The only place that asks what time it is, and the conversion of the kernel's time.
//!
//! Kernel records carry the time since boot (`CLOCK_BOOTTIME`, nanoseconds), which never jumps.
//! Events carry wall-clock time.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::proto::Timestamp;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Distance between the time since boot and wall-clock time, as it was when it was read. Read it
/// again now and then: the wall clock may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootClock {
    /// Wall-clock nanoseconds since 1970, minus nanoseconds since boot.
    offset: i64,
}

impl BootClock {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        // The wall clock lies between two readings of the other, so the error is at most half of
        // what the readings took.
        let before = reading(clock_gettime(ClockId::Boottime));
        let wall = reading(clock_gettime(ClockId::Realtime));
        let after = reading(clock_gettime(ClockId::Boottime));
        Self { offset: wall - (before + (after - before) / 2) }
    }

    /// True if the clocks moved against each other by more than a reading is off. Smaller distances
    /// would only make the same moment look different in different events.
    #[must_use]
    pub const fn differs(self, other: Self) -> bool {
        const NOTICEABLE: u64 = 1_000_000;
        self.offset.abs_diff(other.offset) > NOTICEABLE
    }

    /// With a known distance in nanoseconds; for replay and tests.
    #[must_use]
    pub const fn with_offset(offset: i64) -> Self {
        Self { offset }
    }

    /// Wall-clock time of a time since boot in nanoseconds.
    #[must_use]
    pub fn to_wall(self, boot_ns: u64) -> Timestamp {
        Timestamp::from_unix_nanos(self.to_unix_ns(boot_ns))
    }

    /// The same in nanoseconds since 1970.
    #[must_use]
    pub fn to_unix_ns(self, boot_ns: u64) -> i64 {
        i64::try_from(boot_ns).unwrap_or(i64::MAX).saturating_add(self.offset)
    }
}

/// Time since boot, suspension included.
#[must_use]
pub fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default())
}

/// As [`since_boot`], in nanoseconds.
#[must_use]
pub fn boot_ns() -> u64 {
    nanos(since_boot())
}

/// Processor time that this process has used.
#[must_use]
pub fn processor_ns() -> u64 {
    u64::try_from(reading(clock_gettime(ClockId::ProcessCPUTime))).unwrap_or_default()
}

/// A span in nanoseconds; the largest number for one of more than 584 years.
#[must_use]
pub fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn reading(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(NANOS_PER_SECOND).saturating_add(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn conversion_adds_the_offset() {
        let clock = BootClock::with_offset(1_000_000_000);
        assert_eq!(clock.to_wall(500_000_001), Timestamp { seconds: 1, nanos: 500_000_001 });
        assert_eq!(BootClock::with_offset(-3).to_wall(1), Timestamp { seconds: -1, nanos: 999_999_998 });
    }

    #[test]
    fn extreme_kernel_times_do_not_panic() {
        for offset in [i64::MIN, 0, i64::MAX] {
            assert!((0..1_000_000_000).contains(&BootClock::with_offset(offset).to_wall(u64::MAX).nanos));
        }
    }

    #[test]
    fn now_converts_to_now() {
        let boot = u64::try_from(since_boot().as_nanos()).unwrap();
        let converted = BootClock::read().to_wall(boot);
        #[expect(clippy::disallowed_methods, reason = "the time to compare with")]
        let now = Timestamp::from(SystemTime::now());
        assert!((now.seconds - converted.seconds).abs() <= 2, "{now} {converted}");
    }
}
