//! What becomes of a finding before it is told: exceptions, and what was learned of the image.

use std::sync::Arc;

use super::detection::Cause;
use super::{Before, Pipeline};
use crate::bounded::Table;
use crate::detect::{
    exception::{About, Exceptions, excepted},
    finding::Finding,
    normal::{Learned, Normal},
    scene::Scene,
};
use crate::event;
use crate::policy::Judged;
use crate::process::Process;

/// The stage's state.
#[derive(Debug, Default)]
pub(super) struct Tuning {
    exceptions: Arc<Exceptions>,
    /// `None`: nothing is learned.
    normal: Option<Box<Normal>>,
    /// Findings that were not told because of an exception.
    pub(super) excepted: u64,
}

impl Tuning {
    /// What must be seen to learn.
    pub(super) fn wanted(&self) -> Judged {
        self.normal.as_ref().map(|normal| normal.wanted()).unwrap_or_default()
    }

    /// How full the memory of images is, and how many facts of them were given up.
    pub(super) fn table(&self) -> (Table, u64) {
        self.normal.as_ref().map(|normal| (normal.table(), normal.facts_evicted())).unwrap_or_default()
    }
}

impl Pipeline {
    /// Other exceptions from now on. Gives those before back.
    pub fn set_exceptions(&mut self, exceptions: Arc<Exceptions>) -> Arc<Exceptions> {
        std::mem::replace(&mut self.detection.tuning.exceptions, exceptions)
    }

    /// What was learned of images, and how it counts.
    pub fn set_normal(&mut self, normal: Normal) {
        self.detection.tuning.normal = Some(Box::new(normal));
        self.set_policy(Arc::clone(&self.policy));
    }

    /// Of images about which something was learned since the last call: at most so many.
    pub fn learned(&mut self, most: usize) -> Vec<Learned> {
        self.detection.tuning.normal.as_mut().map(|normal| normal.news(most)).unwrap_or_default()
    }

    /// A finding as it is to be told; `None`: it is not.
    pub(super) fn weigh(&mut self, mut finding: Finding, cause: &Cause<'_>) -> Option<Finding> {
        let known = self.identity.container(cause.cgroup()).cloned();
        let container = known.as_ref().map(|known| &known.container);
        let process = cause.process().and_then(|key| self.tree.get(key));
        let about = About { container, process };
        if let Some(outcome) = self.detection.tuning.exceptions.of(&finding, about, || self.within(process)) {
            let left = excepted(finding, outcome);
            self.detection.tuning.excepted += u64::from(left.is_none());
            finding = left?;
        }
        let Some(container) = container else { return Some(finding) };
        let executable = process.map_or("", |process| process.program.executable.as_str());
        let Some(mut normal) = self.detection.tuning.normal.take() else { return Some(finding) };
        match cause {
            Cause::Event(event, before, _) => {
                let scene = Scene::new(self.given(event, *before));
                normal.weigh(&mut finding, Some(&scene), (container, executable), scene.given.wall_ns);
            }
            Cause::Late { time_ns, .. } => {
                let wall_ns = self.context.time(*time_ns).unix_nanos();
                normal.weigh(&mut finding, None, (container, executable), wall_ns);
            }
        }
        self.detection.tuning.normal = Some(normal);
        Some(finding)
    }

    /// Learns from an event.
    pub(super) fn learn(&mut self, event: &event::Event<'_>, before: Before) {
        let Some(mut normal) = self.detection.tuning.normal.take() else { return };
        normal.observe(&Scene::new(self.given(event, before)));
        self.detection.tuning.normal = Some(normal);
    }

    /// Ancestors of a process within its control group.
    fn within<'a>(&'a self, process: Option<&'a Process>) -> Box<dyn Iterator<Item = &'a Process> + 'a> {
        let Some(process) = process else { return Box::new(std::iter::empty()) };
        let ancestors = self.tree.ancestors(process.key);
        Box::new(ancestors.take_while(|ancestor| ancestor.cgroup == process.cgroup))
    }
}
