//! What is said of files.

use super::safe;
use crate::proto::FileOperation;

/// What happened, after the program's name.
pub(super) fn what(operation: &FileOperation) -> String {
    format!(" {}", safe(&operation.path))
}
