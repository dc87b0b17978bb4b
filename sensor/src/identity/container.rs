//! What is known of a container.

/// A container and, where Kubernetes started it, its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Id that the runtime gave it (CRI `Container.id`; usually 64 hexadecimal digits).
    pub id: String,
    /// Name within the pod (CRI `ContainerMetadata.name`), or the name that the runtime knows; empty where unknown.
    pub name: String,
    /// Image reference as the runtime was given it; empty where unknown.
    pub image: String,
    /// Runtime, where the source of the facts tells.
    pub runtime: Option<Runtime>,
    /// Kubernetes pod, where a kubelet started it.
    pub pod: Option<Pod>,
    /// The container that only holds its pod's namespaces (pause).
    pub sandbox: bool,
}

/// A Kubernetes pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `metadata.uid`
    pub uid: String,
}

/// Container runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
