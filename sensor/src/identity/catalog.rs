//! What all sources know of the containers of this node, put together: bundles answer first, the runtime and the
//! API server add to it whenever they do.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::cgroup_path;
use super::container::{Container, Pod, Role, Source};
use super::store::{Answer, Known, reference};
use super::users::Users;

/// What a source tells at once: of a pod, of some containers, or of both.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Lesson {
    /// Who tells it.
    pub source: Source,
    /// The pod, where `pod.uid` is not empty.
    pub pod: Pod,
    /// Containers by their ids. Their pod is `pod`, unless they name another one.
    pub containers: Vec<Container>,
    /// Roles of the pod's containers, by their names.
    pub roles: Vec<(String, Role)>,
}

impl Lesson {
    /// A lesson without content.
    #[must_use]
    pub fn of(source: Source) -> Self {
        Self { source, pod: Pod::default(), containers: Vec::new(), roles: Vec::new() }
    }
}

/// A control group that is, or may be, a container's.
#[derive(Debug)]
struct Group {
    path: String,
    /// What the bundle told.
    found: Option<Arc<Known>>,
    container: Box<str>,
    pod: Box<str>,
}

#[derive(Debug, Default)]
struct PodFacts {
    pod: Pod,
    roles: Vec<(String, Role)>,
    sources: super::container::Sources,
}

/// Facts by the ids that sources use; each table is bounded.
#[derive(Debug)]
pub struct Catalog {
    groups: Bounded<u64, Group>,
    containers: Bounded<Box<str>, Container>,
    pods: Bounded<Box<str>, PodFacts>,
}

impl Catalog {
    /// An empty catalog of so many control groups, and of as many containers and pods.
    #[must_use]
    pub fn new(groups_max: usize) -> Self {
        let [groups_max, ids_max] = [groups_max, groups_max].map(|most| most.max(1));
        Self {
            groups: Bounded::new(groups_max),
            containers: Bounded::new(ids_max),
            pods: Bounded::new(ids_max),
        }
    }

    /// Takes what a look at the disk found, and gives it back with what the other sources know.
    pub fn found(&mut self, answer: Answer) -> Answer {
        let Some(reference) = cgroup_path::parse(&answer.path) else { return answer };
        let cgroup = answer.cgroup;
        let known = answer.identity.as_ref().map(|known| &known.container);
        let container = known.map_or(reference.id, |container| container.id.as_str()).into();
        let of_bundle = known.and_then(|container| container.pod.as_ref()).map(|pod| pod.uid.as_str().into());
        let pod: Box<str> =
            of_bundle.or_else(|| reference.pod_uid.map(|uid| uid.to_string().into())).unwrap_or_default();
        let earlier = self.groups.remove(&cgroup).and_then(|group| group.found);
        // A bundle that is gone does not take back what it told.
        let found = match (earlier, answer.identity) {
            (Some(earlier), Some(now)) if earlier.unresolved.is_none() && now.unresolved.is_some() => {
                Some(earlier)
            }
            (Some(earlier), None) => Some(earlier),
            (_, now) => now,
        };
        if let Some(names) = found.as_deref().and_then(|found| names(found, &pod)) {
            let facts = self.pods.get_or_insert(&pod);
            if !is_same_name(Some(&names), &facts.pod) {
                *facts = PodFacts::default();
            }
            facts.pod.add(&names);
            facts.sources = facts.sources.with(Source::Bundle);
        }
        let group = Group { path: answer.path, found, container, pod };
        let answer = self.answer(cgroup, &group);
        self.groups.insert(cgroup, group);
        answer
    }

    /// Takes a lesson in; the result is an answer for each control group that it says something new of.
    pub fn learn(&mut self, lesson: Lesson) -> Vec<Answer> {
        let Lesson { source, mut pod, containers, roles } = lesson;
        let uid: Box<str> = pod.uid.as_str().into();
        let mut touched: HashSet<Box<str>> = HashSet::new();
        for mut container in containers {
            let id: Box<str> = container.id.as_str().into();
            container.sources = container.sources.with(source);
            if container.pod.is_none() && !uid.is_empty() {
                let names = Pod {
                    uid: pod.uid.clone(),
                    namespace: pod.namespace.clone(),
                    name: pod.name.clone(),
                    ..Pod::default()
                };
                container.pod = Some(names);
            }
            let facts = self.containers.get_or_insert(&id);
            facts.id.clone_from(&container.id);
            facts.add(&container);
            touched.insert(id);
        }
        if !uid.is_empty() {
            let facts = self.pods.get_or_insert(&uid);
            // The API server knows labels better than the runtime, which keeps those of the start.
            if source == Source::Cri && facts.sources.has(Source::Kubernetes) {
                pod.labels.clear();
                pod.annotations.clear();
            }
            // Nothing is added to the names of a bundle by who calls the pod otherwise.
            if !facts.sources.has(Source::Bundle) || is_same_name(Some(&pod), &facts.pod) {
                facts.pod.add(&pod);
                facts.sources = facts.sources.with(source);
                if !roles.is_empty() {
                    facts.roles = roles;
                }
            }
        }
        let groups = self
            .groups
            .iter()
            .filter(|(_, group)| touched.contains(&group.container) || (!uid.is_empty() && group.pod == uid));
        groups.map(|(cgroup, group)| self.answer(*cgroup, group)).collect()
    }

    /// Takes in the users of a container that has a control group; the result is as that of a lesson.
    pub fn learn_users(&mut self, container: &str, users: Arc<Users>) -> Vec<Answer> {
        if !self.groups.iter().any(|(_, group)| *group.container == *container && group.found.is_some()) {
            return Vec::new();
        }
        let facts = self.containers.get_or_insert(&container.into());
        container.clone_into(&mut facts.id);
        facts.details.users = Some(users);
        let groups = self.groups.iter().filter(|(_, group)| *group.container == *container);
        groups.map(|(cgroup, group)| self.answer(*cgroup, group)).collect()
    }

    /// The containers that are known: what the bundle told, and the path of the control group.
    pub fn known(&self) -> impl Iterator<Item = (&Container, &str)> {
        let groups = self.groups.iter();
        groups.filter_map(|(_, group)| Some((&group.found.as_ref()?.container, group.path.as_str())))
    }

    /// The control groups of containers that have a program of their own: id and path.
    pub fn groups(&self) -> impl Iterator<Item = (u64, &str)> {
        let groups = self.groups.iter();
        let own = |group: &Group| group.found.as_ref().is_none_or(|found| !found.container.sandbox);
        groups.filter(move |(_, group)| own(group)).map(|(cgroup, group)| (*cgroup, group.path.as_str()))
    }

    /// A control group was removed: what is known of its container is forgotten.
    pub fn removed(&mut self, cgroup: u64) {
        let Some(group) = self.groups.remove(&cgroup) else { return };
        if !self.groups.iter().any(|(_, other)| other.container == group.container) {
            self.containers.remove(&group.container);
        }
        // The API server says itself when a pod is gone.
        if !self.groups.iter().any(|(_, other)| other.pod == group.pod)
            && !self.pods.get(&group.pod).is_some_and(|facts| facts.sources.has(Source::Kubernetes))
        {
            self.pods.remove(&group.pod);
        }
    }

    /// The API server says that a pod is gone: nothing more is kept of it than of the control groups that it still has.
    pub fn pod_gone(&mut self, uid: &str) {
        self.pods.remove(uid);
        let Self { groups, containers, .. } = self;
        containers.entries.retain(|id, container| {
            container.pod.as_ref().is_none_or(|pod| pod.uid != uid)
                || groups.iter().any(|(_, group)| group.container == *id)
        });
    }

    /// Entries given up because a table was full.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.groups.evicted + self.containers.evicted + self.pods.evicted
    }

    fn answer(&self, cgroup: u64, group: &Group) -> Answer {
        let told = self.containers.get(&group.container);
        let mut known = match (&group.found, told) {
            (Some(known), _) => Known::clone(known),
            // Not on disk, but a source knows such a container.
            (None, Some(_)) => match reference(&group.path) {
                Some((container, _)) => Known::new(container, None),
                None => return Answer { cgroup, path: group.path.clone(), identity: None },
            },
            (None, None) => return Answer { cgroup, path: group.path.clone(), identity: None },
        };
        let container = &mut known.container;
        if let Some(told) = told
            && is_same_pod(container, told)
        {
            container.add(told);
            // Names from the runtime or the API server are as good as the bundle's.
            known.unresolved = known.unresolved.take().filter(|_| told.name.is_empty() && !told.sandbox);
        }
        let uid = container.pod.as_ref().map(|pod| pod.uid.as_str());
        let facts = uid.and_then(|uid| self.pods.get(uid));
        if let Some(facts) = facts.filter(|facts| is_same_name(container.pod.as_ref(), &facts.pod)) {
            container.sources = container.sources.and(facts.sources);
            let name = container.name.as_str();
            let role = facts.roles.iter().find(|(named, _)| named == name).map(|(_, role)| *role);
            container.role = role.or(container.role);
            if let Some(pod) = &mut container.pod {
                pod.add(&facts.pod);
            }
        }
        Answer { cgroup, path: group.path.clone(), identity: Some(Arc::new(known)) }
    }
}

/// What a bundle says of its pod is true of the pod's other containers, too: the bundle of one that ends at once may be
/// gone before it is read.
fn names(found: &Known, uid: &str) -> Option<Pod> {
    let pod = found.container.pod.as_ref().filter(|_| found.unresolved.is_none() && !uid.is_empty())?;
    let Pod { namespace, name, .. } = pod;
    (!namespace.is_empty() && !name.is_empty()).then(|| Pod {
        uid: uid.to_owned(),
        namespace: namespace.clone(),
        name: name.clone(),
        ..Pod::default()
    })
}

/// Path, bundle and runtime must name one pod: a workload may make control groups with any name.
fn is_same_pod(known: &Container, told: &Container) -> bool {
    match (&known.pod, &told.pod) {
        (Some(known), Some(told)) => known.uid.is_empty() || told.uid.is_empty() || known.uid == told.uid,
        _ => true,
    }
}

/// A uid alone is not enough either: annotations of a pod can claim another one's.
fn is_same_name(known: Option<&Pod>, told: &Pod) -> bool {
    let same = |known: &str, told: &str| known.is_empty() || told.is_empty() || known == told;
    known.is_none_or(|known| same(&known.namespace, &told.namespace) && same(&known.name, &told.name))
}

/// A table that gives its oldest entry up when it is full.
#[derive(Debug)]
struct Bounded<K, V> {
    most: usize,
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    evicted: u64,
}

impl<K: Clone + Eq + std::hash::Hash, V> Bounded<K, V> {
    fn new(most: usize) -> Self {
        Self { most, entries: HashMap::new(), order: VecDeque::new(), evicted: 0 }
    }

    fn get<Q: Eq + std::hash::Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.get(key)
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    fn remove<Q: Eq + std::hash::Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.remove(key)
    }

    fn insert(&mut self, key: K, value: V) {
        self.make_room(&key);
        self.entries.insert(key, value);
    }

    fn get_or_insert(&mut self, key: &K) -> &mut V
    where
        V: Default,
    {
        self.make_room(key);
        self.entries.entry(key.clone()).or_default()
    }

    fn make_room(&mut self, key: &K) {
        if self.entries.contains_key(key) {
            return;
        }
        while self.entries.len() >= self.most {
            match self.order.pop_front() {
                Some(oldest) => self.evicted += u64::from(self.entries.remove(&oldest).is_some()),
                None => self.entries.clear(),
            }
        }
        // Keys that are gone are skipped when their turn comes; without pressure it never does.
        if self.order.len() >= self.most.saturating_mul(2) {
            let entries = &self.entries;
            self.order.retain(|known| entries.contains_key(known));
        }
        self.order.push_back(key.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "0f7a6a3c-5a63-4a3c-9d2c-0a1b2c3d4e5f";

    fn path() -> String {
        format!("/kubepods/besteffort/pod{UID}/{ID}")
    }

    fn without_bundle() -> Answer {
        let container = reference(&path()).unwrap().0;
        let known = Known::new(container, Some("no bundle".into()));
        Answer { cgroup: 1, path: path(), identity: Some(Arc::new(known)) }
    }

    fn with_bundle() -> Answer {
        let pod = Pod { namespace: "shop".into(), name: "web-1".into(), uid: UID.into(), ..Pod::default() };
        let container = Container {
            id: ID.into(),
            name: "main".into(),
            pod: Some(pod),
            sources: Source::Bundle.into(),
            ..Container::default()
        };
        Answer { cgroup: 1, path: path(), identity: Some(Arc::new(Known::new(container, None))) }
    }

    fn of_runtime(uid: &str) -> Lesson {
        let container =
            Container { id: ID.into(), name: "main".into(), restarts: Some(1), ..Container::default() };
        let mut pod =
            Pod { namespace: "shop".into(), name: "web-1".into(), uid: uid.into(), ..Pod::default() };
        pod.labels.insert("app".into(), "old".into());
        Lesson { pod, containers: vec![container], ..Lesson::of(Source::Cri) }
    }

    fn of_api() -> Lesson {
        let mut pod = Pod { uid: UID.into(), service_account: "web".into(), ..Pod::default() };
        pod.labels.insert("app".into(), "new".into());
        Lesson { pod, roles: vec![("main".into(), Role::Init)], ..Lesson::of(Source::Kubernetes) }
    }

    fn known(answer: Option<&Answer>) -> Known {
        Known::clone(answer.unwrap().identity.as_ref().unwrap())
    }

    #[test]
    fn each_source_adds_and_is_named() {
        let mut catalog = Catalog::new(4);
        assert_eq!(catalog.found(with_bundle()), with_bundle());
        assert_eq!(known(catalog.learn(of_runtime(UID)).first()).container.restarts, Some(1));
        let known = known(catalog.learn(of_api()).first());
        let pod = known.container.pod.unwrap();
        assert_eq!((pod.name.as_str(), pod.service_account.as_str()), ("web-1", "web"));
        assert_eq!(known.container.role, Some(Role::Init));
        let sources: Vec<_> = known.container.sources.iter().collect();
        assert_eq!(sources, [Source::Bundle, Source::Cri, Source::Kubernetes]);
    }

    #[test]
    fn lessons_may_come_before_the_container() {
        let mut catalog = Catalog::new(4);
        assert_eq!(catalog.learn(of_api()), []);
        assert_eq!(catalog.learn(of_runtime(UID)), []);
        let known = known(Some(&catalog.found(without_bundle())));
        assert_eq!((known.container.name.as_str(), known.unresolved), ("main", None));
        let pod = known.container.pod.unwrap();
        assert_eq!(
            (pod.namespace.as_str(), pod.labels["app"].as_str()),
            ("shop", "new"),
            "the server is newer"
        );
    }

    #[test]
    fn the_pod_alone_does_not_name_the_container() {
        let mut catalog = Catalog::new(4);
        catalog.found(without_bundle());
        let known = known(catalog.learn(of_api()).first());
        assert_eq!(known.unresolved.as_deref(), Some("no bundle"));
        assert_eq!(known.container.pod.unwrap().service_account, "web");
    }

    #[test]
    fn a_pod_is_named_by_the_bundle_of_another_of_its_containers() {
        let mut catalog = Catalog::new(4);
        catalog.found(with_bundle());
        let path = path().replace("0123", "4567");
        let mut late = known(Some(&without_bundle()));
        late.container.id = late.container.id.replace("0123", "4567");
        let late = Answer { cgroup: 2, path, identity: Some(Arc::new(late)) };
        let known = known(Some(&catalog.found(late)));
        let pod = known.container.pod.unwrap();
        assert_eq!((pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_str()), ("shop", "web-1", UID));
        assert_eq!((known.container.name.as_str(), known.unresolved.as_deref()), ("", Some("no bundle")));
    }

    #[test]
    fn users_are_added_to_a_container_that_is_there() {
        let mut catalog = Catalog::new(4);
        let users: Arc<Users> = Arc::default();
        assert_eq!(catalog.learn_users(ID, Arc::clone(&users)), []);
        assert!(catalog.containers.entries.is_empty(), "nothing is kept of one that is gone");
        catalog.found(without_bundle());
        let unresolved = known(catalog.learn_users(ID, Arc::clone(&users)).first());
        assert_eq!(unresolved.unresolved.as_deref(), Some("no bundle"), "users are no names");
        assert_eq!(unresolved.container.details.users, Some(Arc::clone(&users)));
        let sources: Vec<_> = unresolved.container.sources.iter().collect();
        assert_eq!(sources, [Source::ControlGroup]);
        let found = known(Some(&catalog.found(with_bundle())));
        assert!(found.container.details.users.is_some(), "a later look takes nothing away");
        assert_eq!(
            catalog.known().map(|(known, path)| (known.id.as_str(), path)).collect::<Vec<_>>(),
            [(ID, path().as_str())]
        );
        catalog.removed(1);
        assert!(catalog.containers.entries.is_empty());
    }

    #[test]
    fn a_bundle_that_is_gone_takes_nothing_back() {
        let mut catalog = Catalog::new(4);
        catalog.found(with_bundle());
        assert_eq!(catalog.found(without_bundle()), with_bundle());
    }

    #[test]
    fn another_pods_container_is_not_believed() {
        let mut catalog = Catalog::new(4);
        catalog.found(without_bundle());
        let known = known(catalog.learn(of_runtime("11111111-2222-3333-4444-555555555555")).first());
        assert_eq!((known.container.name.as_str(), known.unresolved.as_deref()), ("", Some("no bundle")));
    }

    #[test]
    fn a_pod_that_claims_another_ones_uid_is_not_believed() {
        let mut catalog = Catalog::new(4);
        catalog.found(with_bundle());
        let mut lesson = of_api();
        lesson.pod.name = "imposter".into();
        let pod = known(catalog.learn(lesson.clone()).first()).container.pod.unwrap();
        assert_eq!((pod.name.as_str(), pod.service_account.as_str()), ("web-1", ""));
        // Nor is one that was quicker.
        let mut catalog = Catalog::new(4);
        catalog.learn(lesson);
        assert_eq!(catalog.found(with_bundle()), with_bundle());
        let pod = known(catalog.learn(of_api()).first()).container.pod.unwrap();
        assert_eq!((pod.name.as_str(), pod.service_account.as_str()), ("web-1", "web"));
    }

    #[test]
    fn a_pod_that_is_gone_leaves_no_containers() {
        let mut catalog = Catalog::new(4);
        catalog.learn(of_runtime(UID));
        catalog.pod_gone("another");
        assert_eq!(catalog.containers.entries.len(), 1);
        catalog.pod_gone(UID);
        assert_eq!((catalog.containers.entries.len(), catalog.pods.entries.len()), (0, 0));
        catalog.found(with_bundle());
        catalog.learn(of_runtime(UID));
        catalog.pod_gone(UID);
        assert_eq!(catalog.containers.entries.len(), 1, "its control group is still there");
    }

    #[test]
    fn what_is_gone_is_forgotten_and_tables_are_bounded() {
        let mut catalog = Catalog::new(4);
        catalog.found(with_bundle());
        catalog.learn(of_runtime(UID));
        catalog.removed(1);
        assert!(catalog.containers.entries.is_empty() && catalog.groups.entries.is_empty());
        catalog.pod_gone(UID);
        assert!(catalog.pods.entries.is_empty());
        for cgroup in 0..100 {
            catalog.found(Answer { cgroup, ..with_bundle() });
        }
        assert!(catalog.groups.entries.len() == 4 && catalog.groups.order.len() <= 8);
        assert_eq!(catalog.evicted(), 96);
    }
}
