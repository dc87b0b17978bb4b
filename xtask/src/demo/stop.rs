//! Ctrl-C and SIGTERM: noticed here, answered by an orderly end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Set when somebody wants the demo to end.
#[derive(Debug)]
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// From now on the signals set a flag instead of ending the process where it stands.
    pub(crate) fn on_signals() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&asked)).context("cannot watch for signals")?;
        }
        Ok(Self { asked })
    }

    /// An error once a signal has come.
    pub(crate) fn check(&self) -> Result<()> {
        if self.asked.load(Ordering::Relaxed) {
            bail!("interrupted; cleaned up");
        }
        Ok(())
    }

    /// Sleeps, but not past a signal.
    pub(crate) fn sleep(&self, time: Duration) -> Result<()> {
        const STEP: Duration = Duration::from_millis(50);
        let mut left = time;
        while !left.is_zero() {
            self.check()?;
            std::thread::sleep(left.min(STEP));
            left = left.saturating_sub(STEP);
        }
        self.check()
    }

    #[cfg(test)]
    pub(super) fn never() -> Self {
        Self { asked: Arc::new(AtomicBool::new(false)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_ends_with_the_signal() {
        let stop = Stop::never();
        stop.sleep(Duration::from_millis(1)).unwrap();
        stop.asked.store(true, Ordering::Relaxed);
        stop.sleep(Duration::from_secs(3600)).unwrap_err();
    }
}
