//! What a nested cargo must not inherit from the cargo (clippy, rustdoc, rustup) that runs around it.

use std::process::Command;

/// Settings of the user, not of the outer build: these stay.
const KEPT_PREFIXES: [&str; 8] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
    "RUSTUP_",
];

/// Everything that starts so describes the outer build.
const CLEARED_PREFIXES: [&str; 5] = ["CARGO", "RUST", "CLIPPY_", "DEP_", "__CARGO"];

/// And these, exactly. `LD_LIBRARY_PATH` is set by rustup and by cargo to the outer compiler's
/// libraries; `OUT_DIR` and the others are a build script's own.
const CLEARED: [&str; 11] = [
    "DEBUG",
    "HOST",
    "LD_LIBRARY_PATH",
    "MAKEFLAGS",
    "MFLAGS",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "TARGET",
    "RUSTUP_TOOLCHAIN",
];

/// Removes the outer build's variables from `command`, so that it behaves as if typed in a shell.
pub fn clear_outer_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(belongs_to_outer_cargo) {
            command.env_remove(name);
        }
    }
}

fn belongs_to_outer_cargo(name: &str) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    CLEARED.contains(&name) || (starts(&CLEARED_PREFIXES) && !starts(&KEPT_PREFIXES))
}

#[cfg(test)]
mod tests {
    use super::belongs_to_outer_cargo;

    #[test]
    fn outer_build_is_cleared() {
        for name in [
            "CARGO",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_MAKEFLAGS",
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "CLIPPY_ARGS",
            "LD_LIBRARY_PATH",
            "MAKEFLAGS",
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTDOCFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(belongs_to_outer_cargo(name), "{name} must be cleared");
        }
    }

    #[test]
    fn user_settings_are_kept() {
        for name in ["CARGO_HOME", "CARGO_NET_OFFLINE", "HOME", "PATH", "RUSTUP_HOME", "HTTPS_PROXY"] {
            assert!(!belongs_to_outer_cargo(name), "{name} must be kept");
        }
    }
}
