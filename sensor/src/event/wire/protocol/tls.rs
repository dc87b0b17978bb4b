//! TLS: what both hellos say in the clear (RFC 8446, section 4.1; RFC 6066, section 3; RFC 7301).

use super::{Protocol, Reading, Side, SoFar};
use crate::event::wire::cursor::{Cursor, Part, Read, Stop, require};
use crate::event::wire::text::{bounded, server_name};

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// Longest record, with what encryption may add.
const RECORD_MAX: u16 = (1 << 14) + 2048;
/// Longest hello that is believed; post-quantum ones have about 2 KiB.
const HELLO_MAX: u32 = 1 << 16;
/// Protocol names (ALPN) that are shown, and the characters of each.
const NAMES_MAX: usize = 6;
const NAME_MAX: usize = 24;

pub(super) fn read(so_far: SoFar<'_>) -> Read<Reading> {
    let message = handshake(so_far.bytes)?;
    let mut cursor = Cursor::new(&message);
    let kind = cursor.u8()?;
    let side = match kind {
        CLIENT_HELLO => Side::Client,
        SERVER_HELLO => Side::Server,
        _ => return Err(Stop::No),
    };
    let length = cursor.u24()?;
    require((38..=HELLO_MAX).contains(&length))?;
    let mut body = cursor.part(usize::try_from(length).unwrap_or(usize::MAX));
    let version = body.cursor.u16()?;
    require((0x0300..=0x0304).contains(&version))?;

    let mut hello = Hello { version, ..Hello::default() };
    let whole = match hello.fill(&mut body, kind) {
        Ok(()) => true,
        // What contradicts itself will not become better by more bytes.
        Err(stop) => body.whole || stop == Stop::No,
    };
    Ok(Reading {
        server_name: hello.server_name.and_then(server_name),
        detail: (whole || so_far.ended).then(|| hello.detail(whole)).flatten(),
        done: whole,
        ..Reading::new(Protocol::Tls, side)
    })
}

/// Bytes of the first handshake messages, put together from the records that carry them: some clients
/// split a hello over several records to hide the server name.
fn handshake(bytes: &[u8]) -> Read<Vec<u8>> {
    let mut cursor = Cursor::new(bytes);
    let mut message = Vec::with_capacity(bytes.len());
    loop {
        match record(&mut cursor) {
            Ok(Part { cursor, .. }) => message.extend_from_slice(cursor.rest()),
            // The bytes end here, or a record of another kind follows.
            Err(_) if !message.is_empty() => return Ok(message),
            Err(stop) => return Err(stop),
        }
    }
}

fn record<'a>(cursor: &mut Cursor<'a>) -> Read<Part<'a>> {
    require(cursor.u8()? == HANDSHAKE)?;
    require(cursor.u8()? == 3)?;
    require(cursor.u8()? <= 4)?;
    let length = cursor.u16()?;
    require((1..=RECORD_MAX).contains(&length))?;
    Ok(cursor.part(usize::from(length)))
}

#[derive(Default)]
struct Hello<'a> {
    version: u16,
    /// The newest version of the extension, which replaces the field.
    supported: Option<u16>,
    server_name: Option<&'a [u8]>,
    protocols: Vec<&'a [u8]>,
    encrypted: bool,
}

impl<'a> Hello<'a> {
    /// Reads what follows the version.
    fn fill(&mut self, body: &mut Part<'a>, kind: u8) -> Read<()> {
        let cursor = &mut body.cursor;
        cursor.take(32)?;
        let session = cursor.u8()?;
        require(session <= 32)?;
        cursor.take(usize::from(session))?;
        if kind == CLIENT_HELLO {
            let ciphers = cursor.u16()?;
            cursor.take(usize::from(ciphers))?;
            let compressions = cursor.u8()?;
            cursor.take(usize::from(compressions))?;
        } else {
            cursor.take(3)?;
        }
        if body.whole && cursor.rest().is_empty() {
            return Ok(());
        }
        let length = cursor.u16()?;
        let extensions = cursor.part(usize::from(length));
        self.extensions(extensions, kind)
    }

    fn extensions(&mut self, mut extensions: Part<'a>, kind: u8) -> Read<()> {
        let cursor = &mut extensions.cursor;
        while !(extensions.whole && cursor.rest().is_empty()) {
            let (number, length) = (cursor.u16()?, cursor.u16()?);
            let body = Cursor::new(cursor.take(usize::from(length))?);
            // An extension that contradicts itself is left out.
            let _: Option<()> = self.extension(number, body, kind).ok();
        }
        Ok(())
    }

    fn extension(&mut self, number: u16, mut body: Cursor<'a>, kind: u8) -> Read<()> {
        match number {
            0 if kind == CLIENT_HELLO => {
                body.u16()?;
                require(body.u8()? == 0)?;
                let length = body.u16()?;
                // A name has at least one byte.
                require(length > 0)?;
                let name = body.take(usize::from(length))?;
                // No extension may come twice (RFC 8446, section 4.2), and servers refuse it. What was said
                // of the first is not taken back.
                self.server_name.get_or_insert(name);
            }
            16 => {
                body.u16()?;
                while let Ok(length) = body.u8()
                    && self.protocols.len() < NAMES_MAX
                {
                    self.protocols.push(body.take(usize::from(length))?);
                }
            }
            43 => {
                if kind == CLIENT_HELLO {
                    body.u8()?;
                }
                while let Ok(version) = body.u16() {
                    // Reserved values, which clients mix in, are not versions.
                    if (0x0300..=0x0304).contains(&version) {
                        self.supported = self.supported.max(Some(version));
                    }
                }
            }
            0xfe0d => self.encrypted = true,
            _ => {}
        }
        Ok(())
    }

    /// `1.3 h2,http/1.1 ech`: the newest version on offer (or the chosen one), ALPN, and whether the name
    /// is only the outer one. A hello of which the end is missing names no version that it may not mean.
    fn detail(&self, whole: bool) -> Option<String> {
        let version = self.supported.or(whole.then_some(self.version));
        let mut parts: Vec<String> = version.map(|version| name_of(version).to_owned()).into_iter().collect();
        if !self.protocols.is_empty() {
            let names: Vec<_> = self.protocols.iter().map(|name| bounded(name, NAME_MAX)).collect();
            parts.push(names.join(","));
        }
        if self.encrypted {
            parts.push("ech".to_owned());
        }
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

fn name_of(version: u16) -> &'static str {
    match version {
        0x0304 => "1.3",
        0x0303 => "1.2",
        0x0302 => "1.1",
        0x0301 => "1.0",
        _ => "SSL 3.0",
    }
}
