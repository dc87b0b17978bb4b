//! Datagrams, listeners, and sockets that programs seldom need.

use picket_tests::expect::Expect;
use picket_tests::lab::Lab;

use super::{OWN, by_tracepoint, run};

/// A connected socket of UDP is told once, by its connection.
pub(super) fn udp_connected(lab: &mut Lab) {
    let script =
        "behind serve udp 127.0.0.1:53 1 0 none , datagram connected 127.0.0.1:53 text:question , join";
    let seen = run(lab, &format!("{OWN} {script}"));
    Expect::of(seen.one("NETWORK_CONNECT", "socket.protocol", "udp"))
        .is("socket.phase", "ESTABLISHED")
        .is("socket.type", "dgram")
        .is("socket.local.address", "127.0.0.1")
        .is("socket.remote.address", "127.0.0.1")
        .is("socket.remote.port", 53);
    assert_eq!(seen.count("NETWORK_DATAGRAM"), 0, "its datagrams go where the connection says");
}

pub(super) fn datagrams(lab: &mut Lab) {
    let unverified = by_tracepoint(lab, "NETWORK_DATAGRAM");
    for (how, to, address, family) in [
        ("sendto", "127.0.0.1", "127.0.0.1", "ipv4"),
        ("sendmsg", "127.0.0.1", "127.0.0.1", "ipv4"),
        ("sendmmsg", "127.0.0.1", "127.0.0.1", "ipv4"),
        ("sendto", "[::ffff:127.0.0.1]", "127.0.0.1", "ipv4"),
        ("sendto", "[::1]", "::1", "ipv6"),
    ] {
        let seen = run(lab, &format!("{OWN} datagram {how} {to}:53 text:question"));
        let sent = seen.one("NETWORK_DATAGRAM", "socket.remote.port", "53");
        Expect::of(sent)
            .is("socket.protocol", "udp")
            .is("socket.family", family)
            .is("socket.remote.address", address)
            .is("socket.call", how)
            .absent("socket.error");
        assert_eq!(sent["socket"]["unverified"] == true, unverified, "{sent:#}");
    }
    let seen = run(lab, &format!("{OWN} datagram sendto 203.0.113.9:53 text:question"));
    Expect::of(seen.one("NETWORK_DATAGRAM", "socket.remote.port", "53")).is("socket.error", "ENETUNREACH");
}

pub(super) fn bind_and_listen(lab: &mut Lab) {
    let unverified = by_tracepoint(lab, "NETWORK_BIND");
    let seen =
        run(lab, &format!("{OWN} bind udp 127.0.0.1:53 , listen tcp [::]:80 , bind tcp 203.0.113.9:81"));
    Expect::of(seen.one("NETWORK_BIND", "socket.local.port", "53"))
        .is("socket.protocol", "udp")
        .is("socket.local.address", "127.0.0.1");
    Expect::of(seen.one("NETWORK_BIND", "socket.local.port", "80")).is("socket.local.address", "::");
    Expect::of(seen.one("NETWORK_LISTEN", "socket.local.port", "80"))
        .is("socket.protocol", "tcp")
        .is("socket.family", "ipv6")
        .is("socket.local.address", "::")
        .is("socket.backlog", 16)
        .absent("socket.error");
    let failed = seen.one("NETWORK_BIND", "socket.local.port", "81");
    Expect::of(failed).is("socket.error", "EADDRNOTAVAIL").is("socket.local.address", "203.0.113.9");
    assert_eq!(failed["socket"]["unverified"] == true, unverified, "{failed:#}");
}

pub(super) fn unusual_sockets(lab: &mut Lab) {
    for (kind, protocol, family, kind_told) in [
        ("raw", "icmp", "ipv4", "raw"),
        ("packet", "packet", "packet", "raw"),
        ("packet-dgram", "packet", "packet", "dgram"),
        ("alg", "alg", "alg", "seqpacket"),
        ("vsock", "vsock", "vsock", "stream"),
        ("netlink-netfilter", "netlink_netfilter", "netlink", "raw"),
    ] {
        let seen = run(lab, &format!("socket {kind}"));
        // A kernel that lacks the family tells the attempt with its error.
        Expect::of(seen.one("NETWORK_SOCKET", "socket.family", family))
            .is("socket.protocol", protocol)
            .is("socket.type", kind_told)
            .such("socket.networkNamespace", "an inode number", |inode| inode.as_u64() > Some(0));
    }
    for usual in ["tcp", "udp", "unix", "netlink-route"] {
        let seen = run(lab, &format!("socket {usual}"));
        assert_eq!(seen.count("NETWORK_SOCKET"), 0, "{usual} is nothing unusual");
    }
}
