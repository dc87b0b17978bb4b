//! Escapes by several ways, and what looks alike.

use std::sync::Arc;

use sensor_common::{
    class::Class,
    record::{
        privilege::Facts as CallFacts,
        process::{ExecFacts, FileFlags, Ids},
    },
    tail::Tail,
};

use super::*;
use crate::detect::behaviour::tests::{
    CONTAINER_CAPABILITIES, HOST, OVERLAY, Stage, Told, container, namespaces,
};
use crate::identity::{
    container::{Container, Pod},
    details::{IdMap, IdRange, Mount},
};

const EXT4: u64 = 0xef53;
const PROC: u64 = 0x9fa0;
/// Control group of the node's root.
const ROOT: u64 = 1;

fn stage() -> Stage {
    Stage::of(Boundary::new(Bounds::default()))
}

/// A stage with one container and a shell in it.
fn shell() -> (Stage, u32) {
    shell_in(container(1, "shop"))
}

fn shell_in(container: Container) -> (Stage, u32) {
    let mut stage = stage();
    let first = stage.container(1, container);
    let shell = stage.fork(first);
    stage.exec(shell, "/bin/sh", |_| {});
    assert!(stage.take().is_empty(), "nothing odd so far");
    (stage, shell)
}

#[track_caller]
fn only(stage: &mut Stage, id: &str, severity: Severity) -> Told {
    let mut told = stage.take();
    assert_eq!(
        told.iter().map(|told| (told.id.as_str(), told.severity)).collect::<Vec<_>>(),
        [(id, severity)]
    );
    told.remove(0)
}

#[track_caller]
fn nothing(stage: &mut Stage) {
    stage.tick();
    let told = stage.take();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn a_program_in_namespaces_of_the_node_has_escaped_however_it_came_there() {
    for change in [
        (|all: &mut sensor_common::record::process::Namespaces| *all = HOST) as fn(&mut _),
        |all| all.mnt = HOST.mnt,
        |all| all.pid = HOST.pid,
    ] {
        let (mut stage, shell) = shell();
        stage.exec(shell, "/usr/bin/bash", |record| change(&mut record.namespaces));
        let told = only(&mut stage, "container-boundary-crossed", Severity::Critical);
        assert_eq!(told.container, format!("{:064x}", 1));
        assert!(told.finding.confidence > 0.9, "{told:#?}");
        // Its children are no programs of the runtime.
        let child = stage.fork(shell);
        stage.exec(child, "/usr/bin/id", |_| {});
        only(&mut stage, "container-boundary-crossed", Severity::Critical);
    }
}

#[test]
fn a_call_shows_it_as_well_as_a_program() {
    let (mut stage, shell) = shell();
    stage.call(shell, Class::Ptrace, |record| record.namespaces.user = 0xF000_4000);
    nothing(&mut stage);
    stage.call(shell, Class::Ptrace, |record| record.namespaces.net = HOST.net);
    only(&mut stage, "container-boundary-crossed", Severity::High);
}

#[test]
fn what_a_rule_tells_of_a_call_is_not_told_again() {
    let (mut stage, shell) = shell();
    stage.call(shell, Class::Setns, |record| record.namespaces = HOST);
    nothing(&mut stage);
}

#[test]
fn namespaces_of_another_pod_are_foreign_and_those_of_the_same_pod_are_not() {
    let (mut stage, shell) = shell();
    stage.container(2, container(2, "bank"));
    stage.call(shell, Class::Setns, |record| record.namespaces.net = namespaces(2).net);
    let told = only(&mut stage, "container-boundary-crossed", Severity::High);
    assert!(told.finding.evidence[0].contains(&format!("{:064x}", 2)), "{told:#?}");
    let sidecar = Container { pod: container(1, "shop").pod, ..container(3, "shop") };
    stage.container(3, sidecar);
    stage.call(shell, Class::Setns, |record| record.namespaces.net = namespaces(3).net);
    nothing(&mut stage);
}

#[test]
fn numbers_of_namespaces_are_given_away_again() {
    let (mut stage, shell) = shell();
    let other = stage.container(2, container(2, "bank"));
    stage.exit(other);
    // A sandbox of its own, under a number that was another container's, whose control group is still there.
    stage.call(shell, Class::Unshare, |record| record.namespaces.net = namespaces(2).net);
    nothing(&mut stage);
    // It is a third container's by now.
    let third =
        stage.container_with(3, container(3, "bank"), |record| record.namespaces.net = namespaces(2).net);
    stage.call(shell, Class::Setns, |record| record.namespaces.net = namespaces(2).net);
    let told = only(&mut stage, "container-boundary-crossed", Severity::High);
    assert!(told.finding.evidence[0].contains(&format!("{:064x}", 3)), "{told:#?}");
    stage.exit(third);
}

#[test]
fn the_runtime_may_enter_and_what_it_gives_is_given() {
    let (mut stage, _) = shell();
    let entered = stage.enter(1);
    stage.exec(entered, "/bin/sh", |_| {});
    let child = stage.fork(entered);
    stage.exec(child, "/bin/ls", |_| {});
    nothing(&mut stage);
    // docker exec --privileged
    let entered = stage.enter(1);
    stage.exec(entered, "/bin/sh", |record| {
        record.capabilities.bounding = u64::MAX >> 23;
        record.capabilities.permitted = u64::MAX >> 23;
        record.seccomp = 0;
    });
    let child = stage.fork(entered);
    stage.exec(child, "/bin/ls", |_| {});
    nothing(&mut stage);
}

#[test]
fn a_member_does_not_become_the_runtime_by_another_parent() {
    let (mut stage, shell) = shell();
    let child = stage.fork(shell);
    let runtime = stage.act(shell).parent;
    let runtime = stage.act(runtime).parent;
    stage.act(child).parent = runtime;
    stage.exec(child, "/bin/x", |record| record.capabilities.permitted |= 1 << 21);
    only(&mut stage, "container-rights-grew", Severity::Critical);
}

#[test]
fn rights_that_nobody_gave_are_told() {
    let sys_admin = 1_u64 << 21;
    let (mut stage, shell) = shell();
    stage.call(shell, Class::Capability, |record| {
        record.capabilities.effective |= sys_admin;
        record.capabilities.permitted |= sys_admin;
    });
    let told = only(&mut stage, "container-rights-grew", Severity::Critical);
    assert!(told.finding.evidence[0].contains("SYS_ADMIN"), "{told:#?}");
    let (mut stage, shell) = self::shell();
    stage.exec(shell, "/bin/x", |record| record.seccomp = 0);
    only(&mut stage, "container-rights-grew", Severity::Critical);
}

#[test]
fn a_user_namespace_of_its_own_gives_all_rights_and_is_no_escape() {
    let (mut stage, shell) = shell();
    stage.call(shell, Class::Unshare, |record| {
        record.namespaces.user = 0xF000_9000;
        record.namespaces.mnt = 0xF000_9001;
        record.capabilities.permitted = u64::MAX >> 23;
        record.capabilities.effective = u64::MAX >> 23;
        record.capabilities.bounding = u64::MAX >> 23;
    });
    stage.exec(shell, "/usr/bin/chrome", |_| {});
    let child = stage.fork(shell);
    stage.exec(child, "/usr/bin/chrome", |_| {});
    nothing(&mut stage);
}

#[test]
fn root_by_no_call_is_told_and_by_setuid_is_not() {
    let user = Ids { uid: 1000, gid: 1000, euid: 1000, egid: 1000 };
    let make = || {
        let (mut stage, shell) = shell();
        let none = sensor_common::record::process::Capabilities {
            bounding: CONTAINER_CAPABILITIES,
            ..Default::default()
        };
        stage.exec(shell, "/bin/sh", |record| (record.ids, record.capabilities) = (user, none));
        (stage, shell)
    };
    let (mut stage, shell) = make();
    stage.exec(shell, "/bin/sh", |record| record.ids = Ids::default());
    only(&mut stage, "container-rights-grew", Severity::Critical);
    let (mut stage, shell) = make();
    stage.exec(shell, "/usr/bin/su", |record| {
        record.file.mode |= 0o4000;
        record.ids.euid = 0;
    });
    stage.call(shell, Class::Credentials, |record| record.ids = Ids::default());
    stage.exec(shell, "/bin/sh", |_| {});
    nothing(&mut stage);
    let (mut stage, shell) = make();
    stage.call(shell, Class::Credentials, |record| {
        record.facts |= CallFacts::BEFORE;
        record.further_before.suid = 1000;
        record.ids = Ids::default();
    });
    let told = only(&mut stage, "container-rights-grew", Severity::Critical);
    assert!(told.finding.confidence > 0.9);
    // Asked for in vain.
    let (mut stage, shell) = make();
    stage.call(shell, Class::Credentials, |record| {
        record.facts |= CallFacts::BEFORE;
        (record.further_before.suid, record.result, record.ids) = (1000, -1, Ids::default());
    });
    nothing(&mut stage);
}

#[test]
fn root_of_the_node_is_none_of_a_container_with_other_users() {
    let mut other = container(1, "shop");
    other.details.uids = IdMap::new([IdRange { inside: 0, outside: 100_000, count: 65_536 }]);
    let mut stage = stage();
    let first = stage.container_with(1, other, |record| {
        record.namespaces.user = 0xF000_7000;
        record.ids = Ids { uid: 100_000, gid: 100_000, euid: 100_000, egid: 100_000 };
    });
    let child = stage.fork(first);
    stage.exec(child, "/bin/ls", |_| {});
    nothing(&mut stage);
    stage.exec(child, "/bin/sh", |record| record.ids = Ids::default());
    only(&mut stage, "container-rights-grew", Severity::Critical);
    stage.call(child, Class::Ptrace, |record| record.namespaces.user = HOST.user);
    assert_eq!(stage.ids(), ["container-boundary-crossed", "container-rights-grew"]);
}

#[test]
fn who_is_given_the_nodes_namespaces_does_not_leave_by_being_there() {
    let mut stage = stage();
    let first = stage.container_with(1, container(1, "shop"), |record| {
        record.namespaces.pid = HOST.pid;
        record.namespaces.net = HOST.net;
        record.container_pid = record.header.process.pid;
    });
    let child = stage.fork(first);
    stage.exec(child, "/bin/ls", |_| {});
    nothing(&mut stage);
    stage.exec(child, "/bin/sh", |record| record.namespaces.mnt = HOST.mnt);
    only(&mut stage, "container-boundary-crossed", Severity::Critical);
}

#[test]
fn agents_of_the_node_do_so_as_their_work() {
    let (mut stage, shell) = shell_in(container(1, "kube-system"));
    stage.exec(shell, "/usr/sbin/iscsiadm", |record| record.namespaces.mnt = HOST.mnt);
    only(&mut stage, "container-boundary-crossed", Severity::Low);
    // A program that was written into the container is not the agent's.
    stage.exec(shell, "/tmp/x", |record| {
        record.file.flags |= FileFlags::OVERLAY_UPPER;
    });
    only(&mut stage, "container-boundary-crossed", Severity::Critical);
}

#[test]
fn a_container_that_was_there_before_is_compared_with_the_node_only() {
    let mut stage = stage();
    let old = container(1, "shop");
    let path = format!("/kubepods/pod1/{}", old.id);
    stage.group(Stage::cgroup_of(1), &path, Some(old));
    let entered = stage.enter(1);
    stage.exec(entered, "/bin/sh", |_| {});
    let child = stage.fork(entered);
    stage.exec(child, "/bin/more", |record| {
        record.capabilities.permitted = u64::MAX >> 23;
        record.seccomp = 0;
    });
    nothing(&mut stage);
    stage.exec(child, "/bin/sh", |record| record.namespaces.mnt = HOST.mnt);
    let told = only(&mut stage, "container-boundary-crossed", Severity::Critical);
    assert!(told.finding.confidence < 0.9);
}

#[test]
fn a_machine_in_the_group_of_its_container_is_quiet() {
    let mut stage = stage();
    let kata = container(1, "shop");
    let path = format!("/kubepods/pod1/{}", kata.id);
    stage.group(Stage::cgroup_of(1), &path, Some(kata));
    let shim = stage.enter(1);
    stage.act(shim).namespaces = HOST;
    stage.exec(shim, "/opt/kata/bin/qemu", |_| {});
    let child = stage.fork(shim);
    stage.exec(child, "/opt/kata/bin/virtiofsd", |_| {});
    nothing(&mut stage);
}

#[test]
fn who_leaves_the_control_group_is_followed() {
    let (mut stage, shell) = shell();
    stage.moved(shell, shell, ROOT, "/");
    let told = only(&mut stage, "container-left-its-control-group", Severity::Critical);
    assert_eq!(told.container, "");
    assert!(told.finding.evidence.iter().any(|fact| fact.contains(&format!("{:064x}", 1))), "{told:#?}");
    // By clone3 into another group, or after a move that was lost.
    let (mut stage, shell) = self::shell();
    let child = stage.fork(shell);
    stage.act(child).cgroup = ROOT;
    stage.exec(child, "/bin/sh", |_| {});
    only(&mut stage, "container-left-its-control-group", Severity::Critical);
}

#[test]
fn groups_within_a_container_are_its_own_and_others_may_move_it() {
    let (mut stage, shell) = shell();
    let inner = Container { id: "a".repeat(64), ..Container::default() };
    let path = format!("/kubepods/pod1/{:064x}/docker/{}", 1, inner.id);
    stage.group(500, &path, Some(inner));
    stage.moved(shell, shell, 500, "/x");
    stage.exec(shell, "/bin/sh", |record| record.namespaces.mnt = 0xF000_8000);
    nothing(&mut stage);
    let (mut stage, shell) = self::shell();
    stage.moved(shell, 20, ROOT, "/");
    nothing(&mut stage);
}

#[test]
fn what_the_kernel_runs_is_told_as_the_containers() {
    let by_kernel = |stage: &mut Stage, path: &str, device: u32| {
        let helper = stage.fork(1);
        stage.exec(helper, path, |record| {
            record.facts |= ExecFacts::BY_KERNEL;
            (record.file.device, record.file.filesystem) =
                (device, if device == 0x21 { OVERLAY } else { EXT4 });
        });
        stage.tick();
    };
    let id = format!("{:064x}", 1);
    // By its root, by its folder, and by who had set it.
    let (mut stage, shell) = shell();
    by_kernel(&mut stage, "/payload", 0x21);
    let told = only(&mut stage, "kernel-ran-program-of-container", Severity::Critical);
    assert_eq!(told.container, id);
    by_kernel(&mut stage, &format!("/run/containerd/k8s.io/{id}/rootfs/x"), 8);
    only(&mut stage, "kernel-ran-program-of-container", Severity::Critical);
    by_kernel(&mut stage, "/var/lib/x", 8);
    nothing(&mut stage);
    stage.call_with(
        shell,
        Class::ControlWrite,
        &[(Tail::Name, b"kernel/core_pattern\0"), (Tail::Value, b"|/x\n")],
        |_| {},
    );
    by_kernel(&mut stage, "/usr/sbin/modprobe", 8);
    nothing(&mut stage);
    by_kernel(&mut stage, "/var/lib/x", 8);
    let told = only(&mut stage, "kernel-ran-program-of-container", Severity::Critical);
    assert_eq!(told.container, id);
    assert!(told.finding.evidence[1].contains("core_pattern (|/x)"), "{told:#?}");
}

#[test]
fn a_program_of_the_nodes_disk_is_told_and_that_of_a_volume_is_not() {
    let mut mounted = container(1, "shop");
    let mount = |source: &str, destination: &str| Mount {
        source: source.to_owned(),
        destination: destination.to_owned(),
        ..Mount::default()
    };
    let mounts = [mount("/", "/host"), mount("/var/lib/kubelet/pods/u/volumes/v", "/tools")];
    mounted.details.mounts = Some(Arc::new(mounts.into_iter().collect()));
    let (mut stage, shell) = shell_in(mounted);
    let mut run = |path: &str| {
        let child = stage.fork(shell);
        stage.exec(child, path, |record| (record.file.device, record.file.filesystem) = (8, EXT4));
        stage.take().into_iter().map(|told| told.severity).collect::<Vec<_>>()
    };
    assert_eq!(run("/tools/entrypoint"), []);
    assert_eq!(run("/host/usr/bin/bash"), [Severity::High]);
    assert_eq!(run("/mnt/bin/bash"), [Severity::High]);
}

#[test]
fn processes_of_others_are_reached_by_their_files() {
    let open = |own_pids: bool,
                namespace: &str,
                path: &str,
                change: fn(&mut sensor_common::record::file::FileRecord)| {
        let mut stage = stage();
        let first = stage.container_with(1, container(1, namespace), |record| {
            record.namespaces.pid = if own_pids { record.namespaces.pid } else { HOST.pid };
        });
        stage.container(2, container(2, "bank"));
        stage.file(first, Class::FileOpen, path, path, change);
        stage.take().into_iter().map(|told| told.severity).collect::<Vec<_>>()
    };
    let of_proc = |record: &mut sensor_common::record::file::FileRecord| record.file.filesystem = PROC;
    assert_eq!(open(false, "shop", "/proc/20/mem", of_proc), [Severity::Critical]);
    assert_eq!(
        open(false, "shop", "/host/proc/20/task/20/mem", |record| {
            (record.file.filesystem, record.flags) = (PROC, 1);
        }),
        [Severity::Critical]
    );
    assert_eq!(open(false, "shop", "/proc/20/environ", of_proc), [Severity::Low]);
    for path in
        ["/proc/20/root/etc/shadow", "/proc/20/task/20/cwd/x", "/proc/20/ns/mnt", "/host/proc/20/fd/3"]
    {
        assert_eq!(open(false, "shop", path, |_| {}), [Severity::Critical], "{path}");
    }
    let refused = |record: &mut sensor_common::record::file::FileRecord| {
        (record.file, record.error) = (sensor_common::record::process::FileIdentity::default(), -13);
    };
    assert_eq!(open(false, "shop", "/proc/20/mem", refused), [Severity::Critical]);
    assert_eq!(open(false, "shop", "/proc/20/exe", |record| record.flags = 1), [Severity::Critical]);
    assert_eq!(open(false, "shop", "/proc/20/exe", |_| {}), []);
    assert_eq!(open(false, "kube-system", "/proc/20/mem", of_proc), [Severity::Low]);
    assert_eq!(open(true, "shop", "/proc/20/mem", of_proc), [], "it sees its own processes only");
    assert_eq!(open(false, "shop", "/proc/20/stat", of_proc), []);
    assert_eq!(open(false, "shop", "/proc/20/root", |_| {}), []);
}

#[test]
fn rights_of_an_own_user_namespace_are_told_where_exploits_begin() {
    let netfilter = |stage: &mut Stage, pid: u32, namespace: u32| {
        stage.socket(pid, Class::NetSocket, b"", |record| {
            (record.family, record.protocol, record.namespace) = (16, 12, namespace);
        });
        stage.ids()
    };
    let fuse = |stage: &mut Stage, pid: u32, user: u32| {
        let kind = [(Tail::Filesystem, &b"fuse\0"[..])];
        stage.call_with(pid, Class::Mount, &kind, |record| record.namespaces.user = user);
        stage.ids()
    };
    let (mut stage, shell) = shell();
    assert!(netfilter(&mut stage, shell, namespaces(1).net).is_empty(), "a mesh sets up its pod");
    assert!(fuse(&mut stage, shell, HOST.user).is_empty(), "sshfs");
    assert_eq!(netfilter(&mut stage, shell, 0xF000_9000), ["kernel-reached-by-own-user-namespace"]);
    assert_eq!(fuse(&mut stage, shell, 0xF000_9001), ["kernel-reached-by-own-user-namespace"]);
    let child = stage.fork(shell);
    stage.exec(child, "/usr/bin/buildah", |_| {});
    assert!(netfilter(&mut stage, child, 0xF000_9000).is_empty());
    assert!(fuse(&mut stage, child, 0xF000_9001).is_empty());
}

#[test]
fn a_powerful_container_with_the_nodes_processes_is_worth_a_look() {
    let begin = |namespace: &str, capabilities: u64, own_pids: bool| {
        let mut stage = stage();
        stage.container_with(1, container(1, namespace), |record| {
            record.capabilities.effective |= capabilities;
            if !own_pids {
                record.namespaces.pid = HOST.pid;
                record.container_pid = record.header.process.pid;
            }
        });
        stage.take().into_iter().map(|told| told.severity).collect::<Vec<_>>()
    };
    assert_eq!(begin("shop", 1 << 21, false), [Severity::Medium]);
    assert_eq!(begin("kube-system", 1 << 21, false), [Severity::Low]);
    assert_eq!(begin("shop", 0, false), []);
    assert_eq!(begin("shop", 1 << 21, true), [], "a rule tells");
}

#[test]
fn sockets_of_shims_are_told() {
    let (mut stage, shell) = shell();
    let connect = |stage: &mut Stage, name: &[u8]| {
        stage.socket(shell, Class::NetConnect, name, |record| record.family = 1);
        stage.ids()
    };
    assert_eq!(connect(&mut stage, b"\0/containerd-shim/x.sock\0"), ["container-reaches-into-processes"]);
    assert!(connect(&mut stage, b"/run/containerd-shim.sock\0").is_empty());
    assert!(connect(&mut stage, b"\0/tmp/.X11-unix/X0\0").is_empty());
}

#[test]
fn a_container_that_is_gone_is_forgotten() {
    let (mut stage, _) = shell();
    let before = stage.pipeline.judged().remembered.entries;
    stage.pipeline.removed(Stage::cgroup_of(1));
    assert!(before >= 9, "{before}");
    assert!(stage.pipeline.judged().remembered.entries >= 9, "its last events may come");
    // A little later.
    for _ in 0..10 {
        stage.tick();
    }
    assert_eq!(stage.pipeline.judged().remembered.entries, 0);
}

#[test]
fn many_containers_are_bounded() {
    let bounds = Bounds { entries_max: 8 };
    let mut stage = Stage::of(Boundary::new(bounds));
    for number in 1..500 {
        let pod = Some(Pod { uid: number.to_string(), ..Pod::default() });
        let first = stage.container(number, Container { pod, ..container(number, "shop") });
        let name = [(Tail::Name, &b"kernel/modprobe\0"[..]), (Tail::Value, b"/x\0")];
        stage.call_with(first, Class::ControlWrite, &name, |_| {});
        let helper = stage.fork(1);
        stage.exec(helper, "/x", |record| record.facts |= ExecFacts::BY_KERNEL);
    }
    let table = stage.pipeline.judged().remembered;
    assert!(table.entries <= table.most && table.most == 8 * 8 && table.evicted > 0, "{table:?}");
}
