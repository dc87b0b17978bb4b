//! Files with rules: which there are, what is in them, and whether they have changed.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Most files.
const FILES_MAX: usize = 1024;

/// Why files with rules cannot be read.
#[derive(Debug, Error)]
pub enum FilesError {
    /// A place that is not there, or may not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More than there may be.
    #[error("{} and the rule files before it have more than {bytes_max} bytes: raise rules.bytes_max", path.display())]
    TooLarge {
        /// The file at which it was too much.
        path: PathBuf,
        /// Bound.
        bytes_max: u64,
    },
    /// A folder with more files than there may be.
    #[error("{}: more than {FILES_MAX} rule files", path.display())]
    TooMany {
        /// Folder.
        path: PathBuf,
    },
}

/// A file with rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RuleFile {
    /// Path.
    pub(super) path: PathBuf,
    /// What is in it.
    pub(super) bytes: Vec<u8>,
}

/// What a file looks like from outside. Equal: nobody wrote to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look(Vec<(PathBuf, Option<[i64; 6]>)>);

/// Reads all files of these paths, in order. A path that is not there is passed over if it is `optional`.
pub(super) fn read(paths: &[PathBuf], optional: bool, bytes_max: u64) -> Result<Vec<RuleFile>, FilesError> {
    let (mut files, mut left) = (Vec::new(), bytes_max);
    for path in list(paths, optional)? {
        let failed = |source| FilesError::Read { path: path.clone(), source };
        let mut bytes = Vec::new();
        // One byte more than there may be tells that there is more.
        let room = left.saturating_add(1);
        fs::File::open(&path).map_err(failed)?.take(room).read_to_end(&mut bytes).map_err(failed)?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| FilesError::TooLarge { path: path.clone(), bytes_max })?;
        files.push(RuleFile { path, bytes });
    }
    Ok(files)
}

/// How the files of these paths look. What cannot be seen looks like nothing.
pub(super) fn look(paths: &[PathBuf]) -> Look {
    let listed = list(paths, true).unwrap_or_default();
    let look = |path: PathBuf| {
        let facts = fs::metadata(&path).ok().map(|facts| {
            let number = |value: u64| i64::from_ne_bytes(value.to_ne_bytes());
            let times = [facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec()];
            let [changed, changed_ns, moved, moved_ns] = times;
            [number(facts.ino()), number(facts.size()), changed, changed_ns, moved, moved_ns]
        });
        (path, facts)
    };
    Look(listed.into_iter().map(look).collect())
}

fn list(paths: &[PathBuf], optional: bool) -> Result<Vec<PathBuf>, FilesError> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |source| FilesError::Read { path: path.clone(), source };
        match fs::metadata(path) {
            Ok(facts) if facts.is_dir() => files.extend(folder(path)?),
            // A device or FIFO would never end, or wait.
            Ok(facts) if facts.is_file() => files.push(path.clone()),
            Ok(_) => return Err(failed(io::Error::other("this is neither a file nor a folder"))),
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if files.len() > FILES_MAX {
            return Err(FilesError::TooMany { path: path.clone() });
        }
    }
    Ok(files)
}

/// Rule files of a folder, those that end in .yaml or .yml, in the order of their names; not the hidden ones, in which
/// a ConfigMap keeps its versions.
///
/// # Errors
/// When it cannot be listed, or has too many.
pub fn folder(path: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let failed = |source| FilesError::Read { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let hidden = file.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let yaml = file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if yaml && !hidden && file.is_file() {
            files.push(file);
        }
        if files.len() > FILES_MAX {
            return Err(FilesError::TooMany { path: path.to_owned() });
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[RuleFile]) -> Vec<String> {
        files.iter().map(|file| file.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn folders_in_order_without_what_is_no_rule_file() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yml", ".hidden.yaml", "notes.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::create_dir(folder.path().join("c.yaml")).unwrap();
        let first = folder.path().join("notes.txt");
        let paths = [first, folder.path().to_owned()];
        let files = read(&paths, false, 100).unwrap();
        assert_eq!(
            names(&files),
            ["notes.txt", "a.yml", "b.yaml"],
            "a file that is named is read whatever its ending"
        );
        assert_eq!(files[1].bytes, b"a.yml");
    }

    #[test]
    fn what_is_missing_or_too_large_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let [missing, large] = ["missing", "large.yaml"].map(|name| folder.path().join(name));
        assert!(read(std::slice::from_ref(&missing), true, 100).unwrap().is_empty());
        let error = read(std::slice::from_ref(&missing), false, 100).unwrap_err().to_string();
        assert!(error.contains("missing"), "{error}");
        fs::write(&large, [b'x'; 100]).unwrap();
        assert_eq!(read(std::slice::from_ref(&large), false, 100).unwrap().len(), 1);
        let error = read(std::slice::from_ref(&large), false, 99).unwrap_err().to_string();
        assert!(error.contains("large.yaml") && error.contains("rules.bytes_max"), "{error}");
        let error = read(&[PathBuf::from("/dev/null")], false, 99).unwrap_err().to_string();
        assert!(error.contains("neither"), "{error}");
    }

    #[test]
    fn changes_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().to_owned()];
        let empty = look(&paths);
        let file = folder.path().join("a.yaml");
        fs::write(&file, "a").unwrap();
        let first = look(&paths);
        assert!(empty != first && first == look(&paths));
        // As a ConfigMap or an editor does it: another file takes its place.
        let other = folder.path().join("other");
        fs::write(&other, "b").unwrap();
        fs::rename(&other, &file).unwrap();
        assert_ne!(first, look(&paths));
    }
}
