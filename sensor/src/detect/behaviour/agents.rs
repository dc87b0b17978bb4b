//! Which containers are agents of their node: storage, networks, sensors, monitoring. They do to the node what an escape would do.
//!
//! The same lists as the shipped rules have (`deploy/rules/00-common.yaml`, `node_agent`), and some meshes. Neither the
//! namespace nor the image can be chosen from within a pod. A program that was written into such a container, or lives in
//! memory, is not the agent's.

use sensor_common::record::process::FileFlags;

use super::super::scene::Scene;
use crate::identity::{container::Container, image};
use crate::process::Process;

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
    "node-exporter",
    "node_exporter",
    "cadvisor",
    "grafana/alloy",
    "pyroscope",
    "coroot",
    "dynatrace/",
    "sysdig/",
    "kubearmor/",
    "osquery",
    "ebpf-profiler",
];

/// Programs that make or run containers inside of a container, as in the shipped rules (`image_builder_program`).
const BUILDERS: &[&str] = &[
    "buildkitd",
    "buildkit-runc",
    "buildkitd-rootless",
    "rootlesskit",
    "buildah",
    "podman",
    "dockerd",
    "containerd",
    "executor",
    "img",
    "bwrap",
    "newuidmap",
    "newgidmap",
    "fuse-overlayfs",
    "mmdebstrap",
];
/// Images whose work needs rights over the node (`privileged_images` and `binary_format_images` of the rules).
const POWERFUL_IMAGES: &[&str] = &[
    "docker",
    "library/docker",
    "moby/buildkit",
    "buildah/stable",
    "podman/stable",
    "kindest/node",
    "tonistiigi/binfmt",
    "multiarch/qemu-user-static",
];
/// Most ancestors that are looked at.
const ANCESTORS_MAX: usize = 16;

/// True for images that build or run containers.
#[must_use]
pub(super) fn is_builder_image(container: &Container) -> bool {
    let image = image::split(&container.image).repository;
    POWERFUL_IMAGES.iter().any(|known| {
        image.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    })
}

/// Whether the program of an event, or one above it in its container, builds images or runs containers, and is of the
/// image.
#[must_use]
pub(super) fn is_builders_work(scene: &Scene<'_>) -> bool {
    let is_builder = |process: &Process| {
        let program = &process.program;
        let name = program.executable.rsplit('/').next().unwrap_or_default();
        BUILDERS.contains(&name) && program.file.flags & FileFlags::OVERLAY_UPPER == 0
    };
    scene.process().into_iter().chain(scene.lineage().take(ANCESTORS_MAX)).any(is_builder)
}

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
