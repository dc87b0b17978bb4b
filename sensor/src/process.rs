//! Stage 2: who is this. Processes by pid and start, with their lineage.

pub mod retain;
pub mod tree;

use std::sync::Arc;

use sensor_common::{header::TaskRef, record::process::Ids};
use serde::{Deserialize, Serialize};

use crate::shared;

/// Clock tick of `/proc/PID/stat`, in nanoseconds (`USER_HZ` is 100 on every architecture).
pub const TICK_NS: u64 = 10_000_000;

/// Names a process, also after its pid was given to another one.
///
/// The start is in clock ticks, because that is how exactly `/proc` tells it. A pid is not given
/// again within a tick: the kernel goes through all others first.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
pub struct Key {
    /// Pid in the initial pid namespace.
    pub pid: u32,
    /// Start in clock ticks since boot.
    pub start_ticks: u64,
}

impl From<TaskRef> for Key {
    fn from(task: TaskRef) -> Self {
        Self { pid: task.pid, start_ticks: task.start_ns / TICK_NS }
    }
}

/// The program that a process runs; shared by a process and the children that it forks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Program {
    /// Path of the executed file, in the mount namespace of the process; empty where unknown.
    pub executable: String,
    /// Arguments.
    pub arguments: Vec<String>,
    /// Working directory at exec.
    pub directory: String,
    /// When it began, in nanoseconds since boot; 0 for a program that ran before the sensor.
    pub since_ns: u64,
}

/// A process.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Process {
    /// Name.
    pub key: Key,
    /// Start in nanoseconds since boot; of processes that ran before the sensor, rounded down to
    /// a clock tick.
    pub start_ns: u64,
    /// Pid in its own pid namespace; 0 where unknown.
    pub container_pid: u32,
    /// User and group ids.
    #[serde(with = "ids")]
    pub ids: Ids,
    /// Control group when last seen.
    pub cgroup: u64,
    /// Program that it runs.
    #[serde(with = "shared::one")]
    pub program: Arc<Program>,
    /// When the process itself began to run its program, in nanoseconds since boot; 0 if it has
    /// not executed any since it was forked or first seen.
    pub exec_ns: u64,
    /// Parent when it came into being: stays, even if the process is adopted later.
    pub parent: Option<Key>,
    /// When it ended, in nanoseconds since boot.
    pub exited_ns: Option<u64>,
}

/// The form in which a recording keeps ids.
mod ids {
    use sensor_common::record::process::Ids;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(ids: &Ids, to: S) -> Result<S::Ok, S::Error> {
        [ids.uid, ids.gid, ids.euid, ids.egid].serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Ids, D::Error> {
        let [uid, gid, euid, egid] = Deserialize::deserialize(from)?;
        Ok(Ids { uid, gid, euid, egid })
    }
}

/// A process that ran before the sensor, as `/proc` shows it.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Pid in the initial pid namespace.
    pub pid: u32,
    /// Start in clock ticks since boot.
    pub start_ticks: u64,
    /// Pid of the parent.
    pub parent_pid: u32,
    /// Pid in its own pid namespace.
    pub container_pid: u32,
    /// Real and effective ids.
    pub ids: Ids,
    /// Program.
    pub program: Program,
    /// Control group id and path.
    pub cgroup: Option<(u64, String)>,
}
