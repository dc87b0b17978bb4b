//! Bytes of the kernel's records, as its programs write them: for loads that are made up.

use std::net::IpAddr;

use sensor_common::{
    record::network::Address,
    tail::{Tail, TailHeader},
};
use zerocopy::IntoBytes as _;

/// A record: its fixed part, and what follows. Its length is put in the place where it stands.
pub(crate) fn finish(fixed: &[u8], tails: &[(Tail, &[u8])]) -> Vec<u8> {
    let mut bytes = fixed.to_vec();
    for (kind, value) in tails {
        let length = u32::try_from(value.len()).unwrap_or(0);
        bytes.extend(TailHeader { kind: *kind as u16, reserved: 0, length }.as_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    let length = u32::try_from(bytes.len()).unwrap_or(0);
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

/// One end of a connection.
pub(crate) fn address(ip: IpAddr, port: u16) -> Address {
    let ip = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    Address { ip: ip.octets(), port, known: 1, scope: 0 }
}
