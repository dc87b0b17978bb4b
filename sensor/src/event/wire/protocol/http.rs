//! HTTP/1 requests and responses (RFC 9112), and the first bytes of HTTP/2 (RFC 9113, section 3.4).

use super::{Protocol, Reading, Side, SoFar};
use crate::event::wire::cursor::{Cursor, Read, Stop, require};
use crate::event::wire::text::{bounded, host};

/// Longest method, as registered (the longest one is `UPDATEREDIRECTREF`).
const METHOD_MAX: usize = 20;
/// Characters of the target that are shown.
const TARGET_MAX: usize = 160;
const VERSION: &[u8] = b"HTTP/1.";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// `METHOD target HTTP/1.x`. The query of the target is left out: it often carries secrets.
pub(super) fn read_request(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    let method = method(&mut cursor)?;
    let mut reading = Reading::new(Protocol::Http1, Side::Client);
    let target = match target(&mut cursor) {
        Ok(target) => target,
        // A target that fills all that is kept of the flow.
        Err(Stop::More) if so_far.ended && cursor.rest().first() == Some(&b'/') => {
            reading.detail = Some(shown(method, cursor.rest(), true));
            return Ok(reading);
        }
        Err(stop) => return Err(stop),
    };
    cursor.literal(VERSION)?;
    require(cursor.u8()?.is_ascii_digit())?;

    reading.detail = Some(shown(method, target, false));
    reading.server_name = authority(method, target).and_then(host);
    let headers = headers(&mut cursor);
    reading.server_name = reading.server_name.or(headers.host.and_then(host));
    reading.done = headers.whole;
    if method == b"CONNECT" && headers.whole {
        reading.tunnel = Some(cursor.position());
    }
    Ok(reading)
}

/// Letters up to a space. Methods are case-sensitive, and all that are registered are in capitals.
fn method<'a>(cursor: &mut Cursor<'a>) -> Read<&'a [u8]> {
    let is_letter = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'-';
    let length = cursor.rest().iter().take_while(|byte| is_letter(byte)).count();
    require(length <= METHOD_MAX)?;
    let method = cursor.take(length)?;
    require(cursor.u8()? == b' ' && length > 1)?;
    Ok(method)
}

fn target<'a>(cursor: &mut Cursor<'a>) -> Read<&'a [u8]> {
    let mut ahead = *cursor;
    let length = ahead.rest().iter().take_while(|byte| byte.is_ascii_graphic() || !byte.is_ascii()).count();
    let target = ahead.take(length)?;
    require(ahead.u8()? == b' ' && length > 0)?;
    *cursor = ahead;
    Ok(target)
}

fn shown(method: &[u8], target: &[u8], cut: bool) -> String {
    let path = target.split(|byte| *byte == b'?' || *byte == b'#').next().unwrap_or_default();
    let path = without_user(path);
    let end = if cut && path.len() == target.len() && path.len() <= TARGET_MAX { "…" } else { "" };
    format!("{} {}{end}", bounded(method, METHOD_MAX), bounded(&path, TARGET_MAX))
}

/// `scheme://user:password@host/` without the user.
fn without_user(target: &[u8]) -> Vec<u8> {
    let Some(scheme) = target.windows(3).position(|window| window == b"://").map(|at| at + 3) else {
        return target.to_vec();
    };
    let (scheme, rest) = target.split_at_checked(scheme).unwrap_or_default();
    let slash = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(slash).unwrap_or_default();
    let user = authority.iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
    [scheme, authority.get(user..).unwrap_or_default(), path].concat()
}

/// The host that the target itself names; it counts more than the header (RFC 9112, section 3.2.2).
fn authority<'a>(method: &[u8], target: &'a [u8]) -> Option<&'a [u8]> {
    if method == b"CONNECT" {
        return Some(target);
    }
    let at = target.windows(3).position(|window| window == b"://")?;
    if target.first() == Some(&b'/') {
        return None;
    }
    target.get(at + 3..)?.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()
}

#[derive(Default)]
struct Headers<'a> {
    host: Option<&'a [u8]>,
    /// The empty line that ends them has come.
    whole: bool,
}

/// Goes through the whole lines that are there; the cursor stands in the first line behind its version.
fn headers<'a>(cursor: &mut Cursor<'a>) -> Headers<'a> {
    let mut headers = Headers::default();
    if cursor.until(b'\n', usize::MAX).is_err() {
        return headers;
    }
    while let Ok(line) = cursor.until(b'\n', usize::MAX) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            headers.whole = true;
            break;
        }
        if let Some((name, value)) = line.split_at_checked(5)
            && name.eq_ignore_ascii_case(b"host:")
        {
            headers.host = headers.host.or(Some(value));
        }
    }
    headers
}

/// `HTTP/1.x 200`.
pub(super) fn read_response(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    cursor.literal(VERSION)?;
    require(cursor.u8()?.is_ascii_digit())?;
    cursor.literal(b" ")?;
    let status = cursor.rest().get(..3).unwrap_or(cursor.rest());
    require(status.iter().all(u8::is_ascii_digit))?;
    let status = cursor.take(3)?;
    Ok(Reading {
        detail: Some(bounded(status, 3)),
        done: true,
        ..Reading::new(Protocol::Http1, Side::Server)
    })
}

/// What a client sends before its first frame.
pub(super) fn read_preface(so_far: SoFar<'_>) -> Read<Reading> {
    Cursor::new(so_far.bytes).literal(PREFACE)?;
    Ok(Reading { done: true, ..Reading::new(Protocol::Http2, Side::Client) })
}
