//! Texts that are put together: paths, lists of names, ends of sockets.

use std::io::Write as _;
use std::net::IpAddr;

use crate::detect::value::Value;
use crate::event::{
    capability,
    path::{Components, End},
};

/// The text that `write` puts into an empty buffer, if it has one.
pub(super) fn put<'b>(
    buffer: &'b mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> Option<Value<'b>> {
    buffer.clear();
    write(buffer)?;
    Some(Value::Text(buffer))
}

/// Parts with something between them.
pub(super) fn join<'a>(parts: impl Iterator<Item = &'a [u8]>, between: &[u8], to: &mut Vec<u8>) {
    for (number, part) in parts.enumerate() {
        if number > 0 {
            to.extend_from_slice(between);
        }
        to.extend_from_slice(part);
    }
}

/// Names of a set of capabilities: `CAP_CHOWN CAP_KILL`.
pub(super) fn capabilities(set: u64, to: &mut Vec<u8>) {
    for (place, number) in capability::numbers(set).enumerate() {
        if place > 0 {
            to.push(b' ');
        }
        match capability::known(number) {
            Some(name) => drop(write!(to, "CAP_{name}")),
            None => drop(write!(to, "CAP_{number}")),
        }
    }
}

/// Names of flags that are set, joined by `|`. Unknown ones are left out, as in Falco.
pub(super) fn flags(table: &[(u64, &str)], set: u64, to: &mut Vec<u8>) {
    let mut rest = set;
    let start = to.len();
    for (bits, name) in table {
        if rest & bits == *bits && *bits != 0 {
            rest &= !bits;
            if to.len() > start {
                to.push(b'|');
            }
            to.extend_from_slice(name.as_bytes());
        }
    }
}

/// An end of a connection: `192.0.2.1:80`, `2001:db8::1:80`.
pub(super) fn end((address, port): (IpAddr, u16), to: &mut Vec<u8>) {
    // Writing to memory does not fail.
    drop(write!(to, "{address}:{port}"));
}

/// A path as a record has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// As the kernel resolved it.
    pub(super) resolved: Option<Components<'a>>,
    /// Where that ends.
    pub(super) end: End,
    /// As the caller wrote it; empty where that is not known.
    pub(super) text: &'a [u8],
    /// Where a relative text begins.
    pub(super) base: Option<Components<'a>>,
    /// Where it begins if that is all that is known.
    pub(super) directory: &'a str,
    /// It is shown as the kernel resolved it, where that is known.
    pub(super) as_resolved: bool,
}

impl<'a> Place<'a> {
    /// As the kernel resolved it.
    pub(super) fn write_resolved(&self, to: &mut Vec<u8>) -> Option<()> {
        self.resolved?.write(self.end, to);
        Some(())
    }

    /// As it was asked for, from the root, with nothing of it looked up: what `..` takes away is what stands before
    /// it, whether or not that is a symbolic link.
    pub(super) fn write_asked(&self, to: &mut Vec<u8>) -> Option<()> {
        let start = to.len();
        if self.text.is_empty() {
            return None;
        }
        if self.text.first() != Some(&b'/') {
            match self.base {
                Some(base) => base.write(End::Root, to),
                // The resolved one is better than a guess at where the text begins.
                None if self.resolved.is_some() || self.directory.is_empty() => return None,
                None => to.extend_from_slice(self.directory.as_bytes()),
            }
            if to.get(start..) == Some(b"/") {
                to.truncate(start);
            }
        }
        for component in self.text.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    let kept = to.get(start..).and_then(|path| path.iter().rposition(|byte| *byte == b'/'));
                    to.truncate(start + kept.unwrap_or(0));
                }
                name => {
                    to.push(b'/');
                    to.extend_from_slice(name);
                }
            }
        }
        if to.len() == start {
            to.push(b'/');
        }
        Some(())
    }

    /// True if the text has the resolved components, one by one: then nothing need be put together to know it.
    fn is_plainly_one(&self) -> bool {
        let (Some(Components(resolved)), Some(text)) = (self.resolved, self.text.strip_prefix(b"/")) else {
            return false;
        };
        let Some(resolved) = resolved.strip_suffix(&[0]) else { return false };
        let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
        self.end == End::Root
            && text.len() == resolved.len()
            && text.rsplit(|byte| *byte == b'/').all(is_name)
            && text.rsplit(|byte| *byte == b'/').eq(resolved.split(|byte| *byte == 0))
    }

    /// As it was asked for, where that is known, which is what Falco shows; or as the kernel resolved it.
    pub(super) fn write(&self, to: &mut Vec<u8>) -> Option<()> {
        if self.as_resolved && self.write_resolved(to).is_some() {
            return Some(());
        }
        match self.write_asked(to) {
            Some(()) => Some(()),
            None => self.write_resolved(to),
        }
    }

    /// As the caller wrote it.
    pub(super) fn raw(&self) -> Option<&'a [u8]> {
        Some(self.text).filter(|text| !text.is_empty())
    }

    /// True if what was asked for and what it came to are two paths.
    pub(super) fn differs(&self, buffer: &mut Vec<u8>) -> bool {
        if self.is_plainly_one() {
            return false;
        }
        buffer.clear();
        if self.write_asked(buffer).is_none() {
            return false;
        }
        let middle = buffer.len();
        if self.write_resolved(buffer).is_none() {
            return false;
        }
        let (asked, resolved) = buffer.split_at(middle);
        asked != resolved
    }
}

/// Directory of a path.
pub(super) fn directory(path: &[u8]) -> Option<&[u8]> {
    match path.iter().rposition(|byte| *byte == b'/')? {
        0 => Some(b"/"),
        place => path.get(..place),
    }
}

/// Last component of a path.
pub(super) fn file_name(path: &[u8]) -> Option<&[u8]> {
    path.rsplit(|byte| *byte == b'/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str, base: Option<&'static [u8]>) -> String {
        let place = Place {
            resolved: None,
            end: End::Root,
            text: text.as_bytes(),
            base: base.map(Components),
            directory: "/tmp",
            as_resolved: false,
        };
        let mut to = b"before".to_vec();
        place.write_asked(&mut to).unwrap();
        String::from_utf8(to.split_off(6)).unwrap()
    }

    #[test]
    fn asked_paths_are_taken_as_text() {
        for (text, base, path) in [
            ("/etc/shadow", None, "/etc/shadow"),
            ("/etc/../etc//./shadow", None, "/etc/shadow"),
            ("../../../../etc/shadow", Some(&b"b\0a\0"[..]), "/etc/shadow"),
            ("c/", Some(b"b\0a\0"), "/a/b/c"),
            ("c", Some(b""), "/c"),
            ("..", Some(b"b\0a\0"), "/a"),
            ("/", None, "/"),
            ("x", None, "/tmp/x"),
        ] {
            assert_eq!(asked(text, base), path, "{text}");
        }
    }

    #[test]
    fn a_path_has_two_sides_unless_they_are_the_same() {
        let mut place = Place {
            resolved: Some(Components(b"shadow\0etc\0")),
            end: End::Root,
            text: b"/tmp/link",
            base: None,
            directory: "",
            as_resolved: false,
        };
        let shown = |place: &Place<'_>| {
            let mut to = Vec::new();
            place.write(&mut to);
            (String::from_utf8(to).unwrap(), place.differs(&mut b"rest".to_vec()))
        };
        assert_eq!(shown(&place), ("/tmp/link".to_owned(), true));
        place.as_resolved = true;
        assert_eq!(shown(&place), ("/etc/shadow".to_owned(), true));
        (place.as_resolved, place.text) = (false, b"/etc/shadow");
        assert_eq!(shown(&place), ("/etc/shadow".to_owned(), false));
        assert!(place.is_plainly_one());
        for text in [&b"/shadow/etc"[..], b"/etc/shadoW", b"//etc/shado", b"/etcshadowx"] {
            place.text = text;
            assert!(!place.is_plainly_one() && place.differs(&mut Vec::new()), "{text:?}");
        }
        place.text = b"/etc/./shadow";
        assert_eq!(shown(&place), ("/etc/shadow".to_owned(), false));
        place.text = b"shadow";
        assert_eq!(shown(&place), ("/etc/shadow".to_owned(), false), "nobody knows where it begins");
        (place.text, place.resolved) = (b"/x", None);
        assert_eq!(shown(&place), ("/x".to_owned(), false));
    }

    #[test]
    fn names_and_parts() {
        let mut to = Vec::new();
        capabilities(1 | 1 << 21 | 1 << 60, &mut to);
        assert_eq!(to, b"CAP_CHOWN CAP_SYS_ADMIN CAP_60");
        to.clear();
        flags(&[(3, "RDWR"), (1, "RDONLY"), (2, "WRONLY"), (4, "X")], 7, &mut to);
        assert_eq!(to, b"RDWR|X");
        assert_eq!(
            (directory(b"/a/b"), directory(b"/a"), directory(b"x")),
            (Some(&b"/a"[..]), Some(&b"/"[..]), None)
        );
        assert_eq!(file_name(b"/a/b"), Some(&b"b"[..]));
    }
}
