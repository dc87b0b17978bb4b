//! Containers under plain runc, with the bundle that containerd's CRI would have written.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};

use crate::scratch::{make_folder, write_file};

/// Where containerd's shim keeps the bundles of Kubernetes' containers, in its state folder.
const BUNDLES: &str = "io.containerd.runtime.v2.task/k8s.io";

/// Capabilities that runtimes give by default.
pub const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// Of the capabilities that a privileged container has besides, those by which it is told from others.
pub const PRIVILEGED_CAPABILITIES: [&str; 5] =
    ["SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "NET_ADMIN", "SYSLOG"];

/// What Kubernetes calls a container; every value is new for each container.
#[derive(Clone, Debug)]
pub struct Names {
    /// Id of the container: 64 hexadecimal digits.
    pub id: String,
    /// Name in its pod.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Uid of the pod.
    pub uid: String,
}

impl Names {
    /// New names.
    #[must_use]
    pub fn new() -> Self {
        let id = random_hex(32);
        let uid = random_hex(16);
        let parts = [&uid[..8], &uid[8..12], &uid[12..16], &uid[16..20], &uid[20..]];
        Self {
            name: "main".to_owned(),
            image: "docker.io/library/bb:latest".to_owned(),
            namespace: format!("shop-{}", &id[..4]),
            pod: format!("web-{}", &id[..8]),
            uid: parts.join("-"),
            id,
        }
    }

    /// Annotations as containerd's CRI writes them.
    #[must_use]
    pub fn annotations(&self, sandbox: bool) -> Vec<(String, String)> {
        let mut annotations = vec![
            ("container-type", if sandbox { "sandbox" } else { "container" }),
            ("sandbox-id", self.id.as_str()),
            ("sandbox-name", &self.pod),
            ("sandbox-namespace", &self.namespace),
            ("sandbox-uid", &self.uid),
        ];
        if !sandbox {
            annotations.extend([("container-name", self.name.as_str()), ("image-name", &self.image)]);
        }
        let named = annotations.into_iter();
        named.map(|(key, value)| (format!("io.kubernetes.cri.{key}"), value.to_owned())).collect()
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::new()
    }
}

/// How a container is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Program and its arguments.
    pub arguments: Vec<String>,
    /// Its names.
    pub names: Names,
    /// The pod's sandbox rather than one of its containers.
    pub sandbox: bool,
    /// User and group id in the container.
    pub user: u32,
    /// Capabilities besides the usual ones, without `CAP_`.
    pub capabilities: Vec<&'static str>,
    /// As what runtimes write for Kubernetes' `privileged: true`: [`PRIVILEGED_CAPABILITIES`] and a writable `/sys`.
    pub privileged: bool,
    /// Its first process gets a terminal; the other side of it is sent to this socket.
    pub console: Option<PathBuf>,
    /// State folder in which the bundle goes.
    pub state: PathBuf,
    /// Lower layer of its root file system, or several from the uppermost down, with colons between.
    pub image: PathBuf,
    /// runc's own folder.
    pub runc_root: PathBuf,
}

/// A container; deleted with its bundle when dropped.
#[derive(Debug)]
pub struct Container {
    names: Names,
    bundle: PathBuf,
    runc_root: PathBuf,
    console: Option<PathBuf>,
}

impl Container {
    /// Makes the bundle and its root file system; nothing runs yet.
    ///
    /// # Panics
    /// When that is not possible.
    #[must_use]
    pub fn create(options: &Options) -> Self {
        let names = options.names.clone();
        let bundle = bundle_folder(&options.state, &names.id);
        make_folder(&bundle);
        write_file(&bundle.join("config.json"), configuration(options).to_string(), 0o644);
        mount_overlay(&bundle, &options.image);
        Self { names, bundle, runc_root: options.runc_root.clone(), console: options.console.clone() }
    }

    /// Its names.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.names.id
    }

    /// A file of the container, seen from the host.
    #[must_use]
    pub fn file(&self, path: &str) -> PathBuf {
        self.bundle.join("rootfs").join(path.trim_start_matches('/'))
    }

    /// The bundle's `config.json`.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.bundle.join("config.json")
    }

    /// Runs the container to its end.
    ///
    /// # Panics
    /// When runc cannot be started.
    pub fn run(&self) -> Output {
        let mut command = self.runc("run");
        command.args(pivot()).arg("--bundle").arg(&self.bundle).arg(self.id());
        command.output().expect("runc is installed")
    }

    /// Runs the container to its end, which must be a success, and returns its output.
    ///
    /// # Panics
    /// When it fails.
    pub fn run_ok(&self) -> String {
        succeeded(&format!("the container {}", self.id()), &self.run())
    }

    /// Starts the container and leaves it running.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self) {
        let mut command = self.runc("run");
        command.args(pivot()).arg("--detach").arg("--bundle").arg(&self.bundle);
        if let Some(console) = &self.console {
            command.arg("--console-socket").arg(console);
        }
        command.arg(self.id());
        let log = File::create(self.bundle.join("runc.log")).expect("a writable bundle");
        let status = command.stdout(Stdio::null()).stderr(log).status().expect("runc is installed");
        let text = fs::read_to_string(self.bundle.join("runc.log")).unwrap_or_default();
        assert!(status.success(), "runc run --detach {}: {status}: {text}", self.id());
    }

    /// Host process id of the first process of a running container.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let output = self.runc("state").arg(self.id()).output().expect("runc is installed");
        let state: Value = serde_json::from_slice(&output.stdout).expect("runc's state is JSON");
        state["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a pid in runc's state")
    }

    /// Runs a command in a running container.
    ///
    /// # Panics
    /// When it fails.
    pub fn exec(&self, arguments: &[&str]) -> String {
        let mut command = self.runc("exec");
        let output = command.arg(self.id()).args(arguments).output().expect("runc is installed");
        succeeded(&format!("{arguments:?} in {}", self.id()), &output)
    }

    fn runc(&self, verb: &str) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(&self.runc_root).arg(verb).stdin(Stdio::null());
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // A container that ran to its end is deleted already, and then runc complains: no matter.
        let mut delete = self.runc("delete");
        drop(delete.arg("--force").arg(self.id()).stdout(Stdio::null()).stderr(Stdio::null()).status());
        if let Err(error) = unmount(self.bundle.join("rootfs"), UnmountFlags::DETACH) {
            eprintln!("cannot unmount the root of {}: {error}", self.id());
        }
        if let Err(error) = fs::remove_dir_all(&self.bundle) {
            eprintln!("cannot remove {}: {error}", self.bundle.display());
        }
    }
}

/// `config.json` as containerd's CRI writes it, as far as it matters here. There is no OOM score and
/// no resource limit: both may need a capability that the machine lacks.
fn configuration(options: &Options) -> Value {
    let more = if options.privileged { PRIVILEGED_CAPABILITIES.as_slice() } else { &[] };
    let capabilities = DEFAULT_CAPABILITIES.iter().chain(more).chain(&options.capabilities);
    let capabilities: Vec<_> = capabilities.map(|name| format!("CAP_{name}")).collect();
    let mut namespaces = vec!["pid", "mount", "ipc", "uts", "network"];
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        namespaces.push("cgroup");
    }
    let namespaces: Vec<_> = namespaces.into_iter().map(|kind| json!({ "type": kind })).collect();
    let annotations: serde_json::Map<_, _> = options
        .names
        .annotations(options.sandbox)
        .into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect();
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": { "uid": options.user, "gid": options.user },
            "args": options.arguments,
            "env": ["PATH=/bin", "HOME=/"],
            "cwd": "/",
            "terminal": options.console.is_some(),
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
            },
        },
        "root": { "path": "rootfs" },
        "hostname": options.names.pod,
        "mounts": mounts(options),
        "annotations": annotations,
        "linux": { "cgroupsPath": format!("/k8s.io/{}", options.names.id), "namespaces": namespaces },
    })
}

fn mounts(options: &Options) -> Value {
    let mut mounts = vec![
        json!({ "destination": "/proc", "type": "proc", "source": "proc" }),
        json!({
            "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]
        }),
    ];
    if options.console.is_some() {
        let own = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
        mounts
            .push(json!({ "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": own }));
    }
    if options.privileged {
        mounts.push(json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["rw"] }));
    }
    mounts.into()
}

fn mount_overlay(bundle: &Path, image: &Path) {
    let [root, upper, work] = ["rootfs", "upper", "work"].map(|name| bundle.join(name));
    [&root, &upper, &work].into_iter().for_each(|folder| make_folder(folder));
    let layers =
        format!("lowerdir={},upperdir={},workdir={}", image.display(), upper.display(), work.display());
    let layers = std::ffi::CString::new(layers).expect("paths without NUL");
    mount("overlay", &root, "overlay", MountFlags::empty(), Some(layers.as_c_str()))
        .unwrap_or_else(|error| panic!("cannot mount an overlay on {}: {error}", root.display()));
}

/// The kernel refuses `pivot_root` where the root is the first of all mounts (an initramfs that nothing
/// was mounted over): it is its own parent.
fn pivot() -> Option<&'static str> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let root = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some("/"))?;
    let mut ids = root.split(' ');
    (ids.next() == ids.next()).then_some("--no-pivot")
}

/// Folder of a container's bundle in a containerd-style state folder.
#[must_use]
pub fn bundle_folder(state: &Path, id: &str) -> PathBuf {
    state.join(BUNDLES).join(id)
}

/// Output of a command that must have succeeded.
///
/// # Panics
/// When it did not.
pub fn succeeded(what: &str, output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}: {errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Random bytes in hexadecimal.
///
/// # Panics
/// Without `/dev/urandom`.
#[must_use]
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut buffer)).expect("/dev/urandom");
    buffer.iter().map(|byte| format!("{byte:02x}")).collect()
}
