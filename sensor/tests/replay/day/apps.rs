//! Applications, and the probes of the kubelet.

use sensor_common::{call::Call, class::Class};

use super::node::{How, SECOND};
use super::work::{Asked, SEIZE, Work};
use super::{Day, Task, task};

/// Standard streams that are a connection.
const SOCKET: How = How { upper: false, terminal: false, socket: true, uid: None };

pub(super) const TASKS: &[Task] = &[
    task(5, 60, probe_file),
    task(60, 61, probe_postgres),
    task(60, 63, probe_redis),
    task(30, 64, probe_http),
    task(60, 65, serve),
    task(300, 70, files),
    task(300, 75, archive),
    task(900, 80, snapshot),
    task(300, 90, service_shells),
    task(600, 95, render),
    task(120, 100, sockets_as_streams),
    task(900, 105, mesh),
    task(120, 110, gossip),
    task(600, 115, names),
    task(1800, 120, clients),
    task(3600, 125, tokens),
    task(3600, 130, cloud),
    task(7200, 135, science),
];

/// B03: every five seconds.
fn probe_file(day: &mut Day, at: u64) {
    day.exec("web", at, false, &["/bin/sh", "-c", "test -f /tmp/ready"], |_| {});
}

fn probe_postgres(day: &mut Day, at: u64) {
    day.exec("postgres", at, false, &["/bin/sh", "-c", "exec pg_isready -U app"], |work| {
        work.read("/etc/passwd").connect_unix("/run/postgresql/.s.PGSQL.5432");
    });
}

fn probe_redis(day: &mut Day, at: u64) {
    day.exec("redis", at, false, &["/usr/bin/bash", "-c", "/health/ping_readiness_local.sh 1"], |work| {
        work.run_and(&["/usr/local/bin/redis-cli", "-h", "localhost", "ping"], |cli| {
            cli.connect("127.0.0.1:6379", b"*1\r\n$4\r\nPING\r\n");
        });
    });
}

fn probe_http(day: &mut Day, at: u64) {
    let kubelet = day.kubelet.clone();
    day.by(&kubelet, at, |work| {
        for last in 10..16 {
            work.connect(&format!("10.42.0.{last}:8080"), b"");
        }
    });
    day.inside("nginx", at, |work| {
        work.accept("10.42.0.1:50123", 8080);
    });
    day.exec("mysql", at, false, &["/usr/bin/mysqladmin", "ping", "-h", "127.0.0.1"], |work| {
        work.connect("127.0.0.1:3306", b"");
    });
}

/// Requests between the shop's services.
fn serve(day: &mut Day, at: u64) {
    day.inside("nginx", at, |work| {
        work.accept("10.0.3.7:51000", 443)
            .connect("10.42.0.11:8080", b"GET /orders HTTP/1.1\r\nHost: orders\r\n\r\n");
    });
    day.inside("java", at, |work| {
        work.accept("10.42.0.6:43000", 8080).connect("10.96.3.7:5432", b"").connect("10.96.3.9:6379", b"");
    });
    day.inside("node", at, |work| {
        work.asks("cache.data.svc.cluster.local", 1).connect("10.96.3.9:6379", b"*1\r\n$4\r\nPING\r\n");
    });
}

/// Temporary files, rotated logs, code that is read again.
fn files(day: &mut Day, at: u64) {
    day.inside("python", at, |work| {
        work.read("/app/worker.py")
            .write("/tmp/upload-1.tmp")
            .rename("/tmp/upload-1.tmp", "/srv/data/upload-1");
        work.read("/etc/resolv.conf").read("/etc/hosts").read("/etc/localtime").remove("/srv/data/upload-1");
    });
    day.inside("java", at, |work| {
        work.read("/app.jar")
            .write("/tmp/hsperfdata_app/1")
            .read("/proc/self/stat")
            .read("/sys/fs/cgroup/cpu.max");
    });
    day.inside("php", at, |work| {
        work.read("/var/www/html/index.php").write("/var/www/html/wp-content/cache/page.html");
    });
}

/// B20, B31: databases run shells.
fn archive(day: &mut Day, at: u64) {
    day.inside("postgres", at, |work| {
        work.run_and(&["/bin/sh", "-c", "cp pg_wal/000000010000 /archive/000000010000"], |shell| {
            shell.run_and(&["/bin/cp", "pg_wal/000000010000", "/archive/000000010000"], |cp| {
                cp.read("/var/lib/postgresql/data/pg_wal/000000010000").write("/archive/000000010000");
            });
        });
        work.fork_and(|worker| {
            worker.read("/var/lib/postgresql/data/base/1/2");
        });
    });
}

/// B23: redis saves in a child.
fn snapshot(day: &mut Day, at: u64) {
    day.inside("redis", at, |work| {
        work.fork_and(|child| {
            child.write("/data/temp-77.rdb").rename("/data/temp-77.rdb", "/data/dump.rdb");
        });
    });
}

/// B31, B33: services that run shells.
fn service_shells(day: &mut Day, at: u64) {
    day.inside("php", at, |work| {
        work.run_and(&["/bin/sh", "-c", "convert a.png -resize 50% b.png"], |shell| {
            shell.run(&["/usr/bin/convert", "a.png", "-resize", "50%", "b.png"]);
        });
    });
    day.inside("airflow", at, |work| {
        work.run_and(&["/bin/bash", "-c", "airflow tasks run report today"], |shell| {
            shell.run(&["/usr/local/bin/python3.11", "-m", "airflow", "tasks", "run"]);
        });
    });
    day.inside("gitlab", at, |work| {
        work.run_as(&["/usr/bin/git", "upload-pack", "/srv/git/app.git"], SOCKET, |_| {});
    });
}

/// B30: a browser's sandbox.
fn render(day: &mut Day, at: u64) {
    day.inside("chrome", at, |work| {
        work.run_and(&["/usr/lib/chromium/chromium", "--headless", "--type=browser"], |chrome| {
            chrome.unshare(0x1000_0000).write("/dev/shm/.org.chromium.Chromium.x1");
            chrome.call(Class::Chroot, Call::Chroot, Asked { path: "/proc/self/fdinfo", ..Asked::default() });
            chrome.run(&["/usr/lib/chromium/chromium", "--type=renderer"]);
            chrome.asks("d111111abcdef8.cloudfront.example", 1).connect("203.0.113.20:443", b"");
        });
    });
}

/// B32: what is served by a program on the connection itself.
fn sockets_as_streams(day: &mut Day, at: u64) {
    day.inside("socat", at, |work| {
        work.accept("10.42.0.10:51000", 7000);
        work.fork_and(|child| {
            child.stream(0, "10.42.0.10:51000").stream(1, "10.42.0.10:51000");
            child.run_as(&["/srv/handler.sh"], SOCKET, |_| {});
        });
    });
    day.inside("rsync", at, |work| {
        work.accept("10.42.0.10:51001", 873);
        work.fork_and(|child| {
            child.stream(0, "10.42.0.10:51001").stream(1, "10.42.0.10:51001").stream(2, "10.42.0.10:51001");
            child.run_as(&["/usr/bin/rsync", "--daemon"], SOCKET, |rsync| {
                rsync.read("/srv/mirror/a");
            });
        });
    });
}

/// B24: scrapes of two hundred pods, and proxies that connect everywhere.
fn mesh(day: &mut Day, at: u64) {
    day.inside("prometheus", at, |work| {
        for pod in 0..200 {
            work.wait(SECOND / 4)
                .connect(&format!("10.42.{}.{}:{}", pod / 100, pod % 100 + 2, 9100 + pod % 4), b"");
        }
        work.connect("10.0.3.9:10250", b"").write("/prometheus/wal/00000012");
    });
    day.inside("envoy", at, |work| {
        for service in 2..42 {
            work.wait(SECOND / 2).connect(&format!("10.96.7.{service}:80"), b"");
        }
    });
    day.inside("haproxy", at, |work| {
        for last in 2..22 {
            work.connect(&format!("10.42.3.{last}:8080"), b"");
        }
        work.refused("10.42.3.30:8080");
    });
}

fn gossip(day: &mut Day, at: u64) {
    day.inside("consul", at, |work| {
        for last in 2..12 {
            work.datagram(&format!("10.42.5.{last}:8301"));
        }
    });
    day.inside("kafka", at, |work| {
        work.connect("10.42.5.3:9092", b"");
    });
}

/// B27: much that is asked for, with long names that change.
fn names(day: &mut Day, at: u64) {
    day.inside("dns", at, |work| {
        for number in 0..12 {
            work.asks(&format!("svc-{number}.shop.svc.cluster.local"), 1);
        }
        work.asks("2.0.0.127.zen.spamhaus.example", 1).asks("_etcd-server._tcp.data.example", 33);
        let hash = work.node.random(u64::MAX);
        work.asks(&format!("a{hash:016x}.cdn.example"), 28)
            .asks("a-2048-bit-key._domainkey.mail.example", 16);
    });
    day.inside("extdns", at, |work| {
        work.asks("api.cloud.example", 1).connect("203.0.113.40:443", b"").asks("txt.shop.example", 16);
    });
}

/// B45: development servers at ports that miners use too, and other users of JSON-RPC.
fn clients(day: &mut Day, at: u64) {
    day.inside("node", at, |work| {
        work.connect("198.51.100.7:8333", b"")
            .connect("10.42.0.14:3333", b"")
            .connect("10.42.0.14:4444", b"");
    });
    day.inside("python", at, |work| {
        let login =
            br#"{"jsonrpc":"2.0","method":"user.login","params":{"username":"a","password":"b"},"id":1}"#;
        let request = [b"POST /api_jsonrpc.php HTTP/1.1\r\nHost: zabbix\r\n\r\n".as_slice(), login].concat();
        work.connect("10.42.0.15:8080", &request);
        work.connect(
            "10.42.0.16:8545",
            br#"{"jsonrpc":"2.0","method":"eth_blockNumber","params":[],"id":1}"#,
        );
        let initialize =
            b"Content-Length: 46\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}";
        work.connect("127.0.0.1:2087", initialize);
    });
}

fn token(work: &mut Work<'_>) {
    const TOKEN: &str = "/run/secrets/kubernetes.io/serviceaccount/token";
    work.read(TOKEN).connect("10.96.0.1:443", b"");
}

/// B25: operators read their tokens, and talk to the API.
fn tokens(day: &mut Day, at: u64) {
    for pod in [
        "operator",
        "certs",
        "argo",
        "metrics",
        "dns",
        "extdns",
        "velero",
        "prometheus",
        "cilium",
        "proxy",
        "consul",
    ] {
        day.inside(pod, at, token);
    }
    day.inside("airflow", at, token);
    day.inside("metrics", at, |work| {
        for last in 2..12 {
            work.connect(&format!("10.0.3.{last}:10250"), b"");
        }
    });
    day.inside("argo", at, |work| {
        work.run_and(&["/usr/bin/git", "fetch", "origin"], |git| {
            git.run_and(&["/usr/bin/ssh", "git@git.example", "git-upload-pack app"], |ssh| {
                ssh.read("/home/argocd/.ssh/known_hosts").read("/home/argocd/.ssh/id_ed25519");
                ssh.connect("198.51.100.30:22", b"SSH-2.0-OpenSSH_9.2\r\n");
            });
        });
        work.run(&["/usr/local/bin/helm", "template", "app"]);
    });
}

/// B26: the cloud's metadata, by its kits.
fn cloud(day: &mut Day, at: u64) {
    for pod in ["datadog", "fluentbit", "velero", "extdns", "csi"] {
        day.inside(pod, at, |work| {
            work.connect(
                "169.254.169.254:80",
                b"PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
            );
        });
    }
    day.inside("python", at, |work| {
        work.connect("169.254.170.23:80", b"");
    });
}

/// B21, B22: numbers are crunched, by many threads and ranks.
fn science(day: &mut Day, at: u64) {
    day.inside("mpi", at, |work| {
        let mut ranks = Vec::new();
        work.fork_and(|rank| {
            ranks.push(rank.process.clone());
            rank.call(Class::Scheduling, Call::SchedSetaffinity, Asked::default());
        });
        let arguments = [u64::from(ranks[0].task.pid), 0, 0, 0, 0, 0];
        for _ in 0..20 {
            let asked = Asked { arguments, target: Some(&ranks[0]), ..Asked::default() };
            work.call(Class::ProcessMemory, Call::ProcessVmReadv, asked);
        }
    });
    day.inside("ffmpeg", at, |work| {
        work.run_and(&["/usr/local/bin/ffmpeg", "-threads", "8", "-i", "in.mp4", "out.webm"], |ffmpeg| {
            ffmpeg.read("/media/in.mp4").write("/media/out.webm");
            for _ in 0..8 {
                ffmpeg.call(Class::Scheduling, Call::SchedSetaffinity, Asked::default());
            }
        });
    });
    let java = day.pod("java").main;
    day.exec("java", at, true, &["/usr/bin/py-spy", "dump", "--pid", "1"], |spy| {
        spy.trace(&java, SEIZE).read("/proc/1/mem");
    });
}
