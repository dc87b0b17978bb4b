//! What a control group has used of the processors.

use serde::{Deserialize, Serialize};

/// Counters of a container's control group at one moment; each counts from the group's beginning. An input of the pipeline.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Control group id.
    pub cgroup: u64,
    /// When they were read, in nanoseconds since boot.
    pub time_ns: u64,
    /// Processor time in nanoseconds (`usage_usec` of `cpu.stat`; v1: `cpuacct.usage`).
    pub cpu_ns: u64,
    /// Periods in which its limit stopped it (`nr_throttled` of `cpu.stat`); 0 where there is no such count.
    pub throttled: u64,
    /// Time in nanoseconds in which some task of it waited for a processor (`some` of `cpu.pressure`); 0 where the kernel
    /// does not tell.
    pub waited_ns: u64,
}
