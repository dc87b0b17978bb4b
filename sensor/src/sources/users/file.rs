//! Reads one file below the root of a container, which may have put anything there.
//!
//! Nothing outside of that root is reached: links are followed as the container would, and no mount is entered on the
//! way. Nothing is opened but regular files, so that no pipe or device notices. What may still block (a file
//! system that the container itself serves) is the business of whoever calls.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags, openat2, statx};
use rustix::io::Errno;

/// Largest file that is read, in bytes.
pub(super) const LARGEST: u64 = 1 << 20;

/// Whose root it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A container's: no mounts on the way.
    None,
    /// The host's.
    Host,
}

/// Bytes of the file `folder/name` below `root`; `None` if there is none.
pub(super) fn read(
    root: BorrowedFd<'_>,
    folder: &str,
    name: &str,
    trust: Trust,
) -> io::Result<Option<Vec<u8>>> {
    let found = match find(root, folder, name, trust) {
        Ok(found) => found,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let about = statx(&found, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::BASIC_STATS)?;
    if FileType::from_raw_mode(about.stx_mode.into()) != FileType::RegularFile {
        return Err(io::Error::other("it is not a regular file"));
    }
    if about.stx_size > LARGEST {
        return Err(too_large());
    }
    // The very file that was looked at. NONBLOCK: whoever has a lease on it is not waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > LARGEST) {
        return Err(too_large());
    }
    Ok(Some(bytes))
}

fn too_large() -> io::Error {
    io::Error::other(format!("it has more than {LARGEST} bytes"))
}

/// The file, not opened yet.
fn find(root: BorrowedFd<'_>, folder: &str, name: &str, trust: Trust) -> Result<OwnedFd, Errno> {
    let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let here = match trust {
        Trust::None => within | ResolveFlags::NO_XDEV,
        Trust::Host => within,
    };
    let path = OFlags::PATH | OFlags::CLOEXEC;
    match openat2(root, format!("{folder}/{name}"), path, Mode::empty(), here) {
        // Runtimes mount single files. Then the folder is the container's own, and the mount the last step.
        Err(Errno::XDEV) => {
            let folder = openat2(root, folder, path | OFlags::DIRECTORY, Mode::empty(), here)?;
            openat2(folder.as_fd(), name, path | OFlags::NOFOLLOW, Mode::empty(), within)
        }
        found => found,
    }
}
