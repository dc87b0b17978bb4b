//! What is to be done after a while: what is gone stays known as long as its events may be on their way.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Things that wait, each equally long, and a bounded number of them.
#[derive(Debug)]
pub(super) struct Later<T> {
    wait: Duration,
    most: usize,
    waiting: VecDeque<(Instant, T)>,
}

impl<T> Later<T> {
    pub(super) const fn new(wait: Duration, most: usize) -> Self {
        Self { wait, most, waiting: VecDeque::new() }
    }

    /// One more waits; without room the oldest one does not wait any longer.
    pub(super) fn add(&mut self, thing: T) -> Option<T> {
        self.waiting.push_back((Instant::now() + self.wait, thing));
        (self.waiting.len() > self.most).then(|| self.waiting.pop_front()).flatten().map(|(_, thing)| thing)
    }

    /// The next one whose time has come; for ever if none waits. May be dropped at any time.
    pub(super) async fn due(&mut self) -> T {
        loop {
            match self.waiting.front() {
                Some((when, _)) => tokio::time::sleep_until(*when).await,
                None => std::future::pending().await,
            }
            if let Some((_, thing)) = self.waiting.pop_front() {
                return thing;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn in_order_and_bounded() {
        let mut later = Later::new(MOMENT, 2);
        assert_eq!(later.add(1), None);
        assert_eq!(later.add(2), None);
        assert_eq!(later.add(3), Some(1));
        assert_eq!((later.due().await, later.due().await), (2, 3));
        assert!(tokio::time::timeout(MOMENT, later.due()).await.is_err(), "nothing waits");
    }

    #[tokio::test]
    async fn not_before_its_time() {
        let mut later = Later::new(Duration::from_secs(3600), 2);
        later.add(1);
        assert!(tokio::time::timeout(MOMENT, later.due()).await.is_err());
        assert_eq!(later.waiting.len(), 1, "the look was dropped, the thing was not");
    }
}
