//! Something that happened to a socket, as its record says it; names of families and protocols.

use std::net::{IpAddr, Ipv6Addr};

use sensor_common::record::network::{Address, NetRecord};

use super::{
    path::{Components, End},
    text::{lossy, until_nul},
};

/// `AF_NETLINK`, whose protocols are numbers of its own.
const AF_NETLINK: u16 = 16;
/// `AF_UNIX`
const AF_UNIX: u16 = 1;

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

impl SocketOperation<'_> {
    /// Path of an AF_UNIX socket, resolved where the kernel had it, or its abstract name behind an `@`;
    /// bytes of zero within such a name are shown as `@` too. Empty for a socket without a name.
    #[must_use]
    pub fn unix_path(&self, end: End) -> String {
        if let Some(path) = self.path {
            return path.to_text(end);
        }
        match self.name.split_first() {
            Some((0, name)) => format!("@{}", lossy(name).replace('\0', "@")),
            Some(_) => lossy(until_nul(self.name)).into_owned(),
            None => String::new(),
        }
    }
}

/// Address of an end, IPv4 as such, with its port; `None` if it is not known.
#[must_use]
pub fn end(address: &Address) -> Option<(IpAddr, u16)> {
    (address.known != 0).then(|| (Ipv6Addr::from(address.ip).to_canonical(), address.port))
}

/// Text of an address; a link-local one with its scope, as in `fe80::1%2`.
#[must_use]
pub fn address_text(address: &Address) -> String {
    let ip = Ipv6Addr::from(address.ip).to_canonical();
    if address.scope == 0 { ip.to_string() } else { format!("{ip}%{}", address.scope) }
}

/// Families by number (`include/linux/socket.h`).
const FAMILIES: &[(u16, &str)] = &[
    (1, "unix"),
    (2, "ipv4"),
    (3, "ax25"),
    (4, "ipx"),
    (5, "appletalk"),
    (9, "x25"),
    (10, "ipv6"),
    (15, "key"),
    (AF_NETLINK, "netlink"),
    (17, "packet"),
    (21, "rds"),
    (23, "irda"),
    (24, "pppox"),
    (26, "llc"),
    (29, "can"),
    (30, "tipc"),
    (31, "bluetooth"),
    (33, "rxrpc"),
    (35, "phonet"),
    (36, "ieee802154"),
    (37, "caif"),
    (38, "alg"),
    (39, "nfc"),
    (40, "vsock"),
    (41, "kcm"),
    (42, "qipcrtr"),
    (43, "smc"),
    (44, "xdp"),
    (45, "mctp"),
];

/// Protocols of the internet by number.
const PROTOCOLS: &[(u16, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "icmpv6"),
    (89, "ospf"),
    (132, "sctp"),
    (136, "udplite"),
    (255, "raw"),
    (262, "mptcp"),
];

/// Protocols of netlink by number (`include/uapi/linux/netlink.h`).
const NETLINK: &[(u16, &str)] = &[
    (0, "route"),
    (4, "sock_diag"),
    (6, "xfrm"),
    (9, "audit"),
    (12, "netfilter"),
    (15, "kobject_uevent"),
    (16, "generic"),
];

/// Types of sockets (`SOCK_*`).
const KINDS: &[(u16, &str)] =
    &[(1, "stream"), (2, "dgram"), (3, "raw"), (4, "rdm"), (5, "seqpacket"), (6, "dccp"), (10, "packet")];

fn name(table: &[(u16, &'static str)], number: u16) -> String {
    let known = table.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// Name of a family, or its number.
#[must_use]
pub fn family(number: u16) -> String {
    name(FAMILIES, number)
}

/// Name of a type, or its number.
#[must_use]
pub fn kind(number: u16) -> String {
    name(KINDS, number)
}

/// Name of what a socket speaks: of the protocol where families have several, else of the family.
#[must_use]
pub fn protocol(record: &NetRecord) -> String {
    match (record.family, record.protocol) {
        (AF_UNIX, _) => "unix".to_owned(),
        // 0 asks for the usual one of the type.
        (2 | 10, 0) => match record.kind {
            1 => "tcp".to_owned(),
            2 => "udp".to_owned(),
            kind => self::kind(kind),
        },
        (2 | 10, number) => name(PROTOCOLS, number),
        (AF_NETLINK, number) => format!("netlink_{}", name(NETLINK, number)),
        (family, _) => self::family(family),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(name: &[u8]) -> SocketOperation<'_> {
        SocketOperation { record: NetRecord::default(), name, path: None, payload: &[] }
    }

    #[test]
    fn local_names_are_shown_with_what_they_are() {
        for (name, text) in [
            (b"\0picket".as_slice(), "@picket"),
            (b"\0a\0b", "@a@b"),
            (b"/run/x\0", "/run/x"),
            (b"rel", "rel"),
            (b"", ""),
        ] {
            assert_eq!(operation(name).unix_path(End::Root), text);
        }
        let resolved = SocketOperation { path: Some(Components(b"x\0run\0")), ..operation(b"../run/x\0") };
        assert_eq!(resolved.unix_path(End::Root), "/run/x");
    }

    #[test]
    fn addresses_are_shown_by_what_they_speak() {
        let mut address = Address { known: 1, port: 443, ..Address::default() };
        address.ip = std::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
        assert_eq!(end(&address), Some(("192.0.2.1".parse().unwrap(), 443)));
        assert_eq!(address_text(&address), "192.0.2.1");
        address.ip = "fe80::1".parse::<Ipv6Addr>().unwrap().octets();
        address.scope = 3;
        assert_eq!(address_text(&address), "fe80::1%3");
        assert_eq!(end(&Address::default()), None);
    }

    #[test]
    fn names_or_numbers() {
        let record = |family, kind, protocol| NetRecord { family, kind, protocol, ..NetRecord::default() };
        for (record, text) in [
            (record(2, 1, 6), "tcp"),
            (record(10, 2, 17), "udp"),
            (record(2, 2, 0), "udp"),
            (record(2, 3, 1), "icmp"),
            (record(2, 3, 200), "200"),
            (record(1, 1, 0), "unix"),
            (record(16, 3, 12), "netlink_netfilter"),
            (record(17, 3, 768), "packet"),
            (record(99, 1, 0), "99"),
        ] {
            assert_eq!(protocol(&record), text);
        }
        assert_eq!((family(38), kind(5)), ("alg".to_owned(), "seqpacket".to_owned()));
    }
}
