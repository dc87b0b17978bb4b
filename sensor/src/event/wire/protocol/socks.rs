//! Requests to SOCKS proxies: version 4 with its extension 4a, and version 5 (RFC 1928, RFC 1929).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Protocol, Reading, Side, SoFar};
use crate::event::wire::cursor::{Cursor, Read, Stop, require};
use crate::event::wire::text::server_name;

/// Longest user and host name of version 4, which has no lengths.
const STRING_MAX: usize = 255;

pub(super) fn read_4(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    require(cursor.u8()? == 4)?;
    let command = command(cursor.u8()?)?;
    require(command != ASSOCIATE)?;
    let port = cursor.u16()?;
    let address = cursor.u32()?;
    require(port != 0 && address != 0)?;
    printable(&mut cursor)?;
    // 0.0.0.x: the name follows.
    let target = if address < 256 {
        printable(&mut cursor).and_then(|name| require(!name.is_empty()).map(|()| name))?.to_vec()
    } else {
        Ipv4Addr::from(address).to_string().into_bytes()
    };
    Ok(request(Protocol::Socks4, command, &target, port, cursor.position()))
}

/// Greeting and request together: a greeting alone is two or three bytes, too few to tell.
pub(super) fn read_5(so_far: SoFar<'_>) -> Read<Reading> {
    let mut cursor = Cursor::new(so_far.bytes);
    require(cursor.u8()? == 5)?;
    let methods = cursor.u8()?;
    require((1..=16).contains(&methods))?;
    cursor.take(usize::from(methods))?;
    if cursor.rest().first() == Some(&1) {
        authentication(&mut cursor)?;
    }
    require(cursor.u8()? == 5)?;
    let command = command(cursor.u8()?)?;
    require(cursor.u8()? == 0)?;
    let target = match cursor.u8()? {
        1 => Ipv4Addr::from(cursor.u32()?).to_string().into_bytes(),
        3 => {
            let length = usize::from(cursor.u8()?);
            require(length > 0)?;
            cursor.take(length)?.to_vec()
        }
        4 => {
            let octets = cursor.take(16)?.first_chunk::<16>().copied().ok_or(Stop::More)?;
            Ipv6Addr::from(octets).to_string().into_bytes()
        }
        _ => return Err(Stop::No),
    };
    let port = cursor.u16()?;
    Ok(request(Protocol::Socks5, command, &target, port, cursor.position()))
}

const ASSOCIATE: &str = "UDP ASSOCIATE";

fn command(number: u8) -> Read<&'static str> {
    match number {
        1 => Ok("CONNECT"),
        2 => Ok("BIND"),
        3 => Ok(ASSOCIATE),
        _ => Err(Stop::No),
    }
}

/// A string that ends with NUL.
fn printable<'a>(cursor: &mut Cursor<'a>) -> Read<&'a [u8]> {
    let strange = |byte: &u8| !byte.is_ascii_graphic() && *byte != b' ';
    let there = cursor.rest().iter().take_while(|byte| !strange(byte)).count();
    require(cursor.rest().get(there).is_none_or(|byte| *byte == 0))?;
    cursor.until(0, STRING_MAX)
}

/// User and password; neither is kept.
fn authentication(cursor: &mut Cursor<'_>) -> Read<()> {
    cursor.u8()?;
    for _ in 0..2 {
        let length = cursor.u8()?;
        cursor.take(usize::from(length))?;
    }
    Ok(())
}

fn request(protocol: Protocol, command: &str, target: &[u8], port: u16, end: usize) -> Reading {
    Reading {
        server_name: server_name(target),
        detail: Some(format!("{command} port={port}")),
        done: true,
        tunnel: Some(end),
        ..Reading::new(protocol, Side::Client)
    }
}
