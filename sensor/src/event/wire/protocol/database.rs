//! Databases: the first message of a PostgreSQL client, and of a MySQL server.

use super::{Protocol, Reading, Side, SoFar, tls};
use crate::event::wire::cursor::{Cursor, Part, Read, Stop, require};
use crate::event::wire::text::bounded;

/// Characters of a user, a database or a version that are shown.
const SHOWN_MAX: usize = 64;
/// Longest startup packet that a PostgreSQL server takes.
const STARTUP_MAX: u32 = 10_000;
const VERSION_3: u32 = 3 << 16;
const CANCEL: u32 = 80_877_102;
const TLS: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// The startup message ("Message Formats" in PostgreSQL's documentation). A client that asks for TLS
/// sends its hello next, in which the server name is.
pub(super) fn read_postgres(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    let length = cursor.u32()?;
    require((8..=STARTUP_MAX).contains(&length))?;
    let code = cursor.u32()?;
    let reading = Reading::new(Protocol::Postgres, Side::Client);
    match (code, length) {
        (TLS, 8) => Ok(with_tls(reading, SoFar { bytes: cursor.rest(), ..so_far })),
        (GSS, 8) => Ok(Reading { detail: Some("gss".to_owned()), done: true, ..reading }),
        (CANCEL, 16) => Ok(Reading { detail: Some("cancel".to_owned()), done: true, ..reading }),
        (code, 9..) if code & !0xffff == VERSION_3 => {
            // The first parameter is there before this is believed.
            require(cursor.rest().first().is_none_or(u8::is_ascii_lowercase))?;
            cursor.rest().first().ok_or(Stop::More)?;
            let parameters = cursor.part(usize::try_from(length).unwrap_or(usize::MAX) - 8);
            Ok(with_parameters(reading, parameters))
        }
        _ => Err(Stop::No),
    }
}

fn with_tls(mut reading: Reading, rest: SoFar<'_>) -> Reading {
    reading.detail = Some("tls".to_owned());
    match tls::read(rest) {
        Ok(hello) => {
            reading.server_name = hello.server_name;
            reading.done = hello.done;
        }
        Err(stop) => reading.done = stop == Stop::No,
    }
    reading
}

fn with_parameters(mut reading: Reading, mut parameters: Part<'_>) -> Reading {
    let cursor = &mut parameters.cursor;
    let mut shown = Vec::new();
    reading.done = parameters.whole;
    while let Ok(name) = cursor.until(0, usize::MAX)
        && !name.is_empty()
        && let Ok(value) = cursor.until(0, usize::MAX)
    {
        if name == b"user" || name == b"database" {
            shown.push(format!("{}={}", bounded(name, SHOWN_MAX), bounded(value, SHOWN_MAX)));
        }
        if shown.len() == 2 {
            reading.done = true;
            break;
        }
    }
    reading.detail = (!shown.is_empty()).then(|| shown.join(" "));
    reading
}

/// The greeting ("Protocol::HandshakeV10" in MySQL's documentation).
pub(super) fn read_mysql(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    let length = cursor.u24_little_endian()?;
    require((30..=512).contains(&length))?;
    require(cursor.u8()? == 0)?;
    require(cursor.u8()? == 10)?;
    let there = cursor.rest().split(|byte| *byte == 0).next().unwrap_or_default();
    require(there.first().is_none_or(u8::is_ascii_digit) && there.iter().all(u8::is_ascii_graphic))?;
    let version = cursor.until(0, 100)?;
    require(version.len() >= 3)?;
    // Thread id and the first part of the challenge, then a filler.
    cursor.take(12)?;
    require(cursor.u8()? == 0)?;
    Ok(Reading {
        detail: Some(bounded(version, SHOWN_MAX)),
        done: true,
        ..Reading::new(Protocol::Mysql, Side::Server)
    })
}
