//! Questions to a name server, and a small name server (RFC 1035).
//!
//! `dns-ask HOW SERVER NAME TYPE` with HOW `udp`, `udp-connected`, `udp-pair` (asks for AAAA as well, in one
//! `sendmmsg`), `tcp` or `tcp-split` (length and message in two writes), SERVER an address with its port, TYPE
//! `a aaaa txt mx ptr srv any` or a number: sends the question and waits for the answer, of any kind.
//! `dns-many SERVER DOMAIN COUNT MILLISECONDS TYPE` asks for so many different long names of a domain, with this pause.
//! `dns-serve HOW ADDRESS COUNT IP…` answers so many questions (`udp` or `tcp`) with these addresses, IPv4 ones
//! as A and IPv6 ones as AAAA records whatever was asked; without any, with NXDOMAIN. See `serve` for `behind`.

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail, ensure};

use super::Operation;
use super::address::Address;
use super::open::write_all;
use super::serve::{Ready, bound};
use super::socket::{accept, connect, receive, receive_from, send, send_messages, socket};
use super::words::Words;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("dns-ask", "HOW SERVER NAME TYPE", ask),
    Operation::new("dns-many", "SERVER DOMAIN COUNT MILLISECONDS TYPE", many),
    Operation::new("dns-serve", "HOW ADDRESS COUNT IP…", serve),
];

const HEADER: usize = 12;
const RECURSION_DESIRED: u16 = 0x0100;
const ANSWER: u16 = 0x8180;
const NO_SUCH_NAME: u16 = 0x8183;
const INTERNET: u16 = 1;
/// Points to the name in the question.
const SAME_NAME: u16 = 0xc000 | 12;

const AAAA: u16 = 28;

const TYPES: &[(&str, u16)] =
    &[("a", 1), ("ptr", 12), ("mx", 15), ("txt", 16), ("aaaa", AAAA), ("srv", 33), ("any", 255)];

fn words16(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn question(name: &str, kind: u16) -> Result<Vec<u8>> {
    let id = u16::try_from(std::process::id() & 0xffff)?;
    let mut bytes = words16(&[id, RECURSION_DESIRED, 1, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| *length < 64);
        bytes.push(length.context("a part of a name has at most 63 bytes")?);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(words16(&[kind, INTERNET]));
    Ok(bytes)
}

fn many(words: &mut Words<'_>) -> Result<()> {
    let server = Address::parse(words.word("SERVER")?)?;
    let (domain, count): (_, u64) = (words.word("DOMAIN")?, words.number("COUNT")?);
    let pause = std::time::Duration::from_millis(words.number("MILLISECONDS")?);
    let kind = kind(words.word("TYPE")?)?;
    let fd = socket(server.family, libc::SOCK_DGRAM, 0)?;
    let mut value = u64::from(std::process::id());
    for _ in 0..count {
        std::thread::sleep(pause);
        let mut label = String::new();
        for _ in 0..3 {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            label.push_str(&format!("{:016x}", value ^ (value >> 29)));
        }
        send(&fd, &question(&format!("{label}.{domain}"), kind)?, 0, Some(&server))?;
        receive_from(&fd)?;
    }
    Ok(())
}

fn kind(name: &str) -> Result<u16> {
    let known = TYPES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    known.map_or_else(|| name.parse().context("TYPE"), Ok)
}

fn ask(words: &mut Words<'_>) -> Result<()> {
    let (how, server) = (words.word("HOW")?, Address::parse(words.word("SERVER")?)?);
    let (name, kind) = (words.word("NAME")?, kind(words.word("TYPE")?)?);
    let question = question(name, kind)?;
    if how.starts_with("tcp") {
        let fd = socket(server.family, libc::SOCK_STREAM, 0)?;
        connect(&fd, &server)?;
        let message = framed(&question)?;
        // The length, then the message, as many programs do; or all at once.
        let parts = message.split_at(if how == "tcp-split" { 2 } else { 0 });
        for part in [parts.0, parts.1].into_iter().filter(|part| !part.is_empty()) {
            write_all(&fd, part)?;
        }
        let answer = unframed(&fd)?.context("the server closed without an answer")?;
        return check(&question, &answer);
    }
    let fd = socket(server.family, libc::SOCK_DGRAM, 0)?;
    match how {
        "udp" => send(&fd, &question, 0, Some(&server))?,
        "udp-connected" => {
            connect(&fd, &server)?;
            write_all(&fd, &question)?;
        }
        // As C libraries ask for both kinds of addresses.
        "udp-pair" => {
            connect(&fd, &server)?;
            let other = self::question(name, AAAA)?;
            send_messages(&fd, &[&question, &other], None)?;
            receive_from(&fd)?;
        }
        other => bail!("no such way to ask: {other}"),
    }
    check(&question, &receive_from(&fd)?.0)
}

fn check(question: &[u8], answer: &[u8]) -> Result<()> {
    ensure!(answer.get(..2) == question.get(..2), "an answer to another question");
    Ok(())
}

/// Over TCP, a length stands before each message.
fn framed(message: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(message.len()).context("a message of at most 65535 bytes")?;
    Ok([length.to_be_bytes().as_slice(), message].concat())
}

fn unframed(fd: &OwnedFd) -> Result<Option<Vec<u8>>> {
    let Ok(length) = <[u8; 2]>::try_from(receive(fd, 2)?) else { return Ok(None) };
    Ok(Some(receive(fd, u16::from_be_bytes(length).into())?))
}

fn serve(words: &mut Words<'_>) -> Result<()> {
    prepare(words)?.serve()
}

/// Binds the server, for this thread or one behind it.
pub(super) fn prepare(words: &mut Words<'_>) -> Result<Ready> {
    let stream = match words.word("HOW")? {
        "tcp" => true,
        "udp" => false,
        other => bail!("no such way to serve: {other}"),
    };
    let kind = if stream { libc::SOCK_STREAM } else { libc::SOCK_DGRAM };
    let (fd, at) = bound(kind, words.word("ADDRESS")?)?;
    let count: u64 = words.number("COUNT")?;
    let addresses = words.rest().iter().map(|word| word.parse().context("IP"));
    let addresses: Vec<IpAddr> = addresses.collect::<Result<_>>()?;
    let run = Box::new(move || {
        for _ in 0..count {
            if stream {
                let client = accept("accept4", &fd)?;
                let Some(question) = unframed(&client)? else { continue };
                write_all(&client, &framed(&answer(&question, &addresses)?)?)?;
            } else {
                let (question, from) = receive_from(&fd)?;
                send(&fd, &answer(&question, &addresses)?, 0, Some(&from))?;
            }
        }
        Ok(())
    });
    Ok(Ready { at, run })
}

/// The question again, and a record for each address.
fn answer(question: &[u8], addresses: &[IpAddr]) -> Result<Vec<u8>> {
    ensure!(question.len() > HEADER, "a question of {} bytes", question.len());
    let flags = if addresses.is_empty() { NO_SUCH_NAME } else { ANSWER };
    let mut bytes = question[..2].to_vec();
    bytes.extend(words16(&[flags, 1, u16::try_from(addresses.len())?, 0, 0]));
    bytes.extend(&question[HEADER..]);
    for address in addresses {
        let (kind, octets) = match address {
            IpAddr::V4(ip) => (1, ip.octets().to_vec()),
            IpAddr::V6(ip) => (28, ip.octets().to_vec()),
        };
        // Name, type, class, seconds to live (two words), length.
        bytes.extend(words16(&[SAME_NAME, kind, INTERNET, 0, 60, u16::try_from(octets.len())?]));
        bytes.extend(octets);
    }
    Ok(bytes)
}
