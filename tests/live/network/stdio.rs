//! Sockets that become standard streams.

use picket_tests::expect::{Expect, text};
use picket_tests::lab::Lab;

use super::{OWN, Seen, by_tracepoint, run};

const CLASS: &str = "NETWORK_STDIO";

fn copied(lab: &mut Lab, how: &str, to: &str) -> Seen {
    run(
        lab,
        &format!("{OWN} behind serve tcp 127.0.0.1:80 1 0 none , stdio {how} {to} tcp 127.0.0.1:80 , join"),
    )
}

/// By whichever call, with the connection that it is.
pub(super) fn connected(lab: &mut Lab) {
    for (how, call, number) in [
        ("dup", "dup", 0),
        ("dup2", "dup2", 1),
        ("dup3", "dup3", 2),
        ("fcntl", "fcntl", 0),
        ("fcntl-cloexec", "fcntl", 2),
    ] {
        let seen = copied(lab, how, &number.to_string());
        assert_eq!(seen.errors, Vec::<String>::new(), "{how}");
        let stands = seen.one("NETWORK_CONNECT", "socket.phase", "ESTABLISHED");
        Expect::of(seen.one(CLASS, "socket.call", call))
            .is("socket.descriptor", number)
            .such("socket.fromDescriptor", "the socket's own", |from| from.as_u64() > Some(2))
            .is("socket.protocol", "tcp")
            .is("socket.family", "ipv4")
            .is("socket.type", "stream")
            .is("socket.phase", "ESTABLISHED")
            .is("socket.local.port", stands["socket"]["local"]["port"].clone())
            .is("socket.remote.address", "127.0.0.1")
            .is("socket.remote.port", 80)
            .is("socket.socket", text(stands, "socket.socket"))
            .absent("socket.accepted");
    }
}

/// The calls of 32-bit programs do not reach the tracepoints of system calls.
pub(super) fn by_32_bits(lab: &mut Lab) {
    let told = !by_tracepoint(lab, CLASS);
    let seen = copied(lab, "int80-dup2", "0");
    assert_eq!(seen.errors, Vec::<String>::new());
    assert_eq!(seen.count(CLASS), usize::from(told), "{:#?}", seen.events);
    if told {
        Expect::of(seen.one(CLASS, "socket.call", "dup2"))
            .is("socket.descriptor", 0)
            .such("socket.fromDescriptor", "the socket's own", |from| from.as_u64() > Some(2))
            .is("socket.remote.port", 80);
    }
}

/// Connections from the other end, datagrams, local sockets.
pub(super) fn other_sockets(lab: &mut Lab) {
    let seen = run(lab, &format!("{OWN} stdio dup2 0 accepted 127.0.0.1:80"));
    let accepted = seen.one("NETWORK_ACCEPT", "socket.local.port", "80");
    Expect::of(accepted).is("socket.call", "accept4");
    Expect::of(seen.one(CLASS, "socket.descriptor", "0"))
        .is("socket.accepted", true)
        .is("socket.local.port", 80)
        .is("socket.remote.port", accepted["socket"]["remote"]["port"].clone())
        .is("socket.socket", text(accepted, "socket.socket"));
    let seen = run(lab, &format!("{OWN} stdio dup2 0 udp [::1]:53"));
    Expect::of(seen.one(CLASS, "socket.descriptor", "0"))
        .is("socket.protocol", "udp")
        .is("socket.remote.address", "::1")
        .is("socket.remote.port", 53);
    let seen = run(lab, "stdio dup2 0 accepted unix:@/stdio");
    let told = seen.one(CLASS, "socket.descriptor", "0");
    Expect::of(told)
        .is("socket.protocol", "unix")
        .such("socket.unixPath", "where it is bound", |path| {
            path.as_str().is_some_and(|path| path.ends_with("/stdio"))
        })
        .is("socket.peer.pid", told["process"]["pid"].clone());
}

/// Copies to other numbers, and of what is no socket, are nothing.
pub(super) fn nothing_else(lab: &mut Lab) {
    for script in ["dup2 7 tcp 127.0.0.1:80", "fcntl 7 tcp 127.0.0.1:80"] {
        let seen = run(lab, &format!("{OWN} behind serve tcp 127.0.0.1:80 1 0 none , stdio {script} , join"));
        assert_eq!((seen.count(CLASS), seen.count("NETWORK_ACCEPT")), (0, 1), "{script}");
    }
    let seen = run(lab, &format!("{OWN} stdio dup2 0 file /dev/null , stdio dup2 0 udp 127.0.0.1:53"));
    assert_eq!(seen.count(CLASS), 1, "only of the socket");
}
