//! The pods of this node: what the API server tells of them becomes facts at once; no object is kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use kube::Client;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;

use super::facts;
use super::follow::{Change, Follower, Pace};
use super::health::{Part, Reporter};
use super::jobs::{Found, Jobs};
use super::later::Later;
use super::objects::Pod;
use crate::identity::{
    catalog::Lesson,
    container::{self, PodOwner, Source},
    selection::Selection,
};
use crate::sources::adviser::{Ended, Teacher, Told};

/// Pods of a node that are remembered; kubelets run 110 unless they are told otherwise.
const PODS_MAX: usize = 4096;

/// Pods that are gone and not forgotten yet.
const LEAVING_MAX: usize = 8192;

/// Changes that wait between the watch and the adviser.
const CHANGES: usize = 64;

/// What is remembered of a pod, so that only news are told.
#[derive(Debug)]
struct Known {
    /// Of the lesson that was told.
    hash: u64,
    /// List in which it was there last.
    round: u32,
    /// The controllers that were told, without that of its Job.
    owners: Vec<PodOwner>,
}

/// Tells of the pods of a node.
#[derive(Debug)]
pub(super) struct Pods {
    teacher: Teacher,
    selection: Arc<Selection>,
    reporter: Reporter,
    known: HashMap<String, Known>,
    round: u32,
    leaving: Later<String>,
    jobs: Jobs,
}

/// What ends with the adviser.
struct Inputs {
    changes: Receiver<Change<Pod>>,
    found: Receiver<Found>,
    /// Ends its tasks when it is dropped.
    _tasks: JoinSet<()>,
}

/// Works until the resolver ends.
pub(super) async fn advise(
    client: Client,
    node: &str,
    selection: Arc<Selection>,
    pace: Pace,
    teacher: Teacher,
    reporter: Reporter,
) {
    let mut tasks = JoinSet::new();
    let (jobs, found) = Jobs::start(client.clone(), pace, reporter.clone(), &mut tasks);
    let (sender, changes) = mpsc::channel(CHANGES);
    let selector = format!("spec.nodeName%3D{node}");
    let follower = Follower {
        client,
        part: Part::Pods,
        path: "/api/v1/pods",
        selector,
        pace,
        reporter: reporter.clone(),
    };
    tasks.spawn(follower.run(sender));
    let pods = Pods {
        teacher,
        selection,
        reporter,
        known: HashMap::new(),
        round: 0,
        leaving: Later::new(pace.stay, LEAVING_MAX),
        jobs,
    };
    // The resolver has ended: nobody is to be told any more.
    pods.run(Inputs { changes, found, _tasks: tasks }).await.ok();
}

impl Pods {
    async fn run(mut self, mut inputs: Inputs) -> Result<(), Ended> {
        loop {
            tokio::select! {
                Some(change) = inputs.changes.recv() => self.change(change).await?,
                Some(found) = inputs.found.recv() => self.found(found).await?,
                uid = self.leaving.due() => self.leave(uid).await?,
                else => return Ok(()),
            }
        }
    }

    async fn change(&mut self, change: Change<Pod>) -> Result<(), Ended> {
        match change {
            Change::Begin => self.round += 1,
            Change::There(pod) => self.there(&pod).await?,
            Change::Gone(pod) => self.gone(facts::uid(&pod.metadata).to_owned()).await?,
            Change::End => {
                let round = self.round;
                let missing = |(uid, known): (&String, &Known)| (known.round != round).then(|| uid.clone());
                for uid in self.known.iter().filter_map(missing).collect::<Vec<_>>() {
                    self.gone(uid).await?;
                }
                self.reporter.pods(self.known.len(), true);
                return Ok(());
            }
        }
        self.reporter.pods(self.known.len(), false);
        Ok(())
    }

    async fn there(&mut self, pod: &Pod) -> Result<(), Ended> {
        let facts::Read { mut lesson, job, cut } = facts::of_pod(pod, &self.selection);
        let uid = lesson.pod.uid.clone();
        if uid.is_empty() {
            return Ok(());
        }
        let owners = lesson.pod.owners.clone();
        lesson.pod.owners.extend(job.and_then(|job| self.jobs.owner(job, &uid)));
        let mut hasher = DefaultHasher::new();
        lesson.hash(&mut hasher);
        let known = Known { hash: hasher.finish(), round: self.round, owners };
        if let Some(before) = self.known.get_mut(&uid) {
            let before = std::mem::replace(before, known);
            if self.known.get(&uid).is_some_and(|known| known.hash == before.hash) {
                return Ok(());
            }
        } else if self.known.len() < PODS_MAX {
            self.known.insert(uid, known);
        } else {
            self.reporter.gave_up();
        }
        self.reporter.cut(cut);
        self.teacher.tell(Told::Lesson(Box::new(lesson))).await
    }

    /// A Job's controller is known: its pods are told of it.
    async fn found(&mut self, found: Found) -> Result<(), Ended> {
        let owner = found.1.clone();
        let pods = self.jobs.found(found);
        let Some(owner) = owner else { return Ok(()) };
        for uid in pods {
            let Some(known) = self.known.get_mut(&uid) else { continue };
            // The next full lesson has it too, and is told anyhow.
            known.hash = 0;
            let owners = known.owners.iter().cloned().chain([owner.clone()]).collect();
            let pod = container::Pod { uid, owners, ..container::Pod::default() };
            let lesson = Lesson { pod, ..Lesson::of(Source::Kubernetes) };
            self.teacher.tell(Told::Lesson(Box::new(lesson))).await?;
        }
        Ok(())
    }

    async fn gone(&mut self, uid: String) -> Result<(), Ended> {
        if uid.is_empty() {
            return Ok(());
        }
        self.known.remove(&uid);
        match self.leaving.add(uid) {
            Some(uid) => self.leave(uid).await,
            None => Ok(()),
        }
    }

    /// Its time is over, unless it came back.
    async fn leave(&mut self, uid: String) -> Result<(), Ended> {
        if self.known.contains_key(&uid) {
            return Ok(());
        }
        self.teacher.tell(Told::PodGone(uid)).await
    }
}

#[cfg(test)]
mod tests;
