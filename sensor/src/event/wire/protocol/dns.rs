//! DNS over TCP: whether a stream begins with a message of one question.

use super::{Protocol, Reading, Side, SoFar};
use crate::event::wire::cursor::{Cursor, Read, Stop, require};
use crate::event::wire::dns::{End, HEADER, Message, rcode_name};
use crate::event::wire::text::shortened;

/// Longest query that is believed, in bytes.
const QUERY_MAX: u16 = 600;
/// Shortest message with a question: header, root, type and class.
const MESSAGE_MIN: u16 = 17;
/// Characters of the name that are shown.
const SHOWN_MAX: usize = 100;

/// Strict, as two numbers in front say little: one question of a known type, no reserved bits.
pub(super) fn read(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    let length = cursor.u16()?;
    require(length >= MESSAGE_MIN)?;
    cursor.u16()?;
    let first = cursor.u8()?;
    let is_response = first & 0x80 != 0;
    // Opcode 0; a query has no authority bit and is short.
    require(first & 0x78 == 0 && (is_response || (first & 0x04 == 0 && length <= QUERY_MAX)))?;
    let second = cursor.u8()?;
    // The reserved bit; a query has no result and nobody's recursion.
    require(second & 0x40 == 0 && (is_response || second & 0x8f == 0))?;
    require(cursor.u16()? == 1)?;
    let counts = [cursor.u16()?, cursor.u16()?, cursor.u16()?];
    require(is_response || matches!(counts, [0, 0, 0..=2]))?;

    let part = Cursor::new(so_far.bytes.get(2..).unwrap_or_default()).part(usize::from(length));
    let bytes = part.cursor.rest();
    require(bytes.get(HEADER).is_none_or(|byte| *byte < 0x40))?;
    let message = Message::parse(bytes, usize::from(length)).map_err(|_| Stop::More)?;
    let Some(question) = message.questions.first() else {
        return Err(if message.end == End::Cut { Stop::More } else { Stop::No });
    };
    require(question.kind.name().is_some() && matches!(question.class, 1 | 3 | 4 | 255))?;
    let mut detail = format!("{} {}", question.kind, shortened(&question.name, SHOWN_MAX));
    let mut side = Side::Client;
    if message.response {
        // The question stands in the client's part, if that was seen.
        side = Side::Server;
        detail = rcode_name(message.rcode).map_or_else(|| message.rcode.to_string(), str::to_owned);
    }
    Ok(Reading { detail: Some(detail), done: true, ..Reading::new(Protocol::Dns, side) })
}
