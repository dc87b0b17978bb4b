//! Connections of TCP: attempt, outcome, acceptance, end.

use picket_tests::expect::{Expect, number, text};
use picket_tests::lab::Lab;
use picket_tests::skip::{report, sized};
use picket_tests::workload::IN_CONTAINER;

use super::{OWN, Seen, by_tracepoint, run, seen};

/// What a kernel says that has no io_uring, keeps it switched off, or lacks the operation (with its poller: 5.10).
const LACKING: [&str; 4] = ["EPERM", "ENOSYS", "EINVAL", "EBADF"];

/// What holds for a connection to 127.0.0.1:80 over which 1000 bytes went there and 5000 back.
fn check_exchange(seen: &Seen, address: &str) {
    let attempt = seen.one("NETWORK_CONNECT", "socket.phase", "ATTEMPT");
    let stands = seen.one("NETWORK_CONNECT", "socket.phase", "ESTABLISHED");
    for event in [attempt, stands] {
        Expect::of(event)
            .is("socket.protocol", "tcp")
            .is("socket.type", "stream")
            .is("socket.remote.address", address)
            .is("socket.remote.port", 80)
            .absent("socket.error")
            .absent("socket.unverified")
            .is("socket.socket", text(stands, "socket.socket"))
            .such("socket.networkNamespace", "an inode number", |inode| inode.as_u64() > Some(0));
    }
    let port = number(stands, "socket.local.port").expect("a port of its own");
    Expect::of(stands).is("socket.local.address", address);
    let accepted = seen.one("NETWORK_ACCEPT", "socket.phase", "ESTABLISHED");
    Expect::of(accepted)
        .is("socket.protocol", "tcp")
        .is("socket.local.address", address)
        .is("socket.local.port", 80)
        .is("socket.remote.address", address)
        .is("socket.remote.port", port);
    let client = seen.one("NETWORK_CLOSE", "socket.remote.port", "80");
    Expect::of(client)
        .is("socket.socket", text(stands, "socket.socket"))
        .is("socket.local.port", port)
        .is("socket.sentBytes", 1000)
        .is("socket.receivedBytes", 5000)
        .such("socket.duration", "a time", |time| time.as_str().is_some_and(|time| time.ends_with('s')));
    let server = seen.one("NETWORK_CLOSE", "socket.local.port", "80");
    Expect::of(server)
        .is("socket.socket", text(accepted, "socket.socket"))
        .is("socket.remote.port", port)
        .is("socket.sentBytes", 5000)
        .is("socket.receivedBytes", 1000);
}

fn exchange(lab: &mut Lab, how: &str, address: &str) -> Seen {
    run(
        lab,
        &format!(
            "{OWN} behind serve tcp {address}:80 1 1000 zero:5000 , \
             exchange {how} tcp {address}:80 zero:1000 3 5000 , join"
        ),
    )
}

pub(super) fn tcp(lab: &mut Lab) {
    for how in ["blocking", "nonblocking"] {
        let seen = exchange(lab, how, "127.0.0.1");
        check_exchange(&seen, "127.0.0.1");
        let attempt = seen.one("NETWORK_CONNECT", "socket.phase", "ATTEMPT");
        Expect::of(attempt).is("socket.family", "ipv4");
        let stands = seen.one("NETWORK_CONNECT", "socket.phase", "ESTABLISHED");
        for event in [attempt, stands] {
            assert_eq!(event["socket"]["nonblocking"] == true, how == "nonblocking", "{event:#}");
        }
    }
}

pub(super) fn tcp_of_version_6(lab: &mut Lab) {
    let seen = exchange(lab, "blocking", "[::1]");
    check_exchange(&seen, "::1");
    Expect::of(seen.one("NETWORK_CONNECT", "socket.phase", "ATTEMPT")).is("socket.family", "ipv6");
}

/// The first bytes go with the first packet, by sendto and without connect.
pub(super) fn fast_open(lab: &mut Lab) {
    check_exchange(&exchange(lab, "fastopen", "127.0.0.1"), "127.0.0.1");
}

/// An IPv6 socket that speaks IPv4 is told by what it speaks.
pub(super) fn mapped(lab: &mut Lab) {
    let script = "behind serve tcp 127.0.0.1:80 1 0 none , connect blocking tcp [::ffff:127.0.0.1]:80 , join";
    let seen = run(lab, &format!("{OWN} {script}"));
    for phase in ["ATTEMPT", "ESTABLISHED"] {
        Expect::of(seen.one("NETWORK_CONNECT", "socket.phase", phase))
            .is("socket.family", "ipv4")
            .is("socket.remote.address", "127.0.0.1")
            .is("socket.local.address", "127.0.0.1");
    }
}

pub(super) fn by_io_uring(lab: &mut Lab) {
    for how in ["uring", "uring-async", "uring-sqpoll"] {
        let seen = run(
            lab,
            &format!("{OWN} behind serve tcp 127.0.0.1:80 1 0 none , connect {how} tcp 127.0.0.1:80"),
        );
        if let Some(error) = seen.errors.first() {
            assert!(LACKING.contains(&error.as_str()), "{how}: {error}");
            let reason =
                format!("no back end for NETWORK_CONNECT by {how}: the kernel does not do it ({error})");
            report("network::by_io_uring", &reason);
            continue;
        }
        for phase in ["ATTEMPT", "ESTABLISHED"] {
            Expect::of(seen.one("NETWORK_CONNECT", "socket.phase", phase)).is("socket.remote.port", 80);
        }
    }
}

/// An attempt that fails is told twice, for whoever waits for it and for who does not.
pub(super) fn refused(lab: &mut Lab) {
    for how in ["blocking", "nonblocking"] {
        let seen = run(lab, &format!("{OWN} connect {how} tcp 127.0.0.1:81"));
        seen.one("NETWORK_CONNECT", "socket.phase", "ATTEMPT");
        Expect::of(seen.one("NETWORK_CONNECT", "socket.phase", "FAILED"))
            .is("socket.error", "ECONNREFUSED")
            .is("socket.remote.address", "127.0.0.1")
            .is("socket.remote.port", 81);
        assert_eq!(seen.count("NETWORK_CLOSE"), 0, "nothing stood");
    }
}

/// No packet goes out: only the call's result tells it.
pub(super) fn unreachable(lab: &mut Lab) {
    let unverified = by_tracepoint(lab, "NETWORK_CONNECT");
    for (kind, address) in [("tcp", "203.0.113.9"), ("udp", "203.0.113.9"), ("tcp", "2001:db8::9")] {
        let word = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let seen = run(lab, &format!("{OWN} connect blocking {kind} {word}:81"));
        let failed = seen.one("NETWORK_CONNECT", "socket.phase", "FAILED");
        Expect::of(failed)
            .is("socket.protocol", kind)
            .is("socket.remote.address", address)
            .is("socket.remote.port", 81)
            .such("socket.error", "no way there", |error| error == "ENETUNREACH" || error == "EADDRNOTAVAIL");
        assert_eq!(failed["socket"]["unverified"] == true, unverified, "{failed:#}");
        assert_eq!(seen.count("NETWORK_CONNECT"), 1);
    }
}

/// A second thread rewrites the address during the calls: what is told is what the kernel used.
pub(super) fn flipped(lab: &mut Lab) {
    let times = sized(300, 50);
    let servers = [7461, 7462].map(|port| format!("behind serve tcp 127.0.0.1:{port} 1000 0 none ,"));
    for kind in ["tcp", "udp"] {
        let flip = format!("flip connect-{kind} 127.0.0.1:7461 127.0.0.1:7462 {times}");
        let seen = run(lab, &format!("{OWN} {} {flip}", servers.join(" ")));
        let used: Vec<u64> = seen.printed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [first, second, neither] = used[..] else { panic!("`{flip}` printed {}", seen.printed) };
        println!("network: flip {kind}: the kernel used {used:?}");
        assert_eq!((first + second, neither), (times, 0), "each call succeeded");
        let connects = seen.events.iter().filter(|event| text(event, "class") == "NETWORK_CONNECT");
        let told: Vec<_> = connects.filter(|event| text(event, "socket.protocol") == kind).collect();
        for (port, used) in [(7461, first), (7462, second)] {
            // Equal ones within the window are one.
            let of_port = told.iter().filter(|event| number(event, "socket.remote.port") == Some(port));
            assert_eq!(of_port.count() > 0, used > 0, "{port} was used {used} times: {told:#?}");
        }
        for event in told {
            Expect::of(event)
                .is("socket.remote.address", "127.0.0.1")
                .such("socket.remote.port", "one of the two", |port| *port == 7461 || *port == 7462)
                .absent("socket.error")
                .absent("socket.unverified");
        }
    }
}

/// As [`flipped`], of calls that fail: their address is the kernel's own copy, or said to be unverified.
pub(super) fn flipped_in_vain(lab: &mut Lab) {
    let unverified = by_tracepoint(lab, "NETWORK_CONNECT");
    let addresses = ["203.0.113.8", "203.0.113.9"];
    let seen = run(lab, &format!("{OWN} flip connect-udp {}:81 {}:81 50", addresses[0], addresses[1]));
    let connects: Vec<_> =
        seen.events.iter().filter(|event| text(event, "class") == "NETWORK_CONNECT").collect();
    assert!(!connects.is_empty(), "nothing is told; it printed {}", seen.printed);
    for event in connects {
        Expect::of(event)
            .is("socket.phase", "FAILED")
            .is("socket.error", "ENETUNREACH")
            .is("socket.remote.port", 81)
            .such("socket.remote.address", "one of the two", |address| {
                address.as_str().is_some_and(|address| addresses.contains(&address))
            });
        assert_eq!(event["socket"]["unverified"] == true, unverified, "{event:#}");
    }
}

/// The outcome is told of the container, although no process of it runs then.
pub(super) fn in_a_container(lab: &mut Lab) {
    let mut client = lab.watch();
    // The container has a network of its own, whose loopback device the runtime set up.
    let script = "behind serve tcp 127.0.0.1:80 1 0 none , connect nonblocking tcp 127.0.0.1:80 , join , \
                  connect blocking tcp 127.0.0.1:81";
    let mut arguments = vec![IN_CONTAINER, "--may-fail"];
    arguments.extend(script.split_whitespace());
    let container = lab.container(&arguments);
    container.run_ok();
    let marker = |event: &serde_json::Value| {
        text(event, "class") == "NETWORK_CONNECT"
            && text(event, "socket.phase") == "FAILED"
            && number(event, "socket.remote.port") == Some(81)
            && text(event, "container.id") == container.id()
    };
    let failed = client.wait_for("the refused connection", marker);
    let pid = u32::try_from(number(&failed, "process.pid").expect("a process")).expect("a pid");
    let seen = seen(lab, &mut client, pid);
    for class in ["NETWORK_BIND", "NETWORK_LISTEN", "NETWORK_CONNECT", "NETWORK_ACCEPT", "NETWORK_CLOSE"] {
        assert!(seen.count(class) > 0, "no {class} of the container");
    }
    for event in seen.events.iter().filter(|event| event.get("socket").is_some()) {
        Expect::of(event).is("container.id", container.id()).is("process.executable", IN_CONTAINER);
    }
}
