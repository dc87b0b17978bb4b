//! People: at terminals in containers, on the node by ssh, and their automation.

use super::node::How;
use super::work::SEIZE;
use super::{Day, Task, task};

pub(super) const TASKS: &[Task] = &[
    task(7200, 400, session_in_a_pod),
    task(14_400, 500, debugging),
    task(10_800, 600, login),
    task(14_400, 700, automation),
    task(21_600, 800, desktop_tools),
];

const TERMINAL: How = How { upper: false, terminal: true, socket: false, uid: None };

/// B15, B38: somebody looks into a pod.
fn session_in_a_pod(day: &mut Day, at: u64) {
    day.exec("node", at, true, &["/bin/bash"], |shell| {
        shell.read("/home/ops/.bashrc").read("/etc/passwd");
        for words in [
            &["/bin/ls", "-la"][..],
            &["/bin/ps", "aux"],
            &["/usr/bin/env"],
            &["/bin/cat", "/etc/os-release"],
            &["/usr/bin/id"],
        ] {
            shell.run_as(words, TERMINAL, |_| {});
        }
        shell.run_as(&["/usr/bin/curl", "-s", "localhost:8080/healthz"], TERMINAL, |curl| {
            curl.connect("127.0.0.1:8080", b"");
        });
        shell.write("/home/ops/.bash_history");
    });
}

/// B29: a debugger in a pod that is made for that.
fn debugging(day: &mut Day, at: u64) {
    let main = day.pod("devpod").main;
    day.exec("devpod", at, true, &["/bin/bash"], |shell| {
        shell.run_as(&["/usr/bin/strace", "-p", "1"], TERMINAL, |strace| {
            strace.trace(&main, SEIZE);
        });
        shell.run_as(&["/usr/local/bin/dlv", "test"], TERMINAL, |dlv| {
            dlv.write("/workspace/__debug_bin1").chmod("/workspace/__debug_bin1", 0o755);
            dlv.run_as(&["/workspace/__debug_bin1"], How { upper: true, ..TERMINAL }, |_| {});
        });
        shell.run_as(&["/usr/bin/vim", "main.go"], TERMINAL, |vim| {
            vim.write("/workspace/main.go").write("/home/ops/.viminfo");
        });
        shell.run_as(&["/usr/bin/git", "push"], TERMINAL, |git| {
            git.run_as(&["/usr/bin/ssh", "git@git.example", "git-receive-pack app"], TERMINAL, |ssh| {
                ssh.read("/home/ops/.ssh/id_ed25519").connect("198.51.100.30:22", b"SSH-2.0-OpenSSH_9.2\r\n");
            });
        });
    });
}

/// B28: on the node.
fn login(day: &mut Day, at: u64) {
    let sshd = day.sshd.clone();
    day.by(&sshd, at, |work| {
        work.accept("10.9.0.4:51000", 22);
        work.run_and(&["/usr/sbin/sshd", "-R"], |session| {
            session.read("/home/ops/.ssh/authorized_keys");
            session.run_as(&["/bin/bash", "-l"], TERMINAL, |shell| {
                for words in [
                    &["/usr/bin/kubectl", "get", "pods"][..],
                    &["/usr/bin/journalctl", "-u", "kubelet"],
                    &["/usr/bin/crictl", "ps"],
                    &["/usr/bin/sudo", "-i"],
                ] {
                    shell.run_as(words, TERMINAL, |tool| {
                        tool.read("/home/ops/.kube/config");
                    });
                }
                shell.write("/home/ops/.bash_history");
            });
        });
    });
}

/// B28: ansible copies programs and runs them.
fn automation(day: &mut Day, at: u64) {
    let sshd = day.sshd.clone();
    day.by(&sshd, at, |work| {
        work.accept("10.9.0.9:51000", 22);
        work.run_and(&["/usr/sbin/sshd", "-R"], |session| {
            session.run_and(&["/bin/sh", "-c", "echo cGluZwo= | base64 -d | sh"], |shell| {
                shell.run(&["/usr/bin/base64", "-d"]).run(&["/bin/sh"]);
            });
            session.run_and(
                &["/bin/sh", "-c", "/usr/bin/python3 /home/ops/.ansible/tmp/x/AnsiballZ_setup.py"],
                |shell| {
                    shell.write("/home/ops/.ansible/tmp/x/AnsiballZ_setup.py");
                    shell.run_and(
                        &["/usr/bin/python3", "/home/ops/.ansible/tmp/x/AnsiballZ_setup.py"],
                        |python| {
                            python
                                .read("/etc/os-release")
                                .read("/proc/cmdline")
                                .run(&["/usr/sbin/sysctl", "-a"]);
                        },
                    );
                },
            );
        });
    });
}

/// B35, B36: machines and sandboxes of the host.
fn desktop_tools(day: &mut Day, at: u64) {
    let systemd = day.systemd.clone();
    day.by(&systemd, at, |work| {
        work.run_and(&["/usr/lib/snapd/snapd"], |snapd| {
            snapd.mount("/var/lib/snapd/snaps/core.snap", "/snap/core/1", "squashfs", 1);
        });
        work.run_and(&["/usr/bin/bwrap", "--unshare-all", "/usr/bin/true"], |bwrap| {
            bwrap.unshare(0x7c02_0000).mount("tmpfs", "/newroot", "tmpfs", 0);
        });
        work.run_and(&["/usr/bin/qemu-system-x86_64", "-enable-kvm"], |qemu| {
            qemu.device("/dev/kvm", 0o020_660, (10, 232)).device("/dev/net/tun", 0o020_666, (10, 200));
        });
    });
}
