//! `cargo xtask tidy`: rules of this repository that no compiler knows.
//!
//! Each check takes the [`Tree`] and returns what is wrong, so each is tested on a tree made by hand.

mod deploy;
mod documents;
mod files;
mod manifests;
mod purity;
mod rust;
mod stages;
mod unsafety;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::workspace;

/// The text files of the repository, by path relative to its root.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<(String, String)>,
}

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

impl Problem {
    /// `line` counts from 1.
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

const CHECKS: [fn(&Tree) -> Vec<Problem>; 7] = [
    purity::check,
    stages::check,
    files::check,
    manifests::check,
    unsafety::check,
    documents::check,
    deploy::check,
];

pub(crate) fn command() -> Result<()> {
    let tree = Tree::read(&workspace())?;
    let problems: Vec<_> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => {
            println!("tidy: {} files are in order", tree.files.len());
            Ok(())
        }
        count => bail!("tidy: {count} problem(s)"),
    }
}

impl Tree {
    /// Reads every text file under `root` except build results and what version control keeps for itself.
    fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries =
                std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
            for entry in entries {
                let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
                let (path, name) = (entry.path(), entry.file_name());
                let kind = entry.file_type().with_context(|| format!("cannot look at {}", path.display()))?;
                if kind.is_dir() && name != "target" && name != ".git" {
                    folders.push(path);
                } else if kind.is_file() && name != "Cargo.lock" && name != ".git" {
                    tree.add(root, &path)?;
                }
            }
        }
        tree.files.sort();
        Ok(tree)
    }

    fn add(&mut self, root: &Path, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if let Ok(text) = String::from_utf8(bytes) {
            let relative = path.strip_prefix(root).unwrap_or(path);
            self.files.push((relative.to_string_lossy().into_owned(), text));
        }
        Ok(())
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_str())
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(path, _)| path.ends_with(".rs"))
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }
}

/// Where `text` first holds `needle`, counted from 1.
fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_is_read_without_build_results() {
        let root = std::env::temp_dir().join(format!("xtask-tidy-{}", std::process::id()));
        std::fs::create_dir_all(root.join("target")).unwrap();
        std::fs::create_dir_all(root.join("a/src")).unwrap();
        std::fs::write(root.join("target/x.rs"), "x").unwrap();
        std::fs::write(root.join("a/src/lib.rs"), "//! a").unwrap();
        std::fs::write(root.join("a/binary"), [0xff, 0xfe]).unwrap();
        let tree = Tree::read(&root);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(tree.unwrap().files, [("a/src/lib.rs".to_owned(), "//! a".to_owned())]);
    }

    #[test]
    fn problem_reads_like_a_compiler_message() {
        assert_eq!(Problem::new("a.rs", 3, "wrong").to_string(), "a.rs:3: wrong");
        assert_eq!(line_of("a\nb\nc", "b"), 2);
    }
}
