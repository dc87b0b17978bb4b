//! Patterns of file names as `fnmatch` of POSIX has them, without flags: `*` and `?` take a `/` too.

/// True if all of `text` fits the pattern; with `fold` letters of either case. Takes at most the product of both
/// lengths, allocates nothing.
pub(super) fn matches(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on if what follows the last `*` does not fit: one more byte for the star.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, read));
            at += 1;
            continue;
        }
        let fits = match (text.get(read), pattern.get(at)) {
            (None, None) => return true,
            (Some(byte), Some(_)) => one(pattern, at, *byte, fold),
            _ => None,
        };
        match (fits, star) {
            (Some(next), _) => (at, read) = (next, read + 1),
            (None, Some((after, from))) if from < text.len() => {
                star = Some((after, from + 1));
                (at, read) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

fn folded(byte: u8, fold: bool) -> u8 {
    if fold { byte.to_ascii_lowercase() } else { byte }
}

/// If a byte fits what stands at `at`: where the pattern goes on.
fn one(pattern: &[u8], at: usize, byte: u8, fold: bool) -> Option<usize> {
    let (wanted, next) = match *pattern.get(at)? {
        b'?' => return Some(at + 1),
        b'[' => match bracket(pattern, at, byte, fold) {
            Some((fits, next)) => return fits.then_some(next),
            // Never closed: it is itself.
            None => (b'[', at + 1),
        },
        b'\\' => (*pattern.get(at + 1)?, at + 2),
        other => (other, at + 1),
    };
    (folded(wanted, fold) == folded(byte, fold)).then_some(next)
}

/// A set in brackets: whether the byte is in it, and where the pattern goes on; `None` if it is not closed.
fn bracket(pattern: &[u8], at: usize, byte: u8, fold: bool) -> Option<(bool, usize)> {
    let mut at = at + 1;
    let negated = matches!(pattern.get(at), Some(b'!' | b'^'));
    if negated {
        at += 1;
    }
    let first = at;
    let mut found = false;
    loop {
        let mut low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((found != negated, at + 1));
        }
        if let Some((fits, next)) = class(pattern, at, byte, fold) {
            found |= fits;
            at = next;
            continue;
        }
        if low == b'\\' {
            at += 1;
            low = *pattern.get(at)?;
        }
        at += 1;
        let mut high = low;
        if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|next| *next != b']') {
            high = *pattern.get(at + 1)?;
            at += 2;
            if high == b'\\' {
                high = *pattern.get(at)?;
                at += 1;
            }
        }
        let within = |byte: u8| (low..=high).contains(&byte);
        found |= within(byte)
            || (fold && (within(byte.to_ascii_lowercase()) || within(byte.to_ascii_uppercase())));
    }
}

/// A class such as `[:alpha:]` in a set.
fn class(pattern: &[u8], at: usize, byte: u8, fold: bool) -> Option<(bool, usize)> {
    let rest = pattern.get(at..)?.strip_prefix(b"[:")?;
    let length = rest.windows(2).take(12).position(|pair| pair == b":]")?;
    let fits = match rest.get(..length)? {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"upper" => byte.is_ascii_uppercase() || (fold && byte.is_ascii_lowercase()),
        b"lower" => byte.is_ascii_lowercase() || (fold && byte.is_ascii_uppercase()),
        b"space" => byte.is_ascii_whitespace() || byte == 11,
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"punct" => byte.is_ascii_punctuation(),
        b"cntrl" => byte.is_ascii_control(),
        b"graph" => byte.is_ascii_graphic(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    };
    Some((fits, at + 2 + length + 2))
}
