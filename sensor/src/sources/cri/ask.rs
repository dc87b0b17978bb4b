//! One question about one container, or about all: the calls that it takes, and the lesson in their answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::client::{CallError, Client};
use super::message::{self, ContainerState, PodSandboxState};
use super::queue::Told;
use super::translate;
use crate::identity::{
    catalog::Lesson,
    container::{Container, Pod, Runtime, Source},
    selection::Selection,
};
use crate::sources::account::Account;
use crate::sources::adviser::Inquiry;

/// What questions of one connection have in common.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) client: Client,
    pub(super) runtime: Option<Runtime>,
    pub(super) selection: Arc<Selection>,
    /// Sandboxes and containers whose whole status was told.
    pub(super) told: Arc<Mutex<Told>>,
    pub(super) account: Arc<Account>,
}

/// What the runtime says of a container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) lesson: Lesson,
    /// Nothing is left to be asked for.
    pub(super) whole: bool,
}

impl Scope {
    /// Everything about one container; `None` if the runtime does not know it (yet).
    pub(super) async fn ask(&self, inquiry: &Inquiry) -> Result<Option<Found>, CallError> {
        let id = inquiry.container.as_str();
        // Where no bundle told what it is, it may be a container or a sandbox.
        if !inquiry.sandbox
            && let Some(listed) = self.client.container(id).await?
        {
            return self.container(&listed).await.map(Some);
        }
        let mut pod = Pod::default();
        match self.sandbox(id, &mut pod).await {
            Err(CallError::Unknown(_)) => Ok(None),
            Err(error) => Err(error),
            Ok(()) => {
                let container = Container { id: id.to_owned(), sandbox: true, ..Container::default() };
                Ok(Some(self.found(pod, container, true)))
            }
        }
    }

    async fn container(&self, listed: &message::Container) -> Result<Found, CallError> {
        let (mut container, mut pod) = translate::listed(listed);
        let (status, _) = translate::status(&self.client.container_status(&listed.id).await?);
        if !status.image_digest.is_empty() {
            container.image_digest = status.image_digest;
        }
        if container.image.is_empty() {
            container.image = status.image;
        }
        container.details = status.details;
        let sandbox = pod.sandbox_id.clone();
        let whole = self.add_pod(&sandbox, &mut pod).await?;
        self.remember(&listed.id, whole);
        Ok(self.found(pod, container, whole))
    }

    /// What runs, as far as lists tell, and what is to be asked one by one.
    pub(super) async fn list(&self) -> Result<(Vec<Lesson>, Vec<Inquiry>), CallError> {
        let (containers, sandboxes) = (self.client.containers().await?, self.client.sandboxes().await?);
        let mut pods: BTreeMap<String, Lesson> = BTreeMap::new();
        let mut inquiries = Vec::new();
        for sandbox in sandboxes.iter().filter(|sandbox| sandbox.state() == PodSandboxState::SandboxReady) {
            let (pod, cut) = translate::listed_pod(sandbox, &self.selection);
            self.account.cut.add(cut);
            inquiries.push(Inquiry { container: sandbox.id.clone(), pod: pod.uid.clone(), sandbox: true });
            let container = Container { id: sandbox.id.clone(), sandbox: true, ..Container::default() };
            pods.insert(sandbox.id.clone(), self.found(pod, container, false).lesson);
        }
        for listed in containers.iter().filter(|one| one.state() != ContainerState::ContainerExited) {
            let (container, pod) = translate::listed(listed);
            let (id, uid) = (container.id.clone(), pod.uid.clone());
            inquiries.push(Inquiry { container: id, pod: uid, sandbox: false });
            match pods.get_mut(&listed.pod_sandbox_id) {
                Some(lesson) => lesson.containers.push(self.with_runtime(container)),
                None => {
                    let lesson = self.found(pod, container, false).lesson;
                    pods.insert(listed.pod_sandbox_id.clone(), lesson);
                }
            }
        }
        inquiries.retain(|inquiry| !self.has_told(&inquiry.container));
        Ok((pods.into_values().collect(), inquiries))
    }

    /// Whether the runtime told everything about this id.
    pub(super) fn has_told(&self, id: &str) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).has(id)
    }

    fn remember(&self, id: &str, whole: bool) {
        if whole {
            self.told.lock().unwrap_or_else(PoisonError::into_inner).add(id);
        }
    }

    /// Adds what its sandbox tells of a pod, unless that was told before; false if it could not be found out.
    async fn add_pod(&self, sandbox: &str, pod: &mut Pod) -> Result<bool, CallError> {
        if sandbox.is_empty() || self.has_told(sandbox) {
            return Ok(true);
        }
        match self.sandbox(sandbox, pod).await {
            Ok(()) => Ok(true),
            Err(error @ (CallError::Lost(_) | CallError::Late { .. })) => Err(error),
            Err(_) => Ok(false),
        }
    }

    async fn sandbox(&self, id: &str, pod: &mut Pod) -> Result<(), CallError> {
        let status = self.client.sandbox_status(id).await?;
        let (told, cut) = translate::pod_status(&status, &self.selection);
        self.account.cut.add(cut);
        pod.add(&told);
        self.remember(id, true);
        Ok(())
    }

    fn found(&self, pod: Pod, container: Container, whole: bool) -> Found {
        let containers = vec![self.with_runtime(container)];
        Found { lesson: Lesson { pod, containers, ..Lesson::of(Source::Cri) }, whole }
    }

    fn with_runtime(&self, container: Container) -> Container {
        Container { runtime: self.runtime, ..container }
    }
}
