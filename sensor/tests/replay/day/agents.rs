//! Agents of the node, in containers and beside them.

use sensor_common::{call::Call, class::Class};

use super::node::SECOND;
use super::work::Asked;
use super::{Day, Task, task};

pub(super) const TASKS: &[Task] = &[
    task(300, 30, exporters),
    task(300, 33, logs),
    task(900, 36, network),
    task(1800, 39, observers),
    task(3600, 42, storage),
    task(300, 45, host_services),
    task(86_400, 48, boot_settings),
    task(21_600, 51, packages_of_the_host),
    task(86_400, 7_200, backup),
];

const BLOCK: u32 = 0o060_660;
const CHARACTER: u32 = 0o020_666;

/// B08, B40: what runs on the host is read.
fn exporters(day: &mut Day, at: u64) {
    day.inside("exporter", at, |work| {
        for file in ["stat", "meminfo", "loadavg", "1/mounts", "net/dev", "vmstat", "diskstats"] {
            work.read(&format!("/host/proc/{file}"));
        }
        work.read("/host/sys/class/net/eth0/speed").accept("10.42.0.20:40000", 9100);
    });
    day.inside("cadvisor", at, |work| {
        work.read("/host/sys/fs/cgroup/kubepods/cpu.stat").read("/rootfs/etc/machine-id");
        work.connect_unix("/run/containerd/containerd.sock");
    });
    day.inside("datadog", at, |work| {
        for pid in [1, 77, 912] {
            work.read(&format!("/host/proc/{pid}/environ")).read(&format!("/host/proc/{pid}/cmdline"));
        }
        work.connect_unix("/var/run/docker.sock");
    });
}

/// B09, B10.
fn logs(day: &mut Day, at: u64) {
    day.inside("fluentbit", at, |work| {
        for pod in ["shop_web", "shop_orders", "data_db", "kube-system_coredns"] {
            work.read(&format!("/var/log/pods/{pod}/main/0.log"));
        }
        work.write("/var/fluent-bit/state/flb_kube.db").connect("203.0.113.50:443", b"");
        work.connect_unix("/run/containerd/containerd.sock");
    });
    day.inside("problems", at, |work| {
        work.device("/dev/kmsg", CHARACTER, (1, 11));
    });
}

/// B05, B06: the cluster's network.
fn network(day: &mut Day, at: u64) {
    day.inside("proxy", at, |work| {
        work.special(16, 3, 12).run(&["/usr/sbin/iptables-restore", "--noflush"]);
    });
    let (containerd, net) = (day.containerd.clone(), day.pod("web").main.place.namespaces.net);
    day.by(&containerd, at, |work| {
        work.run_and(&["/opt/cni/bin/bridge"], |bridge| {
            bridge.enter_network(net).special(16, 3, 0);
            bridge.run_and(&["/usr/sbin/arping", "-U", "10.42.0.11"], |arping| {
                arping.special(17, 3, 0x0806);
            });
        });
    });
    day.inside("cilium", at, |work| {
        for kind in [1, 3, 2] {
            work.call(
                Class::Bpf,
                Call::Bpf,
                Asked { arguments: [5, 0, 0, 0, 0, 0], number: kind, ..Asked::default() },
            );
        }
        work.run_and(&["/usr/local/bin/bpftool", "map", "dump"], |tool| {
            tool.call(Class::Bpf, Call::Bpf, Asked { arguments: [14, 0, 0, 0, 0, 0], ..Asked::default() });
        });
        work.special(16, 3, 0);
    });
}

/// B12: others who watch.
fn observers(day: &mut Day, at: u64) {
    day.inside("falco", at, |work| {
        work.call(
            Class::Bpf,
            Call::Bpf,
            Asked { arguments: [5, 0, 0, 0, 0, 0], number: 26, ..Asked::default() },
        );
        work.call(Class::PerfEvent, Call::PerfEventOpen, Asked::default()).read("/host/proc/1/cgroup");
    });
}

/// B07, B37: volumes come and go.
fn storage(day: &mut Day, at: u64) {
    day.inside("csi", at, |work| {
        work.device("/dev/rbd0", BLOCK, (251, 0));
        work.run_and(&["/usr/sbin/blkid", "/dev/rbd0"], |blkid| {
            blkid.device("/dev/rbd0", BLOCK, (251, 0));
        });
        work.run_and(&["/usr/sbin/mkfs.ext4", "-m0", "/dev/rbd0"], |mkfs| {
            mkfs.device("/dev/rbd0", BLOCK, (251, 0));
        });
        work.mount("/dev/rbd0", "/var/lib/kubelet/plugins/rbd/globalmount", "ext4", 0);
        work.mount(
            "/var/lib/kubelet/plugins/rbd/globalmount",
            "/var/lib/kubelet/pods/x/volumes/v",
            "",
            0x1000,
        );
        work.run(&["/usr/bin/nsenter", "--mount=/host/proc/1/ns/mnt", "--", "/usr/bin/findmnt"]);
    });
    day.inside("s3fs", at, |work| {
        work.device("/dev/fuse", CHARACTER, (10, 229)).mount("s3fs", "/mnt", "fuse.s3fs", 0);
    });
}

/// B04, B11: what the host does all the time.
fn host_services(day: &mut Day, at: u64) {
    let kubelet = day.kubelet.clone();
    day.by(&kubelet, at, |work| {
        work.read("/sys/fs/cgroup/kubepods/cgroup.procs").read("/var/lib/kubelet/config.yaml");
        work.connect_unix("/run/containerd/containerd.sock").connect("10.0.0.2:6443", b"");
    });
    let cron = day.cron.clone();
    day.by(&cron, at + SECOND, |work| {
        work.run_and(
            &["/bin/sh", "-c", "test -x /usr/sbin/logrotate && /usr/sbin/logrotate /etc/logrotate.conf"],
            |shell| {
                shell.run_and(&["/usr/sbin/logrotate", "/etc/logrotate.conf"], |rotate| {
                    rotate.rename("/var/log/syslog", "/var/log/syslog.1").write("/var/log/syslog");
                });
            },
        );
    });
}

/// B41, B43: settings at the start of the day, by the host and by containers made for that.
fn boot_settings(day: &mut Day, at: u64) {
    let systemd = day.systemd.clone();
    day.by(&systemd, at, |work| {
        work.run_and(&["/usr/lib/systemd/systemd-sysctl"], |sysctl| {
            sysctl.setting("kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P");
            sysctl.setting("vm/max_map_count", "262144");
        });
        work.run_and(&["/usr/bin/kmod", "load"], |kmod| {
            let asked = Asked {
                path: "/lib/modules/6.12/kernel/net/overlay.ko",
                name: "overlay",
                ..Asked::default()
            };
            kmod.call(Class::ModuleLoad, Call::FinitModule, asked);
        });
    });
    let settings = super::node::Spec {
        namespace: "data",
        name: "sysctl",
        image: "docker.io/library/busybox:1.36",
        main: &["/sbin/sysctl", "-w", "vm.max_map_count=262144"],
        uid: 0,
        privileged: true,
        host_network: false,
    };
    day.job(&settings, at + 5 * SECOND, |work| {
        work.setting("vm/max_map_count", "262144");
    });
    let formats = super::node::Spec {
        name: "binfmt",
        image: "docker.io/tonistiigi/binfmt:latest",
        main: &["/usr/bin/binfmt", "--install", "arm64"],
        ..settings
    };
    day.job(&formats, at + 9 * SECOND, |work| {
        work.write("/proc/sys/fs/binfmt_misc/register");
    });
}

/// B44: packages of the host are renewed, the runtime among them.
fn packages_of_the_host(day: &mut Day, at: u64) {
    let systemd = day.systemd.clone();
    day.by(&systemd, at, |work| {
        work.run_and(&["/usr/bin/apt-get", "-y", "upgrade"], |apt| {
            apt.connect("203.0.113.60:80", b"GET /debian/ HTTP/1.1\r\nHost: deb.example\r\n\r\n");
            apt.run_and(&["/usr/bin/dpkg", "--unpack", "runc.deb"], |dpkg| {
                dpkg.write("/usr/bin/runc.dpkg-new").rename("/usr/bin/runc.dpkg-new", "/usr/bin/runc");
                dpkg.chmod("/usr/bin/su", 0o4755).write("/etc/cron.d/e2scrub_all");
                dpkg.run_and(&["/bin/sh", "/var/lib/dpkg/info/runc.postinst", "configure"], |script| {
                    script.run(&["/usr/bin/systemctl", "daemon-reload"]);
                });
            });
        });
    });
}

/// B34: everything is read, once a night.
fn backup(day: &mut Day, at: u64) {
    day.inside("restic", at, |work| {
        for number in 0..3_000 {
            work.wait(SECOND / 50).read(&format!("/data/{}/file-{number}", number % 40));
        }
        work.connect("203.0.113.70:443", b"");
    });
    let velero = &["/bin/bash", "-c", "pg_dump app > /scratch/app.sql && tar cz /scratch"];
    day.exec("postgres", at, false, velero, |work| {
        work.run(&["/usr/bin/pg_dump", "app"]).run(&["/bin/tar", "cz", "/scratch"]);
    });
}
