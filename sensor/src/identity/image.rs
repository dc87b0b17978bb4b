//! The parts of an image reference: repository, tag and digest.

/// A reference such as `registry:5000/team/web:1.2@sha256:…`, taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Registry and name, without tag and digest.
    pub repository: &'a str,
    /// Tag; empty where there is none.
    pub tag: &'a str,
    /// Digest with its algorithm; empty where there is none.
    pub digest: &'a str,
}

/// Takes a reference apart; whatever it is, its parts are parts of it.
#[must_use]
pub fn split(reference: &str) -> Reference<'_> {
    let (named, digest) = reference.split_once('@').unwrap_or((reference, ""));
    // A colon before a slash belongs to the registry's port.
    match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => Reference { repository, tag, digest },
        _ => Reference { repository: named, tag: "", digest },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ports_are_no_tags_and_digests_no_names() {
        for (reference, repository, tag, digest) in [
            ("docker.io/library/bb:latest", "docker.io/library/bb", "latest", ""),
            ("bb", "bb", "", ""),
            ("bb:1.36", "bb", "1.36", ""),
            ("localhost:5000/web", "localhost:5000/web", "", ""),
            ("localhost:5000/team/web:2", "localhost:5000/team/web", "2", ""),
            ("[::1]:5000/web:2", "[::1]:5000/web", "2", ""),
            ("web@sha256:0123", "web", "", "sha256:0123"),
            ("localhost:5000/web@sha256:0123", "localhost:5000/web", "", "sha256:0123"),
            ("r.example/web:1@sha256:0123", "r.example/web", "1", "sha256:0123"),
            ("", "", "", ""),
        ] {
            assert_eq!(split(reference), Reference { repository, tag, digest }, "{reference}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_make_the_whole(reference in "[a-z0-9:/@.\\[\\]]{0,40}") {
            let Reference { repository, tag, digest } = split(&reference);
            let tagged = reference.as_bytes().get(repository.len()) == Some(&b':');
            let colon = if tagged { ":" } else { "" };
            let at = if reference.contains('@') { "@" } else { "" };
            prop_assert_eq!(format!("{repository}{colon}{tag}{at}{digest}"), reference.clone());
            prop_assert!(!tag.contains('/') && !repository.contains('@'));
        }
    }
}
