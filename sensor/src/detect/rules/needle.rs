//! What must stand in a text for a comparison to hold: so one search through the text settles most comparisons.

use super::literal;
use super::prefix;
use super::program::{Comparison, Symbols, Test};
use super::tree::Operator;

/// A piece of text, and where it must stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needle {
    pub(super) place: Place,
    pub(super) text: Box<[u8]>,
}

/// Where a piece of text must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    End,
    /// It must be all of it.
    Whole,
    Anywhere,
}

impl Place {
    /// Whether a piece that stands there is where it must be.
    pub(super) const fn fits(self, start: usize, end: usize, length: usize) -> bool {
        match self {
            Self::Start => start == 0,
            Self::End => end == length,
            Self::Whole => start == 0 && end == length,
            Self::Anywhere => true,
        }
    }
}

/// Without one of them the comparison does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Needles {
    pub(super) any: Vec<Needle>,
    /// With one of them it does: nothing else needs to be compared.
    pub(super) settle: bool,
}

/// The needles of a comparison of texts; `None` where there are none that must be there.
pub(super) fn needles(comparison: &Comparison, symbols: &Symbols) -> Option<Needles> {
    let place = match (&comparison.test, comparison.operator) {
        (Test::Finders(_), _) => Place::Anywhere,
        (Test::Texts, Operator::StartsWith) => Place::Start,
        (Test::Texts, Operator::EndsWith) => Place::End,
        (Test::Texts, Operator::Glob) | (Test::Prefixes(_) | Test::Regexes(_), _) => Place::Whole,
        _ => return None,
    };
    let values = comparison.values.iter().map(|value| symbols.text(*value));
    // Of values that must all be there each must.
    let first = if comparison.all { 1 } else { comparison.values.len() };
    let mut made = Needles { any: Vec::new(), settle: first == comparison.values.len() };
    for value in values.take(first) {
        match &comparison.test {
            Test::Regexes(_) => {
                made.settle = false;
                made.any.extend(literal::required(value)?.into_iter().map(anywhere));
            }
            Test::Prefixes(_) => {
                made.settle = false;
                made.any.push(anywhere(of_path(value)?.into()));
            }
            _ if comparison.operator == Operator::Glob => {
                let (needle, settles) = of_glob(value)?;
                made.settle &= settles;
                made.any.push(needle);
            }
            _ => made.any.push(Needle { place, text: value.into() }),
        }
    }
    let usable = !made.any.is_empty() && made.any.iter().all(|needle| !needle.text.is_empty());
    usable.then_some(made)
}

fn anywhere(text: Box<[u8]>) -> Needle {
    Needle { place: Place::Anywhere, text }
}

/// The longest name in a path of which each part must be there.
fn of_path(path: &[u8]) -> Option<&[u8]> {
    let names = prefix::parts(path).filter(|part| !prefix::is_pattern(part));
    names.max_by_key(|name| name.len()).filter(|name| !name.is_empty())
}

/// The longest piece of a pattern that stands for itself, and whether the pattern says nothing else.
fn of_glob(pattern: &[u8]) -> Option<(Needle, bool)> {
    let special = |byte: &u8| b"?*[]\\".contains(byte);
    let mut longest: Option<(usize, &[u8])> = None;
    let mut at = 0;
    // What stands in brackets is none of it: from the first bracket on nothing is looked at.
    let plain = pattern.iter().position(|byte| b"[\\".contains(byte)).unwrap_or(pattern.len());
    for piece in pattern.get(..plain)?.split(special) {
        if longest.is_none_or(|(_, known)| piece.len() > known.len()) {
            longest = Some((at, piece));
        }
        at += piece.len() + 1;
    }
    let (at, piece) = longest.filter(|(_, piece)| !piece.is_empty())?;
    let end = at + piece.len();
    let place = match (at == 0, end == pattern.len()) {
        (true, true) => Place::Whole,
        (true, false) => Place::Start,
        (false, true) => Place::End,
        (false, false) => Place::Anywhere,
    };
    let only_stars = |rest: &[u8]| rest.iter().all(|byte| *byte == b'*');
    let settles = only_stars(pattern.get(..at)?) && only_stars(pattern.get(end..)?);
    Some((Needle { place, text: piece.into() }, settles))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::rules::glob;

    #[test]
    fn patterns_have_a_piece_that_stands_for_itself() {
        for (pattern, place, text, settles) in [
            ("*/etc/cron.d/*", Place::Anywhere, "/etc/cron.d/", true),
            ("*picket", Place::End, "picket", true),
            ("/etc/*", Place::Start, "/etc/", true),
            ("/etc", Place::Whole, "/etc", true),
            ("/proc/*/mem", Place::Start, "/proc/", false),
            ("*/etc/cron.*/*", Place::Anywhere, "/etc/cron.", false),
            ("a?bcd", Place::End, "bcd", false),
            ("ab[c]def", Place::Start, "ab", false),
            ("*a\\*b", Place::Anywhere, "a", false),
        ] {
            let needle = Needle { place, text: text.as_bytes().into() };
            assert_eq!(of_glob(pattern.as_bytes()), Some((needle, settles)), "{pattern}");
        }
        assert_eq!((of_glob(b"*"), of_glob(b"[a]b"), of_glob(b"")), (None, None, None));
        assert_eq!(
            (of_path(b"/var/lib/x*y"), of_path(b"/"), of_path(b"/*")),
            (Some(&b"lib"[..]), None, None)
        );
    }

    proptest! {
        /// What fits a pattern has its piece in it; and where that settles it, what has the piece fits.
        #[test]
        fn pieces_are_exact(pattern in "[ab/*?\\[\\]\\\\]{1,8}", text in "[ab/*]{0,8}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            if let Some((needle, settles)) = of_glob(pattern) {
                let length = text.len();
                let found = (0..=length).any(|start| {
                    let end = start + needle.text.len();
                    text.get(start..end) == Some(&needle.text[..]) && needle.place.fits(start, end, length)
                });
                let fits = glob::matches(pattern, text, false);
                prop_assert!(found || !fits);
                prop_assert!(!(settles && found) || fits);
            }
        }
    }
}
