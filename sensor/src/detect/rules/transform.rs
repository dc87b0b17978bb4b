//! Functions of values in conditions. What they make stands behind their arguments in the same buffer.

use super::evaluate::Stored;
use super::program::Symbol;
use super::tree::Transformer;

/// Before each item of a list: its length, and the rules' number of its text, each of four bytes.
const HEAD: usize = 8;
/// The number of a text that was not looked for.
const NOT_ASKED: u32 = u32::MAX;
/// The number of a text that no rule has.
const NONE: u32 = u32::MAX - 1;

/// Adds an item made of parts to a list.
pub(super) fn push_item(arena: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).unwrap_or_default();
    push_head(arena, length, NOT_ASKED);
    let parts = parts.iter().filter(|_| length > 0);
    parts.for_each(|part| arena.extend_from_slice(part));
}

/// Adds a text of the buffer itself to a list.
pub(super) fn push_own(arena: &mut Vec<u8>, start: usize, end: usize) {
    let length = u32::try_from(end - start).unwrap_or_default();
    push_head(arena, length, NOT_ASKED);
    if length > 0 {
        arena.extend_from_within(start..end);
    }
}

/// Adds a text whose number was looked for.
pub(super) fn push_known(arena: &mut Vec<u8>, text: &[u8], symbol: Option<Symbol>) {
    let length = u32::try_from(text.len()).unwrap_or_default();
    push_head(arena, length, symbol.unwrap_or(NONE));
    arena.extend_from_slice(text.get(..length as usize).unwrap_or_default());
}

fn push_head(arena: &mut Vec<u8>, length: u32, symbol: u32) {
    arena.extend_from_slice(&length.to_le_bytes());
    arena.extend_from_slice(&symbol.to_le_bytes());
}

/// Length and number of the item at `at`.
fn head(list: &[u8], at: usize) -> Option<(usize, u32)> {
    let [l0, l1, l2, l3, s0, s1, s2, s3] = *list.get(at..)?.first_chunk::<HEAD>()?;
    Some((u32::from_le_bytes([l0, l1, l2, l3]) as usize, u32::from_le_bytes([s0, s1, s2, s3])))
}

/// The items of a list, each with the rules' number of its text if that was looked for.
pub(super) fn items(list: &[u8]) -> impl Iterator<Item = (&[u8], Option<Option<Symbol>>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (length, symbol) = head(list, at)?;
        let text = list.get(at + HEAD..at + HEAD + length)?;
        at += HEAD + length;
        let symbol = (symbol != NOT_ASKED).then(|| (symbol != NONE).then_some(symbol));
        Some((text, symbol))
    })
}

/// Where the items of a list stand that ends at `end`, from `at` on.
fn next_span(arena: &[u8], at: &mut usize, end: usize) -> Option<(usize, usize)> {
    let (length, _) = head(arena.get(..end)?, *at)?;
    let start = *at + HEAD;
    *at = start + length;
    Some((start, *at))
}

/// Where the first item of a list stands.
pub(super) fn first(arena: &[u8], start: usize, end: usize) -> (usize, usize) {
    let mut at = start;
    next_span(arena, &mut at, end).unwrap_or((start, start))
}

/// Applies a function to one or two arguments that are there.
pub(super) fn apply(
    transformer: Transformer,
    first: Stored,
    second: Stored,
    option: Option<u8>,
    arena: &mut Vec<u8>,
) -> Stored {
    match (transformer, first) {
        (Transformer::Join, Stored::Text { start, end }) => join((start, end), second, arena),
        (Transformer::Options, Stored::List { start, end }) => options((start, end), second, option, arena),
        (Transformer::Length, Stored::Text { start, end }) => {
            Stored::Number(i64::try_from(end - start).unwrap_or(i64::MAX))
        }
        (Transformer::Length, Stored::List { start, end }) => {
            let count = arena.get(start..end).map_or(0, |list| items(list).count());
            Stored::Number(i64::try_from(count).unwrap_or(i64::MAX))
        }
        (_, Stored::Text { start, end }) => {
            let made = arena.len();
            if one(transformer, start, end, arena) {
                Stored::Text { start: made, end: arena.len() }
            } else {
                Stored::Missing
            }
        }
        (_, Stored::List { start, end }) => each(transformer, start, end, arena),
        _ => Stored::Missing,
    }
}

/// The same function for each item.
fn each(transformer: Transformer, start: usize, end: usize, arena: &mut Vec<u8>) -> Stored {
    let made = arena.len();
    let mut at = start;
    while let Some((from, to)) = next_span(arena, &mut at, end) {
        let place = arena.len();
        push_head(arena, 0, NOT_ASKED);
        if !one(transformer, from, to, arena) {
            return Stored::Missing;
        }
        let length = u32::try_from(arena.len() - place - HEAD).unwrap_or_default();
        if let Some(head) = arena.get_mut(place..place + 4) {
            head.copy_from_slice(&length.to_le_bytes());
        }
    }
    Stored::List { start: made, end: arena.len() }
}

/// Puts the function of a text behind it. False if it has no value.
fn one(transformer: Transformer, start: usize, end: usize, arena: &mut Vec<u8>) -> bool {
    let made = arena.len();
    match transformer {
        Transformer::Basename => {
            let text = arena.get(start..end).unwrap_or_default();
            let from = text.iter().rposition(|byte| *byte == b'/').map_or(start, |slash| start + slash + 1);
            arena.extend_from_within(from..end);
        }
        Transformer::Base64 => return base64(start, end, arena),
        _ => {
            arena.extend_from_within(start..end);
            let text = arena.get_mut(made..).unwrap_or_default();
            match transformer {
                Transformer::Lower => text.make_ascii_lowercase(),
                Transformer::Upper => text.make_ascii_uppercase(),
                _ => {}
            }
        }
    }
    true
}

/// Decodes; what is not base64 has no value.
fn base64(start: usize, end: usize, arena: &mut Vec<u8>) -> bool {
    let mut end = end;
    while end > start && arena.get(end - 1) == Some(&b'=') {
        end -= 1;
    }
    let (mut bits, mut count) = (0_u32, 0_u32);
    for at in start..end {
        let digit = match arena.get(at).copied().unwrap_or_default() {
            byte @ b'A'..=b'Z' => byte - b'A',
            byte @ b'a'..=b'z' => byte - b'a' + 26,
            byte @ b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return false,
        };
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            arena.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    // A single digit at the end says nothing.
    count != 6
}

fn join(separator: (usize, usize), list: Stored, arena: &mut Vec<u8>) -> Stored {
    let Stored::List { start, end } = list else { return Stored::Missing };
    let made = arena.len();
    let mut at = start;
    let mut first = true;
    while let Some((from, to)) = next_span(arena, &mut at, end) {
        if !std::mem::take(&mut first) {
            arena.extend_from_within(separator.0..separator.1);
        }
        arena.extend_from_within(from..to);
    }
    Stored::Text { start: made, end: arena.len() }
}

/// Short options as POSIX reads them: options and their values one after the other, `?` for what is not known; with
/// `option` the value (or the letter) of its last use alone.
fn options(list: (usize, usize), known: Stored, option: Option<u8>, arena: &mut Vec<u8>) -> Stored {
    let Stored::Text { start: known_start, end: known_end } = known else { return Stored::Missing };
    let made = arena.len();
    let mut at = list.0;
    let mut next = |arena: &Vec<u8>| next_span(arena, &mut at, list.1);
    let silent = arena.get(known_start) == Some(&b':') && known_start < known_end;
    'arguments: while let Some((from, to)) = next(arena) {
        let argument = arena.get(from..to).unwrap_or_default();
        if argument.len() > 2 && argument.starts_with(b"--") {
            continue;
        }
        if argument.len() < 2 || argument == b"--" || !argument.starts_with(b"-") {
            break;
        }
        for at in from + 1..to {
            let letter = arena.get(at).copied().unwrap_or_default();
            let wanted = option.is_none_or(|option| option == letter);
            let place = arena
                .get(known_start..known_end)
                .and_then(|known| known.iter().position(|one| *one == letter));
            let Some(place) = place.filter(|_| letter != b':') else {
                if option.is_none() {
                    push_item(arena, &[b"?"]);
                }
                continue;
            };
            let takes =
                known_start + place + 1 < known_end && arena.get(known_start + place + 1) == Some(&b':');
            if !takes {
                if wanted {
                    push_item(arena, &[&[letter]]);
                }
                continue;
            }
            let value = if at + 1 < to { Some((at + 1, to)) } else { next(arena) };
            if wanted {
                match value {
                    Some((from, to)) => {
                        if option.is_none() {
                            push_item(arena, &[&[letter]]);
                        }
                        push_own(arena, from, to);
                    }
                    None => push_item(arena, &[if silent { b":" } else { b"?" }]),
                }
            }
            continue 'arguments;
        }
    }
    let end = arena.len();
    if option.is_none() {
        return Stored::List { start: made, end };
    }
    let mut at = made;
    let last = std::iter::from_fn(|| next_span(arena, &mut at, end)).last();
    last.map_or(Stored::Missing, |(start, end)| Stored::Text { start, end })
}
