//! Sockets: what is told of connections, listeners, datagrams and unusual sockets, against what the
//! workload did. Internet traffic stays on the loopback device of a network namespace of its own.

mod connect;
mod local;
mod other;
mod stdio;

use std::process::Stdio;

use picket_tests::client::Client;
use picket_tests::expect::{field, number, text};
use picket_tests::lab::Lab;
use picket_tests::runner::Test;
use picket_tests::workload;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("network::tcp", connect::tcp).each_back_end().proves(&[
        "NETWORK_CONNECT",
        "NETWORK_ACCEPT",
        "NETWORK_CLOSE",
    ]),
    Test::new("network::tcp_of_version_6", connect::tcp_of_version_6).each_back_end().proves(&[
        "NETWORK_CONNECT",
        "NETWORK_ACCEPT",
        "NETWORK_CLOSE",
    ]),
    Test::new("network::mapped", connect::mapped).each_back_end().proves(&["NETWORK_CONNECT"]),
    Test::new("network::fast_open", connect::fast_open).each_back_end().proves(&[
        "NETWORK_CONNECT",
        "NETWORK_ACCEPT",
        "NETWORK_CLOSE",
    ]),
    Test::new("network::by_io_uring", connect::by_io_uring).each_back_end().proves(&["NETWORK_CONNECT"]),
    Test::new("network::refused", connect::refused).each_back_end().proves(&["NETWORK_CONNECT"]),
    Test::new("network::unreachable", connect::unreachable).each_back_end().proves(&["NETWORK_CONNECT"]),
    Test::new("network::flipped_address", connect::flipped).each_back_end(),
    Test::new("network::flipped_in_vain", connect::flipped_in_vain).each_back_end(),
    Test::new("network::in_a_container", connect::in_a_container).each_back_end().proves(&[
        "NETWORK_BIND",
        "NETWORK_LISTEN",
        "NETWORK_CONNECT",
        "NETWORK_ACCEPT",
        "NETWORK_CLOSE",
    ]),
    Test::new("network::local_path", local::path).each_back_end().proves(&[
        "NETWORK_BIND",
        "NETWORK_LISTEN",
        "NETWORK_CONNECT",
        "NETWORK_ACCEPT",
    ]),
    Test::new("network::local_abstract", local::abstract_name).each_back_end().proves(&[
        "NETWORK_BIND",
        "NETWORK_CONNECT",
        "NETWORK_ACCEPT",
    ]),
    Test::new("network::local_datagrams", local::datagrams)
        .each_back_end()
        .proves(&["NETWORK_BIND", "NETWORK_CONNECT"]),
    Test::new("network::local_failures", local::failures).each_back_end().proves(&["NETWORK_CONNECT"]),
    Test::new("network::local_peer", local::peer).each_back_end().proves(&[
        "NETWORK_LISTEN",
        "NETWORK_CONNECT",
        "NETWORK_ACCEPT",
    ]),
    Test::new("network::udp_connected", other::udp_connected).each_back_end().proves(&["NETWORK_CONNECT"]),
    Test::new("network::datagrams", other::datagrams).each_back_end().proves(&["NETWORK_DATAGRAM"]),
    Test::new("network::standard_streams", stdio::connected).each_back_end().proves(&["NETWORK_STDIO"]),
    Test::new("network::standard_streams_of_others", stdio::other_sockets)
        .each_back_end()
        .proves(&["NETWORK_STDIO"]),
    Test::new("network::standard_streams_by_32_bits", stdio::by_32_bits).each_back_end(),
    Test::new("network::other_copies", stdio::nothing_else).each_back_end(),
    Test::new("network::bind_and_listen", other::bind_and_listen)
        .each_back_end()
        .proves(&["NETWORK_BIND", "NETWORK_LISTEN"]),
    Test::new("network::unusual_sockets", other::unusual_sockets).each_back_end().proves(&["NETWORK_SOCKET"]),
];

/// Begins a namespace of its own with a loopback device.
const OWN: &str = "unshare net , loopback ,";

/// Events of one process.
struct Seen {
    events: Vec<Value>,
    /// Error numbers with which its operations failed.
    errors: Vec<String>,
    /// All that it printed.
    printed: String,
}

/// Runs a workload in the scratch folder and gives the events of its process; `@` in it is the folder.
fn run(lab: &mut Lab, script: &str) -> Seen {
    let mut client = lab.watch();
    let folder = lab.scratch().folder("network");
    let words = script.split_whitespace().map(|word| word.replace('@', &folder.to_string_lossy()));
    let mut child = workload::command("--may-fail");
    child.args(words).current_dir(&folder);
    let child = child.stdout(Stdio::piped()).spawn().expect("the workload program runs");
    let pid = child.id();
    let output = child.wait_with_output().expect("our own child");
    assert!(output.status.success(), "`{script}`: {}", output.status);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = printed.lines().filter_map(|line| line.strip_prefix("errno ")).map(str::to_owned).collect();
    Seen { errors, printed, ..seen(lab, &mut client, pid) }
}

/// What was told of a process that has ended.
fn seen(lab: &Lab, client: &mut Client, pid: u32) -> Seen {
    // Sockets have a ring of their own, so an exit does not mean that everything came: wait for what the
    // fence's own process does with one.
    lab.fence(client);
    let marker = workload::command("socket").arg("raw").spawn();
    let mut marker = marker.expect("the workload program runs");
    marker.wait().expect("our own child");
    let last = marker.id();
    client.wait_for("the socket of the fence", |event| {
        text(event, "class") == "NETWORK_SOCKET" && number(event, "process.pid") == Some(last.into())
    });
    Seen { events: client.of_process(pid), errors: Vec::new(), printed: String::new() }
}

impl Seen {
    /// The events of a class of which this field has this value.
    fn all(&self, class: &str, path: &str, value: &str) -> Vec<&Value> {
        let wanted = |event: &&Value| {
            text(event, "class") == class
                && field(event, path).is_some_and(|found| match found {
                    Value::String(text) => text == value,
                    other => other.as_u64().is_some_and(|number| value.parse() == Ok(number)),
                })
        };
        self.events.iter().filter(wanted).collect()
    }

    /// The only such event.
    fn one(&self, class: &str, path: &str, value: &str) -> &Value {
        match self.all(class, path, value).as_slice() {
            [event] => event,
            other => panic!(
                "{} events {class} with {path} = {value}; all of the process: {:#?}",
                other.len(),
                self.events.iter().filter(|event| field(event, "socket").is_some()).collect::<Vec<_>>()
            ),
        }
    }

    /// How many events of a class there are.
    fn count(&self, class: &str) -> usize {
        self.events.iter().filter(|event| text(event, "class") == class).count()
    }
}

/// True if a class is served by tracepoints of system calls, to which only the caller's memory tells the
/// address of a call that failed.
fn by_tracepoint(lab: &mut Lab, class: &str) -> bool {
    match lab.agent().back_end(class).as_str() {
        "tracepoint" => true,
        "trampoline" => false,
        other => panic!("{class} is served by {other}"),
    }
}
