//! Files of which it is known that something could be found in another open of them by the same name: every open of them
//! comes, and need not ask it again.

use sensor_common::policy::FileKey;

/// How many files are remembered. One that takes another's place is asked of again.
const FILES: usize = 1024;

/// The files, each at a place that follows from its key.
#[derive(Debug)]
pub(super) struct Watched {
    /// Generation of the policy for which this is known.
    generation: u32,
    files: Box<[FileKey]>,
}

impl Default for Watched {
    fn default() -> Self {
        // No file has the number 0.
        Self { generation: 0, files: vec![FileKey::default(); FILES].into_boxed_slice() }
    }
}

impl Watched {
    /// Whether it is known of a file, as long as this generation of the policy holds.
    pub(super) fn has(&self, key: &FileKey, generation: u32) -> bool {
        key.inode != 0 && self.generation == generation && self.files.get(place(key)) == Some(key)
    }

    pub(super) fn add(&mut self, key: &FileKey, generation: u32) {
        if self.generation != generation {
            self.generation = generation;
            self.files.fill(FileKey::default());
        }
        if let Some(known) = self.files.get_mut(place(key)) {
            *known = *key;
        }
    }
}

/// Where a file stands. Who makes many of one place gains nothing: they are asked of again, as before.
fn place(key: &FileKey) -> usize {
    let mixed = (key.inode ^ key.way).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 54).unwrap_or_default() % FILES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_all_of_their_key_while_the_policy_holds() {
        let key = FileKey { inode: 7, changed_ns: 1, way: 9, device: 2, written: 0 };
        let mut watched = Watched::default();
        assert!(!watched.has(&key, 0), "nothing is known yet");
        watched.add(&key, 3);
        assert!(watched.has(&key, 3));
        for other in [
            FileKey { inode: 8, ..key },
            FileKey { changed_ns: 2, ..key },
            FileKey { way: 8, ..key },
            FileKey { device: 3, ..key },
            FileKey { written: 1, ..key },
            FileKey::default(),
        ] {
            assert!(!watched.has(&other, 3), "{other:?}");
        }
        assert!(!watched.has(&key, 4), "another policy holds");
        watched.add(&FileKey { inode: 8, ..key }, 4);
        assert!(
            !watched.has(&key, 4) && !watched.has(&key, 3),
            "what was known before it counts for nothing"
        );
    }

    #[test]
    fn is_bounded() {
        let mut watched = Watched::default();
        for inode in 1..10_000 {
            watched.add(&FileKey { inode, ..FileKey::default() }, 1);
        }
        let known =
            (1..10_000).filter(|inode| watched.has(&FileKey { inode: *inode, ..FileKey::default() }, 1));
        let known = known.count();
        assert!(known > FILES / 2 && known <= FILES, "{known}");
    }
}
