//! Sockets of AF_UNIX: by path, by abstract name, and who is at the other end.

use picket_tests::expect::{Expect, text};
use picket_tests::lab::Lab;
use picket_tests::workload;

use super::{Seen, by_tracepoint, run, seen};

fn check(seen: &Seen, kind: &str, name: &str) {
    let own = seen.one("NETWORK_BIND", "socket.unixPath", name);
    let connected = seen.one("NETWORK_CONNECT", "socket.unixPath", name);
    for event in [own, connected] {
        Expect::of(event)
            .is("socket.protocol", "unix")
            .is("socket.family", "unix")
            .is("socket.type", kind)
            .absent("socket.error")
            .absent("socket.unverified");
    }
    Expect::of(connected).is("socket.phase", "ESTABLISHED").is("socket.peer.pid", pid(connected));
}

/// Server and client are one process.
fn pid(event: &serde_json::Value) -> serde_json::Value {
    event["process"]["pid"].clone()
}

pub(super) fn path(lab: &mut Lab) {
    for kind in ["stream", "seqpacket"] {
        // The path that is told is absolute and free of links, whatever the caller wrote.
        let seen = run(
            lab,
            &format!(
                "behind serve {kind} unix:socket 1 0 none , connect blocking {kind} unix:./socket , join"
            ),
        );
        let bound = seen.events.iter().find(|event| text(event, "class") == "NETWORK_BIND");
        let name = text(bound.expect("a bound socket"), "socket.unixPath").to_owned();
        assert!(name.starts_with('/') && name.ends_with("/socket"), "{name}");
        check(&seen, kind, &name);
        Expect::of(seen.one("NETWORK_LISTEN", "socket.unixPath", &name)).is("socket.backlog", 128);
        let accepted = seen.one("NETWORK_ACCEPT", "socket.unixPath", &name);
        Expect::of(accepted).is("socket.phase", "ESTABLISHED").is("socket.peer.pid", pid(accepted));
    }
}

pub(super) fn abstract_name(lab: &mut Lab) {
    let seen = run(
        lab,
        "behind serve stream abstract:picket-live 1 0 none , connect blocking stream abstract:picket-live , join",
    );
    check(&seen, "stream", "@picket-live");
    seen.one("NETWORK_ACCEPT", "socket.unixPath", "@picket-live");
}

pub(super) fn datagrams(lab: &mut Lab) {
    let seen = run(lab, "behind serve dgram unix:@/d 1 0 none , datagram connected unix:@/d text:x , join");
    let bound = seen.events.iter().find(|event| text(event, "class") == "NETWORK_BIND");
    check(&seen, "dgram", text(bound.expect("a bound socket"), "socket.unixPath"));
}

pub(super) fn failures(lab: &mut Lab) {
    let unverified = by_tracepoint(lab, "NETWORK_CONNECT");
    for (address, name, error) in [
        ("unix:/nonexistent/picket", "/nonexistent/picket", "ENOENT"),
        ("abstract:picket-nobody", "@picket-nobody", "ECONNREFUSED"),
    ] {
        let seen = run(lab, &format!("connect blocking stream {address}"));
        let failed = seen.one("NETWORK_CONNECT", "socket.unixPath", name);
        Expect::of(failed).is("socket.phase", "FAILED").is("socket.error", error);
        assert_eq!(failed["socket"]["unverified"] == true, unverified, "{failed:#}");
    }
}

/// The process at the other end is another one, and its program is told.
pub(super) fn peer(lab: &mut Lab) {
    let mut client = lab.watch();
    let mut server = workload::command("serve");
    server.args(["stream", "abstract:picket-peer", "1", "0", "none"]);
    let mut server = server.spawn().expect("the workload program runs");
    client.wait_for("the server", |event| {
        text(event, "class") == "NETWORK_LISTEN" && text(event, "socket.unixPath") == "@picket-peer"
    });
    let mut caller = workload::command("connect");
    caller.args(["blocking", "stream", "abstract:picket-peer"]);
    let mut caller = caller.spawn().expect("the workload program runs");
    assert!(caller.wait().expect("our own child").success());
    assert!(server.wait().expect("our own child").success());
    let program = workload::program();
    let program = program.canonicalize().expect("the program is there");
    let of_caller = seen(lab, &mut client, caller.id());
    Expect::of(of_caller.one("NETWORK_CONNECT", "socket.unixPath", "@picket-peer"))
        .is("socket.peer.pid", server.id())
        .is("socket.peer.executable", &*program.to_string_lossy())
        .has("socket.peer.arguments", "abstract:picket-peer");
    let of_server = seen(lab, &mut client, server.id());
    Expect::of(of_server.one("NETWORK_ACCEPT", "socket.unixPath", "@picket-peer"))
        .is("socket.peer.pid", caller.id());
}
