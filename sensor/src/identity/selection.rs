//! Which labels and annotations of a pod go into events, and how many of them.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Most labels, and most annotations, that are kept of a pod.
pub const ENTRIES_MAX: usize = 32;

/// Most bytes of keys and values together, of labels and of annotations each.
pub const BYTES_MAX: usize = 2048;

/// Most patterns of one setting.
pub const PATTERNS_MAX: usize = 64;

/// Patterns of keys.
#[derive(Clone, Debug, Default)]
pub struct Keys(GlobSet);

/// A pattern that makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{pattern}` is no pattern of a key: {reason}")]
pub struct KeyError {
    /// Pattern.
    pub pattern: String,
    /// Reason.
    pub reason: String,
}

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Entries that are kept.
    pub kept: BTreeMap<String, String>,
    /// Entries whose keys are wanted, and for which there was no room.
    pub cut: usize,
}

/// What is chosen of a pod.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Keys of labels (`identity.labels`).
    pub labels: Keys,
    /// Keys of annotations (`identity.annotations`).
    pub annotations: Keys,
}

impl Selection {
    /// From patterns of the keys of labels and of annotations.
    ///
    /// # Errors
    /// Names the pattern that makes no sense.
    pub fn new(labels: &[String], annotations: &[String]) -> Result<Self, KeyError> {
        Ok(Self { labels: Keys::new(labels)?, annotations: Keys::new(annotations)? })
    }
}

impl Keys {
    /// From patterns: `*` stands for any characters, `?` for one.
    ///
    /// # Errors
    /// Names the pattern that makes no sense.
    pub fn new(patterns: &[String]) -> Result<Self, KeyError> {
        let refused =
            |pattern: &str, reason: &str| KeyError { pattern: pattern.to_owned(), reason: reason.to_owned() };
        let mut builder = GlobSetBuilder::new();
        for pattern in patterns {
            if pattern.is_empty() {
                return Err(refused(pattern, "it is empty"));
            }
            let glob = GlobBuilder::new(pattern).build();
            builder.add(glob.map_err(|error| refused(pattern, &error.kind().to_string()))?);
        }
        builder.build().map(Self).map_err(|error| refused("", &error.to_string()))
    }

    /// The entries whose keys are wanted, in the order of the keys, so that the same ones are kept each time. An
    /// entry for which there is no room is left out whole: half a value would be a wrong one.
    #[must_use]
    pub fn choose<'a>(&self, all: impl IntoIterator<Item = (&'a String, &'a String)>) -> Chosen {
        let mut wanted: Vec<_> = all.into_iter().filter(|(key, _)| self.0.is_match(key.as_str())).collect();
        wanted.sort_unstable();
        let mut chosen = Chosen::default();
        let mut room = BYTES_MAX;
        for (key, value) in wanted {
            match room.checked_sub(key.len().saturating_add(value.len())) {
                Some(left) if chosen.kept.len() < ENTRIES_MAX => {
                    room = left;
                    chosen.kept.insert(key.clone(), value.clone());
                }
                _ => chosen.cut += 1,
            }
        }
        chosen
    }
}

/// Whether a pattern makes sense.
///
/// # Errors
/// Says why not.
pub fn check(pattern: &str) -> Result<(), KeyError> {
    Keys::new(&[pattern.to_owned()]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn keys(patterns: &[&str]) -> Keys {
        Keys::new(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn chosen(patterns: &[&str], all: &[(&str, &str)]) -> Chosen {
        let all: HashMap<_, _> =
            all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        keys(patterns).choose(&all)
    }

    #[test]
    fn a_pattern_is_of_the_whole_key() {
        let all = [("app", "a"), ("apple", "b"), ("app.kubernetes.io/name", "c"), ("x/app", "d")];
        let of = |patterns: &[&str]| chosen(patterns, &all).kept.into_values().collect::<String>();
        assert_eq!(of(&["app", "app.kubernetes.io/*"]), "ac");
        assert_eq!(of(&["*"]), "acbd", "also what has a prefix");
        assert_eq!(of(&["*/app"]), "d");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_counted() {
        let long = "v".repeat(BYTES_MAX - 3);
        let result = chosen(&["*"], &[("a", &long), ("b", "too long"), ("c", "1")]);
        assert_eq!(result.kept.keys().map(String::as_str).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(result.cut, 1);
    }

    #[test]
    fn senseless_patterns_are_named() {
        assert_eq!(check("[a").unwrap_err().pattern, "[a");
        assert!(check("").is_err());
        assert!(check("app.kubernetes.io/*").is_ok());
    }

    proptest! {
        /// Within the bounds, nothing is made up, nothing disappears without being counted, and the order in which
        /// a source tells entries does not matter.
        #[test]
        fn whatever_a_pod_says(
            all in prop::collection::hash_map("[a-c]{1,3}(/[a-z]{0,40})?", ".{0,300}", 0..80),
            patterns in prop::collection::vec("[a-c*?]{1,4}", 0..4),
        ) {
            let keys = Keys::new(&patterns).unwrap();
            let result = keys.choose(&all);
            let bytes: usize = result.kept.iter().map(|(key, value)| key.len() + value.len()).sum();
            prop_assert!(result.kept.len() <= ENTRIES_MAX && bytes <= BYTES_MAX);
            for (key, value) in &result.kept {
                prop_assert_eq!(all.get(key), Some(value));
                prop_assert!(keys.0.is_match(key));
            }
            let wanted = all.keys().filter(|key| keys.0.is_match(key.as_str())).count();
            prop_assert_eq!(wanted, result.kept.len() + result.cut);
            let sorted: BTreeMap<_, _> = all.clone().into_iter().collect();
            prop_assert_eq!(keys.choose(&sorted), result);
        }
    }
}
