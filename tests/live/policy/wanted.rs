//! Which classes, ports and networks are told of containers and of the host, and that a reload changes all of it.

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::container::Container;
use picket_tests::expect::{number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::workload::{self, IN_CONTAINER};
use serde_json::Value;

use super::{awaited, wait_for_logs, waiting};

/// Ends of connections of a container, all refused on its own loopback device.
const PORT: Peer = ("127.0.0.1", 8001);
const NETWORK: Peer = ("127.0.1.1", 8002);
const OTHER: Peer = ("127.0.0.1", 8000);

/// Neither files nor one port and one network; of the host processes only.
const FIRST: &str = "[events]\ncontainers = [\"process\", \"container\", \"network\"]\nhost = [\"process\"]\n\
     [network]\nquiet_ports = [\"8001\"]\nquiet_networks = [\"127.0.1.0/24\"]\n";
/// Files, and no sockets; of the host a single class besides.
const SECOND: &str = "[events]\ncontainers = [\"process\", \"container\", \"FILE_OPEN\"]\n\
     host = [\"process\", \"PRIVILEGE_UNSHARE\"]\n[network]\nquiet_ports = [\"8001\"]\n";
/// Everything, with another port and no network; of the host connections.
const THIRD: &str = "[events]\nhost = [\"process\", \"NETWORK_CONNECT\"]\n\
     [network]\nquiet_ports = [\"8000\"]\n";

type Peer = (&'static str, u64);

/// What was told of one round.
struct Round {
    /// Of the container's process: what it connected to, and files that it wrote.
    connected: Vec<Peer>,
    files: usize,
    /// Classes of the host's process.
    host: Vec<String>,
}

/// A process of the host and one of the container do the same as in every round; `fence` is what is told last.
fn round(client: &mut Client, container: &Container, fence: impl Fn(&Value) -> bool) -> Round {
    let script = "unshare net , loopback , connect blocking tcp 127.0.0.1:8001";
    let mut host = workload::command("--may-fail");
    let host = host.args(script.split(' ')).stdout(std::process::Stdio::null()).spawn();
    let mut host = host.expect("the workload program runs");
    assert!(host.wait().expect("our own child").success(), "{script}");

    let mark = marker("wanted");
    let connects =
        [PORT, NETWORK, OTHER].map(|(address, port)| format!("connect blocking tcp {address}:{port} ,"));
    let script = format!("write /tmp/{mark}-a x , {} write /tmp/{mark}-b x", connects.join(" "));
    let arguments = [IN_CONTAINER, "--may-fail"].into_iter().chain(script.split_whitespace());
    container.exec(&arguments.collect::<Vec<_>>());
    // Both rings: the exec and its end come through one, files and sockets through the other.
    let exec = client.wait_for("the container's workload", |event| {
        text(event, "class") == "PROCESS_EXEC"
            && text(event, "process.executable") == IN_CONTAINER
            && event["process"]["arguments"].to_string().contains(&mark)
    });
    let pid = number(&exec, "process.pid");
    let own = |event: &Value| number(event, "process.pid") == pid;
    client.wait_for("the end of the round", |event| own(event) && fence(event));
    client.exit_of(&exec);

    let told = client.all(own);
    let connected = |peer: &Peer| {
        told.iter().any(|event| {
            text(event, "class") == "NETWORK_CONNECT"
                && text(event, "socket.remote.address") == peer.0
                && number(event, "socket.remote.port") == Some(peer.1)
        })
    };
    let files = told.iter().filter(|event| text(event, "file.path").contains(&mark)).count();
    let classes = client.of_process(host.id()).iter().map(|event| text(event, "class").to_owned()).collect();
    Round { connected: [PORT, NETWORK, OTHER].into_iter().filter(connected).collect(), files, host: classes }
}

fn is_refused(event: &Value, peer: Peer) -> bool {
    text(event, "socket.phase") == "FAILED"
        && text(event, "socket.remote.address") == peer.0
        && number(event, "socket.remote.port") == Some(peer.1)
}

fn is_second_file(event: &Value) -> bool {
    text(event, "class") == "FILE_OPEN" && text(event, "file.path").ends_with("-b")
}

fn reload(agent: &Agent, settings: &str, times: usize) {
    agent.change_settings(settings);
    wait_for_logs(agent, "the new policy holds", times);
}

pub(super) fn classes_ports_and_networks(lab: &mut Lab) {
    let agent = lab.agent_with(FIRST);
    let container = lab.container(&waiting());
    let mut client = Client::subscribe(&agent, &Filters::default());
    awaited(&mut client, &container);
    let has = |round: &Round, class: &str| round.host.iter().any(|told| told == class);

    // The first file came before the fence; the second one may still be on its way.
    let first = round(&mut client, &container, |event| is_refused(event, OTHER));
    assert_eq!(first.connected, [OTHER], "neither the port nor the network");
    assert_eq!(first.files, 0, "no files");
    assert!(has(&first, "PROCESS_EXEC"), "{:?}", first.host);
    assert!(first.host.iter().all(|class| class.starts_with("PROCESS_")), "{:?}", first.host);

    reload(&agent, SECOND, 1);
    let second = round(&mut client, &container, is_second_file);
    assert_eq!((second.connected.as_slice(), second.files), ([].as_slice(), 2), "files, and no sockets");
    assert!(has(&second, "PRIVILEGE_UNSHARE") && !has(&second, "NETWORK_CONNECT"), "{:?}", second.host);

    reload(&agent, THIRD, 2);
    let third = round(&mut client, &container, is_second_file);
    assert_eq!((third.connected.as_slice(), third.files), ([PORT, NETWORK].as_slice(), 2), "another port");
    assert!(has(&third, "NETWORK_CONNECT") && !has(&third, "PRIVILEGE_UNSHARE"), "{:?}", third.host);
    drop(client);
    agent.stop();
}
