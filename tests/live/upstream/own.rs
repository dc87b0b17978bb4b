//! What the kernel says of the tests' own process: it is the ancestor of all that they start.

use std::fs;

use picket_tests::container::DEFAULT_CAPABILITIES;
use serde_json::{Value, json};

/// Names of this process and its ancestors, as the kernel has them.
pub(super) fn own_line() -> Vec<String> {
    let mut names = Vec::new();
    let mut pid = std::process::id();
    while pid > 0 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("our ancestors live");
        let (start, rest) = stat.rsplit_once(')').expect("proc_pid_stat(5)");
        names.push(start.split_once('(').expect("proc_pid_stat(5)").1.to_owned());
        pid =
            rest.split_ascii_whitespace().nth(1).and_then(|pid| pid.parse().ok()).expect("proc_pid_stat(5)");
    }
    names
}

/// Number of the terminal of this process.
pub(super) fn terminal() -> Value {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    let (_, rest) = stat.rsplit_once(')').expect("proc_pid_stat(5)");
    rest.split_ascii_whitespace().nth(4).and_then(|number| number.parse::<i64>().ok()).into()
}

/// Login user of this process; -1 if it has none.
pub(super) fn login() -> Value {
    let text = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    text.trim().parse::<u32>().map_or(json!(-1), |uid| json!(i64::from(uid.cast_signed())))
}

/// Effective capabilities of a container with these besides, in the order of their numbers.
pub(super) fn capabilities(more: &[&str]) -> String {
    const ALL: [&str; 16] = [
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SYS_MODULE",
        "SYS_CHROOT",
        "SYS_ADMIN",
        "MKNOD",
        "AUDIT_WRITE",
        "SETFCAP",
    ];
    let has = |name: &&&str| DEFAULT_CAPABILITIES.contains(*name) || more.contains(*name);
    ALL.iter().filter(has).map(|name| format!("CAP_{name}")).collect::<Vec<_>>().join(" ")
}
