//! A call that needs, gives or shows privileges, as its record says it.

use sensor_common::record::privilege::CallRecord;

use super::path::Components;

/// A privileged call. Which fields are filled depends on the call.
#[derive(Clone, Debug)]
pub struct PrivilegedCall<'a> {
    /// Fixed part.
    pub record: CallRecord,
    /// Resolved path: source of a move, the opened file.
    pub path: Option<Components<'a>>,
    /// Resolved new path: where something is mounted, a new root.
    pub new_path: Option<Components<'a>>,
    /// First text: source of a mount.
    pub path_text: &'a [u8],
    /// Second text: target of a mount.
    pub new_path_text: &'a [u8],
    /// Where a relative second text starts.
    pub base: Option<Components<'a>>,
    /// Name: file system, parameter, module, kernel setting.
    pub name: &'a [u8],
    /// Type of a file system.
    pub filesystem: &'a [u8],
    /// Value: options, what was written.
    pub value: &'a [u8],
}
