//! Which CronJob a Job belongs to: one request for each Job, slowly, and remembered.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tokio::task::JoinSet;

use super::facts::{self, Job};
use super::follow::Pace;
use super::health::{Part, Reporter};
use super::objects::MetadataOnly;
use super::trouble::{self, Trouble};
use crate::identity::container::PodOwner;

/// Jobs that are remembered, and pods that wait for one of them.
const JOBS_MAX: usize = 1024;

/// Jobs that wait to be asked for.
const WAITING_MAX: usize = 256;

/// Between two requests: at most five a second.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks for metadata only, which is all that is needed.
pub(super) const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// An answer: the Job's uid, and what controls it.
pub(super) type Found = (String, Option<PodOwner>);

/// What is known of Jobs.
#[derive(Debug)]
pub(super) struct Jobs {
    known: HashMap<String, Option<PodOwner>>,
    order: VecDeque<String>,
    /// Pods that wait, by their Job.
    waiting: HashMap<String, Vec<String>>,
    questions: Sender<Job>,
    reporter: Reporter,
}

impl Jobs {
    /// Starts the task that asks, as one of `tasks`; its answers come through the result.
    pub(super) fn start(
        client: Client,
        pace: Pace,
        reporter: Reporter,
        tasks: &mut JoinSet<()>,
    ) -> (Self, Receiver<Found>) {
        let (questions, asked) = mpsc::channel(WAITING_MAX);
        let (answers, found) = mpsc::channel(WAITING_MAX);
        tasks.spawn(Asker { client, pace, reporter: reporter.clone() }.run(asked, answers));
        let jobs = Self {
            known: HashMap::new(),
            order: VecDeque::new(),
            waiting: HashMap::new(),
            questions,
            reporter,
        };
        (jobs, found)
    }

    /// What controls the Job of a pod; if that is not known yet, it is asked for, and the pod waits.
    pub(super) fn owner(&mut self, job: Job, pod: &str) -> Option<PodOwner> {
        if let Some(known) = self.known.get(&job.uid) {
            return known.clone();
        }
        if let Some(pods) = self.waiting.get_mut(&job.uid) {
            if pods.len() < JOBS_MAX && !pods.iter().any(|known| known == pod) {
                pods.push(pod.to_owned());
            }
            return None;
        }
        let uid = job.uid.clone();
        match self.questions.try_send(job) {
            Ok(()) => drop(self.waiting.insert(uid, vec![pod.to_owned()])),
            // It is asked for when the pod changes next.
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => self.reporter.gave_up(),
        }
        None
    }

    /// Takes an answer in; the result is the pods that waited for it.
    pub(super) fn found(&mut self, (uid, owner): Found) -> Vec<String> {
        while self.known.len() >= JOBS_MAX {
            match self.order.pop_front() {
                Some(oldest) => drop(self.known.remove(&oldest)),
                None => self.known.clear(),
            }
        }
        let pods = self.waiting.remove(&uid).unwrap_or_default();
        if self.known.insert(uid.clone(), owner).is_none() {
            self.order.push_back(uid);
        }
        pods
    }
}

struct Asker {
    client: Client,
    pace: Pace,
    reporter: Reporter,
}

impl Asker {
    async fn run(self, mut questions: Receiver<Job>, answers: Sender<Found>) {
        while let Some(job) = questions.recv().await {
            let mut failures = 0;
            let owner = loop {
                match self.ask(&job).await {
                    Ok(owner) => break owner,
                    Err(text) => self.reporter.trouble(Part::Jobs, text),
                }
                failures += 1;
                tokio::time::sleep(self.pace.after(failures)).await;
                if answers.is_closed() {
                    return;
                }
            };
            self.reporter.fine(Part::Jobs);
            if answers.send((job.uid, owner)).await.is_err() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, job: &Job) -> Result<Option<PodOwner>, String> {
        let path = format!("/apis/batch/v1/namespaces/{}/jobs/{}", job.namespace, job.name);
        let request = http::Request::get(path).header(http::header::ACCEPT, METADATA).body(Vec::new());
        let request = request.map_err(|error| trouble::unreachable(&error))?;
        let answer = self.client.request::<MetadataOnly>(request);
        let answer = tokio::time::timeout(self.pace.silence, answer)
            .await
            .map_err(|_| "the API server does not answer a question for a Job".to_owned())?;
        match answer {
            // Another one of that name tells nothing of this one.
            Ok(found) if found.metadata.uid != job.uid => Ok(None),
            Ok(found) => Ok(facts::controller(&found.metadata)
                .map(|owner| PodOwner { kind: owner.kind.clone(), name: owner.name.clone() })),
            // It is gone already.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => match trouble::of_request(Part::Jobs, &error) {
                Trouble::Expired => Ok(None),
                Trouble::Broken(text) | Trouble::Text(text) => Err(text),
            },
        }
    }
}
