//! Which containers are agents of their node: storage, networks, sensors. They do to the node what an escape would do.
//!
//! The same lists as the shipped rules have (`deploy/rules/00-common.yaml`, `node_agent`), and some meshes. Neither the
//! namespace nor the image can be chosen from within a pod. A program that was written into such a container, or lives in
//! memory, is not the agent's.

use sensor_common::record::process::FileFlags;

use super::super::scene::Scene;
use crate::identity::{container::Container, image};

/// Namespaces of Kubernetes that hold agents of the node.
const NAMESPACES: &[&str] = &[
    "kube-system",
    "calico-system",
    "calico-apiserver",
    "cilium",
    "cilium-system",
    "kube-flannel",
    "tigera-operator",
    "metallb-system",
    "rook-ceph",
    "ceph-csi",
    "longhorn-system",
    "openebs",
    "portworx",
    "gpu-operator",
    "node-feature-discovery",
    "falco",
    "tetragon",
    "picket",
    "istio-system",
    "linkerd",
    "linkerd-cni",
];

/// Parts of the names of their images.
const IMAGES: &[&str] = &[
    "/csi-",
    "-csi",
    "csi-driver",
    "/rook/",
    "longhornio/",
    "openebs/",
    "cilium/",
    "calico/",
    "flannel",
    "multus",
    "metallb",
    "kube-proxy",
    "falcosecurity/",
    "tetragon",
    "tracee",
    "inspektor-gadget",
    "parca-agent",
    "beyla",
    "datadog/agent",
    "node-problem-detector",
    "istio/",
    "linkerd/cni",
];

/// True for a container that works on its node.
#[must_use]
pub(super) fn is_node_agent(container: &Container) -> bool {
    let namespace = container.pod.as_ref().map(|pod| pod.namespace.as_str());
    if namespace.is_some_and(|namespace| NAMESPACES.contains(&namespace)) {
        return true;
    }
    let image = image::split(&container.image).repository;
    IMAGES.iter().any(|part| image.contains(part))
        || image.ends_with("picket")
        || image.contains("nvidia/") && image.contains("driver")
}

/// Whether what an event tells is the work of an agent of the node: in its container, by a program of its image.
#[must_use]
pub(super) fn is_agents_work(scene: &Scene<'_>) -> bool {
    let is_of_image = scene.process().is_none_or(|process| {
        let program = &process.program;
        program.file.flags & FileFlags::OVERLAY_UPPER == 0 && !program.memfd
    });
    is_of_image && scene.container().is_some_and(|known| is_node_agent(&known.container))
}
