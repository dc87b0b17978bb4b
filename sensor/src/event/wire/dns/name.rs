//! Names: labels, and pointers to where the rest of a name stands already.

use crate::event::wire::cursor::{Cursor, Read, Stop, require};

/// Longest name on the wire, lengths and end included.
const WIRE_MAX: usize = 255;

/// Reads the name at the cursor, which then stands behind it. The cursor is one over the whole message.
///
/// A pointer must lead to a place before the labels that it ends, so every jump goes further back and the
/// walk has an end; the length of a name bounds it as well.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<String> {
    let mut text = String::new();
    let mut wire = 1;
    let mut here = *cursor;
    // Where the labels that are being read began.
    let mut start = here.position();
    let mut jumped = false;
    loop {
        let length = here.u8()?;
        match length >> 6 {
            0 if length == 0 => break,
            0 => {
                wire += usize::from(length) + 1;
                require(wire <= WIRE_MAX)?;
                push(&mut text, here.take(usize::from(length))?);
            }
            3 => {
                let target = usize::from(length & 0x3f) << 8 | usize::from(here.u8()?);
                require(target < start)?;
                start = target;
                if !jumped {
                    // The caller goes on behind the first pointer.
                    *cursor = here;
                    jumped = true;
                }
                here = here.at(target);
            }
            _ => return Err(Stop::No),
        }
    }
    if !jumped {
        *cursor = here;
    }
    if text.is_empty() {
        text.push('.');
    }
    Ok(text)
}

/// One label, with what would be mistaken for something else escaped.
fn push(text: &mut String, label: &[u8]) {
    if !text.is_empty() {
        text.push('.');
    }
    for byte in label {
        match byte {
            b'.' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'!'..=b'~' => text.push(char::from(byte.to_ascii_lowercase())),
            _ => text.push_str(&format!("\\{byte:03}")),
        }
    }
}
