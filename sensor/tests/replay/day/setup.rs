//! How a runtime makes a container's surroundings (B01, B02).

use sensor_common::{call::Call, class::Class};

use super::node::{Node, Process};
use super::work::{Asked, Work};

/// `CLONE_NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET` of `include/uapi/linux/sched.h`.
const NEW: u64 = 0x6c02_0000;
const BIND: u64 = 0x1000;

/// What runc's init does before it becomes the container's program.
pub(crate) fn container(node: &mut Node, init: &Process, at: u64) {
    let mut work = Work { node, process: init.clone(), at };
    work.unshare(NEW);
    work.write("/proc/self/oom_score_adj");
    work.mount("overlay", "/run/containerd/x/rootfs", "overlay", 0);
    work.mount("proc", "/run/containerd/x/rootfs/proc", "proc", 0);
    work.mount("sysfs", "/run/containerd/x/rootfs/sys", "sysfs", 1);
    work.mount("cgroup", "/run/containerd/x/rootfs/sys/fs/cgroup", "cgroup2", 1);
    work.mount("/var/lib/kubelet/pods/x/etc-hosts", "/run/containerd/x/rootfs/etc/hosts", "", BIND);
    work.make_node("/run/containerd/x/rootfs/dev/null", 0o020_666, (1, 3));
    work.call(
        Class::PivotRoot,
        Call::PivotRoot,
        Asked { path: "/run/containerd/x/rootfs", ..Asked::default() },
    );
    work.mount("/proc/sys", "/proc/sys", "", BIND);
}
