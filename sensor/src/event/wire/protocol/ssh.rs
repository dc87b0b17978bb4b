//! SSH: the line by which either side introduces itself (RFC 4253, section 4.2).

use super::{Protocol, Reading, Side, SoFar};
use crate::event::wire::cursor::{Cursor, Read, Stop, require};
use crate::event::wire::text::bounded;

/// Longest line, its end included.
const LINE_MAX: usize = 255;
/// Characters of the line that are shown.
const SHOWN_MAX: usize = 100;

pub(super) fn read(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    cursor.literal(b"SSH-")?;
    require(matches!(cursor.u8()?, b'1' | b'2'))?;
    cursor.literal(b".")?;
    let mut reading = Reading::new(Protocol::Ssh, Side::Either);
    match Cursor::new(so_far.bytes).until(b'\n', LINE_MAX) {
        Ok(line) => {
            reading.detail = Some(bounded(line.strip_suffix(b"\r").unwrap_or(line), SHOWN_MAX));
            reading.done = true;
        }
        Err(Stop::No) => reading.done = true,
        Err(Stop::More) if so_far.ended => reading.detail = Some(bounded(so_far.bytes, SHOWN_MAX)),
        Err(Stop::More) => {}
    }
    Ok(reading)
}
