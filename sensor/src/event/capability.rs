//! Capabilities by number (`include/uapi/linux/capability.h`).

/// Names without `CAP_`, by number.
const NAMES: [&str; 41] = [
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

/// Capabilities that a container should not need, as a set: what reaches beyond it to the kernel, the
/// machine, or other processes. Those that runtimes give by default are not among them.
pub const UNUSUAL: u64 = 1 << 2 // DAC_READ_SEARCH
    | 1 << 12 // NET_ADMIN
    | 1 << 16 // SYS_MODULE
    | 1 << 17 // SYS_RAWIO
    | 1 << 19 // SYS_PTRACE
    | 1 << 20 // SYS_PACCT
    | 1 << 21 // SYS_ADMIN
    | 1 << 22 // SYS_BOOT
    | 1 << 25 // SYS_TIME
    | 1 << 26 // SYS_TTY_CONFIG
    | 1 << 30 // AUDIT_CONTROL
    | 1 << 32 // MAC_OVERRIDE
    | 1 << 33 // MAC_ADMIN
    | 1 << 34 // SYSLOG
    | 1 << 35 // WAKE_ALARM
    | 1 << 36 // BLOCK_SUSPEND
    | 1 << 37 // AUDIT_READ
    | 1 << 38 // PERFMON
    | 1 << 39 // BPF
    | 1 << 40; // CHECKPOINT_RESTORE

/// Most absent capabilities for which a set is told as all but them.
const ABSENT_MAX: u32 = 8;

/// Names of the capabilities in a set. A set that holds every one up to `last`, the highest that
/// the running kernel knows (`/proc/sys/kernel/cap_last_cap`), is `ALL`; one that lacks only a few
/// of them is `ALL` followed by those with a minus sign (`ALL`, `-SYS_RESOURCE`).
#[must_use]
pub fn names(set: u64, last: u32) -> Vec<String> {
    let all = u64::MAX >> (63 - last.min(63));
    let absent = all & !set;
    if absent.count_ones() <= ABSENT_MAX && set != 0 {
        let lacking = numbers(absent).map(|number| format!("-{}", name(number)));
        return std::iter::once("ALL".to_owned()).chain(lacking).collect();
    }
    numbers(set).map(name).collect()
}

/// Name of one capability without `CAP_`, if it is known.
#[must_use]
pub fn known(number: u32) -> Option<&'static str> {
    NAMES.get(number as usize).copied()
}

/// Numbers of the capabilities in a set.
pub fn numbers(set: u64) -> impl Iterator<Item = u32> {
    (0u32..64).filter(move |number| set & (1 << number) != 0)
}

/// Name of one capability.
#[must_use]
pub fn name(number: u32) -> String {
    NAMES.get(number as usize).map_or_else(|| format!("CAP_{number}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_in_the_set() {
        assert_eq!(names(0, 40), Vec::<String>::new());
        assert_eq!(names(1 << 21 | 1, 40), ["CHOWN", "SYS_ADMIN"]);
        assert_eq!(names((1 << 41) - 1, 40), ["ALL"]);
        assert_eq!(names((1 << 38) - 1, 37), ["ALL"], "an older kernel has fewer");
        assert_eq!(names(((1 << 41) - 1) & !(1 << 24), 40), ["ALL", "-SYS_RESOURCE"]);
        assert_eq!(names(1 << 50, 40), ["CAP_50"]);
    }
}
