//! Tests that cannot run here: never silent, never counted as passed.

/// Why a test is left out in a VM that looks at the agent's dealings with users and programs only.
pub const SAME_EVERYWHERE: &str = "the same on every kernel";

/// True inside one of the kernel VMs, which hold only the agent, runc, busybox and the tests.
#[must_use]
pub fn in_vm() -> bool {
    std::env::var_os("PICKET_VM").is_some_and(|value| value == "1")
}

/// Says that a test did not run, in the form that `cargo xtask test` collects.
pub fn report(test: &str, reason: &str) {
    println!("SKIPPED: {test}: {reason}");
}

/// `native` on a whole machine, `vm` inside a VM, where emulation makes everything much slower.
#[must_use]
pub fn sized<T>(native: T, vm: T) -> T {
    if in_vm() { vm } else { native }
}
