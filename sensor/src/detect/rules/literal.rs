//! Texts of which one must stand in whatever a regular expression fits.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// More texts than so many say too little.
const MOST: usize = 64;
/// Longer ones say no more.
const LONG: usize = 6;

/// Texts, one of which stands in each text that the expression fits; `None` if there are none.
pub(super) fn required(pattern: &[u8]) -> Option<Vec<Box<[u8]>>> {
    let pattern = std::str::from_utf8(pattern).ok()?;
    // As the expression itself was read: with the same syntax, and no deeper.
    let parsed = ParserBuilder::new().utf8(false).nest_limit(100).build().parse(pattern).ok()?;
    of(&parsed)
}

fn of(part: &Hir) -> Option<Vec<Box<[u8]>>> {
    match part.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.clone()]),
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(of).max_by_key(|texts| worth(texts)),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(of(part)?);
                if all.len() > MOST {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// How much it says that one of them is there: the shortest counts, and then how few they are.
fn worth(texts: &[Box<[u8]>]) -> (usize, usize) {
    let shortest = texts.iter().map(|text| text.len()).min().unwrap_or(0);
    (shortest.min(LONG), MOST.saturating_sub(texts.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::Regex;

    use super::*;

    fn shown(pattern: &str) -> Option<Vec<String>> {
        let texts = required(pattern.as_bytes())?;
        Some(texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
    }

    #[test]
    fn texts_that_must_be_there() {
        for (pattern, texts) in [
            (".*(curl|wget) .*[|] *(ba|da)?sh.*", &["curl", "wget"][..]),
            ("(.*[.])?(minexmr|nanopool)[.](com|org)", &["minexmr", "nanopool"]),
            ("(python|perl)[0-9.]*", &["python", "perl"]),
            ("a+bc", &["bc"]),
            ("(xyz){2,}", &["xyz"]),
        ] {
            let mut shown = shown(pattern).unwrap();
            shown.sort();
            let mut texts = texts.to_vec();
            texts.sort_unstable();
            assert_eq!(shown, texts, "{pattern}");
        }
        for pattern in ["", ".*", "[a-c]+", "(abc)?", "(abc|.)", "(?i)abc", "(abc)*", "("] {
            assert_eq!(shown(pattern), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn nothing_fits_without_them(pattern in "([ab]|ab|\\.|\\(a\\|b\\)|\\(ab\\|a\\)|\\?|\\*|\\+|\\[ab\\]|c){1,8}", text in "[abc]{0,8}") {
            let (Ok(regex), Some(texts)) = (Regex::new(&format!("\\A(?:{pattern})\\z")), required(pattern.as_bytes())) else {
                return Ok(());
            };
            if regex.is_match(text.as_bytes()) {
                prop_assert!(texts.iter().any(|piece| memchr::memmem::find(text.as_bytes(), piece).is_some()));
            }
        }
    }
}
