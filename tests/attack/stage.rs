//! Where scenes play: real containers, configured as a cluster does it, each with a network of its own.
//!
//! Words of a scene's place, in any order:
//!
//! | word | |
//! |---|---|
//! | `privileged` | as Kubernetes' `privileged: true`; without it the usual masked and read-only paths, and capabilities |
//! | `caps=A,B` | capabilities besides the usual ones |
//! | `hostpid` | without a pid namespace |
//! | `hostmount=PATH` | a folder of the node's disk that looks like its root is mounted there |
//! | `net` | addresses of a cluster, a cloud and the internet answer, all on the loopback device of its network |
//! | `user` | as user 1000 |
//! | `entered` | the script runs as `kubectl exec` would run it |
//! | `main` | the script is a line of words, which are the container's own program and its arguments |
//! | `service=PATH` | this program of the image is the container's own and starts the script's shell |
//! | `ns=NAME`, `image=NAME` | namespace of the pod, reference of its image |
//! | `host` | no container: the script runs on the node |
//! | `needs=PATH` | left out where this path is missing on the machine |

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use picket_tests::container::Container;
use picket_tests::image::copy_program;
use picket_tests::lab::Lab;
use picket_tests::scratch::{make_folder, write_file};
use picket_tests::workload;
use serde_json::{Value, json};

use crate::book::{Part, Scene};

/// Programs whose names matter to some scenes; all are the workload program.
const PROGRAMS: [&str; 31] = [
    "app/server",
    "sbin/apk",
    "usr/bin/aws",
    "usr/bin/buildah",
    "usr/bin/cargo",
    "usr/bin/containerd-shim",
    "usr/bin/dockerd",
    "usr/bin/dumpe2fs",
    "usr/bin/ffmpeg",
    "usr/bin/git",
    "usr/bin/go",
    "usr/bin/java",
    "usr/bin/kubectl",
    "usr/bin/node",
    "usr/bin/operator",
    "usr/bin/php-fpm",
    "usr/bin/pkexec",
    "usr/bin/prometheus",
    "usr/bin/python3",
    "usr/bin/qemu-system-x86_64",
    "usr/bin/redis-server",
    "usr/bin/restic",
    "usr/bin/ssh",
    "usr/bin/sudo",
    "usr/bin/sudoedit",
    "usr/bin/tcpdump",
    "usr/bin/traefik",
    "usr/lib/postgresql/bin/postgres",
    "usr/sbin/mysqld",
    "usr/sbin/nginx",
    "usr/sbin/sshd",
];

/// As containerd's CRI writes them for a container that is not privileged.
const MASKED: [&str; 9] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Networks that answer on the loopback device of a scene with `net`: pods, services, other private ones, what
/// documentation may use, metadata services of clouds.
const ANSWERING: [&str; 9] = [
    "10.0.0.0/8",
    "192.168.0.0/16",
    "172.16.0.0/12",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "169.254.0.0/16",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "fd00:ec2::254/128",
];

/// What runs the scripts: the shell of busybox does the work of its programs itself, so that nothing is executed.
pub(crate) const SHELL: &str = "/bin/bash";

/// Where a scene's script is in its container.
pub(crate) const SCRIPT: &str = "/script";

/// What every script may use. `P` runs a program and says which process that is, `W` the same with the workload
/// program; a script that uses neither is the attack itself.
const PRELUDE: &str = r#"exec 2>&1
echo "shell $$"
P() { "$@" & echo "pid $!"; wait $!; }
W() { P WORKLOAD --may-fail "$@"; }"#;

/// Files of the image that scenes read or change: nothing of them is true.
const FILES: [&str; 12] = [
    "etc/os-release",
    "root/.ash_history",
    "root/.aws/credentials",
    "root/.bash_history",
    "root/.docker/config.json",
    "root/.kube/config",
    "root/.config/gcloud/credentials.db",
    "root/.ssh/id_ed25519",
    "root/.ssh/id_rsa",
    "srv/data/notes.txt",
    "var/log/auth.log",
    "var/log/wtmp",
];

/// Folders of what scenes see as their node's root.
const NODE: [&str; 10] = [
    "etc/cron.d",
    "etc/kubernetes/manifests",
    "etc/systemd/system",
    "proc",
    "root/.ssh",
    "srv/data",
    "usr/bin",
    "var/lib/kubelet/pki",
    "var/log/pods",
    "var/spool/cron",
];

/// Everything that the scenes share.
#[derive(Debug)]
pub(crate) struct Stage {
    image: PathBuf,
    token: PathBuf,
    node: PathBuf,
    /// Where scenes on the host may write; `FREE` in their scripts.
    free: PathBuf,
    networks: PathBuf,
    next: AtomicU32,
    /// A process of the node, and one of another pod, for those who reach out.
    helpers: Vec<(&'static str, u32)>,
}

impl Stage {
    /// Makes the image and the folders.
    pub(crate) fn new(lab: &Lab, helpers: Vec<(&'static str, u32)>) -> Self {
        let scratch = lab.scratch();
        let free = scratch.folder("free");
        let image = furnish(lab);
        let token = scratch.folder("token");
        write_file(&token.join("token"), "eyJhbGciOiJSUzI1NiJ9.not-a-token", 0o644);
        write_file(&token.join("ca.crt"), "not a certificate\n", 0o644);
        write_file(&token.join("namespace"), "shop", 0o644);
        let node = std::env::temp_dir().join(format!("picket-attack-node-{}", std::process::id()));
        for folder in NODE {
            make_folder(&node.join(folder));
        }
        write_file(&node.join("usr/bin/runc"), "not a program\n", 0o755);
        write_file(&node.join("var/lib/kubelet/pki/kubelet-client-current.pem"), "not a key\n", 0o600);
        write_file(&node.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n", 0o644);
        Self {
            image,
            token,
            node,
            free,
            networks: scratch.folder("networks"),
            next: AtomicU32::new(0),
            helpers,
        }
    }

    /// Makes the container of a scene; nothing runs yet.
    pub(crate) fn container(&self, lab: &Lab, scene: &Scene) -> Result<Container> {
        let mut options = lab.container_options(&[]);
        options.image.clone_from(&self.image);
        options.arguments = Self::arguments(scene);
        options.privileged = has(scene, "privileged");
        if has(scene, "user") {
            options.user = 1000;
        }
        if let Some(image) = value(scene, "image") {
            image.clone_into(&mut options.names.image);
        }
        if let Some(namespace) = value(scene, "ns") {
            namespace.clone_into(&mut options.names.namespace);
        }
        options.capabilities = value(scene, "caps")
            .map(|names| names.split(',').map(|name| &*name.to_owned().leak()).collect())
            .unwrap_or_default();
        let network = has(scene, "net").then(|| self.network()).transpose()?;
        let container = Container::create(&options);
        self.configure(&container, scene, network.as_deref())?;
        // Not an argument: what a script does must not be found in its text.
        write_file(&container.file(SCRIPT), self.script(scene), 0o644);
        Ok(container)
    }

    /// A scene's script with the words that all scripts may use, and pids of the helpers.
    pub(crate) fn script(&self, scene: &Scene) -> String {
        let helpers: String = self.helpers.iter().map(|(name, pid)| format!("{name}={pid}; ")).collect();
        let free = if has(scene, "host") { format!("FREE={}; ", self.free.display()) } else { String::new() };
        let workload = if has(scene, "host") { workload::program() } else { workload::IN_CONTAINER.into() };
        let prelude = PRELUDE.replace("WORKLOAD", &workload.display().to_string());
        format!("{free}{helpers}\n{prelude}\n{}\nexit 0", scene.script)
    }

    /// What the container runs. An attack's script runs below the container's own program, as what somebody brought in
    /// does; a twin's is the container's own.
    fn arguments(scene: &Scene) -> Vec<String> {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        if has(scene, "main") {
            return words(&scene.script);
        }
        if has(scene, "entered") {
            return words("/bin/sleep 600");
        }
        if scene.part == Part::Twin {
            return words(&format!("{SHELL} {SCRIPT}"));
        }
        let service = value(scene, "service").unwrap_or("/app/server");
        let child = ["in-child", "exec", SHELL, SCRIPT];
        [service, "--may-fail"].iter().chain(&child).map(|word| (*word).to_owned()).collect()
    }

    /// Changes the bundle's `config.json` to what a cluster would write.
    fn configure(&self, container: &Container, scene: &Scene, network: Option<&Path>) -> Result<()> {
        let file = container.configuration();
        let text = std::fs::read_to_string(&file).context("the bundle's config.json")?;
        let mut config: Value = serde_json::from_str(&text)?;
        let mounts = config["mounts"].as_array_mut().context("mounts in config.json")?;
        let tmpfs = |place: &str| json!({ "destination": place, "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"] });
        mounts.push(tmpfs("/dev/shm"));
        mounts.push(bind(&self.token, "/run/secrets/kubernetes.io/serviceaccount", "ro"));
        if let Some(place) = value(scene, "hostmount") {
            mounts.push(bind(&self.node, place, "rw"));
        }
        if has(scene, "privileged") {
            config["linux"]["resources"]["devices"] = json!([{ "allow": true, "access": "rwm" }]);
        } else {
            mounts.push(json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid", "noexec", "nodev"] }));
            config["linux"]["maskedPaths"] = json!(MASKED);
            config["linux"]["readonlyPaths"] = json!(READ_ONLY);
        }
        config["process"]["env"] = json!([
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/root",
            "KUBERNETES_SERVICE_HOST=10.96.0.1",
            "KUBERNETES_SERVICE_PORT=443",
        ]);
        let namespaces = config["linux"]["namespaces"].as_array_mut().context("namespaces in config.json")?;
        if has(scene, "hostpid") {
            namespaces.retain(|namespace| namespace["type"] != "pid");
        }
        if let (Some(network), Some(entry)) =
            (network, namespaces.iter_mut().find(|namespace| namespace["type"] == "network"))
        {
            entry["path"] = json!(network);
        }
        write_file(&file, config.to_string(), 0o644);
        Ok(())
    }

    /// A new network namespace, of which the scratch folder's end is the end.
    fn network(&self) -> Result<PathBuf> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let file = self.networks.join(number.to_string());
        write_file(&file, "", 0o644);
        let routes: Vec<_> =
            ANSWERING.iter().map(|network| format!("ip route add local {network} dev lo")).collect();
        let script = format!("ip link set lo up; {}", routes.join("; "));
        let mut command = Command::new("unshare");
        command.arg(format!("--net={}", file.display())).args(["sh", "-c", &script]);
        let output = command.output().context("cannot start unshare")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot make a network: {errors}");
        Ok(file)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.node) {
            eprintln!("cannot remove {}: {error}", self.node.display());
        }
    }
}

fn bind(from: &Path, to: &str, how: &str) -> Value {
    json!({ "destination": to, "type": "bind", "source": from, "options": ["rbind", "rprivate", how] })
}

/// Adds to the harness's image what the scenes use: all of busybox, bash, curl, and what has a name that matters.
fn furnish(lab: &Lab) -> PathBuf {
    let root = lab.image().root().to_owned();
    for folder in ["opt", "mnt", "run", "var/log", "root", "srv"] {
        make_folder(&root.join(folder));
    }
    let listed = Command::new(lab.image().busybox()).arg("--list").output().expect("busybox runs");
    for applet in String::from_utf8_lossy(&listed.stdout).lines().filter(|name| *name != "busybox") {
        // Those of the harness are there already.
        drop(std::os::unix::fs::symlink("/bin/busybox", root.join("bin").join(applet)));
    }
    drop(std::os::unix::fs::symlink("/run", root.join("var/run")));
    let inside = root.join(workload::IN_CONTAINER.trim_start_matches('/'));
    for program in PROGRAMS {
        make_folder(root.join(program).parent().unwrap_or(&root));
        std::fs::hard_link(&inside, root.join(program)).expect("one file system");
    }
    for file in FILES {
        make_folder(root.join(file).parent().unwrap_or(&root));
        write_file(&root.join(file), "not true\n", 0o644);
    }
    for program in ["/bin/bash", "/usr/bin/curl"] {
        install(&root, Path::new(program));
    }
    root
}

/// A program of this machine with its libraries.
fn install(root: &Path, program: &Path) {
    let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    copy_program(program, &inside(program), 0o755);
    let listed = Command::new("ldd").arg(program).output().expect("ldd runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for library in listed.split_whitespace().filter(|word| word.starts_with('/')) {
        let place = inside(Path::new(library));
        make_folder(place.parent().unwrap_or(root));
        copy_program(Path::new(library), &place, 0o755);
    }
}

/// Whether a scene's place has this word.
pub(crate) fn has(scene: &Scene, word: &str) -> bool {
    scene.place.iter().any(|one| one == word)
}

/// What stands behind `word=` in a scene's place.
pub(crate) fn value<'a>(scene: &'a Scene, word: &str) -> Option<&'a str> {
    scene.place.iter().find_map(|one| one.strip_prefix(word)?.strip_prefix('='))
}

/// The script of a container that is told for sure: what happened before it has been judged.
const MARKER: &str = ": > /tmp/release_agent; exit 0 # the end of all scenes";

/// The container of [`MARKER`].
pub(crate) fn marker(lab: &Lab) -> Container {
    lab.container(&["/bin/sh", "-c", MARKER])
}

/// Whether an event is the end of such a container.
pub(crate) fn ends_marker(event: &Value) -> bool {
    event["class"] == "PROCESS_EXIT" && event["process"]["arguments"][2] == MARKER
}
