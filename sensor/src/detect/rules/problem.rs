//! What is wrong with a rule file, and where.

/// Something that is wrong, or odd, in a rule file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}")]
pub struct Problem {
    /// Name of the file, as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// A place in one of the sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) source: usize,
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
}

/// What was found wrong so far; stops growing at a bound.
pub(super) struct Problems<'a> {
    names: Vec<&'a str>,
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    most: usize,
}

impl<'a> Problems<'a> {
    pub(super) fn new(names: Vec<&'a str>, most: usize) -> Self {
        Self { names, errors: Vec::new(), warnings: Vec::new(), most }
    }

    fn problem(&self, at: Mark, reason: String) -> Problem {
        let file = self.names.get(at.source).copied().unwrap_or_default().to_owned();
        Problem { file, line: at.line.max(1), column: at.column.max(1), reason }
    }

    pub(super) fn error(&mut self, at: Mark, reason: impl Into<String>) {
        if self.errors.len() < self.most {
            let problem = self.problem(at, reason.into());
            self.errors.push(problem);
        }
    }

    pub(super) fn warning(&mut self, at: Mark, reason: impl Into<String>) {
        if self.warnings.len() < self.most {
            let problem = self.problem(at, reason.into());
            self.warnings.push(problem);
        }
    }

    /// No more is said after this; the rest need not be looked at.
    pub(super) fn is_full(&self) -> bool {
        self.errors.len() >= self.most
    }
}
