//! Every member takes the workspace's lints, and its dependencies' versions from the one table.

use super::{Problem, Tree, line_of};

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(root) = tree.text("Cargo.toml") else {
        return vec![Problem::new("Cargo.toml", 1, "is missing")];
    };
    let mut problems = Vec::new();
    for member in members(root) {
        let path = format!("{member}/Cargo.toml");
        match tree.text(&path) {
            None => problems.push(Problem::new(&path, 1, "a member without a manifest")),
            Some(text) => problems.extend(manifest(&path, text)),
        }
    }
    problems
}

/// The names in `members = [ … ]`.
pub(super) fn members(root: &str) -> Vec<&str> {
    let list = root
        .split_once("\nmembers")
        .and_then(|(_, rest)| rest.split_once('['))
        .and_then(|(_, rest)| rest.split_once(']'));
    list.map(|(list, _)| list.split('"').skip(1).step_by(2).collect()).unwrap_or_default()
}

fn manifest(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (mut section, mut lints) = ("", false);
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or(line).trim();
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if section == "lints" && line.replace(' ', "") == "workspace=true" {
            lints = true;
        } else if section.ends_with("dependencies") && line.contains('=') && !from_workspace(line) {
            problems.push(Problem::new(
                path,
                index + 1,
                format!("the version belongs in the workspace's table: {line}"),
            ));
        }
    }
    if !lints {
        problems.push(Problem::new(
            path,
            line_of(text, "[lints]"),
            "needs `[lints]` with `workspace = true`",
        ));
    }
    problems
}

fn from_workspace(line: &str) -> bool {
    let compact = line.replace(' ', "");
    compact.contains(".workspace=true") || compact.contains("{workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace]\nmembers = [\"a\", \"b\"]\n";

    #[test]
    fn lints_and_versions_come_from_the_workspace() {
        let tree = Tree::of(&[
            ("Cargo.toml", ROOT),
            (
                "a/Cargo.toml",
                "[dependencies]\nx.workspace = true\ny = { workspace = true, features = [\"z\"] }\n[lints]\nworkspace = true\n",
            ),
            ("b/Cargo.toml", "[package]\nname = \"b\"\n[dependencies]\nx = \"1\"\n"),
        ]);
        let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "b/Cargo.toml:4: the version belongs in the workspace's table: x = \"1\"",
                "b/Cargo.toml:1: needs `[lints]` with `workspace = true`",
            ]
        );
    }

    #[test]
    fn members_are_found() {
        assert_eq!(members(ROOT), ["a", "b"]);
        assert!(check(&Tree::of(&[("Cargo.toml", ROOT)]))[0].what.contains("without a manifest"));
    }
}
