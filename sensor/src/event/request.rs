//! Names of what privileged calls ask for, from the kernel's headers.

/// Requests of ptrace(2) that are told (`include/uapi/linux/ptrace.h`).
const PTRACE: &[(u64, &str)] = &[
    (0, "PTRACE_TRACEME"),
    (4, "PTRACE_POKETEXT"),
    (5, "PTRACE_POKEDATA"),
    (6, "PTRACE_POKEUSR"),
    (13, "PTRACE_SETREGS"),
    (15, "PTRACE_SETFPREGS"),
    (16, "PTRACE_ATTACH"),
    (19, "PTRACE_SETFPXREGS"),
    (0x4205, "PTRACE_SETREGSET"),
    (0x4206, "PTRACE_SEIZE"),
    (0x4212, "PTRACE_SET_SYSCALL_INFO"),
];

/// Commands of bpf(2), by number (`enum bpf_cmd` of `include/uapi/linux/bpf.h`).
const BPF: &[&str] = &[
    "BPF_MAP_CREATE",
    "BPF_MAP_LOOKUP_ELEM",
    "BPF_MAP_UPDATE_ELEM",
    "BPF_MAP_DELETE_ELEM",
    "BPF_MAP_GET_NEXT_KEY",
    "BPF_PROG_LOAD",
    "BPF_OBJ_PIN",
    "BPF_OBJ_GET",
    "BPF_PROG_ATTACH",
    "BPF_PROG_DETACH",
    "BPF_PROG_TEST_RUN",
    "BPF_PROG_GET_NEXT_ID",
    "BPF_MAP_GET_NEXT_ID",
    "BPF_PROG_GET_FD_BY_ID",
    "BPF_MAP_GET_FD_BY_ID",
    "BPF_OBJ_GET_INFO_BY_FD",
    "BPF_PROG_QUERY",
    "BPF_RAW_TRACEPOINT_OPEN",
    "BPF_BTF_LOAD",
    "BPF_BTF_GET_FD_BY_ID",
    "BPF_TASK_FD_QUERY",
    "BPF_MAP_LOOKUP_AND_DELETE_ELEM",
    "BPF_MAP_FREEZE",
    "BPF_BTF_GET_NEXT_ID",
    "BPF_MAP_LOOKUP_BATCH",
    "BPF_MAP_LOOKUP_AND_DELETE_BATCH",
    "BPF_MAP_UPDATE_BATCH",
    "BPF_MAP_DELETE_BATCH",
    "BPF_LINK_CREATE",
    "BPF_LINK_UPDATE",
    "BPF_LINK_GET_FD_BY_ID",
    "BPF_LINK_GET_NEXT_ID",
    "BPF_ENABLE_STATS",
    "BPF_ITER_CREATE",
    "BPF_LINK_DETACH",
    "BPF_PROG_BIND_MAP",
    "BPF_TOKEN_CREATE",
    "BPF_PROG_STREAM_READ_BY_FD",
    "BPF_PROG_ASSOC_STRUCT_OPS",
];

/// `enum bpf_prog_type`, without `BPF_PROG_TYPE_`.
const PROGRAM: &[&str] = &[
    "UNSPEC",
    "SOCKET_FILTER",
    "KPROBE",
    "SCHED_CLS",
    "SCHED_ACT",
    "TRACEPOINT",
    "XDP",
    "PERF_EVENT",
    "CGROUP_SKB",
    "CGROUP_SOCK",
    "LWT_IN",
    "LWT_OUT",
    "LWT_XMIT",
    "SOCK_OPS",
    "SK_SKB",
    "CGROUP_DEVICE",
    "SK_MSG",
    "RAW_TRACEPOINT",
    "CGROUP_SOCK_ADDR",
    "LWT_SEG6LOCAL",
    "LIRC_MODE2",
    "SK_REUSEPORT",
    "FLOW_DISSECTOR",
    "CGROUP_SYSCTL",
    "RAW_TRACEPOINT_WRITABLE",
    "CGROUP_SOCKOPT",
    "TRACING",
    "STRUCT_OPS",
    "EXT",
    "LSM",
    "SK_LOOKUP",
    "SYSCALL",
    "NETFILTER",
];

/// `enum bpf_map_type`, without `BPF_MAP_TYPE_`.
const MAP: &[&str] = &[
    "UNSPEC",
    "HASH",
    "ARRAY",
    "PROG_ARRAY",
    "PERF_EVENT_ARRAY",
    "PERCPU_HASH",
    "PERCPU_ARRAY",
    "STACK_TRACE",
    "CGROUP_ARRAY",
    "LRU_HASH",
    "LRU_PERCPU_HASH",
    "LPM_TRIE",
    "ARRAY_OF_MAPS",
    "HASH_OF_MAPS",
    "DEVMAP",
    "SOCKMAP",
    "CPUMAP",
    "XSKMAP",
    "SOCKHASH",
    "CGROUP_STORAGE",
    "REUSEPORT_SOCKARRAY",
    "PERCPU_CGROUP_STORAGE",
    "QUEUE",
    "STACK",
    "SK_STORAGE",
    "DEVMAP_HASH",
    "STRUCT_OPS",
    "RINGBUF",
    "INODE_STORAGE",
    "TASK_STORAGE",
    "BLOOM_FILTER",
    "USER_RINGBUF",
    "CGRP_STORAGE",
    "ARENA",
    "INSN_ARRAY",
    "RHASH",
];

/// `enum bpf_attach_type`, without `BPF_`.
const ATTACH: &[&str] = &[
    "CGROUP_INET_INGRESS",
    "CGROUP_INET_EGRESS",
    "CGROUP_INET_SOCK_CREATE",
    "CGROUP_SOCK_OPS",
    "SK_SKB_STREAM_PARSER",
    "SK_SKB_STREAM_VERDICT",
    "CGROUP_DEVICE",
    "SK_MSG_VERDICT",
    "CGROUP_INET4_BIND",
    "CGROUP_INET6_BIND",
    "CGROUP_INET4_CONNECT",
    "CGROUP_INET6_CONNECT",
    "CGROUP_INET4_POST_BIND",
    "CGROUP_INET6_POST_BIND",
    "CGROUP_UDP4_SENDMSG",
    "CGROUP_UDP6_SENDMSG",
    "LIRC_MODE2",
    "FLOW_DISSECTOR",
    "CGROUP_SYSCTL",
    "CGROUP_UDP4_RECVMSG",
    "CGROUP_UDP6_RECVMSG",
    "CGROUP_GETSOCKOPT",
    "CGROUP_SETSOCKOPT",
    "TRACE_RAW_TP",
    "TRACE_FENTRY",
    "TRACE_FEXIT",
    "MODIFY_RETURN",
    "LSM_MAC",
    "TRACE_ITER",
    "CGROUP_INET4_GETPEERNAME",
    "CGROUP_INET6_GETPEERNAME",
    "CGROUP_INET4_GETSOCKNAME",
    "CGROUP_INET6_GETSOCKNAME",
    "XDP_DEVMAP",
    "CGROUP_INET_SOCK_RELEASE",
    "XDP_CPUMAP",
    "SK_LOOKUP",
    "XDP",
    "SK_SKB_VERDICT",
    "SK_REUSEPORT_SELECT",
    "SK_REUSEPORT_SELECT_OR_MIGRATE",
    "PERF_EVENT",
    "TRACE_KPROBE_MULTI",
    "LSM_CGROUP",
    "STRUCT_OPS",
    "NETFILTER",
    "TCX_INGRESS",
    "TCX_EGRESS",
    "TRACE_UPROBE_MULTI",
    "CGROUP_UNIX_CONNECT",
    "CGROUP_UNIX_SENDMSG",
    "CGROUP_UNIX_RECVMSG",
    "CGROUP_UNIX_GETPEERNAME",
    "CGROUP_UNIX_GETSOCKNAME",
    "NETKIT_PRIMARY",
    "NETKIT_PEER",
    "TRACE_KPROBE_SESSION",
    "TRACE_UPROBE_SESSION",
    "TRACE_FSESSION",
    "TRACE_FENTRY_MULTI",
    "TRACE_FEXIT_MULTI",
    "TRACE_FSESSION_MULTI",
];

/// Operations of keyctl(2), by number (`include/uapi/linux/keyctl.h`).
const KEYCTL: &[&str] = &[
    "KEYCTL_GET_KEYRING_ID",
    "KEYCTL_JOIN_SESSION_KEYRING",
    "KEYCTL_UPDATE",
    "KEYCTL_REVOKE",
    "KEYCTL_CHOWN",
    "KEYCTL_SETPERM",
    "KEYCTL_DESCRIBE",
    "KEYCTL_CLEAR",
    "KEYCTL_LINK",
    "KEYCTL_UNLINK",
    "KEYCTL_SEARCH",
    "KEYCTL_READ",
    "KEYCTL_INSTANTIATE",
    "KEYCTL_NEGATE",
    "KEYCTL_SET_REQKEY_KEYRING",
    "KEYCTL_SET_TIMEOUT",
    "KEYCTL_ASSUME_AUTHORITY",
    "KEYCTL_GET_SECURITY",
    "KEYCTL_SESSION_TO_PARENT",
    "KEYCTL_REJECT",
    "KEYCTL_INSTANTIATE_IOV",
    "KEYCTL_INVALIDATE",
    "KEYCTL_GET_PERSISTENT",
    "KEYCTL_DH_COMPUTE",
    "KEYCTL_PKEY_QUERY",
    "KEYCTL_PKEY_ENCRYPT",
    "KEYCTL_PKEY_DECRYPT",
    "KEYCTL_PKEY_SIGN",
    "KEYCTL_PKEY_VERIFY",
    "KEYCTL_RESTRICT_KEYRING",
    "KEYCTL_MOVE",
    "KEYCTL_CAPABILITIES",
    "KEYCTL_WATCH_KEY",
];

/// `enum perf_type_id` of `include/uapi/linux/perf_event.h`, without `PERF_TYPE_`; further ones are given
/// out while the kernel runs.
const PERF: &[&str] = &["HARDWARE", "SOFTWARE", "TRACEPOINT", "HW_CACHE", "RAW", "BREAKPOINT"];

/// Policies of `include/uapi/linux/sched.h`.
const POLICIES: &[(u64, &str)] = &[
    (0, "SCHED_NORMAL"),
    (1, "SCHED_FIFO"),
    (2, "SCHED_RR"),
    (3, "SCHED_BATCH"),
    (5, "SCHED_IDLE"),
    (6, "SCHED_DEADLINE"),
    (7, "SCHED_EXT"),
];

/// Flags of `finit_module`(2) (`include/uapi/linux/module.h`).
pub const MODULE_FLAGS: &[(u64, &str)] = &[
    (1, "MODULE_INIT_IGNORE_MODVERSIONS"),
    (2, "MODULE_INIT_IGNORE_VERMAGIC"),
    (4, "MODULE_INIT_COMPRESSED_FILE"),
];

/// Flags of userfaultfd(2).
pub const FAULT_FLAGS: &[(u64, &str)] =
    &[(1, "UFFD_USER_MODE_ONLY"), (0o4000, "O_NONBLOCK"), (0o200_0000, "O_CLOEXEC")];

/// Flags of `open_by_handle_at`(2) that say what is done to the file.
const OPEN_FLAGS: &[(u64, &str)] = &[
    (1, "O_WRONLY"),
    (2, "O_RDWR"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o20_0000, "O_DIRECTORY"),
    (0o1000_0000, "O_PATH"),
];

/// Nice value 0 in `task_struct.static_prio` (`DEFAULT_PRIO` of `include/linux/sched/prio.h`).
const NICE_0: i64 = 120;

/// Name of a request of ptrace(2).
#[must_use]
pub fn ptrace(request: u64) -> String {
    listed(PTRACE, request)
}

/// Name of a request of ptrace(2), if it is known.
#[must_use]
pub fn known_ptrace(request: u64) -> Option<&'static str> {
    PTRACE.iter().find(|(known, _)| *known == request).map(|(_, name)| *name)
}

/// Name of a command of bpf(2), if it is known.
#[must_use]
pub fn known_bpf(command: u64) -> Option<&'static str> {
    usize::try_from(command).ok().and_then(|command| BPF.get(command)).copied()
}

/// Name of a command of bpf(2).
#[must_use]
pub fn bpf(command: u64) -> String {
    numbered("", BPF, command)
}

/// Name of a type of BPF programs.
#[must_use]
pub fn program(kind: u64) -> String {
    numbered("BPF_PROG_TYPE_", PROGRAM, kind)
}

/// Name of a type of BPF maps.
#[must_use]
pub fn map(kind: u64) -> String {
    numbered("BPF_MAP_TYPE_", MAP, kind)
}

/// Name of a place to which a BPF program is attached.
#[must_use]
pub fn attach(kind: u64) -> String {
    numbered("BPF_", ATTACH, kind)
}

/// Name of an operation of keyctl(2).
#[must_use]
pub fn keyctl(operation: u64) -> String {
    numbered("", KEYCTL, operation)
}

/// Name of a type of performance events.
#[must_use]
pub fn perf_event(kind: u64) -> String {
    numbered("PERF_TYPE_", PERF, kind)
}

/// Name of a policy of scheduling; its flag for children does not count.
#[must_use]
pub fn policy(policy: u64) -> String {
    const RESET_ON_FORK: u64 = 0x4000_0000;
    listed(POLICIES, policy & !RESET_ON_FORK)
}

/// Names of the flags of `finit_module`(2).
#[must_use]
pub fn module_flags(flags: u64) -> Vec<String> {
    flag_names(MODULE_FLAGS, flags)
}

/// Names of the flags of userfaultfd(2).
#[must_use]
pub fn fault_flags(flags: u64) -> Vec<String> {
    flag_names(FAULT_FLAGS, flags)
}

/// Names of those flags of an open that say what is done to the file.
#[must_use]
pub fn open_flags(flags: u64) -> Vec<String> {
    OPEN_FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| (*name).to_owned()).collect()
}

/// Nice value of `task_struct.static_prio`.
#[must_use]
pub fn nice(static_priority: u32) -> i64 {
    i64::from(static_priority) - NICE_0
}

/// CPUs of a mask, in the form of `/sys/devices/system/cpu/online`: `0-3,8`.
#[must_use]
pub fn cpus(mask: u64) -> String {
    let is_set = |cpu: u32| cpu < u64::BITS && mask & (1 << cpu) != 0;
    let mut ranges = Vec::new();
    let mut cpu = 0;
    while cpu < u64::BITS {
        let first = cpu;
        while is_set(cpu) {
            cpu += 1;
        }
        match cpu - first {
            0 => cpu += 1,
            1 => ranges.push(first.to_string()),
            _ => ranges.push(format!("{first}-{}", cpu - 1)),
        }
    }
    ranges.join(",")
}

fn listed(table: &[(u64, &str)], number: u64) -> String {
    let known = table.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("{number:#x}"), |(_, name)| (*name).to_owned())
}

fn numbered(prefix: &str, names: &[&str], number: u64) -> String {
    let known = usize::try_from(number).ok().and_then(|number| names.get(number));
    known.map_or_else(|| number.to_string(), |name| format!("{prefix}{name}"))
}

/// Unknown flags together, in hexadecimal.
fn flag_names(table: &[(u64, &str)], flags: u64) -> Vec<String> {
    let known = table.iter().filter(|(bit, _)| flags & bit != 0);
    let mut names: Vec<_> = known.map(|(_, name)| (*name).to_owned()).collect();
    let rest = table.iter().fold(flags, |rest, (bit, _)| rest & !bit);
    if rest != 0 {
        names.push(format!("{rest:#x}"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_kernels_headers() {
        assert_eq!(ptrace(16), "PTRACE_ATTACH");
        assert_eq!(ptrace(0x9999), "0x9999");
        assert_eq!(
            (bpf(5), bpf(28), bpf(36)),
            ("BPF_PROG_LOAD".into(), "BPF_LINK_CREATE".into(), "BPF_TOKEN_CREATE".into())
        );
        assert_eq!(
            (program(1), program(26), program(29)),
            (
                "BPF_PROG_TYPE_SOCKET_FILTER".into(),
                "BPF_PROG_TYPE_TRACING".into(),
                "BPF_PROG_TYPE_LSM".into()
            )
        );
        assert_eq!((map(2), map(27)), ("BPF_MAP_TYPE_ARRAY".into(), "BPF_MAP_TYPE_RINGBUF".into()));
        assert_eq!(
            (attach(0), attach(25), attach(37)),
            ("BPF_CGROUP_INET_INGRESS".into(), "BPF_TRACE_FEXIT".into(), "BPF_XDP".into())
        );
        assert_eq!((keyctl(11), keyctl(32)), ("KEYCTL_READ".into(), "KEYCTL_WATCH_KEY".into()));
        assert_eq!((perf_event(2), perf_event(9)), ("PERF_TYPE_TRACEPOINT".into(), "9".into()));
        assert_eq!((policy(0x4000_0001), policy(4)), ("SCHED_FIFO".into(), "0x4".into()));
        assert_eq!(fault_flags(0o200_0001), ["UFFD_USER_MODE_ONLY", "O_CLOEXEC"]);
        assert_eq!(module_flags(0x12), ["MODULE_INIT_IGNORE_VERMAGIC", "0x10"]);
        assert_eq!(nice(100), -20);
    }

    #[test]
    fn masks_of_cpus_are_ranges() {
        for (mask, text) in [(0, ""), (1, "0"), (0b1011, "0-1,3"), (u64::MAX, "0-63"), (1 << 63, "63")] {
            assert_eq!(cpus(mask), text);
        }
    }
}
