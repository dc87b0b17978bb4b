//! Something that happened to a socket, as its record says it.

use sensor_common::record::network::{Facts, NetRecord, Phase};

use super::{
    path::Components,
    wire::{dns::Message, flow::Direction, protocol::Recognised},
};

/// An operation on a socket.
#[derive(Clone, Debug)]
pub struct SocketOperation<'a> {
    /// Fixed part.
    pub record: NetRecord,
    /// Address of an AF_UNIX socket: `sun_path`, an abstract name with its leading NUL.
    pub name: &'a [u8],
    /// Resolved path of a bound AF_UNIX socket.
    pub path: Option<Components<'a>>,
    /// Payload.
    pub payload: &'a [u8],
}

/// What the bytes that a socket exchanged say.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    /// The socket, as the record of the latest bytes says it.
    pub socket: SocketOperation<'a>,
    /// Which way the bytes went.
    pub direction: Direction,
    /// What is shown of the bytes of that direction, from the first on.
    pub data: Vec<u8>,
    /// There are more of them.
    pub cut: bool,
    /// The protocol, as far as known.
    pub recognised: Option<Recognised>,
    /// The message of the domain name system, if it is one.
    pub message: Option<Message>,
}

/// Port of name servers.
const DNS: u16 = 53;

impl SocketOperation<'_> {
    /// Which way the bytes of the record went.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        if self.record.phase == Phase::Received as u16 { Direction::Received } else { Direction::Sent }
    }

    /// True if the process that owns the socket is not known.
    #[must_use]
    pub const fn is_unowned(&self) -> bool {
        self.record.facts & Facts::OWNER_UNKNOWN != 0
    }

    /// True if one end is a name server, as far as its port tells.
    #[must_use]
    pub const fn is_with_name_server(&self) -> bool {
        self.record.local.port == DNS || self.record.remote.port == DNS
    }
}
