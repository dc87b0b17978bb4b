//! Strings of the kernel: bytes that end with NUL and need not be UTF-8.

use std::borrow::Cow;

/// Bytes up to the first NUL, if there is one.
#[must_use]
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)
}

/// Text of bytes; what is not UTF-8 appears as U+FFFD.
#[must_use]
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Strings that follow each other, each ended by NUL; the last may lack its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strings<'a>(pub &'a [u8]);

impl<'a> Strings<'a> {
    /// The strings in order, empty ones included.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.0.strip_suffix(&[0]).unwrap_or(self.0);
        // Nothing at all is no string; a lone NUL is one empty string.
        let none = self.0.is_empty();
        bytes.split(|byte| *byte == 0).filter(move |_| !none)
    }

    /// Without the last string if that lacks its end.
    #[must_use]
    pub fn whole(self) -> Self {
        let end = self.0.iter().rposition(|byte| *byte == 0).map_or(0, |at| at + 1);
        Self(self.0.get(..end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(bytes: &[u8]) -> Vec<&[u8]> {
        Strings(bytes).iter().collect()
    }

    #[test]
    fn keeps_empty_strings_and_a_cut_end() {
        assert_eq!(strings(b"sh\0-c\0id\0"), [&b"sh"[..], b"-c", b"id"]);
        assert_eq!(strings(b"\0"), [&b""[..]]);
        assert_eq!(strings(b"a\0\0"), [&b"a"[..], b""]);
        assert_eq!(strings(b"a\0cu"), [&b"a"[..], b"cu"]);
        assert!(strings(b"").is_empty());
        assert_eq!(Strings(b"a\0cu").whole(), Strings(b"a\0"));
        assert_eq!(Strings(b"cu").whole(), Strings(b""));
    }
}
