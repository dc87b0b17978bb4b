//! Trials of files, in a folder of the agent's own.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};
use rustix::process::{getgid, getuid};
use sensor_common::class::Class;

use super::trial::{CouldNot, Expected, Place, Trial};

/// The trials.
pub(super) const TRIALS: &[Trial] = &[
    Trial { class: Class::FileOpen, run: open },
    Trial { class: Class::FileRename, run: rename },
    Trial { class: Class::FileLink, run: link },
    Trial { class: Class::FileSymlink, run: symbolic },
    Trial { class: Class::FileUnlink, run: unlink },
    Trial { class: Class::FileMkdir, run: mkdir },
    Trial { class: Class::FileRmdir, run: rmdir },
    Trial { class: Class::FileMode, run: mode },
    Trial { class: Class::FileOwner, run: owner },
    Trial { class: Class::FileXattr, run: attribute },
    Trial { class: Class::FileMknod, run: mknod },
    Trial { class: Class::FileTruncate, run: truncate },
];

/// What is in a new file's permissions, and in no default.
const MODE: u32 = 0o640;

fn open(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.path("open")?;
    drop(File::create(&path)?);
    Ok(Expected::file(&path, |operation| operation.file.is_some()))
}

fn rename(place: &mut Place) -> Result<Expected, CouldNot> {
    let (old, new) = (place.file("rename")?, place.path("renamed")?);
    fs::rename(&old, &new)?;
    Ok(Expected::file(&new, |operation| operation.path.ends_with("/rename")))
}

fn link(place: &mut Place) -> Result<Expected, CouldNot> {
    let (old, new) = (place.file("link")?, place.path("linked")?);
    fs::hard_link(&old, &new)?;
    Ok(Expected::file(&new, |_| true))
}

fn symbolic(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.path("symlink")?;
    symlink("nowhere", &path)?;
    Ok(Expected::file(&path, |operation| operation.link_target == "nowhere"))
}

fn unlink(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.file("unlink")?;
    fs::remove_file(&path)?;
    Ok(Expected::file(&path, |_| true))
}

fn mkdir(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.path("mkdir")?;
    fs::create_dir(&path)?;
    Ok(Expected::file(&path, |_| true))
}

fn rmdir(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.path("rmdir")?;
    fs::create_dir(&path)?;
    fs::remove_dir(&path)?;
    Ok(Expected::file(&path, |_| true))
}

fn mode(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.file("mode")?;
    fs::set_permissions(&path, Permissions::from_mode(MODE))?;
    Ok(Expected::file(&path, |operation| {
        u32::from_str_radix(&operation.mode, 8).is_ok_and(|mode| mode & 0o7777 == MODE)
    }))
}

fn owner(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.file("owner")?;
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    chown(&path, Some(uid), Some(gid))?;
    Ok(Expected::file(&path, move |operation| operation.uid == Some(uid) && operation.gid == Some(gid)))
}

/// Which namespace of attributes a file system has differs.
fn attribute(place: &mut Place) -> Result<Expected, CouldNot> {
    const NAMES: [&str; 2] = ["trusted.picket", "user.picket"];
    let path = place.file("attribute")?;
    let mut last = None;
    for name in NAMES {
        match setxattr(&path, name, b"canary", XattrFlags::empty()) {
            Ok(()) => return Ok(Expected::file(&path, move |operation| operation.attribute == name)),
            Err(error) => last = Some(error.into()),
        }
    }
    Err(last.unwrap_or_else(|| CouldNot("no attribute".to_owned())))
}

fn mknod(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.path("mknod")?;
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    Ok(Expected::file(&path, |operation| operation.node_kind == "fifo"))
}

fn truncate(place: &mut Place) -> Result<Expected, CouldNot> {
    let path = place.file("truncate")?;
    nix::unistd::truncate(&path, 0).map_err(std::io::Error::from)?;
    Ok(Expected::file(&path, |_| true))
}
