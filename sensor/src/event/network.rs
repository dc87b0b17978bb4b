//! Something that happened to a socket, as its record says it.

use sensor_common::record::network::NetRecord;

use super::path::Components;

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
