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

impl Components<'_> {
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
        Strings(self.0).iter().next().unwrap_or_default()
    }
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
    }
}
