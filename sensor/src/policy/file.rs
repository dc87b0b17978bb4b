//! Which files are wanted, by their resolved path.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sensor_common::policy::Verdict;
use serde::{Deserialize, Serialize};

/// `S_IFMT` and `S_IFBLK` of `include/uapi/linux/stat.h`.
const TYPE: u32 = 0o170_000;
const BLOCK_DEVICE: u32 = 0o060_000;

/// Patterns of paths.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "Patterns", into = "Patterns")]
pub struct FileRules {
    sensitive: GlobSet,
    quiet: GlobSet,
    patterns: Patterns,
}

/// The same as they were written.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Patterns {
    /// Of files that are told whoever opens them and however.
    pub sensitive: Vec<String>,
    /// Of files whose changes are not told.
    pub quiet: Vec<String>,
}

impl TryFrom<Patterns> for FileRules {
    type Error = PatternError;

    fn try_from(patterns: Patterns) -> Result<Self, PatternError> {
        let Patterns { sensitive, quiet } = &patterns;
        Ok(Self { sensitive: set(sensitive)?, quiet: set(quiet)?, patterns })
    }
}

impl From<FileRules> for Patterns {
    fn from(rules: FileRules) -> Self {
        rules.patterns
    }
}

/// A pattern that makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{pattern}` is no pattern of a path: {reason}")]
pub struct PatternError {
    /// Pattern.
    pub pattern: String,
    /// Reason.
    pub reason: String,
}

impl FileRules {
    /// Rules from patterns: `*` stands for any part of a name, `**` for any number of folders.
    /// `sensitive` files are told whoever opens them and however; writing to `quiet` ones is not.
    ///
    /// # Errors
    /// Names the pattern that makes no sense.
    pub fn new(sensitive: &[String], quiet: &[String]) -> Result<Self, PatternError> {
        Patterns { sensitive: sensitive.to_vec(), quiet: quiet.to_vec() }.try_into()
    }

    /// Every file is wanted.
    #[must_use]
    pub fn everything() -> Self {
        let patterns = Patterns { sensitive: vec!["/**".to_owned()], quiet: Vec::new() };
        // The pattern is a constant that is known to be good.
        let all = set(&patterns.sensitive).unwrap_or_default();
        Self { sensitive: all, quiet: GlobSet::empty(), patterns }
    }

    /// The verdict on a file that was opened; `None` for one that is told within the bounds.
    #[must_use]
    pub fn opened(&self, path: &str, mode: u32, written: bool) -> Option<Verdict> {
        if mode & TYPE == BLOCK_DEVICE || self.sensitive.is_match(path) {
            return Some(Verdict::Wanted);
        }
        if written && !self.quiet.is_match(path) { None } else { Some(Verdict::Quiet) }
    }

    /// Whether a change of these files is wanted.
    #[must_use]
    pub fn changed(&self, path: &str, new_path: &str) -> bool {
        let wanted = |path: &str| self.sensitive.is_match(path) || !self.quiet.is_match(path);
        wanted(path) || (!new_path.is_empty() && wanted(new_path))
    }
}

/// Whether a pattern makes sense.
///
/// # Errors
/// Says why not.
pub fn check(pattern: &str) -> Result<(), PatternError> {
    set(&[pattern.to_owned()]).map(|_| ())
}

fn set(patterns: &[String]) -> Result<GlobSet, PatternError> {
    let refused = |pattern: &str, reason: String| PatternError { pattern: pattern.to_owned(), reason };
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        if !pattern.starts_with('/') && !pattern.starts_with("**") {
            return Err(refused(pattern, "must begin with / or **".to_owned()));
        }
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        builder.add(glob.map_err(|error| refused(pattern, error.kind().to_string()))?);
    }
    builder.build().map_err(|error| refused("", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> FileRules {
        let sensitive = ["/etc/shadow", "**/.ssh/**", "/proc/*/environ"].map(str::to_owned);
        FileRules::new(&sensitive, &["/var/log/**".to_owned()]).unwrap()
    }

    #[test]
    fn sensitive_files_are_wanted_however_they_are_opened() {
        for path in ["/etc/shadow", "/home/app/.ssh/id_rsa", "/home/a/.ssh/keys/x", "/proc/12/environ"] {
            assert_eq!(rules().opened(path, 0o100_600, false), Some(Verdict::Wanted), "{path}");
            assert_eq!(rules().opened(path, 0o100_600, true), Some(Verdict::Wanted), "{path}");
        }
        assert_eq!(rules().opened("/dev/sda", 0o060_600, false), Some(Verdict::Wanted));
    }

    #[test]
    fn reading_others_is_quiet_and_writing_them_is_told() {
        assert_eq!(rules().opened("/etc/passwd", 0o100_644, false), Some(Verdict::Quiet));
        assert_eq!(rules().opened("/etc/passwd", 0o100_644, true), None);
        assert_eq!(rules().opened("/var/log/a/b.log", 0o100_644, true), Some(Verdict::Quiet));
        let deeper = rules().opened("/proc/1/net/environ", 0o100_444, false);
        assert_eq!(deeper, Some(Verdict::Quiet), "`*` is part of one name");
    }

    #[test]
    fn what_is_sensitive_and_quiet_is_sensitive() {
        let rules = FileRules::new(&["/a/*/mem".to_owned()], &["/a/**".to_owned()]).unwrap();
        for written in [false, true] {
            assert_eq!(rules.opened("/a/1/mem", 0o100_600, written), Some(Verdict::Wanted));
        }
        assert!(rules.changed("/a/1/mem", "") && rules.changed("/a/1/x", "/a/1/mem"));
        assert!(!rules.changed("/a/1/x", ""));
    }

    #[test]
    fn a_change_is_quiet_if_all_its_paths_are() {
        assert!(!rules().changed("/var/log/a", "/var/log/b"));
        assert!(rules().changed("/var/log/a", "/etc/cron.d/x"));
        assert!(rules().changed("/tmp/a", ""));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(check("relative/*").is_err());
        assert!(check("/a/[").unwrap_err().to_string().contains("/a/["));
        assert_eq!(FileRules::everything().opened("/any/thing", 0o100_644, false), Some(Verdict::Wanted));
    }
}
