//! Which event class was proved with which back end, as `cargo xtask vm` reads it.

use std::collections::BTreeMap;
use std::fmt;

use crate::coverage::Coverage;

/// How the tests of a class ended; of several the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Skipped,
    Passed,
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::Failed => "failed",
        })
    }
}

/// Verdicts by class and back end.
#[derive(Debug, Default)]
pub(super) struct Matrix(BTreeMap<(String, String), Verdict>);

impl Matrix {
    /// Adds what a test of these classes showed.
    pub(super) fn add(&mut self, classes: &[&str], coverage: &Coverage, verdict: Verdict) {
        for class in classes {
            let key = ((*class).to_owned(), coverage.back_end(class).to_owned());
            let known = self.0.entry(key).or_insert(verdict);
            *known = verdict.max(*known);
        }
    }
}

/// Lines `picket-matrix: <class> <back end> <verdict>`. The counterpart is `xtask/src/vm/matrix.rs`.
impl fmt::Display for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|((class, back_end), verdict)| {
            writeln!(formatter, "picket-matrix: {class} {back_end} {verdict}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::tests::coverage;

    #[test]
    fn worst_verdict_of_a_class_counts() {
        let mut matrix = Matrix::default();
        matrix.add(&["FILE_OPEN"], &coverage(), Verdict::Skipped);
        matrix.add(&["FILE_OPEN"], &coverage(), Verdict::Passed);
        assert_eq!(matrix.to_string(), "picket-matrix: FILE_OPEN trampoline passed\n");
        matrix.add(&["FILE_OPEN", "NEW"], &coverage(), Verdict::Failed);
        matrix.add(&["FILE_OPEN"], &coverage(), Verdict::Passed);
        assert_eq!(
            matrix.to_string(),
            "picket-matrix: FILE_OPEN trampoline failed\npicket-matrix: NEW unknown failed\n"
        );
    }
}
