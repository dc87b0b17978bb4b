//! `unsafe` lives in `sensor::kernel`, in the kernel programs and in one file of the tests, and nowhere else.

use super::manifests::members;
use super::{Problem, Tree, line_of};

const FORBID: &str = "#![forbid(unsafe_code)]";
const DENY: &str = "#![deny(unsafe_code)]";
/// The crates that may say `deny`, which, unlike `forbid`, lets a module lift it: see `lifted` for which.
const MAY_DENY: [&str; 2] = ["sensor/src/lib.rs", "tests/src/lib.rs"];
/// The tests make system calls by number here, and nowhere else.
const RAW_CALLS: &str = "tests/src/raw.rs";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in members(tree.text("Cargo.toml").unwrap_or_default()) {
        if member == "sensor-ebpf" {
            continue;
        }
        for (path, text) in crate_roots(tree, member) {
            let denies = MAY_DENY.contains(&path) && text.contains(DENY);
            if !denies && !text.contains(FORBID) {
                problems.push(Problem::new(path, 1, format!("a crate must say `{FORBID}`")));
            }
        }
    }
    problems.extend(tree.rust().filter_map(|(path, text)| lifted(path, text)));
    problems
}

/// The files that cargo compiles as crates: the usual two, and each `path = "….rs"` of the manifest.
fn crate_roots<'tree>(tree: &'tree Tree, member: &str) -> Vec<(&'tree str, &'tree str)> {
    let manifest = tree.text(&format!("{member}/Cargo.toml")).unwrap_or_default();
    let named = manifest.split('"').filter(|text| text.ends_with(".rs"));
    let roots: Vec<_> = ["src/lib.rs", "src/main.rs"].into_iter().chain(named).collect();
    tree.rust()
        .filter(|(path, _)| {
            path.strip_prefix(member)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| roots.contains(&rest))
        })
        .collect()
}

fn lifted(path: &str, text: &str) -> Option<Problem> {
    let allowed = path.starts_with("sensor/src/kernel")
        || path.starts_with("sensor-ebpf/")
        || path == RAW_CALLS
        || path.starts_with("xtask/src/tidy/");
    let lift = ["allow(unsafe_code", "expect(unsafe_code"].into_iter().find(|lift| text.contains(lift))?;
    (!allowed).then(|| {
        Problem::new(path, line_of(text, lift), "unsafe code is for `sensor::kernel` and `tests::raw` only")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_forbid_unsafe_and_only_two_places_lift_it() {
        let tree = Tree::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"sensor\", \"sensor-ebpf\", \"tests\"]\n"),
            ("sensor/src/lib.rs", "//! x\n#![deny(unsafe_code)]\n"),
            ("sensor/src/main.rs", "//! x\n"),
            ("sensor/src/kernel.rs", "#![expect(unsafe_code, reason = \"x\")]"),
            ("sensor/src/event.rs", "//! x\n#[allow(unsafe_code)]\n"),
            ("sensor-ebpf/src/main.rs", "//! x\n"),
            ("tests/Cargo.toml", "[[bin]]\npath = \"vm/init.rs\"\n"),
            ("tests/vm/init.rs", "//! x\n"),
            ("tests/src/lib.rs", "//! x\n#![deny(unsafe_code)]\n"),
            ("tests/src/raw.rs", "#![expect(unsafe_code, reason = \"x\")]"),
            ("tests/src/workload.rs", "#![expect(unsafe_code, reason = \"x\")]"),
        ]);
        let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "sensor/src/main.rs:1: a crate must say `#![forbid(unsafe_code)]`",
                "tests/vm/init.rs:1: a crate must say `#![forbid(unsafe_code)]`",
                "sensor/src/event.rs:2: unsafe code is for `sensor::kernel` and `tests::raw` only",
                "tests/src/workload.rs:1: unsafe code is for `sensor::kernel` and `tests::raw` only",
            ]
        );
    }
}
