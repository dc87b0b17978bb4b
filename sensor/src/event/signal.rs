//! Signals by number, as on x86-64 and arm64 (`include/uapi/asm-generic/signal.h`).

const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// Name of a signal; real-time signals have none.
#[must_use]
pub fn name(number: u32) -> Option<&'static str> {
    NAMES.get(number.checked_sub(1)? as usize).copied()
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_signals_have_names() {
        assert_eq!(super::name(9), Some("SIGKILL"));
        assert_eq!(super::name(31), Some("SIGSYS"));
        assert_eq!(super::name(0), None);
        assert_eq!(super::name(34), None);
    }
}
