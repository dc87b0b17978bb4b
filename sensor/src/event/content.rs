//! What the bytes that a socket exchanged say.

use sensor_common::record::network::{Facts, Phase};

use super::{
    network::SocketOperation,
    wire::{dns::Message, flow::Direction, protocol::Recognised},
};

/// First bytes of a flow, or a DNS message.
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
}
