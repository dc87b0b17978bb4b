//! What the agent may do is what its chart says, and no more.

use std::collections::BTreeSet;
use std::fs;

use picket_tests::expect::{field, text};
use picket_tests::runner::plain::Test;
use picket_tests::truth::{capability_names, status};
use serde_json::Value;

use crate::kubectl;
use crate::world::{NAMESPACE, World};

pub(crate) const TESTS: &[Test<World>] =
    &[("privileges::capabilities", capabilities), ("privileges::writable_folders", writable_folders)];

/// Mounts that the runtime and kubelet give to every container: devices, the container's own view of the kernel, and
/// a file each for names and for last words.
const OF_THE_RUNTIME: [&str; 5] = ["/proc", "/dev", "/sys/fs/cgroup", "/etc/hosts", "/dev/termination-log"];

/// The agent's container, as the API server has it.
fn declared() -> Value {
    let object = kubectl::get(&["daemonset", "picket", "-n", NAMESPACE]);
    field(&object, "spec.template.spec.containers.0").expect("a container").clone()
}

fn capabilities(world: &mut World) {
    let (agent, declared) = (world.agent_pid(), declared());
    let list = |path: &str| -> BTreeSet<String> {
        let list = field(&declared, path).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    assert_eq!(list("securityContext.capabilities.drop"), BTreeSet::from(["ALL".to_owned()]));
    let wanted = list("securityContext.capabilities.add");
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        let has: BTreeSet<_> = capability_names(&status(agent, set)).into_iter().collect();
        assert_eq!(has, wanted, "{set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(capability_names(&status(agent, set)), Vec::<String>::new(), "{set}");
    }
    assert_eq!(field(&declared, "securityContext.privileged"), Some(&Value::Bool(false)));
    assert_eq!(field(&declared, "securityContext.allowPrivilegeEscalation"), Some(&Value::Bool(false)));
    assert_eq!(status(agent, "NoNewPrivs"), "1");
    let filtered = text(&declared, "securityContext.seccompProfile.type") != "Unconfined";
    assert_eq!(status(agent, "Seccomp"), if filtered { "2" } else { "0" });
}

/// Mounted writable are the folders that the chart gives it for that. Read-only ones of the node hold other mounts,
/// which are writable nevertheless: Kubernetes can change that from 1.30 on (`recursiveReadOnly`), this one is older.
fn writable_folders(world: &mut World) {
    let declared = declared();
    let mounts = field(&declared, "volumeMounts").and_then(Value::as_array).cloned().unwrap_or_default();
    let read_only = |mount: &&Value| field(mount, "readOnly") == Some(&Value::Bool(true));
    let paths = |mounts: Vec<&Value>| -> BTreeSet<String> {
        mounts.into_iter().map(|mount| text(mount, "mountPath").to_owned()).collect()
    };
    let for_writing = paths(mounts.iter().filter(|mount| !read_only(mount)).collect());
    let for_reading = paths(mounts.iter().filter(read_only).collect());
    assert_eq!(
        for_writing,
        BTreeSet::from(["/run/picket", "/sys/fs/bpf", "/var/lib/picket"].map(str::to_owned)),
        "declared"
    );

    let (mut writable, mut below) = (BTreeSet::new(), BTreeSet::new());
    for (path, is_writable) in mounted(world.agent_pid()) {
        let inside = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        if !is_writable || OF_THE_RUNTIME.iter().any(|own| path == *own || inside(own)) {
            continue;
        }
        if for_reading.iter().any(|folder| inside(folder)) {
            below.insert(path);
        } else {
            writable.insert(path);
        }
    }
    println!("writable below what is mounted read only: {} mounts of the node", below.len());
    assert_eq!(writable, for_writing);
}

/// Mount points of a process, and whether each is writable.
fn mounted(pid: u32) -> Vec<(String, bool)> {
    let text = fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("the agent runs");
    let mounts = text.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(4);
        let (path, options) = (words.next()?, words.next()?);
        Some((path.to_owned(), options.split(',').any(|option| option == "rw")))
    });
    mounts.collect()
}
