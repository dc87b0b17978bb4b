//! Paths as the kernel programs walk them: components from the leaf to the root.

use super::text::{Strings, lossy};

/// Components of a path, leaf first, each ended by NUL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Components<'a>(pub &'a [u8]);

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the root: the path is whole.
    Root,
    /// At an entry that hangs nowhere (memfd): the path is a name.
    Detached,
    /// Before the root: the components nearest to it are missing.
    Cut,
}

impl<'a> Components<'a> {
    /// The path from the root, written onto `to`. A cut path begins with `…/`.
    pub fn render(self, end: End, to: &mut String) {
        if self.0.is_empty() {
            if end == End::Root {
                to.push('/');
            }
            return;
        }
        let mut rest = self.0.strip_suffix(&[0]).unwrap_or(self.0);
        let mut separator = match end {
            End::Root => "/",
            End::Detached => "",
            End::Cut => "…/",
        };
        loop {
            let start = rest.iter().rposition(|byte| *byte == 0);
            let component = rest.get(start.map_or(0, |at| at + 1)..).unwrap_or_default();
            to.push_str(separator);
            to.push_str(&lossy(component));
            separator = "/";
            let Some(start) = start else { return };
            rest = rest.get(..start).unwrap_or_default();
        }
    }

    /// As [`Components::render`], byte for byte.
    pub fn write(self, end: End, to: &mut Vec<u8>) {
        if self.0.is_empty() {
            if end == End::Root {
                to.push(b'/');
            }
            return;
        }
        let rest = self.0.strip_suffix(&[0]).unwrap_or(self.0);
        let mut separator = match end {
            End::Root => "/",
            End::Detached => "",
            End::Cut => "…/",
        };
        for component in rest.rsplit(|byte| *byte == 0) {
            to.extend_from_slice(separator.as_bytes());
            to.extend_from_slice(component);
            separator = "/";
        }
    }

    /// As [`Components::render`], into a new string.
    #[must_use]
    pub fn to_text(self, end: End) -> String {
        let mut text = String::with_capacity(self.0.len() + 4);
        self.render(end, &mut text);
        text
    }

    /// Name of the last component.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        self.first()
    }

    /// As [`Components::leaf`], for as long as the record lives.
    #[must_use]
    pub fn first(self) -> &'a [u8] {
        Strings(self.0).iter().next().unwrap_or_default()
    }
}

/// A path as it was asked for, from the directory where a relative one begins. `.` and double separators are left
/// out; `..` stays, since what is before it may be a symbolic link.
#[must_use]
pub fn absolute(text: &[u8], base: Option<Components<'_>>) -> String {
    let mut path = match base {
        Some(base) if !text.starts_with(b"/") => base.to_text(End::Root),
        _ => String::new(),
    };
    let relative = base.is_none() && !text.starts_with(b"/");
    for component in text.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".") {
        let first = relative && path.is_empty();
        if !first && !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(&lossy(component));
    }
    if path.is_empty() && text.starts_with(b"/") {
        path.push('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], end: End) -> String {
        Components(bytes).to_text(end)
    }

    #[test]
    fn is_read_from_the_root() {
        assert_eq!(text(b"busybox\0bin\0", End::Root), "/bin/busybox");
        assert_eq!(text(b"", End::Root), "/");
        assert_eq!(text(b"memfd:x\0", End::Detached), "memfd:x");
        assert_eq!(text(b"c\0b\0", End::Cut), "…/b/c");
        assert_eq!(text(b"\xff\0bin\0", End::Root), "/bin/\u{fffd}");
        assert_eq!(Components(b"busybox\0bin\0").leaf(), b"busybox");
        for (components, end) in [
            (&b"busybox\0bin\0"[..], End::Root),
            (b"", End::Root),
            (b"memfd:x\0", End::Detached),
            (b"c\0b\0", End::Cut),
            (b"c\0b", End::Cut),
        ] {
            let mut written = Vec::new();
            Components(components).write(end, &mut written);
            assert_eq!(written, text(components, end).as_bytes());
        }
    }

    #[test]
    fn asked_paths_begin_at_their_base() {
        let base = Some(Components(b"b\0a\0"));
        for (text, expected) in [
            ("c", "/a/b/c"),
            ("./c//d/", "/a/b/c/d"),
            ("../c", "/a/b/../c"),
            ("", "/a/b"),
            ("/x/./y", "/x/y"),
            ("/", "/"),
        ] {
            assert_eq!(absolute(text.as_bytes(), base), expected, "{text}");
        }
        assert_eq!(absolute(b"c", Some(Components(b""))), "/c");
        assert_eq!(absolute(b"./c/d", None), "c/d");
        assert_eq!(absolute(b"", None), "");
    }
}
