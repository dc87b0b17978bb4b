//! tar archives (ustar, POSIX.1-1988) that are a function of their contents: sorted, owned by root, one time for all.

use std::collections::BTreeMap;

/// Size of a header, and unit in which contents are padded.
const BLOCK: usize = 512;
/// Longest path that fits without being split.
const PATH_MAX: usize = 100;

/// What a path is.
#[derive(Clone, Debug)]
enum Entry {
    Folder,
    File { mode: u32, bytes: Vec<u8> },
    Link { target: String },
}

/// Files, links and their folders, by path without a leading slash.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    entries: BTreeMap<String, Entry>,
    time: u64,
}

impl Tree {
    /// An empty tree whose files were all made at `time`, in seconds since 1970.
    pub(crate) const fn new(time: u64) -> Self {
        Self { entries: BTreeMap::new(), time }
    }

    /// Adds a file, and the folders that lead to it.
    pub(crate) fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) {
        self.add(path, Entry::File { mode, bytes: bytes.to_vec() });
    }

    /// Adds a symbolic link, and the folders that lead to it.
    pub(crate) fn link(&mut self, path: &str, target: &str) {
        self.add(path, Entry::Link { target: target.to_owned() });
    }

    /// Adds a folder, and those that lead to it.
    pub(crate) fn folder(&mut self, path: &str) {
        self.add(&format!("{path}/"), Entry::Folder);
    }

    fn add(&mut self, path: &str, entry: Entry) {
        for (end, _) in path.match_indices('/') {
            self.entries.entry(path[..=end].to_owned()).or_insert(Entry::Folder);
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// The archive.
    ///
    /// # Panics
    /// A path that is too long: paths are written in this program.
    pub(crate) fn archive(&self) -> Vec<u8> {
        let mut archive = Vec::new();
        for (path, entry) in &self.entries {
            let bytes = if let Entry::File { bytes, .. } = entry { bytes.as_slice() } else { &[] };
            archive.extend_from_slice(&header(path, entry, bytes.len(), self.time));
            archive.extend_from_slice(bytes);
            archive.resize(archive.len().next_multiple_of(BLOCK), 0);
        }
        // Two empty blocks end an archive.
        archive.resize(archive.len() + 2 * BLOCK, 0);
        archive
    }
}

fn header(path: &str, entry: &Entry, size: usize, time: u64) -> [u8; BLOCK] {
    let (kind, mode, target) = match entry {
        Entry::Folder => (b'5', 0o755, ""),
        Entry::File { mode, .. } => (b'0', *mode, ""),
        Entry::Link { target } => (b'2', 0o777, target.as_str()),
    };
    assert!(path.len() <= PATH_MAX && target.len() <= PATH_MAX, "{path} is too long for this archive");
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, path.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    // Owner and group: root.
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{size:011o}").as_bytes());
    put(136, format!("{time:011o}").as_bytes());
    // The sum is made with spaces in its own place.
    put(148, b"        ");
    put(156, &[kind]);
    put(157, target.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An entry, read back.
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Found {
        pub(crate) path: String,
        pub(crate) mode: u32,
        pub(crate) owner: (u32, u32),
        pub(crate) bytes: Vec<u8>,
    }

    /// What is in an archive, in its order.
    pub(crate) fn entries(archive: &[u8]) -> Vec<Found> {
        let text = |bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            String::from_utf8(bytes[..end].to_vec()).unwrap()
        };
        let (mut found, mut at) = (Vec::new(), 0);
        while archive[at] != 0 {
            let header = &archive[at..at + BLOCK];
            let number = |from: usize, to: usize| u32::from_str_radix(&text(&header[from..to]), 8).unwrap();
            let size = number(124, 136) as usize;
            at += BLOCK;
            found.push(Found {
                path: text(&header[..100]),
                mode: number(100, 108),
                owner: (number(108, 116), number(116, 124)),
                bytes: archive[at..at + size].to_vec(),
            });
            at += size.next_multiple_of(BLOCK);
        }
        found
    }

    fn sample() -> Tree {
        let mut tree = Tree::new(1_700_000_000);
        tree.file("b/two", 0o644, &[7; 513]);
        tree.file("a", 0o755, b"one");
        tree.link("b/link", "two");
        tree.folder("c/d");
        tree
    }

    #[test]
    fn entries_are_sorted_and_folders_come_first() {
        let paths: Vec<_> = entries(&sample().archive()).into_iter().map(|entry| entry.path).collect();
        assert_eq!(paths, ["a", "b/", "b/link", "b/two", "c/", "c/d/"]);
    }

    #[test]
    fn tar_reads_it() {
        let folder = std::env::temp_dir().join(format!("xtask-tar-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("x.tar"), sample().archive()).unwrap();
        let list = crate::process::output(
            std::process::Command::new("tar")
                .arg("--utc")
                .arg("-tvf")
                .arg(folder.join("x.tar"))
                .env("LC_ALL", "C"),
        );
        std::fs::remove_dir_all(&folder).unwrap();
        let list = list.unwrap();
        let words: Vec<Vec<_>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["-rwxr-xr-x", "0/0", "3", "2023-11-14", "22:13", "a"]);
        assert_eq!(words[2], ["lrwxrwxrwx", "0/0", "0", "2023-11-14", "22:13", "b/link", "->", "two"]);
        assert_eq!(words[3], ["-rw-r--r--", "0/0", "513", "2023-11-14", "22:13", "b/two"]);
        assert_eq!(words.len(), 6);
    }
}
