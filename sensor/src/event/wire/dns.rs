//! DNS messages: questions, and the answers that give addresses and aliases.
//!
//! Written here, without a library: what the kernel programs hand over may be cut, and then the questions
//! and the answers that are there must still be told. `simple-dns` 0.13 (no dependencies, MIT) and
//! `hickory-proto` 0.26 (some ten crates, among them `url` and `idna`) read whole messages: for one that
//! ends too early they return an error and nothing of what came before it. Both also read the sections that
//! are of no use here, so that a damaged additional record hides the answers. A reader of questions and
//! answers only is small, and every loop of it has a bound.
//!
//! RFC 1035 (messages), RFC 3596 (AAAA), RFC 7766 (TCP).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cursor::{Cursor, Read, Stop};

mod name;
mod numbers;
#[cfg(test)]
mod tests;

pub use numbers::{RecordType, rcode_name};

/// Bytes of the header.
pub const HEADER: usize = 12;
/// Questions that are kept of a message; more than one is unusual.
pub const QUESTIONS_MAX: usize = 4;
/// Answers that are kept of a message.
pub const ANSWERS_MAX: usize = 64;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Number by which a response is matched with its query.
    pub id: u16,
    /// A response, not a query.
    pub response: bool,
    /// Kind of query: 0 for a standard one.
    pub opcode: u8,
    /// Result, 0 to 15: 0 for success, 3 for a name that does not exist.
    pub rcode: u8,
    /// The server left something out (TC): the client will ask again over TCP.
    pub truncated: bool,
    /// Questions that could be read.
    pub questions: Vec<Question>,
    /// Answers that could be read, in order.
    pub answers: Vec<Answer>,
    /// How many questions the header says there are.
    pub question_count: u16,
    /// How many answers the header says there are.
    pub answer_count: u16,
    /// Why reading ended.
    pub end: End,
}

/// Why reading of a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All questions and answers were read.
    Whole,
    /// The message is longer than the bytes that are there.
    Cut,
    /// It contradicts itself; what came before is there.
    Malformed,
    /// It has more than [`QUESTIONS_MAX`] questions or [`ANSWERS_MAX`] answers.
    TooMany,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Name in lower case, without a dot at the end; `.` for the root. Bytes that are not printable, and
    /// dots within a label, are escaped as in zone files (`\010`, `\.`).
    pub name: String,
    /// Type of record.
    pub kind: RecordType,
    /// Class: 1 for the Internet.
    pub class: u16,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Name that it belongs to, as in [`Question::name`].
    pub name: String,
    /// Type of record.
    pub kind: RecordType,
    /// Class: 1 for the Internet.
    pub class: u16,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME: the name is another name for this one.
    Alias(String),
    /// Another type, with so many bytes.
    Other {
        /// Length of the data.
        length: u16,
    },
}

/// There is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a DNS message has {HEADER} bytes at least, {have} are there")]
pub struct TooShort {
    /// Bytes that are there.
    pub have: usize,
}

impl Message {
    /// Reads the message of a datagram. `length` is how many bytes the message had on the wire; if that is
    /// more than `bytes` has, the message is cut and [`Message::end`] says so.
    ///
    /// # Errors
    /// The header is not whole.
    pub fn parse(bytes: &[u8], length: usize) -> Result<Self, TooShort> {
        let mut cursor = Cursor::new(bytes);
        let mut message = Self::header(&mut cursor).map_err(|_| TooShort { have: bytes.len() })?;
        message.end = match message.records(&mut cursor) {
            Ok(true) => End::Whole,
            Ok(false) => End::TooMany,
            Err(Stop::More) if length > bytes.len() => End::Cut,
            Err(_) => End::Malformed,
        };
        Ok(message)
    }

    /// The messages of a stream (TCP), from its first byte on: each has its length in front. The last one
    /// may be cut; one whose header has not come yet is left out.
    pub fn stream(bytes: &[u8]) -> impl Iterator<Item = Self> {
        let mut cursor = Cursor::new(bytes);
        std::iter::from_fn(move || {
            let length = usize::from(cursor.u16().ok()?);
            let part = cursor.part(length);
            Self::parse(part.cursor.rest(), length).ok()
        })
    }

    fn header(cursor: &mut Cursor<'_>) -> Read<Self> {
        let id = cursor.u16()?;
        let (high, low) = (cursor.u8()?, cursor.u8()?);
        let (question_count, answer_count) = (cursor.u16()?, cursor.u16()?);
        // Authority and additional records are of no use here.
        cursor.u32()?;
        Ok(Self {
            id,
            response: high & 0x80 != 0,
            opcode: high >> 3 & 0x0f,
            rcode: low & 0x0f,
            truncated: high & 0x02 != 0,
            questions: Vec::new(),
            answers: Vec::new(),
            question_count,
            answer_count,
            end: End::Whole,
        })
    }

    /// Whether all were read; `false` if there are more than are kept.
    fn records(&mut self, cursor: &mut Cursor<'_>) -> Read<bool> {
        for _ in 0..self.question_count {
            if self.questions.len() == QUESTIONS_MAX {
                return Ok(false);
            }
            let name = name::read(cursor)?;
            let (kind, class) = (RecordType(cursor.u16()?), cursor.u16()?);
            self.questions.push(Question { name, kind, class });
        }
        for _ in 0..self.answer_count {
            if self.answers.len() == ANSWERS_MAX {
                return Ok(false);
            }
            self.answers.push(answer(cursor)?);
        }
        Ok(true)
    }
}

fn answer(cursor: &mut Cursor<'_>) -> Read<Answer> {
    let name = name::read(cursor)?;
    let (kind, class) = (RecordType(cursor.u16()?), cursor.u16()?);
    let (ttl, length) = (cursor.u32()?, cursor.u16()?);
    let mut inside = *cursor;
    let data = cursor.take(usize::from(length))?;
    let data = match kind {
        RecordType::A => data.try_into().map(|octets: [u8; 4]| address(Ipv4Addr::from(octets))),
        RecordType::AAAA => data.try_into().map(|octets: [u8; 16]| address(Ipv6Addr::from(octets))),
        RecordType::CNAME => {
            let alias = name::read(&mut inside)?;
            if inside.position() != cursor.position() {
                return Err(Stop::No);
            }
            Ok(Data::Alias(alias))
        }
        _ => Ok(Data::Other { length }),
    };
    Ok(Answer { name, kind, class, ttl, data: data.map_err(|_| Stop::No)? })
}

fn address(address: impl Into<IpAddr>) -> Data {
    Data::Address(address.into())
}

impl fmt::Display for Data {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(formatter, "{address}"),
            Self::Alias(name) => formatter.write_str(name),
            Self::Other { length } => write!(formatter, "{length} bytes"),
        }
    }
}
