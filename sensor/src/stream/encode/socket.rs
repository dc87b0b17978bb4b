//! What happens to sockets.

use sensor_common::{
    call::Call,
    class::Class,
    header::Incomplete,
    record::network::{Address, Facts, NetRecord, Phase},
};

use super::{Context, Subject, container, unknown};
use crate::event::{
    self, errno,
    network::{self, SocketOperation},
    path::End,
};
use crate::identity::{
    peer::{Kind, Peer},
    store::Owner,
};
use crate::proto;

impl Context {
    /// The message of an operation on a socket.
    pub(super) fn socket(
        &self,
        event: &event::Event<'_>,
        operation: &SocketOperation<'_>,
        subject: Subject<'_>,
    ) -> proto::SocketOperation {
        let record = &operation.record;
        let end = if event.incomplete & Incomplete::PATH != 0 { End::Cut } else { End::Root };
        let closed = event.class == Class::NetClose;
        let stdio = event.class == Class::NetStdio;
        let peer = (record.peer.pid != 0).then(|| match subject.other {
            Some(process) => self.process(process),
            None => unknown(record.peer),
        });
        let peer_container = match subject.other_owner {
            Some(Owner::Container(known)) => Some(container(known)),
            Some(Owner::Host { .. }) | None => None,
        };
        proto::SocketOperation {
            protocol: network::protocol(record),
            family: network::family(record.family),
            r#type: network::kind(record.kind),
            local: endpoint(&record.local),
            remote: endpoint(&record.remote),
            unix_path: operation.unix_path(end),
            peer,
            peer_container,
            phase: phase(record).into(),
            error: errno::name(record.error.into()),
            sent_bytes: closed.then_some(record.sent_bytes),
            received_bytes: closed.then_some(record.received_bytes),
            duration: (closed && record.since_ns != 0).then(|| {
                let nanoseconds = event.time_ns.saturating_sub(record.since_ns);
                proto::Duration::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
            }),
            socket: if record.socket == 0 { String::new() } else { format!("{:x}", record.socket) },
            network_namespace: record.namespace,
            unverified: record.facts & Facts::UNVERIFIED != 0,
            io_uring: record.facts & Facts::IO_URING != 0,
            backlog: (event.class == Class::NetListen).then_some(record.offset),
            repeats: record.repeats.into(),
            protocol_number: record.protocol.into(),
            call: Call::from_number(record.call).map(|call| call.name().to_owned()).unwrap_or_default(),
            descriptor: stdio.then_some(record.descriptor),
            from_descriptor: stdio.then_some(record.from),
            nonblocking: record.facts & Facts::NONBLOCKING != 0,
            accepted: record.facts & Facts::ACCEPTED != 0,
            remote_peer: subject.remote.map(cluster_peer),
            ..proto::SocketOperation::default()
        }
    }
}

fn cluster_peer(peer: &Peer) -> proto::ClusterPeer {
    use proto::cluster_peer::Kind as Shown;
    let kind = match peer.kind() {
        Kind::Pod => Shown::Pod,
        Kind::Service => Shown::Service,
        Kind::Node => Shown::Node,
    };
    proto::ClusterPeer {
        kind: kind.into(),
        namespace: peer.namespace().to_owned(),
        name: peer.name().to_owned(),
        uid: peer.uid().to_owned(),
    }
}

fn endpoint(address: &Address) -> Option<proto::Endpoint> {
    let (_, port) = network::end(address)?;
    Some(proto::Endpoint { address: network::address_text(address), port: port.into() })
}

/// Phases of payloads are its direction.
const fn phase(record: &NetRecord) -> proto::socket_operation::Phase {
    use proto::socket_operation::Phase as Shown;
    const ATTEMPT: u16 = Phase::Attempt as u16;
    const ESTABLISHED: u16 = Phase::Established as u16;
    const FAILED: u16 = Phase::Failed as u16;
    match record.phase {
        ATTEMPT => Shown::Attempt,
        ESTABLISHED => Shown::Established,
        FAILED => Shown::Failed,
        _ => Shown::Unspecified,
    }
}
