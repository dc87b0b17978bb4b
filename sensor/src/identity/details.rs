//! What rules want to know of a container, and subscribers are not told: mounts, users, start, hostname.

use std::fmt::Write as _;
use std::sync::Arc;

use super::users::{ROOT, User, Users};

/// Most mounts of a container that are kept.
pub const MOUNTS_MAX: usize = 128;
/// Longest source or destination of a mount that is kept, in bytes (`PATH_MAX`).
const MOUNT_PATH_MAX: usize = 4096;
/// Most bytes of all mounts of a container together.
const MOUNTS_BYTES_MAX: usize = 64 << 10;
/// Most ranges of an id map; the kernel takes 340, runtimes write a few.
pub const RANGES_MAX: usize = 16;

/// Facts that are no part of the container's message.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Details {
    /// Hostname that the runtime set; empty where it is not known.
    pub hostname: String,
    /// Start, in nanoseconds of the wall clock: what the runtime says (CRI `ContainerStatus.started_at`), else the
    /// creation of the control group.
    pub started_ns: Option<i64>,
    /// What of the host is mounted into it.
    pub mounts: Option<Arc<Mounts>>,
    /// How its users are numbered on the host.
    pub uids: IdMap,
    /// How its groups are numbered on the host.
    pub gids: IdMap,
    /// Names of its users and groups, from its own files; read a moment after its start, until then not known.
    pub users: Option<Arc<Users>>,
}

impl Details {
    /// Adds what another source knows of the same container; its start and its users are newer.
    pub fn add(&mut self, more: &Self) {
        if self.hostname.is_empty() {
            self.hostname.clone_from(&more.hostname);
        }
        self.started_ns = more.started_ns.or(self.started_ns);
        // The bundle has all mounts, the runtime only those that the kubelet asked for.
        if self.mounts.is_none() {
            self.mounts.clone_from(&more.mounts);
        }
        if self.uids.is_empty() {
            self.uids.clone_from(&more.uids);
        }
        if self.gids.is_empty() {
            self.gids.clone_from(&more.gids);
        }
        if more.users.is_some() {
            self.users.clone_from(&more.users);
        }
    }

    /// The user with this number on the host.
    #[must_use]
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.users.as_ref()?.user(self.uids.inside(uid)?)
    }

    /// Name of the user with this number on the host. Number 0 of the container is `root` unless its files say
    /// otherwise.
    #[must_use]
    pub fn user_name(&self, uid: u32) -> Option<&str> {
        let inside = self.uids.inside(uid)?;
        let named = self.users.as_ref().and_then(|users| users.user(inside)).map(|user| user.name.as_ref());
        named.or((inside == 0).then_some(ROOT))
    }

    /// Name of the group with this number on the host, in the same way.
    #[must_use]
    pub fn group_name(&self, gid: u32) -> Option<&str> {
        let inside = self.gids.inside(gid)?;
        let named = self.users.as_ref().and_then(|users| users.group(inside));
        named.or((inside == 0).then_some(ROOT))
    }
}

/// Numbers of users or groups within a container and on the host (OCI `linux.uidMappings`). Without ranges they are
/// the same.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct IdMap(Vec<IdRange>);

/// Numbers that follow each other.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct IdRange {
    /// The first one in the container.
    pub inside: u32,
    /// The first one on the host.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

impl IdMap {
    /// A map of these ranges, at most [`RANGES_MAX`] of them.
    #[must_use]
    pub fn new(ranges: impl IntoIterator<Item = IdRange>) -> Self {
        Self(ranges.into_iter().take(RANGES_MAX).collect())
    }

    /// True if all numbers are the same.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number within the container; `None` if it has none there.
    #[must_use]
    pub fn inside(&self, outside: u32) -> Option<u32> {
        if self.is_empty() {
            return Some(outside);
        }
        self.0.iter().find_map(|range| {
            let distance = outside.checked_sub(range.outside).filter(|distance| *distance < range.count)?;
            range.inside.checked_add(distance)
        })
    }
}

/// A folder or file of the host that is mounted into a container.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Mount {
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// Docker's mode, such as `z`; empty otherwise.
    pub mode: String,
    /// It can be written to.
    pub writable: bool,
    /// How mounts below it propagate (`private`, `rslave`, …).
    pub propagation: String,
}

/// Mounts of a container, bounded.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Mounts {
    list: Vec<Mount>,
    bytes: usize,
    left_out: u32,
}

impl Mounts {
    /// The mounts that are kept, in the order of the source.
    #[must_use]
    pub fn list(&self) -> &[Mount] {
        &self.list
    }

    /// Mounts for which there was no room.
    #[must_use]
    pub const fn left_out(&self) -> u32 {
        self.left_out
    }

    /// All of them as `source:destination:mode:writable:propagation`, joined by commas.
    pub fn write(&self, text: &mut String) {
        for (index, mount) in self.list.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let Mount { source, destination, mode, writable, propagation } = mount;
            // Writing to a string does not fail.
            write!(text, "{comma}{source}:{destination}:{mode}:{writable}:{propagation}").ok();
        }
    }
}

impl FromIterator<Mount> for Mounts {
    fn from_iter<I: IntoIterator<Item = Mount>>(mounts: I) -> Self {
        let mut kept = Self::default();
        for mount in mounts {
            let Mount { source, destination, mode, propagation, .. } = &mount;
            let bytes = [source, destination, mode, propagation].map(String::len).iter().sum::<usize>();
            let fits = kept.list.len() < MOUNTS_MAX
                && source.len().max(destination.len()) <= MOUNT_PATH_MAX
                && kept.bytes.saturating_add(bytes) <= MOUNTS_BYTES_MAX;
            if fits {
                kept.bytes += bytes;
                kept.list.push(mount);
            } else {
                kept.left_out = kept.left_out.saturating_add(1);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::super::users::Bounds;
    use super::*;

    fn mount(source: &str, destination: &str) -> Mount {
        let [source, destination] = [source, destination].map(str::to_owned);
        Mount { source, destination, propagation: "rprivate".into(), ..Mount::default() }
    }

    #[test]
    fn mounts_are_written_as_rules_know_them() {
        let writable = Mount { mode: "z".into(), writable: true, ..mount("/var/run/docker.sock", "/sock") };
        let mounts: Mounts = [mount("/etc", "/host/etc"), writable].into_iter().collect();
        let mut text = String::new();
        mounts.write(&mut text);
        assert_eq!(text, "/etc:/host/etc::false:rprivate,/var/run/docker.sock:/sock:z:true:rprivate");
    }

    #[test]
    fn too_many_and_too_long_mounts_are_left_out_and_counted() {
        let long = "l".repeat(MOUNT_PATH_MAX + 1);
        let many = (0..200).map(|number| mount(&format!("/{number}"), "/d"));
        let mounts: Mounts = std::iter::once(mount(&long, "/d")).chain(many).collect();
        assert_eq!((mounts.list().len(), mounts.left_out()), (MOUNTS_MAX, 73));
        let wide: Mounts = (0..100).map(|_| mount(&"w".repeat(4000), "/d")).collect();
        assert!(wide.bytes <= MOUNTS_BYTES_MAX && wide.list().len() + wide.left_out() as usize == 100);
    }

    #[test]
    fn numbers_of_a_user_namespace_are_those_of_its_files() {
        let range = |inside, outside, count| IdRange { inside, outside, count };
        let map = IdMap::new([range(0, 100_000, 1000), range(5000, 7, 1)]);
        assert_eq!([100_000, 100_999, 7].map(|uid| map.inside(uid)), [Some(0), Some(999), Some(5000)]);
        assert_eq!([0, 101_000, 8].map(|uid| map.inside(uid)), [None; 3]);
        assert_eq!(IdMap::new([range(u32::MAX, 0, 2)]).inside(1), None, "no number beyond the last");
        assert_eq!(IdMap::default().inside(8), Some(8));
        let users = Users::parse(b"boss:x:0:0\nweb:x:33:33", b"", Bounds::CONTAINER);
        let mut details = Details { uids: map, ..Details::default() };
        assert_eq!((details.user_name(100_000), details.user_name(0)), (Some("root"), None));
        assert_eq!((details.user_name(100_033), details.group_name(0)), (None, Some("root")));
        details.users = Some(users.into());
        assert_eq!((details.user_name(100_000), details.user_name(100_033)), (Some("boss"), Some("web")));
        assert_eq!(details.user(100_033).unwrap().name.as_ref(), "web");
    }

    #[test]
    fn a_later_source_fills_gaps_and_knows_the_start_better() {
        let mounts = |source| Some(Arc::new([mount(source, "/d")].into_iter().collect()));
        let mut known = Details { started_ns: Some(1), mounts: mounts("/bundle"), ..Details::default() };
        let more = Details {
            hostname: "web-1".into(),
            started_ns: Some(2),
            mounts: mounts("/runtime"),
            users: Some(Arc::default()),
            ..Details::default()
        };
        known.add(&more);
        assert_eq!((known.hostname.as_str(), known.started_ns), ("web-1", Some(2)));
        assert_eq!((known.mounts.clone(), known.users.is_some()), (mounts("/bundle"), true));
        let before = known.clone();
        known.add(&Details::default());
        assert_eq!(known, before);
    }
}
