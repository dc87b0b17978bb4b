//! What is known of each control group: bounded, filled by answers, read for every event.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, OnceLock};

// Ids are the kernel's: nobody can choose many that collide.
use foldhash::{HashMap, HashMapExt as _};
use serde::{Deserialize, Serialize};

use super::{
    cgroup_path::{self, Certainty},
    container::{Container, Pod, Source},
    users::Users,
};
use crate::shared;

/// Who owns a control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The host: systemd unit, where the path names one.
    Host {
        /// Unit.
        unit: Option<Arc<str>>,
    },
    /// A container.
    Container(Arc<Known>),
}

/// What is known of a container.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The container; only its id, until it is identified.
    pub container: Container,
    /// Why it is not identified.
    pub unresolved: Option<Box<str>>,
    /// Its message, once an event carried it.
    #[serde(skip)]
    pub encoded: Encoded,
}

impl Known {
    /// What is known.
    #[must_use]
    pub const fn new(container: Container, unresolved: Option<Box<str>>) -> Self {
        Self { container, unresolved, encoded: Encoded(OnceLock::new()) }
    }

    /// True while no source has answered.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.unresolved.as_deref() == Some(NOT_YET)
    }
}

/// A message that is encoded once and is part of many events. It says nothing new, so it does not make two
/// containers different, and a copy starts without it: what is copied may be changed.
#[derive(Debug, Default)]
pub struct Encoded(OnceLock<Box<[u8]>>);

impl Encoded {
    /// The bytes; made by `encode` when they are wanted first.
    pub fn get(&self, encode: impl FnOnce() -> Box<[u8]>) -> &[u8] {
        self.0.get_or_init(encode)
    }
}

impl Clone for Encoded {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Encoded {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Encoded {}

/// A container whose identity is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Control group id.
    pub cgroup: u64,
    /// Control group path from the hierarchy's root.
    pub path: String,
}

/// What the sources found out about a control group; an input of the pipeline.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Control group id.
    pub cgroup: u64,
    /// Control group path from the hierarchy's root.
    pub path: String,
    /// The container, as far as it is known; `None` where the path is the host's.
    #[serde(with = "shared::optional")]
    pub identity: Option<Arc<Known>>,
}

/// What is known of one control group, as a recording begins with it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct GroupState {
    /// Control group id.
    pub cgroup: u64,
    /// Control group path from the hierarchy's root; empty where unknown.
    pub path: String,
    /// The container; `None` for the host.
    #[serde(with = "shared::optional")]
    pub container: Option<Arc<Known>>,
    /// Unit of the host.
    pub unit: Option<String>,
    /// Events of it were sent as it is known now.
    pub sent: bool,
    /// An executed program of it was seen.
    pub executed: bool,
    /// Nothing is known of it.
    pub unknown: bool,
}

#[derive(Debug)]
struct Group {
    owner: Owner,
    /// Events of it were sent as it is known now.
    sent: bool,
    /// An executed program of it was seen.
    executed: bool,
    /// Its path from the hierarchy's root; empty where unknown.
    path: Box<str>,
    /// Nothing is known of it: it is here only to remember that events of it were sent.
    unknown: bool,
}

/// The table of control groups.
#[derive(Debug)]
pub struct Store {
    groups_max: usize,
    groups: HashMap<u64, Group>,
    removed: VecDeque<u64>,
    /// Groups in the order in which they came, for eviction; those that are gone are skipped.
    order: VecDeque<u64>,
    evicted: u64,
    first_execs_identified: u64,
    first_execs_unidentified: u64,
    host_users: Option<Arc<Users>>,
}

/// Reason shown while the sources have not answered.
const NOT_YET: &str = "not looked up yet";

impl Store {
    /// An empty table for so many control groups.
    #[must_use]
    pub fn new(groups_max: usize) -> Self {
        Self {
            groups_max: groups_max.max(1),
            groups: HashMap::new(),
            removed: VecDeque::new(),
            order: VecDeque::new(),
            evicted: 0,
            first_execs_identified: 0,
            first_execs_unidentified: 0,
            host_users: None,
        }
    }

    /// Owner of a control group, if it is known.
    #[must_use]
    pub fn owner(&self, cgroup: u64) -> Option<&Owner> {
        self.groups.get(&cgroup).map(|group| &group.owner)
    }

    /// True for a control group of which nothing is known: an answer must be on its way.
    #[must_use]
    pub fn is_expected(&self, cgroup: u64) -> bool {
        cgroup != 0 && !self.groups.contains_key(&cgroup)
    }

    /// Container of a control group, if it has one.
    #[must_use]
    pub fn container(&self, cgroup: u64) -> Option<&Arc<Known>> {
        match self.owner(cgroup)? {
            Owner::Container(known) => Some(known),
            Owner::Host { .. } => None,
        }
    }

    /// Names of the host's users and groups, once they were read.
    #[must_use]
    pub const fn host_users(&self) -> Option<&Arc<Users>> {
        self.host_users.as_ref()
    }

    /// The host's users and groups are these from now on.
    pub fn set_host_users(&mut self, users: Arc<Users>) {
        self.host_users = Some(users);
    }

    /// Path of a control group from the hierarchy's root, if it is known.
    #[must_use]
    pub fn path(&self, cgroup: u64) -> Option<&str> {
        self.groups.get(&cgroup).map(|group| group.path.as_ref()).filter(|path| !path.is_empty())
    }

    /// A program of the group was executed. Learns the group from its path if it is new; the
    /// question that then arises is for the sources.
    pub fn executed(&mut self, cgroup: u64, path: impl FnOnce() -> String) -> Option<Question> {
        let known = self.groups.get(&cgroup).is_some_and(|group| !group.unknown);
        let question = if known { None } else { self.learn(cgroup, path()) };
        let group = self.groups.get_mut(&cgroup)?;
        if let Owner::Container(known) = &group.owner
            && !group.executed
        {
            match known.unresolved {
                None => self.first_execs_identified += 1,
                Some(_) => self.first_execs_unidentified += 1,
            }
        }
        group.executed = true;
        question
    }

    /// An event of the group was sent as it is known now.
    pub fn sent(&mut self, cgroup: u64) {
        if self.is_expected(cgroup) {
            self.insert(cgroup, Owner::Host { unit: None }, "");
            if let Some(group) = self.groups.get_mut(&cgroup) {
                group.unknown = true;
            }
        }
        if let Some(group) = self.groups.get_mut(&cgroup) {
            group.sent = true;
        }
    }

    /// Takes an answer in. The result is the container, if those who got events have to be told what they did
    /// not say of it.
    pub fn answer(&mut self, answer: Answer) -> Option<Arc<Known>> {
        let owner = match answer.identity {
            None => host(&answer.path),
            Some(known) => Owner::Container(known),
        };
        let Some(group) = self.groups.get_mut(&answer.cgroup) else {
            self.insert(answer.cgroup, owner, &answer.path);
            return None;
        };
        // An identity is never taken back by a source that knows less.
        if is_identified(&group.owner) && !is_identified(&owner) {
            return None;
        }
        let late = group.sent && !looks_like(&group.owner, &owner) && is_identified(&owner);
        group.unknown = false;
        group.owner = owner;
        group.path = answer.path.into_boxed_str();
        let Owner::Container(known) = &group.owner else { return None };
        late.then(|| Arc::clone(known))
    }

    /// A control group was removed. It stays known while there is room: ends of its processes may
    /// still be on their way.
    pub fn removed(&mut self, cgroup: u64) {
        if self.groups.contains_key(&cgroup) {
            self.removed.push_back(cgroup);
        }
        while self.removed.len() > self.groups_max / 4 {
            self.drop_oldest_removed();
        }
    }

    /// Every control group, in the order in which they came, and those that were removed.
    #[must_use]
    pub fn state(&self) -> (Vec<GroupState>, Vec<u64>) {
        let mut listed = HashSet::new();
        let groups = self.order.iter().filter(|cgroup| listed.insert(**cgroup)).filter_map(|cgroup| {
            let Group { owner, sent, executed, path, unknown } = self.groups.get(cgroup)?;
            let (container, unit) = match owner {
                Owner::Container(known) => (Some(Arc::clone(known)), None),
                Owner::Host { unit } => (None, unit.as_deref().map(str::to_owned)),
            };
            Some(GroupState {
                cgroup: *cgroup,
                path: path.as_ref().to_owned(),
                container,
                unit,
                sent: *sent,
                executed: *executed,
                unknown: *unknown,
            })
        });
        (groups.collect(), self.removed.iter().copied().collect())
    }

    /// Takes in what [`Store::state`] gave.
    pub fn restore(&mut self, groups: Vec<GroupState>, removed: Vec<u64>) {
        for state in groups {
            let owner = match state.container {
                Some(known) => Owner::Container(known),
                None => Owner::Host { unit: state.unit.map(Arc::from) },
            };
            self.insert(state.cgroup, owner, &state.path);
            if let Some(group) = self.groups.get_mut(&state.cgroup) {
                (group.sent, group.executed, group.unknown) = (state.sent, state.executed, state.unknown);
            }
        }
        for cgroup in removed {
            self.removed(cgroup);
        }
    }

    /// Number of control groups known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// True if none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Most control groups.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.groups_max
    }

    /// Control groups given up because the table was full.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// First programs of containers, sent with and without their identity.
    #[must_use]
    pub const fn first_execs(&self) -> (u64, u64) {
        (self.first_execs_identified, self.first_execs_unidentified)
    }

    fn learn(&mut self, cgroup: u64, path: String) -> Option<Question> {
        match reference(&path) {
            None => {
                self.insert(cgroup, host(&path), &path);
                return None;
            }
            // Not a container unless a source says so.
            Some((_, Certainty::Candidate)) => self.insert(cgroup, host(&path), &path),
            Some((container, Certainty::Certain)) => self.insert(
                cgroup,
                Owner::Container(Arc::new(Known::new(container, Some(NOT_YET.into())))),
                &path,
            ),
        }
        Some(Question { cgroup, path })
    }

    fn insert(&mut self, cgroup: u64, owner: Owner, path: &str) {
        let path = path.into();
        if let Some(group) = self.groups.get_mut(&cgroup) {
            group.owner = owner;
            group.path = path;
            group.unknown = false;
            return;
        }
        while self.groups.len() >= self.groups_max {
            if !self.drop_oldest_removed() {
                self.evict();
            }
        }
        // Groups that are gone are skipped when their turn comes; without pressure it never does.
        if self.order.len() >= self.groups_max.saturating_mul(2) {
            self.order.retain(|known| self.groups.contains_key(known));
        }
        self.order.push_back(cgroup);
        let group = Group { owner, sent: false, executed: false, path, unknown: false };
        self.groups.insert(cgroup, group);
    }

    /// Gives a group up: the oldest of the host among the oldest few, else the oldest. What is given
    /// up is learned again from the path of its next executed program.
    fn evict(&mut self) {
        const LOOKS: usize = 64;
        for _ in 0..LOOKS.min(self.order.len()) {
            let Some(oldest) = self.order.pop_front() else { break };
            match self.groups.get(&oldest).map(|group| &group.owner) {
                Some(Owner::Container(_)) => self.order.push_back(oldest),
                Some(Owner::Host { .. }) => return self.give_up(oldest),
                None => {}
            }
        }
        match self.order.pop_front().or_else(|| self.groups.keys().next().copied()) {
            Some(oldest) => self.give_up(oldest),
            None => self.groups.clear(),
        }
    }

    fn give_up(&mut self, cgroup: u64) {
        self.evicted += u64::from(self.groups.remove(&cgroup).is_some());
    }

    fn drop_oldest_removed(&mut self) -> bool {
        let Some(oldest) = self.removed.pop_front() else { return false };
        self.groups.remove(&oldest);
        true
    }
}

/// True for a container whose names are known.
fn is_identified(owner: &Owner) -> bool {
    matches!(owner, Owner::Container(known) if known.unresolved.is_none())
}

/// True if subscribers are told the same of both.
fn looks_like(one: &Owner, other: &Owner) -> bool {
    match (one, other) {
        (Owner::Container(one), Owner::Container(other)) => {
            one.unresolved == other.unresolved && one.container.looks_like(&other.container)
        }
        _ => one == other,
    }
}

/// The host, with the unit that a path names.
fn host(path: &str) -> Owner {
    Owner::Host { unit: cgroup_path::unit(path).map(Arc::from) }
}

/// The container that a path names, as far as a path tells.
#[must_use]
pub fn reference(path: &str) -> Option<(Container, Certainty)> {
    let found = cgroup_path::parse(path)?;
    // The pod's uid is in the path, so that much is known without any source.
    let pod = found.pod_uid.map(|uid| Pod { uid: uid.to_string(), ..Pod::default() });
    let container = Container {
        id: found.id.to_owned(),
        runtime: found.runtime,
        pod,
        sources: Source::ControlGroup.into(),
        ..Container::default()
    };
    Some((container, found.certainty))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn path() -> String {
        format!("/k8s.io/{ID}")
    }

    fn answer(cgroup: u64, identity: Option<Result<Container, &str>>) -> Answer {
        let identity = identity.map(|found| match found {
            Ok(container) => Known::new(container, None),
            Err(reason) => Known::new(reference(&path()).unwrap().0, Some(reason.into())),
        });
        Answer { cgroup, path: path(), identity: identity.map(Arc::new) }
    }

    fn named() -> Container {
        Container { id: ID.to_owned(), name: "main".to_owned(), ..Container::default() }
    }

    #[test]
    fn an_answer_before_the_first_program_is_there_for_it() {
        let mut store = Store::new(8);
        assert_eq!(store.answer(answer(1, Some(Ok(named())))), None);
        assert_eq!(store.executed(1, || unreachable!("the path is known")), None);
        assert_eq!(store.container(1).unwrap().container.name, "main");
        assert_eq!(store.first_execs(), (1, 0));
    }

    #[test]
    fn a_late_answer_corrects_and_is_told_once() {
        let mut store = Store::new(8);
        let question = store.executed(1, path).unwrap();
        assert_eq!((question.cgroup, question.path), (1, path()));
        assert_eq!(store.container(1).unwrap().container.id, ID);
        assert_eq!(store.container(1).unwrap().unresolved.as_deref(), Some(NOT_YET));
        store.sent(1);
        let corrected = store.answer(answer(1, Some(Ok(named())))).unwrap();
        assert_eq!(corrected.container.name, "main");
        assert_eq!(store.answer(answer(1, Some(Ok(named())))), None);
        assert_eq!(store.answer(answer(1, Some(Err("gone")))), None);
        assert_eq!(store.container(1).unwrap().container.name, "main", "never taken back");
        assert_eq!(store.first_execs(), (0, 1));
    }

    #[test]
    fn what_another_source_adds_is_told_if_events_went_without_it() {
        let mut store = Store::new(8);
        store.answer(answer(1, Some(Ok(named()))));
        let more = || Container { restarts: Some(1), ..named() };
        assert_eq!(store.answer(answer(1, Some(Ok(more())))), None, "nothing was sent");
        store.sent(1);
        assert_eq!(store.answer(answer(1, Some(Ok(more())))), None, "nothing is new");
        let newer = Container { image: "web".into(), ..more() };
        assert_eq!(store.answer(answer(1, Some(Ok(newer)))).unwrap().container.image, "web");
    }

    #[test]
    fn details_are_taken_in_and_nobody_is_told() {
        let mut store = Store::new(8);
        store.answer(answer(1, Some(Ok(named()))));
        store.sent(1);
        let mut more = named();
        more.details.users = Some(Arc::default());
        assert_eq!(store.answer(answer(1, Some(Ok(more)))), None);
        assert!(store.container(1).unwrap().container.details.users.is_some());
    }

    #[test]
    fn a_missing_bundle_leaves_the_id_and_the_reason() {
        let mut store = Store::new(8);
        store.answer(answer(1, Some(Err("no bundle"))));
        let known = store.container(1).unwrap();
        assert_eq!((known.container.id.as_str(), known.unresolved.as_deref()), (ID, Some("no bundle")));
    }

    #[test]
    fn a_candidate_is_the_hosts_until_a_source_says_otherwise() {
        let mut store = Store::new(8);
        let path = || "/default/web1".to_owned();
        assert!(store.executed(1, path).is_some());
        assert!(matches!(store.owner(1), Some(Owner::Host { .. })));
        store.answer(Answer { cgroup: 1, path: path(), identity: None });
        assert!(matches!(store.owner(1), Some(Owner::Host { .. })));
        let container = Container { id: "web1".into(), ..Container::default() };
        store.answer(Answer { path: path(), ..answer(1, Some(Ok(container))) });
        assert_eq!(store.container(1).unwrap().container.id, "web1");
    }

    #[test]
    fn removed_groups_make_room_first() {
        let mut store = Store::new(4);
        for cgroup in 1..=4 {
            store.answer(answer(cgroup, None));
        }
        store.removed(2);
        assert!(store.owner(2).is_some(), "its processes' ends may be on their way");
        store.answer(answer(6, None));
        assert!(store.owner(2).is_none() && store.owner(6).is_some());
        assert_eq!(store.evicted(), 0);
    }

    #[test]
    fn a_full_table_gives_up_the_hosts_oldest_and_learns_containers_still() {
        let mut store = Store::new(4);
        store.answer(answer(1, Some(Ok(named()))));
        for cgroup in 2..=4 {
            store.answer(answer(cgroup, None));
        }
        assert!(store.executed(5, path).is_some(), "a new container is asked for");
        assert_eq!((store.len(), store.evicted()), (4, 1));
        assert!(store.container(5).is_some() && store.container(1).is_some() && store.owner(2).is_none());
        for cgroup in 100..1000 {
            store.answer(answer(cgroup, Some(Ok(named()))));
        }
        assert!(store.len() == 4 && store.order.len() <= 8, "bounded, whatever comes");
    }

    #[test]
    fn events_sent_as_the_hosts_are_corrected_too() {
        let mut store = Store::new(8);
        store.sent(1);
        assert!(store.answer(answer(1, Some(Ok(named())))).is_some(), "a fork before anything was known");
        let candidate = || "/default/web1".to_owned();
        assert!(store.executed(2, candidate).is_some());
        store.sent(2);
        let container = Container { id: "web1".into(), ..Container::default() };
        let late = Answer { path: candidate(), ..answer(2, Some(Ok(container))) };
        assert!(store.answer(late).is_some(), "a candidate that turned out to be one");
        store.sent(3);
        assert!(store.executed(3, path).is_some(), "having sent events of a group is not knowing it");
    }
}
