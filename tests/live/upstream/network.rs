//! Rules about sockets. Addresses are those of the loopback device of a network namespace of the process's own.

use super::case::{Case, Field, Near, Run};

const CONNECT: (&str, Field) = ("evt.type", Field::Text("connect"));
const TCP: (&str, Field) = ("fd.l4proto", Field::Text("tcp"));
const IPV4: (&str, Field) = ("fd.type", Field::Text("ipv4"));
const PORT: (&str, Field) = ("fd.lport", Field::Positive);

pub(super) const API_SERVER: Case = Case {
    capabilities: &["SYS_ADMIN", "NET_ADMIN"],
    near: Near::Here("NETWORK_CONNECT", "socket.remote.address", "10.96.0.2"),
    fields: &[
        CONNECT,
        ("fd.name", Field::Between("10.96.0.1:", "->10.96.0.1:443")),
        PORT,
        ("fd.rport", Field::Number(443)),
        IPV4,
        TCP,
    ],
    ..Case::first(
        "Contact K8S API Server From Container",
        &[
            "/bin/web",
            "unshare",
            "net",
            ",",
            "loopback",
            ",",
            "give",
            "10.96.0.1",
            ",",
            "behind",
            "serve",
            "tcp",
            "0.0.0.0:443",
            "2",
            "0",
            "none",
            ",",
            "connect",
            "blocking",
            "tcp",
            "10.96.0.2:443",
            ",",
            "connect",
            "blocking",
            "tcp",
            "10.96.0.1:443",
            ",",
            "join",
        ],
    )
};

/// A program of that name, on the host.
const SSH_WORDS: &[&str] = &[
    "@bin/ssh",
    "unshare",
    "net",
    ",",
    "loopback",
    ",",
    "give",
    "203.0.113.9",
    ",",
    "behind",
    "serve",
    "tcp",
    "0.0.0.0:2222",
    "1",
    "0",
    "none",
    ",",
    "connect",
    "blocking",
    "tcp",
    "203.0.113.9:2222",
    ",",
    "behind",
    "serve",
    "tcp",
    "0.0.0.0:443",
    "1",
    "0",
    "none",
    ",",
    "connect",
    "blocking",
    "tcp",
    "203.0.113.9:443",
    ",",
    "join",
    ",",
    "say",
    "@marker",
];

pub(super) const SSH: Case = Case {
    run: Run::Host(&[SSH_WORDS]),
    process: SSH_WORDS,
    lineage: &[],
    executable: "@workload",
    near: Near::Here("NETWORK_CONNECT", "socket.remote.port", "2222"),
    fields: &[
        CONNECT,
        ("fd.name", Field::Between("203.0.113.9:", "->203.0.113.9:443")),
        PORT,
        ("fd.rport", Field::Number(443)),
        IPV4,
        TCP,
    ],
    ..Case::script("Disallowed SSH Connection Non Standard Port", "")
};

/// Neither a socket of another family, nor one of no family of the network.
pub(super) const PACKET: Case = Case {
    near: Near::Here("NETWORK_SOCKET", "socket.type", "raw"),
    fields: &[
        ("evt.type", Field::Text("socket")),
        ("evt.args", Field::Text("fd=<o> domain=17(AF_PACKET) type=3 proto=768")),
        ("fd.name", Field::Text("")),
        ("fd.lport", Field::Null),
        ("fd.rport", Field::Null),
        ("fd.type", Field::Text("<NA>")),
        ("fd.l4proto", Field::Text("<NA>")),
    ],
    ..Case::first(
        "Packet socket created in container",
        &["/bin/web", "socket", "raw", ",", "socket", "packet"],
    )
};

/// To another number it is nothing.
pub(super) const REDIRECT: Case = Case {
    near: Near::Here("NETWORK_CONNECT", "socket.remote.port", "4001"),
    fields: &[
        ("evt.type", Field::Text("dup2")),
        ("fd.sip", Field::Text("127.0.0.1")),
        ("fd.name", Field::Between("127.0.0.1:", "->127.0.0.1:4000")),
        PORT,
        ("fd.rport", Field::Number(4000)),
        IPV4,
        TCP,
    ],
    ..Case::first(
        "Redirect STDOUT/STDIN to Network Connection in Container",
        &[
            "/bin/web",
            "behind",
            "serve",
            "tcp",
            "127.0.0.1:4001",
            "1",
            "0",
            "none",
            ",",
            "stdio",
            "dup2",
            "7",
            "tcp",
            "127.0.0.1:4001",
            ",",
            "behind",
            "serve",
            "tcp",
            "127.0.0.1:4000",
            "1",
            "0",
            "none",
            ",",
            "stdio",
            "dup2",
            "0",
            "tcp",
            "127.0.0.1:4000",
            ",",
            "join",
        ],
    )
};
