//! Sockets: which end is which, and what became of a connection.

use sensor_common::{
    call::Call,
    record::network::{Facts as NetFacts, Phase},
};

use super::*;

const HERE: [u8; 4] = [10, 0, 0, 5];
const THERE: [u8; 4] = [192, 0, 2, 1];

fn socket(class: Class, change: impl FnOnce(&mut NetRecord)) -> Vec<u8> {
    let mut fixed = NetRecord {
        local: address(HERE, 40_000),
        remote: address(THERE, 443),
        family: 2,
        kind: 1,
        protocol: 6,
        phase: Phase::Established as u16,
        ..NetRecord::default()
    };
    change(&mut fixed);
    record(class, &fixed, &[(Tail::Payload, b"\xca\xfe\xba\xbe")])
}

#[test]
fn a_connection_out_has_its_server_at_the_other_end() {
    let world = World::new();
    let out = socket(Class::NetConnect, |_| {});
    world.check(
        &out,
        &[
            ("evt.type", "connect"),
            ("fd.name", "10.0.0.5:40000->192.0.2.1:443"),
            ("evt.arg.tuple", "10.0.0.5:40000->192.0.2.1:443"),
            ("evt.arg.addr", "192.0.2.1:443"),
            ("evt.arg.fd", "<4>10.0.0.5:40000->192.0.2.1:443"),
            ("fd.type", "ipv4"),
            ("fd.typechar", "4"),
            ("fd.sockfamily", "ip"),
            ("fd.l4proto", "tcp"),
            ("fd.cip", "10.0.0.5"),
            ("fd.sip", "192.0.2.1"),
            ("fd.lip", "10.0.0.5"),
            ("fd.rip", "192.0.2.1"),
            ("fd.cnet", "10.0.0.5"),
            ("fd.snet", "192.0.2.1"),
            ("fd.rnet", "192.0.2.1"),
            ("fd.cport", "40000"),
            ("fd.sport", "443"),
            ("fd.lport", "40000"),
            ("fd.rport", "443"),
            ("fd.ip", r#"[Some("10.0.0.5"), Some("192.0.2.1")]"#),
            ("fd.net", r#"[Some("10.0.0.5"), Some("192.0.2.1")]"#),
            ("fd.port", "[Some(40000), Some(443)]"),
            ("fd.connected", "true"),
            ("fd.name_changed", "false"),
            ("fd.is_server", "false"),
            ("fd.sip.name", "api.example"),
            ("fd.rip.name", "api.example"),
            ("fd.cip.name", "-"),
            ("fd.lip.name", "-"),
            ("fd.directory", "-"),
            ("fd.filename", "-"),
            ("evt.rawres", "0"),
        ],
    );
    assert_eq!(world.values(&out, "fd.sip.name"), ["api.example", "www.example"]);
}

#[test]
fn each_connect_is_judged_on_its_outcome() {
    let world = World::new();
    let phase = |phase: Phase, error: i32, facts: u32, since_ns: u64| {
        socket(Class::NetConnect, move |record| {
            (record.phase, record.error, record.facts, record.since_ns) =
                (phase as u16, error, facts, since_ns);
        })
    };
    for (bytes, kind, result) in [
        (phase(Phase::Attempt, 0, 0, 5), "connect_attempt", "EINPROGRESS"),
        (phase(Phase::Established, 0, 0, 5), "connect", "SUCCESS"),
        (phase(Phase::Failed, -111, 0, 5), "connect", "ECONNREFUSED"),
        (phase(Phase::Failed, -111, NetFacts::NONBLOCKING, 5), "connect", "EINPROGRESS"),
        (phase(Phase::Failed, 0, 0, 5), "connect", "EINPROGRESS"),
        (phase(Phase::Failed, -101, 0, 0), "connect", "ENETUNREACH"),
    ] {
        world.check(&bytes, &[("evt.type", kind), ("evt.res", result), ("fd.num", "3")]);
    }
}

#[test]
fn what_is_accepted_has_its_server_here() {
    let world = World::new();
    let accepted = |call: Call| socket(Class::NetAccept, move |record| record.call = call as u32);
    world.check(
        &accepted(Call::Accept),
        &[
            ("evt.type", "accept"),
            ("fd.name", "192.0.2.1:443->10.0.0.5:40000"),
            ("fd.sip", "10.0.0.5"),
            ("fd.cip", "192.0.2.1"),
            ("fd.cip.name", "api.example"),
            ("fd.rip", "192.0.2.1"),
            ("fd.sport", "40000"),
            ("fd.is_server", "true"),
        ],
    );
    world.check(&accepted(Call::Accept4), &[("evt.type", "accept4")]);
    let listening = socket(Class::NetListen, |record| {
        (record.remote, record.offset) = (Address::default(), 128);
    });
    world.check(
        &listening,
        &[
            ("fd.name", "10.0.0.5:40000"),
            ("fd.sip", "10.0.0.5"),
            ("fd.rip", "-"),
            ("fd.cip", "-"),
            ("fd.ip", r#"[None, Some("10.0.0.5")]"#),
            ("fd.connected", "false"),
            ("evt.arg.backlog", "128"),
        ],
    );
}

#[test]
fn datagrams_name_their_receiver() {
    let world = World::new();
    let sent = socket(Class::NetDatagram, |record| {
        (record.kind, record.protocol, record.call) = (2, 17, Call::Sendmsg as u32);
    });
    let expected = [
        ("evt.type", "sendmsg"),
        ("fd.l4proto", "udp"),
        ("fd.connected", "false"),
        ("fd.name_changed", "true"),
        ("fd.sip", "192.0.2.1"),
        ("evt.is_io_write", "true"),
    ];
    world.check(&sent, &expected);
    let got = socket(Class::NetPayload, |record| {
        (record.kind, record.protocol, record.phase) = (2, 17, Phase::Received as u16);
    });
    world.check(&got, &[("evt.type", "recvfrom"), ("fd.sip", "10.0.0.5"), ("fd.name_changed", "false")]);
    let with_bytes = socket(Class::NetPayload, |record| record.phase = Phase::Received as u16);
    assert_eq!(world.values(&with_bytes, "evt.buffer").len(), 1);
    world.check(
        &with_bytes,
        &[("evt.buflen", "4"), ("evt.arg.size", "4"), ("evt.io_dir", "r"), ("fd.sip", "192.0.2.1")],
    );
    let bytes = socket(Class::NetPayload, |record| record.phase = Phase::Sent as u16);
    world.check(&bytes, &[("evt.type", "payload_sent"), ("evt.io_dir", "w")]);
}

#[test]
fn a_socket_that_becomes_a_standard_stream() {
    let world = World::new();
    let doubled = |call: Call| {
        socket(Class::NetStdio, move |record| {
            (record.call, record.descriptor, record.from) = (call as u32, 1, 5);
        })
    };
    let expected = [
        ("evt.type", "dup2"),
        ("evt.rawres", "1"),
        ("evt.arg.oldfd", "5"),
        ("evt.arg.newfd", "1"),
        ("fd.num", "1"),
        ("fd.type", "ipv4"),
        ("fd.sip", "192.0.2.1"),
    ];
    world.check(&doubled(Call::Dup2), &expected);
    world.check(&doubled(Call::Fcntl), &[("evt.type", "dup"), ("picket.call", "fcntl")]);
}

#[test]
fn other_families() {
    let world = World::new();
    let of = |family: u16, kind: u16| {
        socket(Class::NetSocket, move |record| {
            (record.family, record.kind, record.protocol) = (family, kind, 0);
            (record.local, record.remote) = (Address::default(), Address::default());
        })
    };
    world.check(
        &of(17, 3),
        &[
            ("evt.type", "socket"),
            ("evt.arg.domain", "AF_PACKET"),
            ("evt.rawarg.domain", "17"),
            ("evt.arg.type", "3"),
            ("fd.typechar", "o"),
            ("fd.l4proto", "<NA>"),
            ("fd.type", "<NA>"),
            ("fd.name", ""),
            ("evt.args", "fd=<o> domain=17(AF_PACKET) type=3 proto=0"),
            ("fd.sockfamily", "-"),
        ],
    );
    world.check(&of(10, 3), &[("fd.typechar", "6"), ("fd.l4proto", "raw"), ("evt.arg.domain", "AF_INET6")]);
    world.check(&of(2, 1), &[("fd.l4proto", "tcp")]);
    let mut local = NetRecord { family: 1, kind: 1, ..NetRecord::default() };
    local.phase = Phase::Established as u16;
    let bytes = record(Class::NetConnect, &local, &[(Tail::SocketName, b"\0abstract\0x")]);
    let expected = [
        ("fd.name", "@abstract@x"),
        ("fd.typechar", "u"),
        ("fd.sockfamily", "unix"),
        ("fd.sip", "-"),
        ("fd.l4proto", "<NA>"),
    ];
    world.check(&bytes, &expected);
    let bytes =
        record(Class::NetConnect, &local, &[(Tail::Path, b"docker.sock\0run\0"), (Tail::SocketName, b"x\0")]);
    world.check(
        &bytes,
        &[("fd.name", "/run/docker.sock"), ("picket.target.name", "bash"), ("picket.target.pid", "100")],
    );
}
