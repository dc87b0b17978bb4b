//! The documents keep up with the code: the changelog is open, the map names every module.

use super::{Problem, Tree};

const CHANGELOG: &str = "CHANGELOG.md";
const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !tree.text(CHANGELOG).is_some_and(|text| text.lines().any(|line| line.starts_with("## [Unreleased]")))
    {
        problems.push(Problem::new(CHANGELOG, 1, "needs a section `## [Unreleased]`"));
    }
    let map = tree.text(MAP).unwrap_or_default();
    for (path, _) in tree.rust() {
        if let Some(module) = module(path).filter(|module| !names(map, module)) {
            problems.push(Problem::new(MAP, 1, format!("does not name `{module}` ({path})")));
        }
    }
    problems
}

/// The top-level modules of the agent: `sensor/src/<module>.rs`.
fn module(path: &str) -> Option<&str> {
    let module = path.strip_prefix("sensor/src/")?.strip_suffix(".rs")?;
    (!module.contains('/') && module != "lib" && module != "main").then_some(module)
}

/// Whether the word stands in the text by itself.
fn names(text: &str, word: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    text.split(|character| !is_word(character)).any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_changelog_and_unnamed_module_are_found() {
        let tree = Tree::of(&[
            (CHANGELOG, "# Changelog\n## [0.1.0]\n"),
            (MAP, "- `event`: decode\n- `kernels` are listed elsewhere\n"),
            ("sensor/src/event.rs", ""),
            ("sensor/src/kernel.rs", ""),
            ("sensor/src/kernel/ring.rs", ""),
            ("sensor/src/lib.rs", ""),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|problem| problem.what).collect();
        assert_eq!(
            found,
            ["needs a section `## [Unreleased]`", "does not name `kernel` (sensor/src/kernel.rs)"]
        );
    }
}
