//! What is known of a container.

use std::collections::BTreeMap;

use super::details::Details;

/// A container and, where Kubernetes started it, its pod. What is not known is empty.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Container {
    /// Id that the runtime gave it (CRI `Container.id`; usually 64 hexadecimal digits).
    pub id: String,
    /// Name within the pod (CRI `ContainerMetadata.name`), or the name that the runtime knows.
    pub name: String,
    /// Image reference as the runtime was given it.
    pub image: String,
    /// Digest of the image, with its algorithm (`sha256:…`).
    pub image_digest: String,
    /// Runtime, where the source of the facts tells.
    pub runtime: Option<Runtime>,
    /// Kubernetes pod, where a kubelet started it.
    pub pod: Option<Pod>,
    /// The container that only holds its pod's namespaces (pause).
    pub sandbox: bool,
    /// Role within its pod.
    pub role: Option<Role>,
    /// Starts before this one (CRI `ContainerMetadata.attempt`).
    pub restarts: Option<u32>,
    /// It has the host's privileges: what its bundle or Docker says of it, where one was read.
    pub privileged: Option<bool>,
    /// What rules want to know besides.
    pub details: Details,
    /// Who told the facts.
    pub sources: Sources,
}

/// A Kubernetes pod. What is not known is empty.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `metadata.uid`
    pub uid: String,
    /// Id of its sandbox (CRI `PodSandbox.id`).
    pub sandbox_id: String,
    /// Labels that the settings ask for.
    pub labels: BTreeMap<String, String>,
    /// Annotations that the settings ask for.
    pub annotations: BTreeMap<String, String>,
    /// Controllers, the pod's own first.
    pub owners: Vec<PodOwner>,
    /// `spec.serviceAccountName`
    pub service_account: String,
    /// What it shares with the node, and its containers with each other.
    pub shares: Shares,
    /// The kubelet made it from a file (`kubernetes.io/config.source`).
    pub static_pod: bool,
}

/// A controller of a pod (`metadata.ownerReferences`).
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct PodOwner {
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// Namespaces of the kernel that a pod shares.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Shares {
    /// The node's network (`spec.hostNetwork`).
    pub host_network: bool,
    /// The node's process ids (`spec.hostPID`).
    pub host_pid: bool,
    /// Process ids among its containers (`spec.shareProcessNamespace`).
    pub pids: bool,
}

/// Role of a container within its pod.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Role {
    /// `spec.containers`
    Main,
    /// `spec.initContainers`
    Init,
    /// `spec.initContainers` with `restartPolicy: Always`
    Sidecar,
    /// `spec.ephemeralContainers`
    Ephemeral,
}

/// Who tells what is known of a container.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// The path of its control group.
    ControlGroup = 1,
    /// What the runtime keeps on disk.
    Bundle = 2,
    /// The runtime, over CRI.
    Cri = 4,
    /// The API server.
    Kubernetes = 8,
}

impl Source {
    /// All, those that know less first.
    pub const ALL: [Self; 4] = [Self::ControlGroup, Self::Bundle, Self::Cri, Self::Kubernetes];

    /// Name as metrics and status show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ControlGroup => "control_group",
            Self::Bundle => "bundle",
            Self::Cri => "cri",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// A set of sources.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Sources(u8);

impl Sources {
    /// With one more.
    #[must_use]
    pub const fn with(self, source: Source) -> Self {
        Self(self.0 | source as u8)
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if `source` is among them.
    #[must_use]
    pub const fn has(self, source: Source) -> bool {
        self.0 & source as u8 != 0
    }

    /// Those that are there, in the order of [`Source::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Source> {
        Source::ALL.into_iter().filter(move |source| self.has(*source))
    }
}

impl From<Source> for Sources {
    fn from(source: Source) -> Self {
        Self::default().with(source)
    }
}

/// Container runtimes.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Runtime {
    /// containerd
    Containerd,
    /// CRI-O
    Crio,
    /// Docker
    Docker,
    /// Podman
    Podman,
}

impl Runtime {
    /// Name as events show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::Crio => "cri-o",
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// Length of an id as people see it.
const SHORT_ID: usize = 12;

impl Container {
    /// The first twelve characters of its id.
    #[must_use]
    pub fn short_id(&self) -> &str {
        self.id.get(..SHORT_ID).unwrap_or(&self.id)
    }

    /// True if subscribers are told the same of both.
    #[must_use]
    pub fn looks_like(&self, other: &Self) -> bool {
        let shown = |container: &Self| Self { details: Details::default(), ..container.clone() };
        shown(self) == shown(other)
    }

    /// Adds what another source knows of the same container: it fills what is empty, and what it says of the
    /// digest, the role and the number of restarts is newer.
    pub fn add(&mut self, more: &Self) {
        fill(&mut self.name, &more.name);
        fill(&mut self.image, &more.image);
        renew(&mut self.image_digest, &more.image_digest);
        self.runtime = self.runtime.or(more.runtime);
        self.sandbox |= more.sandbox;
        self.role = more.role.or(self.role);
        self.restarts = more.restarts.or(self.restarts);
        self.privileged = self.privileged.or(more.privileged);
        self.details.add(&more.details);
        self.sources = self.sources.and(more.sources);
        if let Some(pod) = &more.pod {
            self.pod.get_or_insert_with(Pod::default).add(pod);
        }
    }
}

impl Pod {
    /// Adds what another source knows of the same pod: ids and names stay, everything else is newer.
    pub fn add(&mut self, more: &Self) {
        fill(&mut self.namespace, &more.namespace);
        fill(&mut self.name, &more.name);
        fill(&mut self.uid, &more.uid);
        renew(&mut self.sandbox_id, &more.sandbox_id);
        renew(&mut self.service_account, &more.service_account);
        self.shares.host_network |= more.shares.host_network;
        self.shares.host_pid |= more.shares.host_pid;
        self.shares.pids |= more.shares.pids;
        self.static_pod |= more.static_pod;
        if !more.labels.is_empty() {
            self.labels.clone_from(&more.labels);
        }
        if !more.annotations.is_empty() {
            self.annotations.clone_from(&more.annotations);
        }
        if !more.owners.is_empty() {
            self.owners.clone_from(&more.owners);
        }
    }
}

fn fill(field: &mut String, value: &str) {
    if field.is_empty() {
        value.clone_into(field);
    }
}

fn renew(field: &mut String, value: &str) {
    if !value.is_empty() {
        value.clone_into(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_source_fills_gaps_and_takes_nothing_away() {
        let mut known = Container {
            id: "1".into(),
            name: "main".into(),
            pod: Some(Pod { namespace: "shop".into(), name: "web-1".into(), ..Pod::default() }),
            sources: Source::Bundle.into(),
            ..Container::default()
        };
        known.add(&Container {
            image_digest: "sha256:1".into(),
            restarts: Some(2),
            pod: Some(Pod { uid: "u".into(), service_account: "web".into(), ..Pod::default() }),
            sources: Source::Cri.into(),
            ..Container::default()
        });
        let pod = known.pod.as_ref().unwrap();
        assert_eq!((pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_str()), ("shop", "web-1", "u"));
        assert_eq!((known.image_digest.as_str(), known.restarts), ("sha256:1", Some(2)));
        assert_eq!(known.sources.iter().collect::<Vec<_>>(), [Source::Bundle, Source::Cri]);
        let before = known.clone();
        known.add(&Container::default());
        assert_eq!(known, before);
    }

    #[test]
    fn details_are_not_told_and_ids_may_be_short() {
        let id = "0123456789abcdef".to_owned();
        let container = Container { id, ..Container::default() };
        let details = Details { hostname: "h".into(), ..Details::default() };
        let detailed = Container { details, ..container.clone() };
        assert!(detailed.looks_like(&container) && detailed != container);
        assert!(!Container { privileged: Some(true), ..container.clone() }.looks_like(&container));
        assert_eq!(container.short_id(), "0123456789ab");
        assert_eq!(Container { id: "web1".into(), ..Container::default() }.short_id(), "web1");
    }
}
