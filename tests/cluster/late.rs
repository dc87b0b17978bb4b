//! Sources that answer late: what they send arrives seconds after they sent it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use picket_tests::expect::{field, text};
use picket_tests::runner::plain::Test;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::kubectl::{self, FOLDER};
use crate::outages::{Settings, pid_of};
use crate::workloads::{Scene, pod, spec};
use crate::world::{NAMESPACE, World};

pub(crate) const TESTS: &[Test<World>] = &[("late::runtime_and_api_server", runtime_and_api_server)];

const LATE: Duration = Duration::from_secs(5);
/// The node's own address, for which the API server's certificate holds.
const NODE: &str = "10.250.0.1";
const API_SERVER: u16 = 6443;
const RELAY: u16 = 6444;
/// The runtime's socket, as the node sees it, and the one in front of it.
const SOCKETS: [&str; 2] = ["run/containerd/containerd.sock", "run/late.sock"];

/// Events come as they happen, with the names that the bundle has; what the others know follows.
fn runtime_and_api_server(world: &mut World) {
    if !world.asks_the_api_server() {
        return;
    }
    let relays = Relays::start();
    let settings = Settings::change(world, |text| {
        text.replace("[identity]\n", &format!("[identity]\ncri = [\"/{}\"]\n", SOCKETS[1]))
    });
    let state = |name| world.source(name).map(|source| text(&source, "state").to_owned());
    for source in ["CRI", "KUBERNETES"] {
        kubectl::wait_until("a late source is connected", || state(source).as_deref() == Some("CONNECTED"));
    }
    let mut scene = Scene::open(world, "late");
    scene.apply(&[pod("web", spec(&[scene.sleeper("main")]))]);
    let mark = scene.mark("main");
    let event = scene.client.exec(&mark);
    let sources = field(&event, "container.sources").and_then(Value::as_array).cloned().unwrap_or_default();
    assert!(sources.contains(&"BUNDLE".into()), "nothing is known in time: {event}");
    assert!(!sources.contains(&"CRI".into()), "the event waited for the runtime: {event}");
    println!("late: the first event had its names from {sources:?}");
    scene.wait_for_facts(world, "main", "MAIN", 1);
    scene.close(world, 2);
    settings.restore_after(world, || drop(relays));
}

/// In front of the runtime and of the API server, which the agent is told to use.
struct Relays(PathBuf);

impl Relays {
    fn start() -> Self {
        let [there, here] = SOCKETS.map(|socket| Path::new(FOLDER).join(socket));
        remove(&here);
        let listener = UnixListener::bind(&here).expect("the node's /run can be written");
        spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = UnixStream::connect(&there) {
                    relay(&client, &server);
                }
            }
        });
        let node = std::fs::File::open(format!("/proc/{}/ns/net", pid_of("node").as_raw_nonzero()));
        let node = node.expect("the node runs");
        let (ready, wait) = channel();
        // Threads of a thread are in its network.
        spawn(move || {
            move_into_link_name_space(rustix::fd::AsFd::as_fd(&node), Some(LinkNameSpaceType::Network))
                .expect("root may enter the node's network");
            let listener = TcpListener::bind((NODE, RELAY)).expect("a free port of the node");
            ready.send(()).expect("it is waited for");
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect((NODE, API_SERVER)) {
                    relay(&client, &server);
                }
            }
        });
        wait.recv().expect("the relay of the API server listens");
        set_environment(&[
            &format!("KUBERNETES_SERVICE_HOST={NODE}"),
            &format!("KUBERNETES_SERVICE_PORT={RELAY}"),
        ]);
        Self(here)
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        set_environment(&["KUBERNETES_SERVICE_HOST-", "KUBERNETES_SERVICE_PORT-"]);
        remove(&self.0);
    }
}

fn set_environment(variables: &[&str]) {
    let output = kubectl::output(&[&["set", "env", "-n", NAMESPACE, "daemonset/picket"], variables].concat());
    if !output.status.success() {
        eprintln!("the agent's environment: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn remove(socket: &Path) {
    // Not there is as good.
    drop(std::fs::remove_file(socket));
}

/// A connection, of which two halves are used at once.
trait Stream: Read + Write + Send + Sized + 'static {
    fn again(&self) -> Self;
    fn end(&self);
}

impl Stream for UnixStream {
    fn again(&self) -> Self {
        self.try_clone().expect("another descriptor")
    }

    fn end(&self) {
        drop(self.shutdown(Shutdown::Both));
    }
}

impl Stream for TcpStream {
    fn again(&self) -> Self {
        self.try_clone().expect("another descriptor")
    }

    fn end(&self) {
        drop(self.shutdown(Shutdown::Both));
    }
}

/// Passes on what the client sends at once, and what the server sends after [`LATE`].
fn relay<S: Stream>(client: &S, server: &S) {
    carry(client.again(), server.again(), Duration::ZERO);
    carry(server.again(), client.again(), LATE);
}

fn carry<S: Stream>(mut from: S, mut to: S, late: Duration) {
    let (sender, pieces) = channel::<(Instant, Vec<u8>)>();
    let other = to.again();
    spawn(move || {
        for (due, piece) in pieces {
            sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        other.end();
    });
    spawn(move || read(&mut from, &sender, late));
}

fn read(from: &mut impl Read, sender: &Sender<(Instant, Vec<u8>)>, late: Duration) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let piece = buffer.get(..count).unwrap_or_default().to_vec();
        if sender.send((Instant::now() + late, piece)).is_err() {
            return;
        }
    }
}
