//! The agent tries itself: on a thread of its own it makes an event of each class that is served, and
//! looks whether it comes through every stage, attributed and with the right facts.
//!
//! The kernel's programs let the events of this thread pass every filter, and the pipeline hands them,
//! encoded, to this thread instead of to subscribers.

mod book;
mod file;
mod network;
mod privilege;
mod process;
mod trial;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use prost::Message as _;
use rustix::{process::getpid, thread::gettid};
use sensor_common::class::Class;
use tokio::sync::watch;

use self::{
    book::Turn,
    trial::{Expected, Place, Trial},
};
use super::{AgentError, Stop};
use crate::clock;
use crate::kernel::attach::Coverage;
use crate::proto;

pub(super) use self::book::{Book, Outcome};

/// How long an event may take from the kernel to this thread.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest sleep: the end of the agent is noticed that often.
const NAP: Duration = Duration::from_millis(250);

/// Classes without a harmless trial, or without one that needs no unsafe code.
const UNTRIED: &[(Class, &str)] = &[
    (Class::CgroupCreate, "a control group of its own would disturb those who watch them"),
    (Class::CgroupRemove, "a control group of its own would disturb those who watch them"),
    (Class::CgroupMove, "a control group of its own would disturb those who watch them"),
    (Class::FileMapExec, "the call has no safe form"),
    (Class::Userfaultfd, "the call has no safe form"),
    (Class::OpenByHandle, "the call has no safe form"),
    (Class::Keyctl, "the call has no safe form"),
    (Class::PerfEvent, "the call has no safe form"),
];

/// An event that a trial made, encoded as a subscriber would get it.
#[derive(Debug)]
pub(super) struct Sighting {
    /// Class.
    pub(super) class: Class,
    /// `picket.v1.Event`
    pub(super) event: Vec<u8>,
}

/// What is known before the first trial.
pub(super) fn book(coverage: &[Coverage], interval: Option<Duration>, obstacle: Option<&str>) -> Book {
    let served = coverage.iter().filter(|service| service.back_end.is_some());
    let (mut tried, mut untried) = (Vec::new(), Vec::new());
    for class in served.flat_map(|service| service.classes) {
        let why = UNTRIED.iter().find(|(without, _)| without == class).map(|(_, why)| *why);
        match obstacle.or(why) {
            Some(why) => untried.push((*class, why)),
            None if trial_of(*class).is_some() => tried.push(*class),
            None => untried.push((*class, "there is no trial")),
        }
    }
    Book::new(&tried, &untried, interval.map(clock::nanos))
}

fn trial_of(class: Class) -> Option<&'static Trial> {
    let families = [process::TRIALS, file::TRIALS, network::TRIALS, privilege::TRIALS];
    families.into_iter().flatten().find(|trial| trial.class == class)
}

/// The thread's state.
pub(super) struct Canary {
    book: Book,
    board: watch::Sender<Book>,
    sightings: Receiver<Sighting>,
    /// Folder in which trials may make a folder of their own.
    folder: PathBuf,
}

/// A canary whose thread runs and waits: its number must be known before it does anything.
pub(super) struct Perch {
    /// Number of the thread.
    pub(super) thread: u32,
    handle: JoinHandle<()>,
    leave: SyncSender<()>,
}

impl Perch {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn new(canary: Canary, stop: Stop) -> Result<Self, AgentError> {
        let (told, number) = sync_channel(1);
        let (leave, may_leave) = sync_channel::<()>(1);
        let handle = super::spawn("canary", move || {
            told.send(gettid().as_raw_nonzero().get().unsigned_abs()).ok();
            // Without a sender, the agent ended before it began.
            if may_leave.recv().is_ok() {
                canary.run(|| stop.is_set());
            }
        })?;
        let gone =
            |_| AgentError::System { action: "start a thread", source: std::io::ErrorKind::Other.into() };
        Ok(Self { thread: number.recv().map_err(gone)?, handle, leave })
    }

    /// Lets it begin.
    pub(super) fn go(self) -> JoinHandle<()> {
        self.leave.send(()).ok();
        self.handle
    }
}

/// A trial whose event is on its way.
struct Waiting {
    class: Class,
    expected: Expected,
    /// An event of the class came, with other facts.
    other: bool,
}

impl Canary {
    pub(super) const fn new(
        book: Book,
        board: watch::Sender<Book>,
        sightings: Receiver<Sighting>,
        folder: PathBuf,
    ) -> Self {
        Self { book, board, sightings, folder }
    }

    /// Works until `stopped`.
    pub(super) fn run(mut self, stopped: impl Fn() -> bool) {
        while !stopped() {
            let due = self.book.due(clock::boot_ns());
            if due.is_empty() {
                // What nobody waits for any more.
                if matches!(self.sightings.recv_timeout(NAP), Err(RecvTimeoutError::Disconnected)) {
                    return;
                }
                continue;
            }
            self.round(&due, &stopped);
            self.board.send_replace(self.book.clone());
        }
    }

    /// Tries these classes, one after the other, and waits for their events.
    fn round(&mut self, due: &[Class], stopped: &impl Fn() -> bool) {
        while self.sightings.try_recv().is_ok() {}
        let mut place = Place::new(self.folder.clone());
        let mut waiting = Vec::new();
        for trial in due.iter().filter_map(|class| trial_of(*class)) {
            let class = trial.class;
            match (trial.run)(&mut place) {
                Ok(expected) => waiting.push(Waiting { class, expected, other: false }),
                Err(why) => {
                    tracing::debug!(?class, why = why.0, "cannot be tried");
                    self.book.could_not(class, clock::boot_ns(), &format!("cannot be tried: {}", why.0));
                }
            }
        }
        self.wait_for(&mut waiting, stopped);
        if stopped() {
            return;
        }
        for Waiting { class, other, .. } in waiting {
            let note = match other {
                true => "events came, but none with the facts of the trial",
                false => "no event came",
            };
            let turn = self.book.did_not_come(class, clock::boot_ns(), note);
            if turn == Turn::Missed {
                tracing::error!(?class, note, "the agent's own trial does not come through: not ready");
            }
        }
    }

    /// Takes out what comes.
    fn wait_for(&mut self, waiting: &mut Vec<Waiting>, stopped: &impl Fn() -> bool) {
        let deadline = clock::since_boot() + PATIENCE;
        while !waiting.is_empty() && !stopped() {
            let left = deadline.saturating_sub(clock::since_boot());
            if left.is_zero() {
                return;
            }
            let Ok(sighting) = self.sightings.recv_timeout(left.min(NAP)) else { continue };
            let Ok(event) = proto::Event::decode(sighting.event.as_slice()) else { continue };
            let Some(at) = waiting.iter().position(|waiting| waiting.class == sighting.class) else {
                continue;
            };
            let Some(found) = waiting.get_mut(at) else { continue };
            if !found.expected.is(&event) {
                found.other = true;
                tracing::trace!(class = ?sighting.class, ?event, "another event than that of the trial");
                continue;
            }
            waiting.remove(at);
            if self.book.came(sighting.class, clock::boot_ns()) == Turn::Recovered {
                tracing::info!(class = ?sighting.class, "the agent's own trial comes through again");
            }
        }
    }
}

/// The agent's process id as events name it.
fn own_pid() -> u32 {
    getpid().as_raw_nonzero().get().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::kernel::programs::BackEnd;

    #[test]
    fn every_class_has_a_trial_or_a_reason() {
        let mut classes = HashSet::new();
        for class in Class::ALL {
            let why = UNTRIED.iter().any(|(without, _)| without == class);
            assert!(why != trial_of(*class).is_some(), "{class:?}");
        }
        for trial in [process::TRIALS, file::TRIALS, network::TRIALS, privilege::TRIALS].into_iter().flatten()
        {
            assert!(classes.insert(trial.class), "{:?} has two trials", trial.class);
        }
    }

    #[test]
    fn only_what_is_served_is_tried() {
        let service = |class: &'static [Class], back_end| Coverage {
            service: "s",
            classes: class,
            back_end,
            required: false,
            lacking: false,
            reasons: Vec::new(),
        };
        let coverage = [
            service(&[Class::FileOpen, Class::Keyctl], Some(BackEnd::Tracepoint)),
            service(&[Class::FileRename], None),
        ];
        let served = book(&coverage, None, None);
        assert_eq!(served.due(0), [Class::FileOpen]);
        assert_eq!(served.get(Class::Keyctl).unwrap().note, "the call has no safe form");
        assert!(served.get(Class::FileRename).is_none());
        let blind = book(&coverage, None, Some("why"));
        assert!(blind.due(0).is_empty() && blind.is_complete());
        assert_eq!(blind.get(Class::FileOpen).unwrap().note, "why");
    }
}
