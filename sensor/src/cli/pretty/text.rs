//! Text that a workload wrote, in a form that cannot command the terminal.

/// The text with everything that is not printable escaped: control characters, so that no terminal
/// sequence gets through, and characters that change the direction of text.
#[must_use]
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' => out.push(character),
            _ => out.extend(character.escape_debug()),
        }
    }
    out
}

/// As [`safe`], in quotes where the text would not be read as one word otherwise.
#[must_use]
pub fn word(text: &str) -> String {
    let plain = |character: char| {
        character.is_alphanumeric()
            || (character.is_ascii_graphic() && !"\"'\\`$&|;<>()*?#!".contains(character))
    };
    if !text.is_empty() && text.chars().all(plain) {
        return safe(text);
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '\'' => out.push(character),
            _ => out.extend(character.escape_debug()),
        }
    }
    out.push('"');
    out
}

/// Last component of a path.
#[must_use]
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').find(|component| !component.is_empty()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_do_not_get_through() {
        assert_eq!(safe("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(safe("a\u{9b}2Jb\r\n\t\0\x7f"), "a\\u{9b}2Jb\\r\\n\\t\\0\\u{7f}");
        assert_eq!(safe("\u{202e}gpj.exe\u{200b}\u{2028}"), "\\u{202e}gpj.exe\\u{200b}\\u{2028}");
        for code in 0..=0x10_ffff {
            let Some(character) = char::from_u32(code) else { continue };
            for shown in [safe(&character.to_string()), word(&character.to_string())] {
                assert!(!shown.chars().any(char::is_control), "{code:x}");
            }
        }
    }

    #[test]
    fn words_are_quoted_where_they_must() {
        for (text, expected) in [
            ("id", "id"),
            ("--flag=/a/b:c", "--flag=/a/b:c"),
            ("größe", "größe"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("it's", "\"it's\""),
            ("say \"x\\\"", "\"say \\\"x\\\\\\\"\""),
            ("a\nb", "\"a\\nb\""),
        ] {
            assert_eq!(word(text), expected);
        }
    }

    #[test]
    fn base_names() {
        for (path, name) in [("/bin/sh", "sh"), ("sh", "sh"), ("/", "/"), ("", ""), ("/a/b/", "b")] {
            assert_eq!(base_name(path), name);
        }
    }
}
