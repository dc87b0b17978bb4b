//! Stage 2: who is this. Processes by pid and start, with their lineage.

pub mod command_line;
pub mod retain;
pub mod tree;

use std::sync::Arc;

use sensor_common::{
    header::TaskRef,
    record::process::{Capabilities, ExecRecord, FileIdentity, Ids, Namespaces},
};
use serde::{Deserialize, Serialize};

use self::command_line::CommandLine;
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
    /// Command name and arguments.
    pub command_line: CommandLine,
    /// Working directory at exec.
    pub directory: String,
    /// When it began, in nanoseconds since boot; 0 for a program that ran before the sensor.
    pub since_ns: u64,
    /// The executed file; zeros where unknown.
    #[serde(with = "shared::file")]
    pub file: FileIdentity,
    /// When that file's content was changed last, in nanoseconds of the wall clock; 0 where unknown.
    pub modified_ns: u64,
    /// The file is the kernel's own in memory (`memfd_create`).
    pub memfd: bool,
}

/// Where a process stands: what it has from its creator, until it begins a program or changes it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Standing {
    /// Capabilities; `None` where unknown.
    #[serde(with = "shared::capabilities")]
    pub capabilities: Option<Capabilities>,
    /// Namespaces in which its program began; `None` where unknown. What it entered or left since is not among them.
    #[serde(with = "shared::namespaces")]
    pub namespaces: Option<Namespaces>,
    /// Session in the initial pid namespace; 0 where unknown.
    pub session: u32,
    /// Process group in the initial pid namespace; 0 where unknown.
    pub group: u32,
    /// Device number of the controlling terminal, major << 20 | minor; 0 without one.
    pub terminal: u32,
    /// Audit login user id; `u32::MAX` where none was set.
    pub login_uid: u32,
}

impl Default for Standing {
    fn default() -> Self {
        Self { capabilities: None, namespaces: None, session: 0, group: 0, terminal: 0, login_uid: u32::MAX }
    }
}

impl Standing {
    /// Of a program that begins.
    #[must_use]
    pub const fn of_exec(record: &ExecRecord) -> Self {
        Self {
            capabilities: Some(record.capabilities),
            namespaces: Some(record.namespaces),
            session: record.session,
            group: record.process_group,
            terminal: record.terminal,
            login_uid: record.login_uid,
        }
    }
}

/// What a process was before it began a program.
#[derive(Clone, Copy, Debug)]
pub struct Former {
    /// User and group ids.
    pub ids: Ids,
    /// Capabilities, namespaces and the like.
    pub standing: Standing,
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
    #[serde(with = "shared::ids")]
    pub ids: Ids,
    /// Capabilities, session and the like.
    pub standing: Standing,
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
    /// Capabilities, session and the like.
    pub standing: Standing,
    /// Program.
    pub program: Program,
    /// Control group id and path.
    pub cgroup: Option<(u64, String)>,
}
