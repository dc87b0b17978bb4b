//! What keeps programs attached, and letting go of it.

use std::any::Any;
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

/// Threads that detach.
const THREADS_MAX: usize = 16;

/// One program at one place. Dropping it detaches the program there; the kernel keeps the program for as
/// long as there is one.
pub(super) type Link = Box<dyn Any + Send>;

/// Everything that is attached. Dropping it detaches all of it.
///
/// The kernel waits at each link until nobody can run its program any more: at the end of a system call
/// twice, some thirty milliseconds each. Threads that wait at the same time wait for the same thing, so
/// several take what is left, one link after the other. What the kernel must do in turn it does in turn:
/// each link is a file descriptor of its own, which any thread may close.
#[derive(Debug)]
pub struct Hooks {
    links: Vec<Link>,
}

impl Hooks {
    /// Keeps what is attached.
    pub(super) const fn new(links: Vec<Link>) -> Self {
        Self { links }
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        let threads = self.links.len().min(THREADS_MAX);
        let links = Mutex::new(std::mem::take(&mut self.links));
        let next = || links.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let detach = || {
            while let Some(link) = next() {
                drop(link);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                if let Err(error) = Builder::new().name("detach".to_owned()).spawn_scoped(scope, detach) {
                    tracing::debug!(%error, "detaching with fewer threads");
                    break;
                }
            }
            detach();
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Is let go when as many others as the barrier wants are.
    struct Together(Arc<Barrier>, Arc<AtomicUsize>);

    impl Drop for Together {
        fn drop(&mut self) {
            self.0.wait();
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn all_are_let_go_and_wait_together() {
        let (barrier, gone) = (Arc::new(Barrier::new(THREADS_MAX)), Arc::new(AtomicUsize::new(0)));
        let link = |_| Box::new(Together(Arc::clone(&barrier), Arc::clone(&gone))) as Link;
        drop(Hooks::new((0..THREADS_MAX * 3).map(link).collect()));
        assert_eq!(gone.load(Ordering::Relaxed), THREADS_MAX * 3);
    }

    #[test]
    fn nothing_attached_is_fine() {
        drop(Hooks::new(Vec::new()));
    }
}
