//! Reading bytes that may end anywhere: what is missing is told apart from what is wrong.

/// Why a reader stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end before it can tell. More of them may help.
    More,
    /// It is something else, whatever follows.
    No,
}

/// What was read, or why not.
pub(super) type Read<T> = Result<T, Stop>;

/// Goes through bytes from the front. Numbers are in network order unless the name says otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The same bytes, read from another place on.
    pub(super) fn at(&self, position: usize) -> Self {
        Self { at: position, ..*self }
    }

    pub(super) fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let taken = self.rest().get(..count).ok_or(Stop::More)?;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.take(N)?.first_chunk().copied().ok_or(Stop::More)
    }

    pub(super) fn u8(&mut self) -> Read<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Three bytes, as TLS counts lengths.
    pub(super) fn u24(&mut self) -> Read<u32> {
        let [high, middle, low] = self.array()?;
        Ok(u32::from_be_bytes([0, high, middle, low]))
    }

    /// Three bytes, least significant first, as MySQL counts lengths.
    pub(super) fn u24_little_endian(&mut self) -> Read<u32> {
        let [low, middle, high] = self.array()?;
        Ok(u32::from_le_bytes([low, middle, high, 0]))
    }

    /// These bytes. `Stop::No` as soon as one of them differs.
    pub(super) fn literal(&mut self, expected: &[u8]) -> Read<()> {
        let rest = self.rest();
        let there = rest.len().min(expected.len());
        if rest.get(..there) != expected.get(..there) {
            return Err(Stop::No);
        }
        self.take(expected.len()).map(drop)
    }

    /// Bytes up to `end`, at most `longest` of them; `end` itself is read and left out.
    pub(super) fn until(&mut self, end: u8, longest: usize) -> Read<&'a [u8]> {
        let window = self.rest().get(..=longest).unwrap_or(self.rest());
        match window.iter().position(|byte| *byte == end) {
            Some(length) => {
                let found = self.take(length)?;
                self.take(1)?;
                Ok(found)
            }
            None if window.len() > longest => Err(Stop::No),
            None => Err(Stop::More),
        }
    }

    /// A cursor of its own over the next `count` bytes, or over as many of them as are there.
    pub(super) fn part(&mut self, count: usize) -> Part<'a> {
        let rest = self.rest();
        let whole = rest.len() >= count;
        let bytes = rest.get(..count).unwrap_or(rest);
        self.at = self.at.saturating_add(bytes.len());
        Part { cursor: Self::new(bytes), whole }
    }
}

/// A stretch of known length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) cursor: Cursor<'a>,
    /// All of it is there.
    pub(super) whole: bool,
}

/// The condition holds, or it is something else.
pub(super) fn require(condition: bool) -> Read<()> {
    if condition { Ok(()) } else { Err(Stop::No) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_wrong_differ() {
        let mut cursor = Cursor::new(b"SSH");
        assert_eq!(cursor.literal(b"SSH-"), Err(Stop::More));
        assert_eq!(cursor.literal(b"STH-"), Err(Stop::No));
        assert_eq!(cursor.u32(), Err(Stop::More));
        assert_eq!(cursor.u24(), Ok(0x0053_5348));
        assert_eq!(cursor.u8(), Err(Stop::More));
    }

    #[test]
    fn a_line_is_bounded() {
        assert_eq!(Cursor::new(b"abc\nd").until(b'\n', 3), Ok(&b"abc"[..]));
        assert_eq!(Cursor::new(b"abcd\n").until(b'\n', 3), Err(Stop::No));
        assert_eq!(Cursor::new(b"abc").until(b'\n', 3), Err(Stop::More));
        assert_eq!(Cursor::new(b"abc").until(b'\n', usize::MAX), Err(Stop::More));
    }

    #[test]
    fn a_part_says_whether_it_is_whole() {
        let mut cursor = Cursor::new(b"abcdef");
        let part = cursor.part(4);
        assert!(part.whole && part.cursor.rest() == b"abcd" && cursor.rest() == b"ef");
        assert!(!cursor.part(4).whole);
    }
}
