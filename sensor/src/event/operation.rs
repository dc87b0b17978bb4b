//! Something done to a file, as its record says it.

use sensor_common::record::file::FileRecord;

use super::path::Components;

/// An operation on a file. Which fields are filled depends on class and back end.
#[derive(Clone, Debug)]
pub struct FileOperation<'a> {
    /// Fixed part.
    pub record: FileRecord,
    /// Resolved path.
    pub path: Option<Components<'a>>,
    /// Resolved new path.
    pub new_path: Option<Components<'a>>,
    /// Path as text.
    pub path_text: &'a [u8],
    /// New path, or what a symbolic link points to, as text.
    pub new_path_text: &'a [u8],
    /// Where a relative path text starts.
    pub base: Option<Components<'a>>,
    /// Where a relative new path text starts.
    pub new_base: Option<Components<'a>>,
    /// Name of an extended attribute.
    pub name: &'a [u8],
}
