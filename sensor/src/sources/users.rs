//! Names of users from the files `/etc/passwd` and `/etc/group` of each container, and of the host: read on threads of their own, so that
//! nothing waits for what a container put there.
//!
//! They are read as soon as a process of the container has its root, again a little later, because programs that start may write
//! them, and told as an answer that follows the container's identity.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::adviser::{Ended, Teacher, Told};
use super::cgroupfs::CgroupTree;
use super::lapses::Lapses;
use crate::clock;
use crate::identity::users::{Bounds, Users};

use file::Trust;
use root::{Found, Host};

mod file;
mod root;
#[cfg(test)]
mod tests;

/// Containers that may wait for being read; more are not read, and counted.
const WAITING_MAX: usize = 1024;
/// First pause before another look where no process has the container's root yet; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// Looks at a container that never gets a process: 16 seconds.
const LOOKS_MAX: u32 = 13;
/// When files are read again that were read.
const AGAIN: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(30)];
/// Between two readings of the host's own files.
const HOST_PAUSE: Duration = Duration::from_mins(1);
/// Longest time for the files of one container: they are small and, as a rule, in memory.
const PATIENCE: Duration = Duration::from_secs(2);
/// Threads that may hang in a container's files; with so many, nothing is read until one comes back.
const READERS_MAX: usize = 4;
/// Different answers that are remembered, so that containers of one image share one.
const SHARED_MAX: usize = 64;

/// A container whose users are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its id.
    pub container: String,
    /// Path of its control group from the hierarchy's root.
    pub group: String,
}

/// Starts the threads; they end with the resolver. Who asks gets the result.
///
/// # Errors
/// There can be no more threads.
pub fn start(
    host_root: std::path::PathBuf,
    groups: CgroupTree,
    teacher: Teacher,
    lapses: Arc<Lapses>,
) -> std::io::Result<SyncSender<Wanted>> {
    let (ask, asked) = sync_channel(WAITING_MAX);
    let work = move || {
        let Some(host) = Host::new(&host_root, groups) else {
            tracing::warn!(
                root = %host_root.display(),
                "the root of the host's first process cannot be seen; users have no names. The host's pid \
                 namespace and CAP_SYS_PTRACE are needed"
            );
            return;
        };
        let tell = |told| teacher.tell_and_wait(told);
        let read = move |job: &Job| read(&host, job);
        Keeper::new(Readers::new(read), tell, lapses).run(&asked);
    };
    std::thread::Builder::new().name("users".to_owned()).spawn(work)?;
    Ok(ask)
}

/// What is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Job {
    Host,
    Group(String),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Read(Users),
    /// A later look may find more.
    NotYet,
    /// Nothing will be found.
    Never,
}

/// Reads both files.
fn read(host: &Host, job: &Job) -> Outcome {
    let (root, trust, bounds) = match job {
        Job::Host => match host.own() {
            Some(root) => (root, Trust::Host, Bounds::HOST),
            None => return Outcome::NotYet,
        },
        Job::Group(group) => match host.of(group) {
            Found::Root(root) => (root, Trust::None, Bounds::CONTAINER),
            Found::NotYet => return Outcome::NotYet,
            Found::Gone => return Outcome::Never,
        },
    };
    let [passwd, group] = ["passwd", "group"].map(|name| {
        file::read(root.as_fd(), "etc", name, trust).unwrap_or_else(|error| {
            tracing::debug!(?job, name, %error, "names of users are not read");
            None
        })
    });
    Outcome::Read(Users::parse(&passwd.unwrap_or_default(), &group.unwrap_or_default(), bounds))
}

/// Threads that read, one at a time. One that hangs is left behind.
struct Readers<R> {
    read: Arc<R>,
    current: Option<(SyncSender<Job>, Receiver<Outcome>)>,
    /// Held by each thread.
    alive: Arc<()>,
    patience: Duration,
}

/// No thread is free, or the one that read hangs.
#[derive(Debug, PartialEq, Eq)]
struct Hangs;

impl<R: Fn(&Job) -> Outcome + Send + Sync + 'static> Readers<R> {
    fn new(read: R) -> Self {
        Self { read: Arc::new(read), current: None, alive: Arc::default(), patience: PATIENCE }
    }

    fn read(&mut self, job: Job) -> Result<Outcome, Hangs> {
        if self.current.is_none() {
            self.current = Some(self.another()?);
        }
        let (jobs, outcomes) = self.current.as_ref().ok_or(Hangs)?;
        let outcome = jobs.send(job).ok().and_then(|()| outcomes.recv_timeout(self.patience).ok());
        if outcome.is_none() {
            self.current = None;
        }
        outcome.ok_or(Hangs)
    }

    fn another(&self) -> Result<(SyncSender<Job>, Receiver<Outcome>), Hangs> {
        if Arc::strong_count(&self.alive) > READERS_MAX {
            return Err(Hangs);
        }
        let (jobs, asked) = sync_channel::<Job>(1);
        let (tell, outcomes) = sync_channel(1);
        let (read, alive) = (Arc::clone(&self.read), Arc::clone(&self.alive));
        let work = move || {
            let _alive = alive;
            while let Ok(job) = asked.recv() {
                if tell.send(read(&job)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("users-reader".to_owned()).spawn(work).map_err(|_| Hangs)?;
        Ok((jobs, outcomes))
    }
}

/// A container that will be looked at.
#[derive(Clone, Debug)]
struct Waiting {
    wanted: Wanted,
    /// Looks without a result.
    looks: u32,
    /// What was told, and how often it was read.
    told: Option<Arc<Users>>,
    readings: usize,
}

/// Some of the names, for the log.
fn shown(users: &Users) -> String {
    const SHOWN_MAX: usize = 8;
    let mut text = String::new();
    for (uid, user) in users.iter().take(SHOWN_MAX) {
        text.extend([user.name.as_ref(), "=", &uid.to_string(), " "]);
    }
    text
}

/// Who is read when.
struct Keeper<R, T> {
    readers: Readers<R>,
    tell: T,
    lapses: Arc<Lapses>,
    /// By the time at which they are due, in nanoseconds since boot, and a number of their own.
    waiting: BTreeMap<(u64, u64), Waiting>,
    numbers: u64,
    ids: HashSet<String>,
    shared: VecDeque<Arc<Users>>,
    host: Option<Arc<Users>>,
    host_due_ns: u64,
}

impl<R, T> Keeper<R, T>
where
    R: Fn(&Job) -> Outcome + Send + Sync + 'static,
    T: Fn(Told) -> Result<(), Ended>,
{
    fn new(readers: Readers<R>, tell: T, lapses: Arc<Lapses>) -> Self {
        Self {
            readers,
            tell,
            lapses,
            waiting: BTreeMap::new(),
            numbers: 0,
            ids: HashSet::new(),
            shared: VecDeque::new(),
            host: None,
            host_due_ns: 0,
        }
    }

    /// Works until nobody asks or listens any more.
    fn run(mut self, asked: &Receiver<Wanted>) {
        loop {
            match self.turn(clock::boot_ns()) {
                Ok(()) => {}
                Err(Ended) => return,
            }
            match asked.recv_timeout(self.pause(clock::boot_ns())) {
                Ok(wanted) => self.want(wanted, clock::boot_ns()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn pause(&self, now_ns: u64) -> Duration {
        let next = self.waiting.first_key_value().map_or(self.host_due_ns, |((due, _), _)| *due);
        Duration::from_nanos(next.min(self.host_due_ns).saturating_sub(now_ns))
    }

    fn want(&mut self, wanted: Wanted, now_ns: u64) {
        if self.ids.contains(&wanted.container) {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.lapses.users.add(1);
            return;
        }
        self.ids.insert(wanted.container.clone());
        self.put(Waiting { wanted, looks: 0, told: None, readings: 0 }, now_ns);
    }

    fn put(&mut self, waiting: Waiting, due_ns: u64) {
        self.numbers += 1;
        self.waiting.insert((due_ns, self.numbers), waiting);
    }

    /// Reads what is due.
    fn turn(&mut self, now_ns: u64) -> Result<(), Ended> {
        if self.host_due_ns <= now_ns {
            self.host_due_ns = now_ns.saturating_add(clock::nanos(HOST_PAUSE));
            self.read_host()?;
        }
        while let Some(entry) = self.waiting.first_entry()
            && entry.key().0 <= now_ns
        {
            let waiting = entry.remove();
            self.look(waiting, now_ns)?;
        }
        Ok(())
    }

    fn read_host(&mut self) -> Result<(), Ended> {
        let Ok(Outcome::Read(users)) = self.readers.read(Job::Host) else { return Ok(()) };
        if self.host.as_deref() == Some(&users) {
            return Ok(());
        }
        let users = Arc::new(users);
        self.host = Some(Arc::clone(&users));
        (self.tell)(Told::HostUsers(users))
    }

    fn look(&mut self, mut waiting: Waiting, now_ns: u64) -> Result<(), Ended> {
        let pause = match self.readers.read(Job::Group(waiting.wanted.group.clone())) {
            Ok(Outcome::Read(users)) => {
                self.learn(&mut waiting, users)?;
                let again = AGAIN.get(waiting.readings).copied();
                waiting.readings += 1;
                again
            }
            Ok(Outcome::NotYet) => {
                waiting.looks += 1;
                (waiting.looks <= LOOKS_MAX).then(|| FIRST_PAUSE * (1 << (waiting.looks - 1)))
            }
            Ok(Outcome::Never) => None,
            Err(Hangs) => {
                self.lapses.users.add(1);
                let container = &waiting.wanted.container;
                tracing::warn!(container, "its files do not answer; its users have no names");
                None
            }
        };
        match pause {
            Some(pause) => self.put(waiting, now_ns.saturating_add(clock::nanos(pause))),
            None => drop(self.ids.remove(&waiting.wanted.container)),
        }
        Ok(())
    }

    /// Tells what is new.
    fn learn(&mut self, waiting: &mut Waiting, users: Users) -> Result<(), Ended> {
        if waiting.told.as_deref() == Some(&users) {
            return Ok(());
        }
        let container = &waiting.wanted.container;
        tracing::debug!(container, left_out = users.left_out(), users = %shown(&users), "users are known");
        let users = self.share(users);
        waiting.told = Some(Arc::clone(&users));
        (self.tell)(Told::Users { container: waiting.wanted.container.clone(), users })
    }

    fn share(&mut self, users: Users) -> Arc<Users> {
        if let Some(same) = self.shared.iter().find(|shared| ***shared == users) {
            return Arc::clone(same);
        }
        let users = Arc::new(users);
        if self.shared.len() >= SHARED_MAX {
            self.shared.pop_front();
        }
        self.shared.push_back(Arc::clone(&users));
        users
    }
}
