//! Rules for single files: a first line that says what it knows, a length that can be read, no `mod.rs`,
//! no path of somebody's machine.

use super::rust::{code, is_test_file};
use super::{Problem, Tree};

/// Lines of a Rust file, inline tests apart. What grows past it is split.
const LINES_MAX: usize = 600;

/// Folders of a developer's machine (written in two halves, so that this file passes its own check).
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// What root has on every machine and in every container: tests of credentials name it.
const OF_EVERY_ROOT: [&str; 10] = [
    ".ash_history",
    ".aws",
    ".bash",
    ".config",
    ".docker",
    ".git-credentials",
    ".kube",
    ".netrc",
    ".ssh",
    ".zsh_history",
];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let rust = tree.rust().flat_map(|(path, text)| rust_file(path, text));
    rust.chain(tree.iter().flat_map(|(path, text)| machine_paths(path, text))).collect()
}

fn rust_file(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !text.starts_with("//! ") {
        problems.push(Problem::new(path, 1, "the first line must be `//! ` and say what the file knows"));
    }
    if path.ends_with("/mod.rs") {
        problems.push(Problem::new(path, 1, "name the module's file after it: `foo.rs` beside `foo/`"));
    }
    let lines = code(text).lines().count();
    if lines > LINES_MAX && !is_test_file(path) {
        problems.push(Problem::new(
            path,
            LINES_MAX,
            format!("{lines} lines without tests, at most {LINES_MAX}: split it"),
        ));
    }
    problems
}

fn machine_paths(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(found) = MACHINE_PATHS.iter().find(|prefix| starts_a_path(line, prefix)) {
            problems.push(Problem::new(path, index + 1, format!("a path of one machine: {found}…")));
        }
    }
    problems
}

/// Whether `prefix` stands in `line` as the start of a path, not in the middle of a longer one.
fn starts_a_path(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), &line[at + prefix.len()..]);
        let is_of_all = OF_EVERY_ROOT.iter().any(|name| after.starts_with(name));
        !is_of_all
            && !before.is_some_and(|character| character.is_alphanumeric() || "-_./}>*".contains(character))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn first_line_says_what_the_file_knows() {
        assert_eq!(found("a/src/b.rs", "//! Knows b.\n"), [""; 0]);
        assert!(found("a/src/b.rs", "use x;\n")[0].contains("first line"));
    }

    #[test]
    fn mod_rs_is_refused() {
        assert!(found("a/src/b/mod.rs", "//! b\n")[0].contains("foo.rs"));
    }

    #[test]
    fn long_file_is_refused_and_tests_do_not_count() {
        let long = format!("//! long\n{}", "x();\n".repeat(LINES_MAX));
        assert!(found("a/src/b.rs", &long)[0].starts_with("601 lines"));
        let tested = format!("//! short\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x();\n".repeat(LINES_MAX));
        assert_eq!(found("a/src/b.rs", &tested), [""; 0]);
    }

    #[test]
    fn machine_path_is_refused() {
        for prefix in MACHINE_PATHS {
            assert_eq!(found("docs/a.md", &format!("see `{prefix}x`")).len(), 1, "{prefix}");
            assert_eq!(found("docs/a.md", &format!("see /var/lib{prefix}x and <dir>{prefix}y")), [""; 0]);
        }
    }
}
