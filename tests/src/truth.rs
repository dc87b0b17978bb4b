//! What is true, read from the kernel by other ways than the agent's: stat, /proc, links of namespaces.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor};
use serde_json::Value;

use crate::expect::{Expect, field};

/// Names of the capabilities by their number (`linux/capability.h`).
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Kinds of namespaces: name of the field in events, name in `/proc/PID/ns`.
const NAMESPACES: [(&str, &str); 7] = [
    ("mnt", "mnt"),
    ("pid", "pid"),
    ("net", "net"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("cgroup", "cgroup"),
    ("user", "user"),
];

/// `major:minor` as events write a device.
#[must_use]
pub fn device(number: u64) -> String {
    format!("{}:{}", major(number), minor(number))
}

/// Compares `exec.file` with what stat says of the file at `path`.
///
/// # Panics
/// On the first difference.
pub fn check_file(event: &Value, path: &Path) {
    let stat = fs::metadata(path).unwrap_or_else(|error| panic!("cannot stat {}: {error}", path.display()));
    Expect::of(event)
        .is("exec.file.inode", stat.ino())
        .is("exec.file.device", device(stat.dev()))
        .is("exec.file.uid", stat.uid())
        .is("exec.file.gid", stat.gid())
        .is("exec.file.links", stat.nlink())
        .such("exec.file.mode", &format!("{:o}", stat.mode() & 0o7777), |mode| {
            mode.as_str().and_then(|mode| u32::from_str_radix(mode, 8).ok()) == Some(stat.mode() & 0o7777)
        });
}

/// Compares `exec.namespaces` with `/proc/PID/ns` of a process that still runs.
///
/// # Panics
/// On the first difference.
pub fn check_namespaces(event: &Value, pid: u32) {
    for (name, file) in NAMESPACES {
        Expect::of(event).is(&format!("exec.namespaces.{name}"), namespace(pid, file));
    }
}

/// Inode number of a namespace of a process.
///
/// # Panics
/// When the process is gone.
#[must_use]
pub fn namespace(pid: u32, file: &str) -> u64 {
    let link = fs::read_link(format!("/proc/{pid}/ns/{file}"))
        .unwrap_or_else(|error| panic!("cannot read /proc/{pid}/ns/{file}: {error}"));
    let text = link.to_string_lossy();
    let digits = text.split(['[', ']']).nth(1).and_then(|digits| digits.parse().ok());
    digits.unwrap_or_else(|| panic!("unusual link of a namespace: {text}"))
}

/// A line of `/proc/PID/status`.
///
/// # Panics
/// When the process is gone or there is no such line.
#[must_use]
pub fn status(pid: u32, name: &str) -> String {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {name} in {path}")).trim().to_owned()
}

/// Sets of `exec.credentials`: name, line of `/proc/PID/status`, and the set that it equals when it is
/// left out.
const SETS: [(&str, &str, Option<&str>); 5] = [
    ("effective", "CapEff", None),
    ("permitted", "CapPrm", Some("effective")),
    ("bounding", "CapBnd", Some("permitted")),
    ("inheritable", "CapInh", None),
    ("ambient", "CapAmb", None),
];

/// Names of a capability set of an exec event, in order; one that is left out equals another.
#[must_use]
pub fn capability_set(event: &Value, name: &str) -> Vec<String> {
    let list = field(event, &format!("exec.credentials.{name}")).and_then(Value::as_array);
    let same_as = SETS.iter().find_map(|set| (set.0 == name).then_some(set.2)).flatten();
    match (list, same_as) {
        (Some(list), _) => {
            let mut names = written_out(list.iter().filter_map(Value::as_str).collect());
            names.sort_unstable();
            names
        }
        (None, Some(same_as)) => capability_set(event, same_as),
        (None, None) => Vec::new(),
    }
}

/// Compares the sets of `exec.credentials` with `/proc/PID/status` of a process that still runs.
///
/// # Panics
/// On the first difference.
pub fn check_capabilities(event: &Value, pid: u32) {
    for (name, line, _) in SETS {
        let mut wanted = capability_names(&status(pid, line));
        wanted.sort_unstable();
        assert_eq!(capability_set(event, name), wanted, "{name} and {line} of {pid}: {event:#}");
    }
}

/// A set of an event without its short forms: `NONE`, `ALL`, `ALL` but a few.
fn written_out(names: Vec<&str>) -> Vec<String> {
    match names.split_first() {
        Some((&"NONE", _)) => Vec::new(),
        Some((&"ALL", lacking)) => {
            let lacking: Vec<_> = lacking.iter().filter_map(|name| name.strip_prefix('-')).collect();
            capability_names(&format!("{:x}", all_capabilities()))
                .into_iter()
                .filter(|name| !lacking.contains(&name.as_str()))
                .collect()
        }
        _ => names.into_iter().map(str::to_owned).collect(),
    }
}

/// Every capability that the running kernel knows.
fn all_capabilities() -> u64 {
    let last: u32 = fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .expect("/proc/sys/kernel/cap_last_cap");
    (1u64 << (last + 1)) - 1
}

/// Names of a set of capabilities as `/proc` writes it.
///
/// # Panics
/// When it is written otherwise.
#[must_use]
pub fn capability_names(hexadecimal: &str) -> Vec<String> {
    let set = u64::from_str_radix(hexadecimal, 16).expect("a set of /proc/PID/status");
    let known = CAPABILITIES.iter().enumerate().filter(|(number, _)| set & (1 << number) != 0);
    known.map(|(_, name)| (*name).to_owned()).collect()
}

/// Paths of the control groups of a process, one a hierarchy.
///
/// # Panics
/// When the process is gone.
#[must_use]
pub fn cgroups(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("the process still runs");
    text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).map(str::to_owned).collect()
}

/// Process id of an event.
///
/// # Panics
/// When the event has none.
#[must_use]
pub fn pid(event: &Value) -> u32 {
    let pid = field(event, "process.pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok());
    pid.unwrap_or_else(|| panic!("no process.pid in {event:#}"))
}
