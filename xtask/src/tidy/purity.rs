//! The pure stages do no I/O, ask no clock and name no runtime library: that is what makes a recording
//! replay to the same result, without root and without a kernel.

use super::rust::{code, is_test_file, paths};
use super::{Problem, Tree};

/// Stages that are functions of their inputs.
const PURE: [&str; 5] = ["event", "process", "identity", "policy", "detect"];

/// What they must not name, with what stands behind each.
const FORBIDDEN: [(&str, &str); 19] = [
    ("tokio", "a runtime"),
    ("futures_util", "a runtime"),
    ("aya", "the kernel"),
    ("aya_obj", "the kernel"),
    ("tonic", "the network"),
    ("hyper_util", "the network"),
    ("rustix", "the system"),
    ("tracing", "logging: return a value that says it"),
    ("std::fs", "files"),
    ("std::env", "the environment"),
    ("std::process", "other programs"),
    ("std::thread", "threads"),
    ("std::os::unix::net", "sockets"),
    ("std::net::TcpStream", "sockets"),
    ("std::net::TcpListener", "sockets"),
    ("std::net::UdpSocket", "sockets"),
    ("std::io::stdin", "input"),
    ("crate::kernel", "the kernel"),
    ("crate::sources", "the world outside: its answers are inputs"),
];

/// Clocks, also by their short names after an import.
const CLOCKS: [&str; 3] = ["Instant::now", "SystemTime::now", "crate::clock"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.rust()
        .filter(|(path, _)| is_pure(path) && !is_test_file(path))
        .flat_map(|(path, text)| file(path, text))
        .collect()
}

fn is_pure(path: &str) -> bool {
    PURE.iter().any(|stage| {
        path.strip_prefix("sensor/src/")
            .and_then(|rest| rest.strip_prefix(stage))
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

fn file(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (line, named) in paths(&code(text)) {
        if let Some((_, behind)) = FORBIDDEN.iter().find(|(forbidden, _)| is_below(&named, forbidden)) {
            problems.push(Problem::new(path, line, format!("a pure stage names `{named}` ({behind})")));
        } else if CLOCKS.iter().any(|clock| named.ends_with(clock) || is_below(&named, clock)) {
            problems.push(Problem::new(
                path,
                line,
                format!("a pure stage asks the time with `{named}`: take it as an input"),
            ));
        }
    }
    problems
}

fn is_below(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn io_runtime_and_clock_are_refused() {
        for bad in [
            "use std::{fs, path::Path};",
            "use tokio::sync::mpsc;",
            "use aya::maps::RingBuf;",
            "let now = std::time::Instant::now();",
            "let now = SystemTime::now();",
            "std::env::var(\"HOME\");",
            "use std::net::{IpAddr, TcpStream};",
            "use crate::sources::procfs;",
            "tracing::warn!(\"x\");",
        ] {
            assert_eq!(found("sensor/src/event/decode.rs", bad).len(), 1, "{bad}");
            assert_eq!(found("sensor/src/identity.rs", bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn values_and_other_stages_are_fine() {
        let good = "use std::net::IpAddr;\nuse std::time::Duration;\nuse std::path::Path; // std::fs\n#[cfg(test)]\nmod tests {\n use std::fs;\n}\n";
        assert_eq!(found("sensor/src/event.rs", good), [""; 0]);
        assert_eq!(found("sensor/src/sources/procfs.rs", "use std::fs;"), [""; 0]);
        assert_eq!(found("sensor/src/event/tests.rs", "use std::fs;"), [""; 0]);
    }

    #[test]
    fn message_names_the_line() {
        assert_eq!(
            found("sensor/src/process/tree.rs", "//! x\nuse std::fs;"),
            ["sensor/src/process/tree.rs:2: a pure stage names `std::fs` (files)"]
        );
    }
}
