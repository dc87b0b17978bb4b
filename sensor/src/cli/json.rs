//! JSON that is safe to show on a terminal: what the JSON grammar lets through unescaped, but a
//! terminal may obey, is escaped too. It reads back as the same text.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes a value on one line, without the line's end.
///
/// # Errors
/// When the value has no JSON form or cannot be written.
pub(super) fn write(out: &mut impl io::Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Safe))
}

/// Compact form; escapes DEL, the C1 control characters and those that change the direction of text.
struct Safe;

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = fragment;
        while let Some((start, character)) = plain.char_indices().find(|(_, character)| is_unsafe(*character))
        {
            let (before, rest) = plain.split_at(start);
            out.write_all(before.as_bytes())?;
            // All of these are in the basic plane: one escape is enough.
            write!(out, "\\u{:04x}", u32::from(character))?;
            plain = rest.get(character.len_utf8()..).unwrap_or_default();
        }
        out.write_all(plain.as_bytes())
    }
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_and_none_commands_the_terminal() {
        let all: String = (0..=0x2_ffff).filter_map(char::from_u32).collect();
        let mut json = Vec::new();
        write(&mut json, &all).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(!json.chars().any(is_unsafe));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), all);
    }
}
