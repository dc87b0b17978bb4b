//! What goes over sockets: first bytes of connections and datagrams, DNS messages, both ends in one container.

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::expect::{Expect, field, number, text};
use picket_tests::hello;
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::workload;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("packets::mining_in_pieces", mining_in_pieces).proves(&["NETWORK_PAYLOAD"]),
    Test::new("packets::tls_server_name", tls_server_name).proves(&["NETWORK_PAYLOAD"]),
    Test::new("packets::http_both_ways", http_both_ways).proves(&["NETWORK_PAYLOAD"]),
    Test::new("packets::unknown_protocol", unknown_protocol).proves(&["NETWORK_PAYLOAD"]),
    Test::new("packets::datagrams", datagrams).proves(&["NETWORK_PAYLOAD"]),
    Test::new("packets::dns_over_udp", dns_over_udp).proves(&["NETWORK_DNS"]),
    Test::new("packets::dns_over_tcp", dns_over_tcp).proves(&["NETWORK_DNS"]),
    Test::new("packets::bytes_are_shown_on_request", bytes_are_shown_on_request)
        .own_agent()
        .proves(&["NETWORK_PAYLOAD"]),
];

/// Runs operations in a container; the subscriber has only the events of that container.
fn run(lab: &mut Lab, agent: Option<&Agent>, operations: &[&str]) -> Client {
    let arguments: Vec<_> = [workload::IN_CONTAINER].iter().chain(operations).copied().collect();
    let container = lab.container(&arguments);
    let filters = Filters { containers: vec![container.names().id.clone()], ..Filters::default() };
    let client = match agent {
        Some(agent) => Client::subscribe(agent, &filters),
        None => lab.subscribe(&filters),
    };
    container.run_ok();
    client
}

/// An event of one end, by the port of the server and by which side it is.
fn of_end(
    client: &mut Client,
    class: &str,
    port: u64,
    server: bool,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let end = if server { "socket.local.port" } else { "socket.remote.port" };
    let side = if server { "server" } else { "client" };
    let event = client.wait_for(&format!("{class} of the {side} at port {port}"), |event| {
        text(event, "class") == class && number(event, end) == Some(port) && wanted(event)
    });
    Expect::of(&event)
        .is("process.executable", workload::IN_CONTAINER)
        .such("container.pod", "there", Value::is_object)
        .such("socket.socket", "a name", |name| name.as_str().is_some_and(|name| !name.is_empty()))
        .such("socket.networkNamespace", "there", |number| number.as_u64().is_some_and(|number| number > 0));
    event
}

/// A login and a pool's answer, each in several writes.
fn mining_in_pieces(lab: &mut Lab) {
    let login = r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD","pass":"x","agent":"XMRig/6.21.0"}}\n"#;
    let answer = r#"{"id":1,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}\n"#;
    let (length, answered) = ((login.len() - 1).to_string(), (answer.len() - 1).to_string());
    let (login, answer) = (format!("text:{login}"), format!("text:{answer}"));
    let server = ["behind", "serve", "tcp", "127.0.0.1:3333", "1", &length, &answer, "3", ","];
    let pool = ["exchange", "blocking", "tcp", "127.0.0.1:3333", &login, "9", &answered, ",", "join"];
    let mut client = run(lab, None, &[server.as_slice(), &pool].concat());
    for server in [false, true] {
        let whole = |event: &Value| text(event, "socket.payload.detail").contains("agent=");
        let event = of_end(&mut client, "NETWORK_PAYLOAD", 3333, server, whole);
        Expect::of(&event)
            .is("socket.protocol", "tcp")
            .is("socket.family", "ipv4")
            .is("socket.type", "stream")
            .is("socket.local.address", "127.0.0.1")
            .is("socket.remote.address", "127.0.0.1")
            .is("socket.payload.application", "stratum")
            .is("socket.payload.direction", if server { "RECEIVED" } else { "SENT" })
            .absent("socket.payload.data")
            .such("socket.payload.detail", "method, wallet, agent", |detail| {
                let detail = detail.as_str().unwrap_or_default();
                detail.starts_with("login user=48edfHu7V9Z84Yzz") && detail.contains("agent=XMRig/6.21.0")
            });
    }
}

/// Hellos whose server name is near the start, and behind a long key share, in one write and in many.
fn tls_server_name(lab: &mut Lab) {
    // The last one begins by three bytes, which could be anything.
    let ways = [(8443, 0, "1"), (8444, 0, "5"), (8445, 1300, "1"), (8446, 1300, "3"), (8447, 500, "300")];
    for (port, before, writes) in ways {
        let hello = hello::of("login.example.test", before);
        let (length, hello) = (hello.len().to_string(), format!("hex:{}", hello::hex(&hello)));
        let at = format!("127.0.0.1:{port}");
        let server = ["behind", "serve", "tcp", &at, "1", &length, "hex:15030300020228", ","];
        let asks = ["exchange", "blocking", "tcp", &at, &hello, writes, "7", ",", "join"];
        let mut client = run(lab, None, &[server.as_slice(), &asks].concat());
        for server in [false, true] {
            let named = |event: &Value| !text(event, "socket.payload.serverName").is_empty();
            let event = of_end(&mut client, "NETWORK_PAYLOAD", port, server, named);
            Expect::of(&event)
                .is("socket.payload.application", "tls")
                .is("socket.payload.serverName", "login.example.test");
        }
    }
}

/// Request and response, over IPv4, IPv6, and IPv4 from a socket of IPv6.
fn http_both_ways(lab: &mut Lab) {
    let ends = [
        (8081, "127.0.0.1", "127.0.0.1", "ipv4", "127.0.0.1"),
        (8082, "[::1]", "[::1]", "ipv6", "::1"),
        (8083, "127.0.0.1", "[::ffff:127.0.0.1]", "ipv4", "127.0.0.1"),
    ];
    for (port, listens, asked, family, address) in ends {
        let (at, to) = (format!("{listens}:{port}"), format!("{asked}:{port}"));
        let request = r"text:GET /metrics HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        let server =
            ["behind", "serve", "tcp", &at, "1", "45", r"text:HTTP/1.1 204 No Content\r\n\r\n", "2", ","];
        let asks = ["exchange", "blocking", "tcp", &to, request, "4", "27", ",", "join"];
        let mut client = run(lab, None, &[server.as_slice(), &asks].concat());
        for server in [false, true] {
            let whole = |event: &Value| text(event, "socket.payload.detail").contains('→');
            let event = of_end(&mut client, "NETWORK_PAYLOAD", port, server, whole);
            Expect::of(&event)
                .is("socket.family", family)
                .is("socket.remote.address", address)
                .is("socket.payload.application", "http")
                .is("socket.payload.serverName", "shop.example")
                .is("socket.payload.detail", "GET /metrics → 204")
                .is("socket.payload.direction", if server { "SENT" } else { "RECEIVED" });
        }
        let asked = client.all(|event| number(event, "socket.remote.port") == Some(port));
        let mut names: Vec<_> = asked.iter().map(|event| text(event, "socket.socket")).collect();
        names.dedup();
        assert_eq!(names.len(), 1, "one name for a socket in all its events: {asked:#?}");
    }
}

/// Bytes of no known protocol are told once for each direction.
fn unknown_protocol(lab: &mut Lab) {
    let server = ["behind", "serve", "tcp", "127.0.0.1:4444", "1", "6000", "zero:3000", "2", ","];
    // A datagram ends it: what goes over sockets comes through a ring of its own, so a program alone would not say
    // that everything before has come.
    let end = marker("unknown");
    let asks = [
        ["exchange", "blocking", "tcp", "127.0.0.1:4444", "zero:6000", "7", "3000", ",", "join", ","]
            .as_slice(),
        &["datagram", "sendto", "127.0.0.1:4999", "text:end", ",", "exec", "/bin/true", &end],
    ]
    .concat();
    let mut client = run(lab, None, &[server.as_slice(), &asks].concat());
    for server in [false, true] {
        for direction in ["SENT", "RECEIVED"] {
            let this = |event: &Value| text(event, "socket.payload.direction") == direction;
            let event = of_end(&mut client, "NETWORK_PAYLOAD", 4444, server, this);
            Expect::of(&event).absent("socket.payload.application").is("socket.payload.cut", true);
        }
    }
    client.exec(&end);
    of_end(&mut client, "NETWORK_PAYLOAD", 4999, false, |_| true);
    let all = client.all(|event| text(event, "class") == "NETWORK_PAYLOAD");
    let datagram = |event: &&Value| number(event, "socket.remote.port") == Some(4999);
    let way = |event: &Value| {
        (text(event, "socket.socket").to_owned(), text(event, "socket.payload.direction").to_owned())
    };
    // Bytes that come with the last packet of the handshake are still those of the listening socket.
    let mut ways: Vec<_> = all.iter().filter(|event| !datagram(event)).map(way).collect();
    let told = ways.len();
    ways.sort();
    ways.dedup();
    assert_eq!(ways.len(), told, "each direction of a socket once: {all:#?}");
}

/// The first datagram each way, and what it says of both ends.
fn datagrams(lab: &mut Lab) {
    let server = ["behind", "serve", "udp", "[::1]:5060", "1", "0", "text:pong", ","];
    let asks = ["datagram", "sendto", "[::1]:5060", "text:ping", "1", ",", "join"];
    let mut client = run(lab, None, &[server.as_slice(), &asks].concat());
    for server in [false, true] {
        for direction in ["SENT", "RECEIVED"] {
            let this = |event: &Value| text(event, "socket.payload.direction") == direction;
            let event = of_end(&mut client, "NETWORK_PAYLOAD", 5060, server, this);
            Expect::of(&event)
                .is("socket.protocol", "udp")
                .is("socket.family", "ipv6")
                .is("socket.type", "dgram")
                .is("socket.remote.address", "::1");
        }
    }
}

fn dns_over_udp(lab: &mut Lab) {
    for (how, ip, answer, kind) in
        [("udp", "127.0.0.1", "203.0.113.7", "A"), ("udp-connected", "[::1]", "2001:db8::7", "AAAA")]
    {
        let at = format!("{ip}:53");
        let server = ["behind", "dns-serve", "udp", &at, "1", answer, ","];
        let (name, lower) = ("Pool.Example.test", kind.to_lowercase());
        let asks = ["dns-ask", how, &at, name, &lower, ",", "join"];
        let mut client = run(lab, None, &[server.as_slice(), &asks].concat());
        check_dns(&mut client, "udp", kind, answer);
    }
    let server = ["behind", "dns-serve", "udp", "127.0.0.1:53", "1", ","];
    let asks = ["dns-ask", "udp", "127.0.0.1:53", "gone.example.test", "a", ",", "join"];
    let mut client = run(lab, None, &[server.as_slice(), &asks].concat());
    for server in [false, true] {
        let response = |event: &Value| field(event, "socket.dns.response").is_some();
        let event = of_end(&mut client, "NETWORK_DNS", 53, server, response);
        Expect::of(&event).is("socket.dns.code", "NXDOMAIN").absent("socket.dns.answers");
    }
}

fn dns_over_tcp(lab: &mut Lab) {
    for how in ["tcp", "tcp-split"] {
        let server = ["behind", "dns-serve", "tcp", "127.0.0.1:53", "1", "203.0.113.7", ","];
        let asks = ["dns-ask", how, "127.0.0.1:53", "pool.example.test", "a", ",", "join"];
        let mut client = run(lab, None, &[server.as_slice(), &asks].concat());
        check_dns(&mut client, "tcp", "A", "203.0.113.7");
    }
}

/// Question and answer, as the client and as the server have them.
fn check_dns(client: &mut Client, protocol: &str, kind: &str, answer: &str) {
    for server in [false, true] {
        for response in [false, true] {
            let this = |event: &Value| field(event, "socket.dns.response").is_some() == response;
            let event = of_end(client, "NETWORK_DNS", 53, server, this);
            let dns = Expect::of(&event)
                .is("socket.protocol", protocol)
                .is("socket.dns.questions.0.name", "pool.example.test")
                .is("socket.dns.questions.0.type", kind)
                .absent("socket.dns.cut")
                .absent("socket.payload");
            if response {
                dns.is("socket.dns.code", "NOERROR")
                    .is("socket.dns.answers.0.name", "pool.example.test")
                    .is("socket.dns.answers.0.type", kind)
                    .is("socket.dns.answers.0.data", answer)
                    .is("socket.dns.answers.0.ttl", 60);
            } else {
                dns.absent("socket.dns.code").absent("socket.dns.answers");
            }
        }
    }
}

fn bytes_are_shown_on_request(lab: &mut Lab) {
    let agent = lab.agent_with("[network]\npayload_bytes = 4\n");
    let server = ["behind", "serve", "tcp", "127.0.0.1:4445", "1", "6", "none", ","];
    let asks = ["exchange", "blocking", "tcp", "127.0.0.1:4445", "text:secret", "1", "0", ",", "join"];
    let mut client = run(lab, Some(&agent), &[server.as_slice(), &asks].concat());
    for server in [false, true] {
        let event = of_end(&mut client, "NETWORK_PAYLOAD", 4445, server, |_| true);
        // The first four bytes in base64.
        Expect::of(&event).is("socket.payload.data", "c2Vjcg==").is("socket.payload.cut", true);
    }
    drop(client);
    agent.stop();
}
