//! The first bytes of one direction, and which of them have come.

use super::PREFIX_MAX;
use crate::event::wire::protocol::SoFar;

const WORD: usize = 64;

/// Bytes by their place in the stream. A byte that has come is not changed by a later copy of it.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    bytes: Vec<u8>,
    /// One bit per byte that has come, the first byte in the lowest bit.
    known: [u64; PREFIX_MAX / WORD],
    /// Bytes before the first that has not come.
    length: usize,
}

impl Prefix {
    /// Takes bytes; what lies beyond [`PREFIX_MAX`] is left out. Returns whether the contiguous part grew.
    pub(super) fn add(&mut self, offset: usize, bytes: &[u8]) -> bool {
        if offset >= PREFIX_MAX {
            return false;
        }
        let room = PREFIX_MAX - offset;
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let end = offset.saturating_add(bytes.len());
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        for (at, byte) in (offset..).zip(bytes) {
            if let Some(place) = self.bytes.get_mut(at)
                && let Some(word) = self.known.get_mut(at / WORD)
                && *word & bit(at) == 0
            {
                *word |= bit(at);
                *place = *byte;
            }
        }
        let before = self.length;
        while self.known.get(self.length / WORD).is_some_and(|word| *word & bit(self.length) != 0) {
            self.length += 1;
        }
        self.length > before
    }

    /// The contiguous part.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub(super) fn so_far(&self, ended: bool) -> SoFar<'_> {
        SoFar { bytes: self.bytes(), ended: ended || self.length >= PREFIX_MAX }
    }
}

fn bit(at: usize) -> u64 {
    1 << (at % WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_close_and_copies_change_nothing() {
        let mut prefix = Prefix::default();
        assert!(!prefix.add(3, b"def"));
        assert_eq!(prefix.bytes(), b"");
        assert!(prefix.add(0, b"ab"));
        assert_eq!(prefix.bytes(), b"ab");
        assert!(prefix.add(1, b"XcXX"));
        assert_eq!(prefix.bytes(), b"abcdef");
        assert!(!prefix.add(0, b"zzzzzz"));
        assert_eq!(prefix.bytes(), b"abcdef");
    }

    #[test]
    fn no_more_than_the_bound_is_kept() {
        let mut prefix = Prefix::default();
        assert!(prefix.add(0, &[7; PREFIX_MAX - 1]));
        assert!(!prefix.so_far(false).ended);
        assert!(prefix.add(PREFIX_MAX - 2, &[8; 4000]));
        assert_eq!(prefix.bytes().len(), PREFIX_MAX);
        assert!(prefix.so_far(false).ended);
        assert!(!prefix.add(PREFIX_MAX, b"x") && !prefix.add(usize::MAX, b"x"));
    }
}
