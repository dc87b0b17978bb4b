//! Strings of strangers: bounded, and safe to print.

/// Longest server name, in bytes: the longest DNS name.
pub(super) const NAME_MAX: usize = 253;

/// Bytes as text of at most `longest` characters. What is not printable ASCII becomes U+FFFD; `…` ends
/// a text of which some is left out.
pub(super) fn bounded(bytes: &[u8], longest: usize) -> String {
    let mut text: String = bytes.iter().take(longest).map(|byte| printable(*byte)).collect();
    if bytes.len() > longest {
        text.push('…');
    }
    text
}

fn printable(byte: u8) -> char {
    if matches!(byte, b' '..=b'~') { char::from(byte) } else { char::REPLACEMENT_CHARACTER }
}

/// A text that is short enough, or its start and `…`.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let mut short: String = text
        .chars()
        .take(longest)
        .map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character })
        .collect();
    if text.chars().nth(longest).is_some() {
        short.push('…');
    }
    short
}

/// A host as it stands in requests, in lower case and without port, user or brackets. `None` for nothing.
pub(super) fn host(bytes: &[u8]) -> Option<String> {
    let at = bytes.iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
    let bytes = bytes.get(at..).unwrap_or_default().trim_ascii();
    let name = match bytes.strip_prefix(b"[") {
        Some(inner) => inner.split(|byte| *byte == b']').next(),
        None => bytes.split(|byte| *byte == b':').next(),
    };
    server_name(name.unwrap_or_default())
}

/// A name in lower case. `None` for nothing.
pub(super) fn server_name(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| bounded(&bytes.to_ascii_lowercase(), NAME_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_and_printable() {
        assert_eq!(bounded(b"a\x1b[2J\xff", 9), "a\u{fffd}[2J\u{fffd}");
        assert_eq!(bounded(b"abcdef", 3), "abc…");
        assert_eq!(shortened("añb\n", 4), "añb\u{fffd}");
        assert_eq!(shortened("añbc", 2), "añ…");
    }

    #[test]
    fn hosts_lose_port_user_and_brackets() {
        assert_eq!(host(b" Example.COM:8080 ").as_deref(), Some("example.com"));
        assert_eq!(host(b"[2001:DB8::1]:80").as_deref(), Some("2001:db8::1"));
        assert_eq!(host(b"user:word@pool.example").as_deref(), Some("pool.example"));
        assert_eq!(host(b""), None);
    }
}
