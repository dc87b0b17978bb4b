//! The shapes of cgroup paths: which container, which pod and which systemd unit a path names.

use std::fmt;

use super::container::Runtime;

#[cfg(test)]
mod tests;

/// Longest id that containerd accepts, in bytes (the rule of its `identifiers` package).
const LONGEST_ID: usize = 76;

/// Hexadecimal digits of the ids that CRI runtimes, Docker and podman give.
const HEX_ID: usize = 64;

/// What runtimes write before an id: `<prefix>-<id>[.scope]`, or `<slice>:<prefix>:<id>`.
///
/// Monitors (`crio-conmon-<id>`, `libpod-conmon-<id>`) are no row of it on purpose: they run on the host.
const PREFIXES: &[(&str, Runtime)] = &[
    ("cri-containerd", Runtime::Containerd),
    ("nerdctl", Runtime::Containerd),
    ("crio", Runtime::Crio),
    ("docker", Runtime::Docker),
    ("libpod", Runtime::Podman),
];

/// First components that hold groups of others, so that what is below them is no containerd namespace.
const NOT_NAMESPACES: &[&str] =
    &["kata_overhead", "kubelet", "kubepods", "libpod_parent", "lxc", "machine", "system", "user"];

/// systemd units that hold processes.
const UNIT_KINDS: &[&str] = &[".service", ".scope", ".mount", ".socket", ".swap"];

/// How sure the path alone makes us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Only container runtimes make such a path.
    Certain,
    /// A host's own cgroup may look the same: it is a container only if a bundle of that id is found.
    Candidate,
}

/// A container as its cgroup path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerRef<'a> {
    /// The runtime's id.
    pub id: &'a str,
    /// The pod whose cgroup encloses the container most closely.
    pub pod_uid: Option<PodUid<'a>>,
    /// How sure this is.
    pub certainty: Certainty,
    /// Runtime, where the path tells.
    pub runtime: Option<Runtime>,
    /// containerd's namespace: known for candidates only, and their bundle must be of this namespace.
    pub namespace: Option<&'a str>,
}

/// A pod's uid as it stands in a path; it is shown with dashes, also where systemd's naming made them underscores.
#[derive(Clone, Copy, Debug)]
pub struct PodUid<'a>(&'a str);

impl PodUid<'_> {
    fn characters(&self) -> impl Iterator<Item = char> {
        self.0.chars().map(|c| if c == '_' { '-' } else { c })
    }
}

impl fmt::Display for PodUid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.characters().try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

impl PartialEq for PodUid<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.characters().eq(other.characters())
    }
}

impl Eq for PodUid<'_> {}

/// The innermost container of a cgroup path, which is given from the hierarchy's root (the third field of
/// `/proc/PID/cgroup`, or as the kernel names it).
#[must_use]
pub fn parse(path: &str) -> Option<ContainerRef<'_>> {
    let (mut found, mut pod_uid, mut parent) = (None, None, "");
    for component in components(path) {
        pod_uid = pod(component).or(pod_uid);
        if let Some((id, runtime)) = container(component, parent) {
            let certainty = Certainty::Certain;
            found = Some(ContainerRef { id, pod_uid, certainty, runtime, namespace: None });
        }
        parent = component;
    }
    found.or_else(|| candidate(path))
}

/// The systemd unit of a cgroup path: the innermost service or scope (mount, socket, swap), else the innermost
/// slice.
#[must_use]
pub fn unit(path: &str) -> Option<&str> {
    let mut slice = None;
    let mut found = None;
    for component in components(path) {
        let is = |kind: &str| component.strip_suffix(kind).is_some_and(|stem| !stem.is_empty());
        if UNIT_KINDS.iter().any(|kind| is(kind)) {
            found = Some(component);
        } else if is(".slice") {
            slice = Some(component);
        }
    }
    found.or(slice)
}

/// Whether containerd would accept this as an id or a namespace: words of ASCII letters and digits, joined by
/// single `.`, `_` or `-`; at most 76 bytes. No such name can leave its folder.
#[must_use]
pub fn is_valid_id(id: &str) -> bool {
    id.len() <= LONGEST_ID
        && id
            .split(['.', '_', '-'])
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Components, without what the kernel adds: `..` seen from inside a cgroup namespace, ` (deleted)`.
fn components(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    path.split('/').filter(|component| !matches!(*component, "" | "." | ".."))
}

/// The id that a component holds, and the runtime where the component or the one before it tells.
fn container<'a>(component: &'a str, parent: &str) -> Option<(&'a str, Option<Runtime>)> {
    // containerd with systemd's notation but without its driver: `<slice>:<prefix>:<id>` is one component.
    if let Some((slice_and_prefix, id)) = component.rsplit_once(':') {
        let (_, prefix) = slice_and_prefix.rsplit_once(':')?;
        let runtime = prefix_runtime(prefix)?;
        return is_hex_id(id).then_some((id, Some(runtime)));
    }
    let name = component.strip_suffix(".scope").unwrap_or(component);
    match name.rsplit_once('-') {
        Some((prefix, id)) => {
            let runtime = prefix_runtime(prefix)?;
            is_hex_id(id).then_some((id, Some(runtime)))
        }
        // Podman's pods are bare ids there; its containers have a prefix.
        None if parent == "libpod_parent" => None,
        None => is_hex_id(name).then_some((name, (parent == "docker").then_some(Runtime::Docker))),
    }
}

fn prefix_runtime(prefix: &str) -> Option<Runtime> {
    PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, runtime)| *runtime)
}

fn is_hex_id(id: &str) -> bool {
    id.len() == HEX_ID && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The uid in `pod<uid>` (cgroupfs) or `…-pod<uid>.slice` (systemd, any root slice).
fn pod(component: &str) -> Option<PodUid<'_>> {
    let uid = match component.split_once(".slice") {
        Some((slice, "")) => slice.rsplit_once("-pod")?.1,
        Some((slice, rest)) if rest.starts_with(':') => slice.rsplit_once("-pod")?.1,
        _ => component.strip_prefix("pod")?,
    };
    is_pod_uid(uid).then_some(PodUid(uid))
}

/// A UUID, or the 32 hexadecimal digits that the kubelet gives to a static pod.
fn is_pod_uid(uid: &str) -> bool {
    let separators = if uid.len() == 36 { &[8, 13, 18, 23][..] } else { &[][..] };
    matches!(uid.len(), 32 | 36)
        && uid.bytes().enumerate().all(|(at, byte)| match byte {
            b'-' | b'_' => separators.contains(&at),
            _ => byte.is_ascii_hexdigit() && !separators.contains(&at),
        })
}

/// containerd's clients other than CRI choose namespace and id freely: `/<namespace>/<id>`, and whatever the
/// container itself makes below it (else moving into a group of its own would make it a host process).
fn candidate(path: &str) -> Option<ContainerRef<'_>> {
    let mut parts = components(path);
    let (namespace, id) = (parts.next()?, parts.next()?);
    let is_unit = |name: &str| name.ends_with(".slice") || UNIT_KINDS.iter().any(|kind| name.ends_with(kind));
    let fits = |name: &str| is_valid_id(name) && !is_unit(name);
    let reserved = NOT_NAMESPACES.contains(&namespace) || namespace.starts_with("lxc.");
    (fits(namespace) && fits(id) && !reserved).then_some(ContainerRef {
        id,
        pod_uid: None,
        certainty: Certainty::Candidate,
        runtime: None,
        namespace: Some(namespace),
    })
}
