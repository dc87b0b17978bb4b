//! What a container was given when it began, and how a program of it differs from that.

use std::sync::Arc;

use sensor_common::{
    class::Class,
    record::process::{Capabilities, ExecRecord, Ids, Namespaces},
};

use super::super::super::{namespace::Kind, scene::Scene};
use crate::event::Facts;
use crate::identity::store::{Known, Owner};
use crate::process::Key;

/// Most ancestors that are looked at.
const ANCESTORS_MAX: usize = 64;
/// Magic number of overlayfs.
pub(super) const OVERLAY: u64 = 0x794c_7630;
/// Seccomp with a filter.
const FILTER: u32 = 2;

/// How a container came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The runtime was seen to start its first program.
    Start,
    /// Only something that the runtime ran while it was being set up: a hook.
    SetUp,
    /// It ran already: it is as it was first seen, which may be after something happened to it.
    Later,
}

/// What a container was given.
#[derive(Clone, Debug)]
pub(super) struct Baseline {
    /// Its id.
    pub(super) id: Arc<str>,
    /// Control group of its first program.
    pub(super) cgroup: u64,
    /// The process that it is known by: its first, or, if that has ended, one that began a program since.
    pub(super) first: Key,
    /// Namespaces of its first program.
    pub(super) namespaces: Namespaces,
    /// Every capability that anybody outside gave a program in it.
    pub(super) ceiling: u64,
    /// The weakest seccomp mode that anybody outside gave a program in it; `u32::MAX` where unknown.
    pub(super) seccomp: u32,
    /// Device and file system of its first program's file.
    pub(super) root: (u32, u64),
    /// How it came to be known.
    pub(super) seen: Seen,
    /// When.
    pub(super) since_ns: u64,
}

/// Every capability that a program has or could have got.
const fn all(sets: &Capabilities) -> u64 {
    sets.bounding | sets.permitted | sets.effective
}

impl Baseline {
    /// Of a program that begins in a container.
    pub(super) fn of(scene: &Scene<'_>, known: &Known, record: &ExecRecord, seen: Seen) -> Self {
        Self {
            id: Arc::from(known.container.id.as_str()),
            cgroup: scene.cgroup(),
            first: scene.key(),
            namespaces: record.namespaces,
            // What is inheritable may become permitted by file capabilities, beyond the bounding set.
            ceiling: all(&record.capabilities) | record.capabilities.inheritable,
            seccomp: record.seccomp,
            root: (record.file.device, record.file.filesystem),
            seen,
            since_ns: scene.time_ns(),
        }
    }

    /// Somebody outside started a program in it, such as `kubectl exec`: what that one has was given.
    pub(super) fn admit(&mut self, record: &ExecRecord) {
        self.ceiling |= all(&record.capabilities) | record.capabilities.inheritable;
        self.seccomp = if self.seccomp == u32::MAX { self.seccomp } else { self.seccomp.min(record.seccomp) };
    }

    /// Whether the process that it is known by has ended. The kernel gives the numbers of a container's namespaces away
    /// again as soon as its last process has ended; its control group may be there for long.
    pub(super) fn has_ended(&self, scene: &Scene<'_>) -> bool {
        scene.given.tree.get(self.first).is_none_or(|first| first.exited_ns.is_some())
    }

    /// Whether the process of an event is one of the container's programs, and not the runtime's that sets it up or enters
    /// it: it, or one of its ancestors there, began its program within the container's mounts.
    pub(super) fn has_member(&self, scene: &Scene<'_>) -> bool {
        let is_member = |namespaces: Option<Namespaces>| match namespaces {
            Some(namespaces) => namespaces.mnt == self.namespaces.mnt,
            // Nobody knows where it began: it was there before the sensor.
            None => self.seen == Seen::Later,
        };
        is_member(scene.standing().and_then(|standing| standing.namespaces))
            || scene.lineage().take(ANCESTORS_MAX).any(|ancestor| is_member(ancestor.standing.namespaces))
    }

    /// Whether the numbers of processes in its `/proc` are the node's.
    pub(super) fn shares_processes(&self, scene: &Scene<'_>) -> bool {
        is_nodes(scene, Kind::Pid, self.namespaces.pid)
    }
}

/// True for a namespace of the node.
pub(super) fn is_nodes(scene: &Scene<'_>, kind: Kind, number: u32) -> bool {
    let of_init = || {
        let init = scene.given.tree.by_pid(1)?;
        Some(kind.of(&init.standing.namespaces?))
    };
    kind.is_first(number) || of_init() == Some(number)
}

/// What an event tells of the standing of its process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) namespaces: Namespaces,
    pub(super) rights: Option<(Ids, Capabilities)>,
    pub(super) seccomp: Option<u32>,
}

impl Now {
    /// Of an event.
    pub(super) fn of(scene: &Scene<'_>) -> Option<Self> {
        match &scene.given.event.facts {
            Facts::Exec(exec) => {
                let record = &exec.record;
                Some(Self {
                    namespaces: record.namespaces,
                    rights: Some((record.ids, record.capabilities)),
                    seccomp: Some(record.seccomp).filter(|mode| *mode != u32::MAX),
                })
            }
            Facts::Call(call) => {
                let record = &call.record;
                // Of what is written, records do not tell by which rights.
                let has_rights = match scene.class() {
                    Class::ControlWrite => false,
                    // What was asked for in vain.
                    Class::Credentials => record.result >= 0,
                    _ => true,
                };
                Some(Self {
                    namespaces: record.namespaces,
                    rights: has_rights.then_some((record.ids, record.capabilities)),
                    seccomp: None,
                })
            }
            _ => None,
        }
    }
}

/// A namespace that is not the container's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// Kind.
    pub(super) kind: Kind,
    /// Container whose it is; `None`: the node's.
    pub(super) other: Option<Arc<str>>,
}

/// The namespaces that are not the container's.
pub(super) fn foreign(
    baseline: &Baseline,
    now: &Namespaces,
    mut other: impl FnMut(u32) -> Option<Arc<str>>,
    scene: &Scene<'_>,
) -> Vec<Foreign> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let (number, given) = (kind.of(now), kind.of(&baseline.namespaces));
        if number == given || number == 0 || given == 0 || kind == Kind::Time {
            continue;
        }
        if is_nodes(scene, kind, number) {
            all.push(Foreign { kind, other: None });
        } else if let Some(owner) = other(number) {
            all.push(Foreign { kind, other: Some(owner) });
        }
    }
    all
}

/// Whether two containers may share what they have: those of one pod, and those that run within each other.
pub(super) fn belong_together(scene: &Scene<'_>, own: &Baseline, other: &Baseline) -> bool {
    let known = |cgroup: u64| match scene.given.identity.owner(cgroup) {
        Some(Owner::Container(known)) => Some(known),
        _ => None,
    };
    let pod = |cgroup: u64| known(cgroup)?.container.pod.as_ref().map(|pod| pod.uid.as_str());
    let same_pod = pod(own.cgroup).is_some_and(|uid| !uid.is_empty() && Some(uid) == pod(other.cgroup));
    same_pod || is_below(scene, own.cgroup, other.cgroup) || known(other.cgroup).is_none()
}

/// Whether a control group lies below another one: what a container runs within itself.
pub(super) fn is_below(scene: &Scene<'_>, upper: u64, lower: u64) -> bool {
    let path = |cgroup: u64| scene.given.identity.path(cgroup);
    let (Some(upper), Some(lower)) = (path(upper), path(lower)) else { return false };
    lower.strip_prefix(upper).is_some_and(|rest| rest.starts_with('/'))
}

/// Rights beyond those that the container was given: capabilities, by number.
pub(super) fn beyond(baseline: &Baseline, now: &Now) -> u64 {
    let Some((_, sets)) = &now.rights else { return 0 };
    let user = now.namespaces.user;
    // In a user namespace of its own everybody has all, over nothing but that.
    let is_same = user == baseline.namespaces.user || Kind::User.is_first(user);
    if baseline.seen != Seen::Start || !is_same { 0 } else { all(sets) & !baseline.ceiling }
}

/// True if calls were filtered and are not any more.
pub(super) fn lost_filter(baseline: &Baseline, now: &Now) -> bool {
    baseline.seen == Seen::Start && baseline.seccomp == FILTER && now.seccomp == Some(0)
}

/// True for root of the node in a container that has other users.
pub(super) fn is_nodes_root(baseline: &Baseline, known: &Known, now: &Now) -> bool {
    let Some((ids, _)) = &now.rights else { return false };
    let uids = &known.container.details.uids;
    (ids.uid == 0 || ids.euid == 0)
        && baseline.namespaces.user != 0
        && !Kind::User.is_first(baseline.namespaces.user)
        && !uids.is_empty()
        && uids.inside(0).is_none()
}
