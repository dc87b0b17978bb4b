//! Reads one file that should be a small regular one.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::BundleError;
use crate::identity::json::LARGEST;

/// The file's bytes; `None` if there is none. Links, folders, pipes and too large files are errors.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, BundleError> {
    let unreadable = |source: io::Error| BundleError::Unreadable { path: path.to_owned(), source };
    // NONBLOCK: a pipe in place of the file must not hold up the reader.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(Errno::LOOP) => return Err(unreadable(io::Error::other("it is a symbolic link"))),
        Err(error) => return Err(unreadable(error.into())),
    };
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > LARGEST {
        return Err(BundleError::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    Ok(Some(bytes))
}
