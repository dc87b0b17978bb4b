//! What is said of sockets.

use super::{base_name, called, safe, word};
use crate::proto::cluster_peer::Kind;
use crate::proto::socket_operation::Phase;
use crate::proto::{ClusterPeer, Endpoint, SocketOperation};

/// What happened, after the program's name: what it speaks, both ends, how it went.
pub(super) fn what(operation: &SocketOperation) -> String {
    let mut text = format!(" {}", safe(&operation.protocol));
    if operation.protocol == operation.family || operation.protocol == operation.r#type {
        text.push_str(&format!(" {}", safe(&operation.r#type)));
    }
    if let Some(descriptor) = operation.descriptor {
        text.push_str(&format!(" {}", stream(descriptor)));
    }
    let local = operation.local.as_ref().filter(|local| local.port != 0).map(end);
    let whose = operation.remote_peer.as_ref().map(whose).unwrap_or_default();
    let remote = operation.remote.as_ref().map(|remote| end(remote) + &whose);
    match (local, remote) {
        (Some(local), Some(remote)) => text.push_str(&format!(" {local} -> {remote}")),
        (None, Some(remote)) => text.push_str(&format!(" -> {remote}")),
        (Some(local), None) => text.push_str(&format!(" {local}")),
        (None, None) => {}
    }
    if !operation.unix_path.is_empty() {
        text.push_str(&format!(" {}", word(&operation.unix_path)));
    }
    text + &outcome(operation)
}

/// Name of a standard stream.
const fn stream(descriptor: u32) -> &'static str {
    match descriptor {
        0 => "stdin",
        1 => "stdout",
        _ => "stderr",
    }
}

/// ` (service shop/db)`
pub(super) fn whose(peer: &ClusterPeer) -> String {
    let kind = match peer.kind() {
        Kind::Pod => "pod",
        Kind::Service => "service",
        Kind::Node => "node",
        Kind::Unspecified => "?",
    };
    let place = if peer.namespace.is_empty() { String::new() } else { format!("{}/", safe(&peer.namespace)) };
    format!(" ({kind} {place}{})", safe(&peer.name))
}

/// `ADDRESS:PORT`, brackets around IPv6.
fn end(end: &Endpoint) -> String {
    let address = safe(&end.address);
    if address.contains(':') {
        format!("[{address}]:{}", end.port)
    } else {
        format!("{address}:{}", end.port)
    }
}

fn outcome(operation: &SocketOperation) -> String {
    let mut text = match operation.phase() {
        Phase::Attempt => " …".to_owned(),
        Phase::Failed if operation.error.is_empty() => ": given up".to_owned(),
        _ => String::new(),
    };
    if !operation.error.is_empty() {
        text.push_str(&format!(": {}", safe(&operation.error)));
    }
    if let (Some(sent), Some(received)) = (operation.sent_bytes, operation.received_bytes) {
        text.push_str(&format!(": {sent} bytes sent, {received} received"));
    }
    if let Some(duration) = &operation.duration {
        text.push_str(&format!(" in {duration}"));
    }
    if let Some(peer) = &operation.peer {
        let name =
            if peer.executable.is_empty() { "?".to_owned() } else { safe(base_name(&peer.executable)) };
        let pid = peer.pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
        let container = operation.peer_container.as_ref().map(super::container_name);
        let place = container.map(|name| format!(" in {name}")).unwrap_or_default();
        text.push_str(&format!(" (peer {name}{}{pid}{place})", called(Some(peer))));
    }
    if operation.repeats > 0 {
        text.push_str(&format!(" (and {} alike)", operation.repeats));
    }
    if operation.unverified {
        text.push_str(" (unverified)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Container, Duration, Process};

    #[test]
    fn standard_streams() {
        let shell = SocketOperation {
            protocol: "tcp".into(),
            local: at("192.0.2.2", 4000),
            remote: at("192.0.2.1", 443),
            descriptor: Some(0),
            ..SocketOperation::default()
        };
        assert_eq!(what(&shell), " tcp stdin 192.0.2.2:4000 -> 192.0.2.1:443");
    }

    fn at(address: &str, port: u32) -> Option<Endpoint> {
        Some(Endpoint { address: address.into(), port })
    }

    #[test]
    fn connections() {
        let tcp = SocketOperation {
            protocol: "tcp".into(),
            family: "ipv4".into(),
            r#type: "stream".into(),
            remote: at("192.0.2.1", 443),
            ..SocketOperation::default()
        };
        let attempt = SocketOperation { phase: Phase::Attempt.into(), ..tcp.clone() };
        assert_eq!(what(&attempt), " tcp -> 192.0.2.1:443 …");
        let failed = SocketOperation {
            phase: Phase::Failed.into(),
            error: "ECONNREFUSED".into(),
            local: at("2001:db8::1", 4000),
            ..tcp.clone()
        };
        assert_eq!(what(&failed), " tcp [2001:db8::1]:4000 -> 192.0.2.1:443: ECONNREFUSED");
        let given_up = SocketOperation { phase: Phase::Failed.into(), ..tcp.clone() };
        assert_eq!(what(&given_up), " tcp -> 192.0.2.1:443: given up");
        let closed = SocketOperation {
            sent_bytes: Some(10),
            received_bytes: Some(20),
            duration: Some(Duration { seconds: 1, nanos: 500_000_000 }),
            repeats: 3,
            unverified: true,
            ..tcp
        };
        let expected =
            " tcp -> 192.0.2.1:443: 10 bytes sent, 20 received in 1.500s (and 3 alike) (unverified)";
        assert_eq!(what(&closed), expected);
    }

    #[test]
    fn whose_the_remote_address_is() {
        let peer = |kind: Kind, namespace: &str| ClusterPeer {
            kind: kind.into(),
            namespace: namespace.into(),
            name: "db\u{1b}".into(),
            uid: "u".into(),
        };
        let operation = SocketOperation {
            protocol: "tcp".into(),
            remote: at("192.0.2.1", 443),
            remote_peer: Some(peer(Kind::Service, "shop")),
            ..SocketOperation::default()
        };
        assert_eq!(what(&operation), " tcp -> 192.0.2.1:443 (service shop/db\\u{1b})");
        assert_eq!(whose(&peer(Kind::Node, "")), " (node db\\u{1b})");
    }

    #[test]
    fn local_sockets_with_their_peer() {
        let unix = SocketOperation {
            protocol: "unix".into(),
            family: "unix".into(),
            r#type: "stream".into(),
            unix_path: "@a b\x1b".into(),
            phase: Phase::Established.into(),
            peer: Some(Process { pid: Some(7), executable: "/usr/bin/dockerd".into(), ..Process::default() }),
            peer_container: Some(Container { name: "dind".into(), ..Container::default() }),
            ..SocketOperation::default()
        };
        assert_eq!(what(&unix), " unix stream \"@a b\\u{1b}\" (peer dockerd[7] in dind)");
        let unnamed = SocketOperation { unix_path: String::new(), peer: None, ..unix };
        assert_eq!(what(&unnamed), " unix stream");
    }
}
