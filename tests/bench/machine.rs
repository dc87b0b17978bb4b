//! On what the figures were taken.

use std::fs;

use rustix::system::uname;
use serde_json::{Value, json};

use crate::programs;

/// Kernel, processor, and what else may disturb the figures; taken while no agent of ours runs.
pub(crate) fn describe() -> Value {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "kernel": uname().release().to_string_lossy(),
        "architecture": uname().machine().to_string_lossy(),
        "cpu": cpu(),
        "cpus": cpus,
        "loadAverage": load(),
        "otherBpfPrograms": programs::loaded(),
    })
}

fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
