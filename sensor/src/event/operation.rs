//! Something done to a file, as its record says it.

use sensor_common::{
    header::Incomplete,
    record::{
        file::{Facts, FileRecord},
        process::FileFlags,
    },
};

use super::{
    path::{Components, End},
    text::lossy,
};

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

/// `O_WRONLY` and `O_RDWR`, one of which is set where a file is opened to be written, and `O_TRUNC`, which cuts it
/// whatever it is opened for.
const WRITES: u32 = 0o1_003;

impl FileOperation<'_> {
    /// True for a file that is opened to be written, or that the open cut or made.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        self.record.flags & WRITES != 0 || self.record.facts & Facts::CREATED != 0
    }

    /// Path and new path as text: as the kernel resolved them, else as the caller wrote them. `incomplete`
    /// are the bits of the record's header. They take the place of what is in `path` and `new_path`.
    pub fn paths(&self, incomplete: u32, path: &mut String, new_path: &mut String) {
        let detached = self.record.file.flags & FileFlags::DETACHED != 0;
        let end = |cut: u32| match (incomplete & cut != 0, detached) {
            (true, _) => End::Cut,
            (false, true) => End::Detached,
            (false, false) => End::Root,
        };
        whole(self.path, self.path_text, self.base, end(Incomplete::PATH), path);
        whole(self.new_path, self.new_path_text, self.new_base, end(Incomplete::NEW_PATH), new_path);
    }
}

/// A path from its resolved components, or from its text and the directory that it starts from.
fn whole(
    path: Option<Components<'_>>,
    text: &[u8],
    base: Option<Components<'_>>,
    end: End,
    whole: &mut String,
) {
    whole.clear();
    if let Some(path) = path {
        path.render(end, whole);
        return;
    }
    if let Some(base) = base
        && !text.starts_with(b"/")
    {
        base.render(End::Root, whole);
        if !text.is_empty() && !whole.ends_with('/') {
            whole.push('/');
        }
    }
    whole.push_str(&lossy(text));
}
