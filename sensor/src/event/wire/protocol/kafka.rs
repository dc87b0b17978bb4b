//! Kafka: the request for the versions that a broker knows, with which clients begin.

use super::{Protocol, Reading, Side, SoFar};
use crate::event::wire::cursor::{Cursor, Read, Stop, require};
use crate::event::wire::text::bounded;

/// Number of that request ("ApiVersions"), and the newest version of it that is believed.
const API_VERSIONS: u16 = 18;
const VERSION_MAX: u16 = 8;
/// Longest request and client id that are believed; clients have to name themselves and no more.
const REQUEST_MAX: u32 = 512;
const CLIENT_MAX: u16 = 255;
/// Characters of the client id that are shown.
const SHOWN_MAX: usize = 100;

pub(super) fn read(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    let length = cursor.u32()?;
    require((10..=REQUEST_MAX).contains(&length))?;
    require(cursor.u16()? == API_VERSIONS)?;
    require(cursor.u16()? <= VERSION_MAX)?;
    let _correlation = cursor.u32()?;
    let named = cursor.u16()?;
    let mut reading = Reading { done: true, ..Reading::new(Protocol::Kafka, Side::Client) };
    // -1: no name.
    if named != u16::MAX {
        require(named <= CLIENT_MAX && u32::from(named) + 10 <= length)?;
        let there = cursor.rest().get(..usize::from(named)).unwrap_or(cursor.rest());
        require(there.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '))?;
        let name = cursor.take(usize::from(named))?;
        reading.detail = (!name.is_empty()).then(|| bounded(name, SHOWN_MAX));
    }
    // A request that has no name and is no longer than this is hardly more than zeros: not believed.
    if reading.detail.is_none() && length == 10 {
        return Err(Stop::No);
    }
    Ok(reading)
}
