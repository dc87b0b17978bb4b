//! How the resolver's thread and slower sources of identity talk: what is asked, what is told. The resolver never
//! waits for an adviser.

use std::sync::{Arc, mpsc::SyncSender};

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::users::Wanted;
use crate::identity::{catalog::Lesson, container::Container, peer::PeerNews, users::Users};
use crate::kernel::ring::Waker;

/// Lessons that may wait for the resolver, and questions that may wait for an adviser; an adviser waits for room.
const WAITING_MAX: usize = 1024;

/// A container of which more is to be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Id that the runtime gave it.
    pub container: String,
    /// Uid of its pod; empty where unknown.
    pub pod: String,
    /// It holds its pod's namespaces.
    pub sandbox: bool,
}

/// What an adviser tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Facts.
    Lesson(Box<Lesson>),
    /// The pod with this uid is gone.
    PodGone(String),
    /// Who in the cluster has which address.
    Peers(Vec<PeerNews>),
    /// Users of the container with this id.
    Users {
        /// Its id.
        container: String,
        /// Names, from its own files.
        users: Arc<Users>,
    },
    /// Users of the host.
    HostUsers(Arc<Users>),
}

/// The resolver's side.
#[derive(Debug, Default)]
pub struct Advisers {
    asked: Vec<Sender<Inquiry>>,
    users: Option<SyncSender<Wanted>>,
    told: Option<Receiver<Told>>,
}

impl Advisers {
    /// Asks every adviser about a container; the result is how many had no room for the question.
    #[must_use]
    pub fn ask(&self, container: &Container) -> usize {
        let pod = container.pod.as_ref().map(|pod| pod.uid.clone()).unwrap_or_default();
        let inquiry = Inquiry { container: container.id.clone(), pod, sandbox: container.sandbox };
        self.asked.iter().filter(|adviser| adviser.try_send(inquiry.clone()).is_err()).count()
    }

    /// Asks for the users of a container, whose control group has this path; false if there was no room.
    #[must_use]
    pub fn ask_users(&self, container: &str, group: &str) -> bool {
        let wanted = || Wanted { container: container.to_owned(), group: group.to_owned() };
        self.users.as_ref().is_none_or(|users| users.try_send(wanted()).is_ok())
    }

    /// The next that an adviser tells.
    #[cfg(test)]
    pub(crate) async fn next(&mut self) -> Told {
        let told = self.told.as_mut().unwrap().recv();
        tokio::time::timeout(std::time::Duration::from_secs(60), told).await.unwrap().unwrap()
    }

    /// The next that an adviser tells, if there is one.
    pub fn lesson(&mut self) -> Option<Told> {
        self.told.as_mut()?.try_recv().ok()
    }
}

/// An adviser's side.
#[derive(Clone, Debug)]
pub struct Teacher {
    told: Sender<Told>,
    resolver: Waker,
}

/// The resolver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl Teacher {
    /// True if nobody listens any more.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.told.is_closed()
    }

    /// The same for threads of their own; not for tasks, which must not block.
    ///
    /// # Errors
    /// There is nobody to be told any more.
    pub fn tell_and_wait(&self, told: Told) -> Result<(), Ended> {
        self.told.blocking_send(told).map_err(|_| Ended)?;
        self.resolver.wake();
        Ok(())
    }

    /// Tells the resolver; waits while it is busy.
    ///
    /// # Errors
    /// There is nobody to be told any more.
    pub async fn tell(&self, told: Told) -> Result<(), Ended> {
        self.told.send(told).await.map_err(|_| Ended)?;
        self.resolver.wake();
        Ok(())
    }
}

/// Makes both sides for the resolver that `resolver` wakes.
#[must_use]
pub fn channels(resolver: Waker) -> (Advisers, Teacher) {
    let (told, heard) = mpsc::channel(WAITING_MAX);
    (Advisers { told: Some(heard), ..Advisers::default() }, Teacher { told, resolver })
}

impl Advisers {
    /// One more who is asked; what it is asked comes through the result.
    pub fn add(&mut self) -> Receiver<Inquiry> {
        let (ask, asked) = mpsc::channel(WAITING_MAX);
        self.asked.push(ask);
        asked
    }

    /// Who reads users.
    pub fn set_users(&mut self, users: SyncSender<Wanted>) {
        self.users = Some(users);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_sides_talk_and_nobody_blocks_the_resolver() {
        let (mut advisers, teacher) = channels(Waker::new().unwrap());
        let mut asked = advisers.add();
        let container = Container { id: "1".into(), ..Container::default() };
        assert_eq!(advisers.ask(&container), 0);
        assert_eq!(asked.recv().await.unwrap().container, "1");
        for _ in 0..WAITING_MAX {
            assert_eq!(advisers.ask(&container), 0);
        }
        assert_eq!(advisers.ask(&container), 1, "no room, and no waiting");
        teacher.tell(Told::PodGone("u".into())).await.unwrap();
        assert_eq!(advisers.lesson(), Some(Told::PodGone("u".into())));
        assert_eq!(advisers.lesson(), None);
        drop(advisers);
        assert_eq!(teacher.tell(Told::PodGone("u".into())).await, Err(Ended));
    }
}
