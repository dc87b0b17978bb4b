//! Table of real cgroup paths, and properties that hold for any string.

use proptest::prelude::*;

use super::*;

const A: &str = "1f0e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";
const B: &str = "b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2";
const UID: &str = "72f7f152-440c-66ac-9084-e0fc1d8a910c";
const STATIC_UID: &str = "c704ef4c297ab11032b83ce52cbfc87b";

use Runtime::{Containerd, Containerd as C, Crio, Docker, Podman};

/// Source, path (`A`, `B`, `UID`, `U_D` and `STATIC` stand for ids), id, pod, runtime.
type Row = (&'static str, &'static str, &'static str, Option<&'static str>, Option<Runtime>);

#[rustfmt::skip]
const CERTAIN: &[Row] = &[
    ("kubelet cgroupfs, besteffort, v1 and v2", "/kubepods/besteffort/podUID/A", A, Some(UID), None),
    ("kubelet cgroupfs, burstable (k3s, microk8s)", "/kubepods/burstable/podUID/A", A, Some(UID), None),
    ("kubelet cgroupfs, guaranteed", "/kubepods/podUID/A", A, Some(UID), None),
    ("kubelet cgroupfs, static pod", "/kubepods/burstable/podSTATIC/A", A, Some(STATIC_UID), None),
    ("kubelet systemd, containerd, besteffort",
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podU_D.slice/cri-containerd-A.scope",
        A, Some(UID), Some(C)),
    ("kubelet systemd, containerd, guaranteed",
        "/kubepods.slice/kubepods-podU_D.slice/cri-containerd-A.scope", A, Some(UID), Some(C)),
    ("kubelet systemd, containerd, static pod",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSTATIC.slice/cri-containerd-A.scope",
        A, Some(STATIC_UID), Some(C)),
    ("CRI-O systemd", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_D.slice/crio-A.scope",
        A, Some(UID), Some(Crio)),
    ("CRI-O with crun, which adds a group",
        "/kubepods.slice/kubepods-podU_D.slice/crio-A.scope/container", A, Some(UID), Some(Crio)),
    ("CRI-O cgroupfs", "/kubepods/burstable/podUID/crio-A", A, Some(UID), Some(Crio)),
    ("cri-dockerd systemd", "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podU_D.slice/docker-A.scope",
        A, Some(UID), Some(Docker)),
    ("Docker systemd", "/system.slice/docker-A.scope", A, None, Some(Docker)),
    ("Docker cgroupfs", "/docker/A", A, None, Some(Docker)),
    ("Docker with a cgroup parent", "/actions_job/A", A, None, None),
    ("Docker rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-A.scope", A, None, Some(Docker)),
    ("podman systemd", "/machine.slice/libpod-A.scope", A, None, Some(Podman)),
    ("podman with crun", "/machine.slice/libpod-A.scope/container", A, None, Some(Podman)),
    ("podman rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-A.scope/container",
        A, None, Some(Podman)),
    ("podman in a systemd pod", "/machine.slice/machine-libpod_pod_B.slice/libpod-A.scope", A, None, Some(Podman)),
    ("podman cgroupfs", "/libpod_parent/libpod-A", A, None, Some(Podman)),
    ("podman cgroupfs with crun", "/libpod_parent/libpod-A/container", A, None, Some(Podman)),
    ("podman cgroupfs in a pod", "/libpod_parent/B/libpod-A", A, None, Some(Podman)),
    ("containerd CRI with systemd's notation, no systemd driver",
        "/kubepods-besteffort-podU_D.slice:cri-containerd:A", A, Some(UID), Some(C)),
    ("the same below containerd's unit (v2)",
        "/system.slice/containerd.service/kubepods-podU_D.slice:cri-containerd:A", A, Some(UID), Some(C)),
    ("the same with CRI-O's prefix", "/kubepods.slice/kubepods-podU_D.slice:crio:A", A, Some(UID), Some(Crio)),
    ("containerd CRI, no kubelet (hybrid, v2 tree)", "/k8s.io/A", A, None, None),
    ("nerdctl cgroupfs", "/default/A", A, None, None),
    ("nerdctl systemd", "/system.slice/nerdctl-A.scope", A, None, Some(Containerd)),
    ("ECS", "/ecs/4b5a6978-task/A", A, None, None),
    ("runc systemd, no prefix", "/system.slice/A.scope", A, None, None),
    ("kind, cgroupfs", "/docker/B/kubelet/kubepods/besteffort/podUID/A", A, Some(UID), None),
    ("kind, cgroupfs, node group twice (cgroup namespace off)",
        "/docker/B/docker/B/kubelet/kubepods/besteffort/podUID/A", A, Some(UID), None),
    ("kind, systemd",
        "/system.slice/docker-B.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-podU_D.slice/cri-containerd-A.scope",
        A, Some(UID), Some(C)),
    ("kind, systemd's notation", "/docker/B/system.slice/containerd.service/kubelet-kubepods-besteffort-podU_D.slice:cri-containerd:A",
        A, Some(UID), Some(C)),
    ("kind, the node's own systemd", "/system.slice/docker-B.scope/init.scope", B, None, Some(Docker)),
    ("kind, a unit of the node", "/docker/B/system.slice/kubelet.service", B, None, Some(Docker)),
    ("conmon inside a node container belongs to the node", "/docker/B/kubelet/kubepods/podUID/crio-conmon-A", B, None, Some(Docker)),
    ("minikube, Docker in Docker", "/docker/B/system.slice/docker-A.scope", A, None, Some(Docker)),
    ("Docker in a pod keeps the pod", "/kubepods/besteffort/podUID/B/docker/A", A, Some(UID), Some(Docker)),
    ("Docker in LXC", "/lxc.payload.c1/system.slice/docker-A.scope", A, None, Some(Docker)),
    ("systemd in a container", "/kubepods/besteffort/podUID/A/init.scope", A, Some(UID), None),
    ("a service in a container", "/docker/A/system.slice/cron.service", A, None, Some(Docker)),
    ("a group that the workload made", "/kubepods/besteffort/podUID/A/foo/bar", A, Some(UID), None),
    ("seen from another cgroup namespace", "/../../podUID/A", A, Some(UID), None),
    ("group already removed", "/system.slice/docker-A.scope (deleted)", A, None, Some(Docker)),
    ("k3s rootless", "/user.slice/user-1000.slice/user@1000.service/k3s-rootless.service/kubepods/podUID/A",
        A, Some(UID), None),
];

/// Source, path, namespace, id.
const CANDIDATES: &[(&str, &str, &str, &str)] = &[
    ("ctr run … web1", "/default/web1", "default", "web1"),
    ("nerdctl or ctr in another namespace", "/team-a/web_1.x", "team-a", "web_1.x"),
    ("crictl does not name them so, but ctr may", "/k8s.io/debug", "k8s.io", "debug"),
    ("one digit short of an id", "/default/f0e2", "default", "f0e2"),
    ("a group that the workload made", "/default/web1/foo", "default", "web1"),
    ("systemd in it", "/default/web1/init.scope", "default", "web1"),
    ("seen from another cgroup namespace", "/../default/web1", "default", "web1"),
];

#[rustfmt::skip]
const HOST: &[(&str, &str, Option<&str>)] = &[
    ("root", "/", None),
    ("empty", "", None),
    ("systemd", "/init.scope", Some("init.scope")),
    ("service", "/system.slice/ssh.service", Some("ssh.service")),
    ("service with groups of its own", "/system.slice/foo.service/supervisor", Some("foo.service")),
    ("slice only", "/system.slice", Some("system.slice")),
    ("mount", "/system.slice/boot.mount", Some("boot.mount")),
    ("session", "/user.slice/user-1000.slice/session-2.scope", Some("session-2.scope")),
    ("user service", "/user.slice/user-1000.slice/user@1000.service/app.slice/app-a.service", Some("app-a.service")),
    ("containerd and its shims", "/system.slice/containerd.service", Some("containerd.service")),
    ("monitor of CRI-O, systemd", "/kubepods.slice/kubepods-podU_D.slice/crio-conmon-A.scope", Some("crio-conmon-A.scope")),
    ("monitor of CRI-O, cgroupfs", "/kubepods/burstable/podUID/crio-conmon-A", None),
    ("monitor of CRI-O, its own slice", "/system.slice/crio-conmon-A.scope", Some("crio-conmon-A.scope")),
    ("monitor of podman", "/machine.slice/libpod-conmon-A.scope", Some("libpod-conmon-A.scope")),
    ("monitor of podman, cgroupfs", "/libpod_parent/libpod-conmon-A", None),
    ("monitor of podman, notation", "/machine.slice:libpod-conmon:A", None),
    ("podman's pod", "/libpod_parent/B", None),
    ("podman's pod, systemd", "/machine.slice/machine-libpod_pod_B.slice", Some("machine-libpod_pod_B.slice")),
    ("podman's health check", "/system.slice/A.service", Some("A.service")),
    ("Docker's mount units", "/system.slice/var-lib-docker-containers-A-mounts-shm.mount",
        Some("var-lib-docker-containers-A-mounts-shm.mount")),
    ("pod only", "/kubepods/besteffort/podUID", None),
    ("pod only, guaranteed", "/kubepods/podUID", None),
    ("QoS class only", "/kubepods/besteffort", None),
    ("LXC 2 to 3", "/lxc/c1", None),
    ("LXC 4 and later", "/lxc.payload.c1/foo", None),
    ("LXC monitor", "/lxc.monitor.c1", None),
    ("systemd-nspawn", "/machine.slice/systemd-nspawn@c1.service/payload", Some("systemd-nspawn@c1.service")),
    ("unknown prefix", "/system.slice/foo-A.scope", Some("foo-A.scope")),
    ("ids that leave their folder", "/default/..", None),
    ("suffix without a stem", "/.service/.slice", None),
];

fn fill(shape: &str) -> String {
    let systemd = UID.replace('-', "_");
    // `A` and `B` last: what the others stand for holds no capital letter.
    let named = shape.replace("STATIC", STATIC_UID).replace("UID", UID).replace("U_D", &systemd);
    named.replace('A', A).replace('B', B)
}

#[test]
fn container_runtimes_paths_name_their_container() {
    for (source, shape, id, uid, runtime) in CERTAIN {
        let path = fill(shape);
        let found = parse(&path).unwrap_or_else(|| panic!("{source}: {path}"));
        assert_eq!(found.id, *id, "{source}");
        assert_eq!(found.pod_uid.map(|uid| uid.to_string()).as_deref(), *uid, "{source}");
        assert_eq!(found.runtime, *runtime, "{source}");
        assert_eq!(found.certainty, Certainty::Certain, "{source}");
    }
}

#[test]
fn free_names_are_candidates_of_their_namespace() {
    for (source, path, namespace, id) in CANDIDATES {
        let found = parse(path).unwrap_or_else(|| panic!("{source}: {path}"));
        assert_eq!((found.namespace, found.id), (Some(*namespace), *id), "{source}");
        assert_eq!(found.certainty, Certainty::Candidate, "{source}");
    }
}

#[test]
fn host_paths_name_no_container_but_their_unit() {
    for (source, shape, expected) in HOST {
        let path = fill(shape);
        assert_eq!(parse(&path), None, "{source}");
        assert_eq!(unit(&path), expected.map(fill).as_deref(), "{source}");
    }
}

#[test]
fn runtimes_write_ids_in_lower_case() {
    let path = format!("/docker/{}", A.to_uppercase());
    assert_eq!(parse(&path).map(|found| found.certainty), Some(Certainty::Candidate));
}

#[test]
fn pod_uids_compare_as_they_are_shown() {
    assert_eq!(PodUid("72f7f152_440c_66ac_9084_e0fc1d8a910c"), PodUid(UID));
    assert_ne!(PodUid(STATIC_UID), PodUid(UID));
}

#[test]
fn ids_follow_the_rule_of_containerd() {
    for good in ["a", "web1", "web_1.x-y", A, &"a".repeat(76)] {
        assert!(is_valid_id(good), "{good}");
    }
    for bad in ["", ".", "..", "a/b", "a..b", "-a", "a-", "a b", "a\0b", "é", &"a".repeat(77)] {
        assert!(!is_valid_id(bad), "{bad}");
    }
}

/// Pieces of real paths, so that random paths come near the interesting shapes.
fn piece() -> impl Strategy<Value = String> {
    let known: &[&str] = &[
        "kubepods",
        "kubepods.slice",
        "podUID",
        "kubepods-podU_D.slice",
        "A",
        "docker",
        "docker-B.scope",
        "default",
        "crio-conmon-A.scope",
        "libpod_parent",
        "init.scope",
        "x.slice:cri-containerd:A",
        ":A",
        "-A",
        "..",
        "podé",
    ];
    prop_oneof![proptest::sample::select(known).prop_map(fill), "[a-f0-9:._é-]{0,70}", ".{0,8}"]
}

fn any_path() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(piece(), 0..8).prop_map(|parts| format!("/{}", parts.join("/"))),
    ]
}

fn is_part(part: &str, whole: &str) -> bool {
    whole.as_bytes().as_ptr_range().contains(&part.as_ptr()) && whole.contains(part)
}

proptest! {
    #[test]
    fn any_string_is_answered_with_parts_of_itself(path in any_path()) {
        if let Some(found) = parse(&path) {
            prop_assert!(is_part(found.id, &path) && is_valid_id(found.id));
            prop_assert!(found.namespace.is_none_or(|namespace| is_part(namespace, &path)));
            prop_assert!(found.pod_uid.is_none_or(|uid| is_pod_uid(&uid.to_string())));
        }
        if let Some(unit) = unit(&path) {
            prop_assert!(is_part(unit, &path));
        }
    }

    #[test]
    fn a_container_in_another_stays_itself(outer in any_path(), row in 0..CERTAIN.len()) {
        let inner = fill(CERTAIN[row].1);
        let alone = parse(&inner).expect("every row names a container");
        let path = format!("{outer}{inner}");
        let nested = parse(&path).expect("it still does");
        prop_assert_eq!((nested.id, nested.runtime, nested.certainty), (alone.id, alone.runtime, alone.certainty));
        prop_assert!(alone.pod_uid.is_none() || nested.pod_uid == alone.pod_uid);
    }
}
