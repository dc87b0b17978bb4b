//! Which protocol a flow speaks, from its first bytes; ports are not looked at.
//!
//! Each direction is read by itself, by the first of a list of readers that does not refuse it. A reader
//! answers yes or no only when no further byte can change that answer, so what is said of a direction
//! stays: it can only gain detail (but a request to a proxy becomes mining when the proxy's client begins
//! to mine through it). If the two directions disagree (somebody plays tricks), mining wins,
//! then a client's message over a server's, then what was sent.
//!
//! Readers are written here, without a library: they must take a message that is cut anywhere and say
//! what is in the part that is there. Of the two candidates looked at for TLS, `tls-parser` 0.12 gives
//! "incomplete" for such a message and nothing more (and brings four crates and three procedural macros);
//! rustls has an acceptor, which wants the whole message too and a provider of cryptography. JSON is read
//! by `serde_json`, which visits what is there before it says that the end is missing.

use std::fmt;

use super::cursor::{Read, Stop};
use super::text::shortened;

mod database;
mod dns;
mod http;
mod kafka;
mod redis;
mod socks;
mod ssh;
mod stratum;
mod tls;

#[cfg(test)]
pub(crate) mod tests;

/// Longest [`Recognised::detail`], in characters.
pub const DETAIL_MAX: usize = 256;

/// What a flow speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A mining pool's protocol: JSON lines of Stratum, XMR pools or EthProxy.
    Stratum,
    /// TLS, from a hello of either side.
    Tls,
    /// HTTP/1.0 and HTTP/1.1; Docker's API over a unix socket, too.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// SSH.
    Ssh,
    /// Redis commands (RESP).
    Redis,
    /// SOCKS 4 and 4a.
    Socks4,
    /// SOCKS 5.
    Socks5,
    /// DNS over TCP.
    Dns,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// Kafka.
    Kafka,
}

impl Protocol {
    /// Its name in events.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stratum => "stratum",
            Self::Tls => "tls",
            Self::Http1 => "http",
            Self::Http2 => "http2",
            Self::Ssh => "ssh",
            Self::Redis => "redis",
            Self::Socks4 => "socks4",
            Self::Socks5 => "socks5",
            Self::Dns => "dns",
            Self::Postgres => "postgresql",
            Self::Mysql => "mysql",
            Self::Kafka => "kafka",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What is known of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The protocol.
    pub protocol: Protocol,
    /// Whom the client asked for by name (TLS server name, HTTP host, target of a proxy), in lower case,
    /// without a port, at most 253 characters.
    pub server_name: Option<String>,
    /// What the first messages say, at most [`DETAIL_MAX`] characters, the client's part first; never
    /// a password. The form depends on the protocol: `docs/protocols.md`.
    pub detail: Option<String>,
}

/// The bytes of one direction that have come so far.
#[derive(Clone, Copy, Debug)]
pub struct SoFar<'a> {
    /// From the first byte of the stream.
    pub bytes: &'a [u8],
    /// No more will come.
    pub ended: bool,
}

/// What is known of a flow, and whether more can become known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What it is.
    pub recognised: Option<Recognised>,
    /// More bytes will change nothing.
    pub settled: bool,
}

/// Who says such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Server,
    Either,
    Client,
}

/// What one direction says.
#[derive(Clone, Debug)]
struct Reading {
    protocol: Protocol,
    side: Side,
    server_name: Option<String>,
    detail: Option<String>,
    /// Nothing more will be read from this direction.
    done: bool,
    /// Where the bytes begin that a proxy passes on, if this is a request to one.
    tunnel: Option<usize>,
}

impl Reading {
    fn new(protocol: Protocol, side: Side) -> Self {
        Self { protocol, side, server_name: None, detail: None, done: false, tunnel: None }
    }
}

/// In the order of trust: the first that does not refuse the bytes decides.
const READERS: [fn(SoFar<'_>) -> Read<Reading>; 13] = [
    stratum::read,
    tls::read,
    ssh::read,
    http::read_response,
    http::read_preface,
    http::read_request,
    redis::read,
    database::read_postgres,
    database::read_mysql,
    kafka::read,
    dns::read,
    socks::read_4,
    socks::read_5,
];

/// Says what a flow is, from the first bytes of both directions.
#[must_use]
pub fn recognise(sent: SoFar<'_>, received: SoFar<'_>) -> Outcome {
    let (sent_says, received_says) = (read(sent), read(received));
    let settled = is_settled(&sent_says, sent) && is_settled(&received_says, received);
    let recognised = match (sent_says.ok(), received_says.ok()) {
        (Some(one), Some(other)) => Some(both(one, other)),
        (one, other) => one.or(other).map(finish),
    };
    Outcome { recognised, settled }
}

fn is_settled(says: &Read<Reading>, so_far: SoFar<'_>) -> bool {
    so_far.ended
        || match says {
            Ok(reading) => reading.done,
            Err(stop) => *stop == Stop::No,
        }
}

/// What one direction says. A request to a proxy is looked through for mining only: the name of the
/// target says enough of everything else.
fn read(so_far: SoFar<'_>) -> Read<Reading> {
    let mut reading = first(so_far)?;
    let Some(start) = reading.tunnel else { return Ok(reading) };
    let inner = SoFar { bytes: so_far.bytes.get(start..).unwrap_or_default(), ..so_far };
    match stratum::read(inner) {
        Ok(mining) => {
            let said = mining.detail.unwrap_or_default();
            Ok(Reading {
                server_name: reading.server_name,
                detail: Some(format!("{said} through={}", reading.protocol)),
                ..mining
            })
        }
        Err(Stop::More) => {
            reading.done = false;
            Ok(reading)
        }
        Err(Stop::No) => Ok(reading),
    }
}

fn first(so_far: SoFar<'_>) -> Read<Reading> {
    READERS
        .iter()
        .map(|reader| reader(so_far))
        .find(|says| !matches!(says, Err(Stop::No)))
        .unwrap_or(Err(Stop::No))
}

fn both(sent: Reading, received: Reading) -> Recognised {
    // The client's words come first; of equals, those that were sent.
    let weight = |reading: &Reading| (reading.protocol == Protocol::Stratum, reading.side);
    let received_leads = weight(&received) > weight(&sent);
    let (mut lead, follow) = if received_leads { (received, sent) } else { (sent, received) };
    if lead.protocol == follow.protocol {
        lead.server_name = lead.server_name.or(follow.server_name);
        lead.detail = match (lead.detail, follow.detail) {
            (Some(asked), Some(answered)) => Some(format!("{asked} → {answered}")),
            (asked, answered) => asked.or(answered),
        };
    }
    finish(lead)
}

fn finish(reading: Reading) -> Recognised {
    Recognised {
        protocol: reading.protocol,
        server_name: reading.server_name,
        detail: reading.detail.map(|detail| shortened(&detail, DETAIL_MAX)),
    }
}
