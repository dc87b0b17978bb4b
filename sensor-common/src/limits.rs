//! Every size and count that both sides rely on.

/// Largest position at which a variable field may begin; a power of two, so that a mask bounds it.
pub const TAIL_START_MAX: usize = 16 * 1024;

/// Largest single variable field, in bytes; a power of two.
pub const FIELD_BYTES_MAX: usize = 8 * 1024;

/// Size of the per-CPU buffer in which a record is put together. A field that begins at the last
/// permitted position still fits, with its header.
pub const SCRATCH_BYTES: usize = TAIL_START_MAX + FIELD_BYTES_MAX + TAIL_HEADER_BYTES;

/// Size of the header of one variable field ([`crate::tail::TailHeader`]).
pub const TAIL_HEADER_BYTES: usize = 8;

/// Most components of a path; deeper paths lose the components nearest to the root and say so.
pub const PATH_COMPONENTS_MAX: usize = 128;

/// Bytes of a path's components together, separators included: a component that begins before
/// this bound is kept whole.
pub const PATH_BYTES_MAX: usize = 4096;

/// Longest name of one component, with its terminating NUL (`NAME_MAX` + 1).
pub const COMPONENT_BYTES_MAX: usize = 256;

/// Most components of a control group's path.
pub const CGROUP_COMPONENTS_MAX: usize = 24;

/// Bytes of a control group's path, as [`PATH_BYTES_MAX`].
pub const CGROUP_BYTES_MAX: usize = 2048;

/// Bytes of a program's arguments, separators included.
pub const ARGUMENTS_BYTES_MAX: usize = 4096;

/// Bytes of a program's environment that reach the agent, which keeps only the selected names.
pub const ENVIRONMENT_BYTES_MAX: usize = 4096;

/// Bytes of a path as the caller wrote it (`PATH_MAX`).
pub const NAME_BYTES_MAX: usize = 4096;

/// Length of a task's command name (`TASK_COMM_LEN`).
pub const COMM_BYTES: usize = 16;

/// Longest name of a terminal (`tty_struct.name`).
pub const TTY_NAME_BYTES: usize = 64;

/// Most tasks that can be between the two programs of a class at once.
pub const BETWEEN_MAX: u32 = 16 * 1024;

/// Most pairs of class and control group whose losses are kept apart in the kernel.
pub const LOSS_ENTRIES_MAX: u32 = 4096;

/// Most control groups with a policy of their own in the kernel; the others have the default one.
pub const GROUPS_MAX: u32 = 16 * 1024;

/// Most pairs of class and control group whose events are counted apart in the kernel.
pub const ACCOUNTS_MAX: u32 = 32 * 1024;

/// Most files whose verdict the kernel remembers.
pub const FILES_MAX: u32 = 32 * 1024;

/// Most events that the kernel remembers in case they repeat.
pub const REPEATS_MAX: u32 = 16 * 1024;

/// Most threads that can be within a change of a file's names.
pub const PENDING_MAX: u32 = 4096;

/// Most remote ports with a verdict.
pub const PORTS_MAX: u32 = 1024;

/// Most networks with a verdict.
pub const NETWORKS_MAX: u32 = 1024;

/// Shortest time between two wake-ups of the agent, in nanoseconds. A wake-up costs several times what a
/// record costs; what comes in between is read when the agent looks again, which it does until nothing
/// came for [`LOOK_AGAIN_NS`].
pub const WAKE_NS: u64 = 5_000_000;

/// How long the agent waits without being woken after it has read something: longer than [`WAKE_NS`], so
/// that an event which comes after that wakes it.
pub const LOOK_AGAIN_NS: u64 = 6_000_000;

/// Most sockets whose owner the kernel remembers.
pub const SOCKETS_MAX: u32 = 32 * 1024;

/// Longest name of an AF_UNIX socket (`sun_path`).
pub const SOCKET_NAME_BYTES_MAX: usize = 108;

/// Bytes of a value that was written or set.
pub const VALUE_BYTES_MAX: usize = 512;

/// Bytes of one record's payload; a power of two, so that a mask bounds it.
pub const PAYLOAD_BYTES_MAX: usize = 2048;

/// Bytes that are sent of each direction of a connection.
pub const FLOW_BYTES_MAX: u32 = 512;

/// The same where more are needed: a client's TLS hello with a post-quantum key share has 1.5 to 2 KiB,
/// and some put the server's name behind that share; DNS over TCP is for long answers.
pub const FLOW_BYTES_LONG: u32 = 2048;

/// Packets of each direction, empty ones aside, that are looked at for its first bytes.
pub const FLOW_PACKETS_MAX: u32 = 1024;

/// Most flows that the kernel remembers.
pub const FLOWS_MAX: u32 = 32 * 1024;

const _: () = {
    assert!(LOOK_AGAIN_NS > WAKE_NS);
    assert!(TAIL_START_MAX.is_power_of_two());
    assert!(FIELD_BYTES_MAX.is_power_of_two());
    assert!(PAYLOAD_BYTES_MAX.is_power_of_two() && PAYLOAD_BYTES_MAX < FIELD_BYTES_MAX);
    assert!(FLOW_BYTES_LONG as usize <= PAYLOAD_BYTES_MAX);
    // The per-CPU allocator of Linux gives no more than 32 KiB at once.
    assert!(SCRATCH_BYTES < 32 * 1024 - 64);
    assert!(PATH_BYTES_MAX + COMPONENT_BYTES_MAX <= FIELD_BYTES_MAX);
    assert!(NAME_BYTES_MAX < FIELD_BYTES_MAX);
    assert!(ARGUMENTS_BYTES_MAX < FIELD_BYTES_MAX);
    assert!(ENVIRONMENT_BYTES_MAX < FIELD_BYTES_MAX);
    // Whatever a workload makes long, the executable and the arguments of an executed program
    // have room: only the working directory and the environment, which come last, can be missing.
    assert!(
        1024 + CGROUP_BYTES_MAX
            + PATH_BYTES_MAX
            + ARGUMENTS_BYTES_MAX
            + NAME_BYTES_MAX
            + 3 * COMPONENT_BYTES_MAX
            <= TAIL_START_MAX
    );
};
