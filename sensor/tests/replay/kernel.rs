//! Stands for the kernel: what its policy maps would hold back does not reach the stages.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use prost::Message as _;
use sensor::agent::{self, Judging};
use sensor::detect::behaviour::Behaviours;
use sensor::event::{Facts, decode::decode};
use sensor::identity::{
    container::Container,
    store::{Owner, Question},
};
use sensor::pipeline::{Output, Pipeline};
use sensor::policy::{Change, GroupKind, Policy};
use sensor::proto::{self, Event};
use sensor::record::Input;
use sensor::stream::hub::Published;
use sensor_common::{
    class::{Class, Family},
    policy::{FileKey, Verdict},
};

use super::stage::{Found, TOLD};

/// What was judged.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) found: Vec<Found>,
    /// Records that pass the gate.
    pub(crate) records: u64,
    /// Those that it holds back.
    pub(crate) held: u64,
    /// Opens of files among both.
    pub(crate) opens: u64,
    pub(crate) held_opens: u64,
    /// Files of which no open is wanted, by the generation of the policy.
    quiet: HashSet<(FileKey, u32)>,
}

impl Output for Judged {
    fn wants(&self, class: proto::Class, _container: Option<&Container>) -> bool {
        class == proto::Class::Finding
    }

    fn ancestors_wanted(&self) -> usize {
        0
    }

    fn publish(&mut self, published: &Published<'_>) {
        let event = Event::decode(published.event).unwrap();
        self.found.extend(Found::of(&event).map(Found::without_cursor));
    }

    fn canary(&mut self, _class: Class, _event: &[u8]) {}
    fn ask(&mut self, _question: Question) {}

    fn change(&mut self, change: Change) {
        if let Change::File { key, verdict: Verdict::Quiet, generation } = change {
            self.quiet.insert((key, generation));
        }
    }
}

/// Inputs, judged by these rules and behaviours: no subscriber wants any event.
pub(crate) fn judged(
    mut pipeline: Pipeline,
    inputs: impl Iterator<Item = Input>,
    rules: &[PathBuf],
    behaviours: Behaviours,
    pushdown: bool,
) -> Judged {
    let mut judged = Judged::default();
    pipeline.set_policy(Arc::new(Policy { containers: 0, host: 0, ..Policy::everything() }));
    pipeline.set_judge(agent::judge(rules, Judging { pushdown, ..Judging::default() }).unwrap(), TOLD);
    pipeline.set_behaviours(behaviours);
    for input in inputs {
        match &input {
            // The settings of the agent that recorded are not those of this one.
            Input::Policy(_) => continue,
            Input::Record { bytes, .. } if is_held_back(&pipeline, bytes, &mut judged) => continue,
            _ => input.apply(&mut pipeline, &mut judged),
        }
    }
    pipeline.release(u64::MAX, &mut judged);
    judged
}

fn is_held_back(pipeline: &Pipeline, bytes: &[u8], judged: &mut Judged) -> bool {
    let event = decode(bytes).unwrap();
    if matches!(event.class.family(), Family::Process | Family::Container) {
        return false;
    }
    judged.records += 1;
    judged.opens += u64::from(event.class == Class::FileOpen);
    let policy = pipeline.policy();
    let group = match pipeline.identity().owner(event.cgroup) {
        Some(Owner::Container(_)) => policy.group(GroupKind::Container),
        Some(Owner::Host { .. }) => policy.group(GroupKind::Host),
        None => policy.unknown(),
    };
    let mut is_held = group.classes & event.class.bit() == 0;
    if let (Class::FileOpen, Facts::File(operation)) = (event.class, &event.facts) {
        let record = &operation.record;
        let key = FileKey {
            inode: record.file.inode,
            changed_ns: record.file.changed_ns,
            device: record.file.device,
            written: u32::from(operation.is_written()),
            way: record.way,
        };
        is_held |= record.error == 0 && judged.quiet.contains(&(key, policy.generation));
    }
    judged.held += u64::from(is_held);
    judged.held_opens += u64::from(is_held && event.class == Class::FileOpen);
    is_held
}
