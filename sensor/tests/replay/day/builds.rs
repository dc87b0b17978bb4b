//! Jobs that begin and end: those of cron, and builds with their package managers.

use sensor_common::{call::Call, class::Class};

use super::node::{How, SECOND, Spec};
use super::work::{Asked, Work};
use super::{Day, Task, task};

pub(super) const TASKS: &[Task] = &[
    task(600, 200, cron_job),
    task(3600, 210, packages),
    task(3600, 900, go_tests),
    task(3600, 1500, node_build),
    task(7200, 2100, cargo_build),
    task(3600, 2700, image_build),
    task(1800, 3000, build_daemon),
    task(7200, 3300, installers),
];

/// A program that was just made.
const MADE: How = How { upper: true, terminal: false, socket: false, uid: None };

const fn job(name: &'static str, image: &'static str, main: &'static [&'static str]) -> Spec {
    Spec { namespace: "ci", name, image, main, uid: 0, privileged: false, host_network: false }
}

fn cron_job(day: &mut Day, at: u64) {
    let report = job(
        "report",
        "registry.example/report:1",
        &["/bin/sh", "-c", "python3 /report.py | curl -T - http://store/"],
    );
    day.job(&report, at, |work| {
        work.run_and(&["/usr/bin/python3", "/report.py"], |python| {
            python.read("/report.py").connect("10.96.3.7:5432", b"");
        });
        work.run_and(&["/usr/bin/curl", "-T", "-", "http://store/"], |curl| {
            curl.asks("store.data.svc.cluster.local", 1)
                .connect("10.96.3.12:80", b"PUT / HTTP/1.1\r\nHost: store\r\n\r\n");
        });
    });
}

/// B16.
fn packages(day: &mut Day, at: u64) {
    let debian = job(
        "build",
        "docker.io/library/debian:12",
        &["/bin/bash", "-c", "apt-get update && apt-get install -y gcc"],
    );
    day.job(&debian, at, |work| {
        work.run_and(&["/usr/bin/apt-get", "update"], |apt| {
            apt.run_as(&["/usr/lib/apt/methods/http"], How { uid: Some(42), ..How::default() }, |http| {
                http.asks("deb.example", 1)
                    .connect("203.0.113.60:80", b"GET /debian/dists/ HTTP/1.1\r\nHost: deb.example\r\n\r\n");
            });
        });
        work.run_and(&["/usr/bin/apt-get", "install", "-y", "gcc", "cron", "sudo"], dpkg);
        work.run_and(&["/usr/bin/make", "-j8"], |make| {
            for unit in 0..10 {
                make.run_as(&["/usr/bin/gcc", "-c", "a.c"], MADE, |gcc| {
                    gcc.run_as(&["/usr/libexec/gcc/x86_64-linux-gnu/12/cc1", "a.c"], MADE, |cc1| {
                        cc1.read(&format!("/src/{unit}.c")).write(&format!("/tmp/cc{unit}.s"));
                    });
                });
            }
            make.run_as(&["/src/configure-test"], MADE, |_| {});
        });
    });
    let alpine = job("build", "docker.io/library/alpine:3.20", &["/bin/sh", "-c", "apk add curl git"]);
    day.job(&alpine, at + 60 * SECOND, |work| {
        work.run_and(&["/sbin/apk", "add", "curl", "git"], |apk| {
            apk.connect("203.0.113.61:443", b"").write("/usr/bin/curl").write("/lib/apk/db/installed");
            apk.run(&["/bin/busybox", "sh", "/lib/apk/exec/busybox.trigger"]);
        });
        work.run_as(&["/usr/bin/git", "clone", "https://git.example/app"], MADE, |git| {
            git.run_as(&["/usr/libexec/git-core/git-remote-https"], MADE, |https| {
                https.connect("198.51.100.30:443", b"");
            });
        });
    });
}

fn dpkg(apt: &mut Work<'_>) {
    apt.run_and(&["/usr/bin/dpkg", "--unpack", "gcc.deb", "cron.deb", "sudo.deb"], |dpkg| {
        dpkg.write("/usr/bin/gcc.dpkg-new")
            .rename("/usr/bin/gcc.dpkg-new", "/usr/bin/gcc")
            .chmod("/usr/bin/gcc", 0o755);
        dpkg.write("/etc/cron.d/e2scrub_all").write("/etc/sudoers.dpkg-new").chmod("/usr/bin/sudo", 0o4755);
        dpkg.rename("/etc/sudoers.dpkg-new", "/etc/sudoers")
            .write("/etc/init.d/cron")
            .write("/etc/pam.d/cron");
    });
    apt.run_and(&["/usr/bin/dpkg", "--configure", "-a"], |dpkg| {
        dpkg.run_and(&["/bin/sh", "/var/lib/dpkg/info/cron.postinst", "configure"], |script| {
            script.run_and(&["/usr/sbin/groupadd", "crontab"], |add| {
                add.write("/etc/group").write("/etc/gshadow");
            });
            script.run_and(&["/usr/sbin/useradd", "-r", "cron"], |add| {
                add.write("/etc/passwd").write("/etc/shadow");
            });
        });
        dpkg.run_and(&["/sbin/ldconfig"], |ldconfig| {
            ldconfig.write("/etc/ld.so.cache~").rename("/etc/ld.so.cache~", "/etc/ld.so.cache");
        });
    });
}

/// B17.
fn go_tests(day: &mut Day, at: u64) {
    let go = job("test", "docker.io/library/golang:1.23", &["/usr/local/go/bin/go", "test", "./..."]);
    day.job(&go, at, |work| {
        work.asks("proxy.golang.example", 1).connect("203.0.113.62:443", b"");
        for package in 0..6 {
            let program = format!("/tmp/go-build77/b{package:03}/app.test");
            work.run(&["/usr/local/go/pkg/tool/linux_amd64/compile", "-o", "x.a"]);
            work.run_and(&["/usr/local/go/pkg/tool/linux_amd64/link"], |link| {
                link.write(&program).chmod(&program, 0o755);
            });
            work.run_as(&[&program, "-test.timeout=10m"], MADE, |test| {
                test.listen(0).connect("127.0.0.1:39001", b"").write("/tmp/TestA/001/x");
            });
            work.remove(&program);
        }
    });
}

fn node_build(day: &mut Day, at: u64) {
    let npm = job("ui", "docker.io/library/node:20", &["/usr/local/bin/node", "/usr/local/bin/npm", "ci"]);
    day.job(&npm, at, |work| {
        work.asks("registry.npm.example", 1).connect("203.0.113.63:443", b"");
        work.run_and(&["/bin/sh", "-c", "node install.js"], |shell| {
            shell.run_and(&["/usr/local/bin/node", "install.js"], |node| {
                node.connect("203.0.113.64:443", b"").write("/app/node_modules/esbuild/bin/esbuild");
                node.chmod("/app/node_modules/esbuild/bin/esbuild", 0o755);
                node.run_as(&["/app/node_modules/esbuild/bin/esbuild", "--version"], MADE, |_| {});
            });
        });
        work.run_and(&["/bin/sh", "-c", "curl -sSL https://example.org/x.tgz -o x.tgz"], |shell| {
            shell.run(&["/usr/bin/curl", "-sSL", "https://example.org/x.tgz", "-o", "x.tgz"]);
        });
    });
    let pip = job(
        "api",
        "docker.io/library/python:3.11",
        &["/usr/local/bin/python3.11", "-m", "pip", "install", "-r", "requirements.txt"],
    );
    day.job(&pip, at + 90 * SECOND, |work| {
        work.asks("pypi.example", 1).connect("203.0.113.65:443", b"");
        work.run_and(&["/usr/local/bin/python3.11", "/tmp/pip-install-x/setup.py", "bdist_wheel"], |setup| {
            setup.run(&["/usr/bin/gcc", "-shared", "x.c"]).write("/tmp/pip-install-x/build/x.so");
        });
    });
}

fn cargo_build(day: &mut Day, at: u64) {
    let cargo = job("rust", "docker.io/library/rust:1.82", &["/usr/local/cargo/bin/cargo", "test"]);
    day.job(&cargo, at, |work| {
        work.connect("203.0.113.66:443", b"");
        for unit in 0..8 {
            work.run_and(&["/usr/local/rustup/bin/rustc", "--crate-name", "x"], |rustc| {
                rustc.write(&format!("/src/target/debug/deps/x-{unit}"));
            });
        }
        work.run_as(&["/src/target/debug/build/x/build-script-build"], MADE, |_| {});
        work.run_as(&["/src/target/debug/deps/x-1"], MADE, |test| {
            test.connect("127.0.0.1:40111", b"");
        });
    });
}

/// B18, B14.
fn image_build(day: &mut Day, at: u64) {
    let kaniko = job(
        "image",
        "gcr.io/kaniko-project/executor:v1.23",
        &["/kaniko/executor", "--destination=registry.example/app"],
    );
    day.job(&kaniko, at, |work| {
        work.read("/kaniko/.docker/config.json").connect("203.0.113.67:443", b"");
        work.call(Class::Chroot, Call::Chroot, Asked { path: "/kaniko/rootfs", ..Asked::default() });
        work.make_node("/kaniko/rootfs/dev/null", 0o020_666, (1, 3)).chmod("/usr/bin/passwd", 0o4755);
        work.run_and(&["/bin/sh", "-c", "apt-get install -y curl"], |shell| {
            shell.run_and(&["/usr/bin/apt-get", "install", "-y", "curl"], dpkg);
        });
    });
}

fn build_daemon(day: &mut Day, at: u64) {
    day.inside("buildkit", at, |work| {
        work.run_and(&["/usr/bin/buildkit-runc", "run", "--bundle", "/var/lib/buildkit/x"], |runc| {
            runc.unshare(0x1002_0000).mount("overlay", "/var/lib/buildkit/x/rootfs", "overlay", 0);
            runc.call(
                Class::PivotRoot,
                Call::PivotRoot,
                Asked { path: "/var/lib/buildkit/x/rootfs", ..Asked::default() },
            );
            runc.make_node("/dev/null", 0o020_666, (1, 3)).run(&["/bin/sh", "-c", "make install"]);
        });
    });
    day.inside("jenkins", at, |work| {
        work.run_and(&["/bin/sh", "-c", "make test"], |shell| {
            shell.run(&["/usr/bin/make", "test"]);
        });
        work.run_and(&["/usr/bin/git", "clone", "git@git.example:app"], |git| {
            git.run_and(&["/usr/bin/ssh", "git@git.example", "git-upload-pack app"], |ssh| {
                ssh.read("/home/jenkins/.ssh/id_ed25519").read("/home/jenkins/.ssh/known_hosts");
                ssh.connect("198.51.100.30:22", b"SSH-2.0-OpenSSH_9.2\r\n");
            });
        });
    });
}

/// Installers that are piped into a shell, and waits for ports.
fn installers(day: &mut Day, at: u64) {
    let rustup = job(
        "toolchain",
        "docker.io/library/debian:12",
        &["/bin/sh", "-c", "curl --proto =https https://example.org/rustup.sh | sh -s -- -y"],
    );
    day.job(&rustup, at, |work| {
        work.run_and(&["/usr/bin/curl", "--proto", "=https", "https://example.org/rustup.sh"], |curl| {
            curl.asks("example.org", 1).connect("203.0.113.68:443", b"");
        });
        work.run(&["/bin/sh", "-s", "--", "-y"]);
    });
    let wait = job(
        "migrate",
        "registry.example/shop/migrate:1",
        &["/bin/bash", "-c", "until (echo > /dev/tcp/db/5432); do sleep 1; done"],
    );
    day.job(&wait, at + 30 * SECOND, |work| {
        for _ in 0..3 {
            work.asks("db.data.svc.cluster.local", 1).refused("10.96.3.7:5432").run(&["/bin/sleep", "1"]);
        }
        work.connect("10.96.3.7:5432", b"");
    });
}
