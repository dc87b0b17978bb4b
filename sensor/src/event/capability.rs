//! Capabilities by number (`include/uapi/linux/capability.h`).

/// Names without `CAP_`, by number.
const NAMES: [&str; 41] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
];

/// Names of the capabilities in a set. `ALL` if it holds every one up to `last`, the highest that
/// the running kernel knows (`/proc/sys/kernel/cap_last_cap`).
#[must_use]
pub fn names(set: u64, last: u32) -> Vec<String> {
    let all = u64::MAX >> (63 - last.min(63));
    if set & all == all {
        return vec!["ALL".to_owned()];
    }
    (0u32..64)
        .filter(|number| set & (1 << number) != 0)
        .map(|number| {
            NAMES.get(number as usize).map_or_else(|| format!("CAP_{number}"), |name| (*name).to_owned())
        })
        .collect()
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
        assert_eq!(names(1 << 50, 40), ["CAP_50"]);
    }
}
