//! What the agent offers beyond its socket: the stream by mutual TLS, and metrics.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::{Agent, binary, run_command};
use picket_tests::certificates::{Authority, Files};
use picket_tests::expect::{field, number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::lines::Lines;
use picket_tests::runner::Test;
use picket_tests::scratch::write_file;
use picket_tests::skip::SAME_EVERYWHERE;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("serve::tls", tls).native_only(SAME_EVERYWHERE),
    Test::new("serve::tls_renewed", tls_renewed).native_only(SAME_EVERYWHERE),
    Test::new("serve::tls_refused_settings", tls_refused_settings).native_only(SAME_EVERYWHERE),
    Test::new("serve::metrics", metrics).native_only(SAME_EVERYWHERE),
];

/// Name in the agent's certificate.
const AGENT: &str = "picket.picket.svc";

/// An agent that listens for TLS, and who knows it.
pub(crate) struct Remote {
    folder: PathBuf,
    agents: Authority,
    clients: Authority,
    /// Authorities of agents, as clients are given them.
    ca: PathBuf,
}

impl Remote {
    pub(crate) fn new(lab: &Lab) -> Self {
        let folder = lab.scratch().folder("tls");
        let (agents, clients) = (Authority::new(), Authority::new());
        let ca = agents.write(&folder.join("agents.crt"));
        drop(agents.sign(AGENT, &folder));
        drop(clients.write(&folder.join("clients.crt")));
        Self { folder, agents, clients, ca }
    }

    /// The section `[tls]`, on a port that the system chooses.
    pub(crate) fn settings(&self) -> String {
        let file = |name: &str| self.folder.join(name).display().to_string();
        format!(
            "[tls]\nlisten = '127.0.0.1:0'\ncertificate = '{}'\nkey = '{}'\nclient_ca = '{}'\n",
            file(&format!("{AGENT}.crt")),
            file(&format!("{AGENT}.key")),
            file("clients.crt"),
        )
    }

    /// Options of a client with a certificate of this authority.
    fn options(&self, agent: &Agent, ca: &PathBuf, proof: &Files) -> Vec<String> {
        let address = text(&agent.status(), "tls.address").to_owned();
        let words = ["--connect", &format!("https://{address}"), "--server-name", AGENT].map(str::to_owned);
        let files = [("--ca", ca), ("--certificate", &proof.certificate), ("--key", &proof.key)];
        let files = files.map(|(option, file)| [option.to_owned(), file.display().to_string()]);
        words.into_iter().chain(files.into_iter().flatten()).collect()
    }

    /// Options of a client that is served.
    pub(crate) fn good(&self, agent: &Agent) -> Vec<String> {
        self.options(agent, &self.ca, &self.clients.sign("reader", &self.folder))
    }

    /// Options of a client with a certificate of an authority that the agent does not know.
    pub(crate) fn strange(&self, agent: &Agent) -> Vec<String> {
        self.options(agent, &self.ca, &Authority::new().sign("stranger", &self.folder))
    }
}

fn picket(verb: &str, options: &[String]) -> Output {
    Command::new(binary()).arg(verb).args(options).output().expect("the program under test can be run")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A client with a certificate gets events; one without, one of a stranger's, and noise are turned away and counted.
fn tls(lab: &mut Lab) {
    let remote = Remote::new(lab);
    let mut options = lab.agent_options().with_settings(&remote.settings());
    options.settings = vec![("PICKET_EVENTS_HOST", "process,container,network,privilege".to_owned())];
    let agent = Agent::start(&options);
    let good = remote.good(&agent);
    let status = picket("status", &good);
    assert!(status.status.success(), "{}\n{}", said(&status), agent.log_tail());

    let strange = picket("status", &remote.strange(&agent));
    assert_eq!(strange.status.code(), Some(2), "{}", said(&strange));
    assert!(said(&strange).contains("does the agent know the authority"), "{}", said(&strange));
    let address = text(&agent.status(), "tls.address").to_owned();
    let mut noise = TcpStream::connect(&address).expect("the port is open");
    noise.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("a connection");
    // Closed, with a word of TLS or without.
    drop(noise.read_to_end(&mut Vec::new()));
    let until = wait_for(|| number(&agent.status(), "tls.failed").is_some_and(|failed| failed >= 2));
    assert!(until, "two are counted: {}", agent.status());

    // Everything of the host is asked for: what goes over this connection is not told over it again.
    let mut watch = Command::new(binary());
    let mut lines = Lines::of(watch.arg("watch").args(&good).args(["-o", "json"]));
    assert!(wait_for(|| field(&agent.status(), "subscribers.0").is_some()), "{}", agent.status());
    let marker = marker("tls");
    let container = lab.container(&["/bin/true", &marker]);
    container.run_ok();
    let line = lines.wait_for("the program of the container", |line| {
        line.contains("\"PROCESS_EXEC\"") && line.contains(&marker) && line.contains(container.id())
    });
    let event: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(text(&event, "container.pod.name"), container.names().pod, "{event}");
    let events = lines.seen().iter().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let own: Vec<_> =
        events.filter(|event| number(event, "process.pid") == Some(agent.pid().into())).collect();
    assert!(own.is_empty(), "the agent tells of itself: {own:?}");
    drop(lines);
    agent.stop();
}

fn wait_for(holds: impl Fn() -> bool) -> bool {
    (0..600).any(|_| {
        let holds = holds();
        if !holds {
            sleep(Duration::from_millis(50));
        }
        holds
    })
}

/// A certificate of another authority, put in the place of the old one, is shown without a restart.
fn tls_renewed(lab: &mut Lab) {
    let remote = Remote::new(lab);
    let agent = lab.agent_with(&remote.settings());
    let old = remote.good(&agent);
    assert!(picket("status", &old).status.success());
    let newer = Authority::new();
    let ca = newer.write(&remote.folder.join("newer.crt"));
    drop(newer.sign(AGENT, &remote.folder));
    let new = remote.options(&agent, &ca, &remote.clients.sign("reader", &remote.folder));
    assert!(wait_for(|| picket("status", &new).status.success()), "{}", agent.log_tail());
    assert_eq!(picket("status", &old).status.code(), Some(2), "the old authority did not sign the new one");

    // A key without its certificate changes nothing, and is a problem until it is mended.
    let key = remote.folder.join(format!("{AGENT}.key"));
    let good = fs::read_to_string(&key).expect("the key");
    fs::copy(remote.agents.sign("other", &remote.folder).key, &key).expect("a copy");
    assert!(wait_for(|| agent.status().to_string().contains("is not the key of the certificate in")));
    let status = picket("status", &new);
    assert_eq!(status.status.code(), Some(1), "served by the old one, and not ready: {}", said(&status));
    write_file(&key, &good, 0o600);
    assert!(wait_for(|| picket("status", &new).status.success()), "{}", agent.log_tail());
    agent.stop();
}

/// TCP without TLS, TLS without clients' certificates, and files that are no certificates: exit code 78, and said.
fn tls_refused_settings(lab: &mut Lab) {
    let remote = Remote::new(lab);
    let whole = remote.settings();
    let without = |key: &str| -> String {
        whole.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect()
    };
    let empty = remote.folder.join("empty");
    write_file(&empty, "", 0o644);
    let ca = remote.folder.join("clients.crt").display().to_string();
    for (settings, expected) in [
        (without("certificate"), "tls.listen needs tls.certificate".to_owned()),
        (without("key"), "tls.listen needs tls.key".to_owned()),
        (without("client_ca"), "tls.listen needs tls.client_ca".to_owned()),
        (whole.replace(&ca, "/nowhere/ca.crt"), "tls.client_ca = /nowhere/ca.crt: cannot read".to_owned()),
        (
            whole.replace(&ca, &empty.display().to_string()),
            format!("tls.client_ca = {}: holds no certificate", empty.display()),
        ),
    ] {
        let options = lab.agent_options().with_settings(&settings);
        let output = run_command(&options).output().expect("the program under test can be run");
        assert_eq!(output.status.code(), Some(78), "{settings}: {}", said(&output));
        assert!(said(&output).contains(&expected), "{expected}: {}", said(&output));
    }
}

/// The numbers of the status are told to Prometheus, and the account of a class closes there too.
fn metrics(lab: &mut Lab) {
    let address = free_address();
    let agent = lab.agent_with(&format!("[metrics]\nlisten = '{address}'\n"));
    let page = scrape(&address);
    for line in ["picket_ready 1", "picket_problems 0", "picket_canary_seen{class=\"PROCESS_EXEC\"} 1"] {
        assert!(page.lines().any(|found| found == line), "no `{line}` in\n{page}");
    }
    let value = |page: &str, name: &str| -> u64 {
        let sample = format!("{name}{{class=\"PROCESS_EXEC\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&sample));
        line.unwrap_or_else(|| panic!("no {sample} in\n{page}")).parse().expect("a number")
    };
    let before = value(&page, "picket_events_received_total");
    for _ in 0..5 {
        lab.container(&["/bin/true"]).run_ok();
    }
    let more = wait_for(|| value(&scrape(&address), "picket_events_received_total") >= before + 5);
    assert!(more, "five programs and no more events: {}", scrape(&address));
    let status = agent.status();
    let page = scrape(&address);
    let identified = number(&status, "firstExecsIdentified").expect("containers ran");
    assert!(
        page.contains(&format!("picket_first_execs_total{{identity=\"known\"}} {identified}\n")),
        "{page}"
    );
    assert!(!page.contains("web-") && !page.contains("/bin/"), "neither pods nor paths:\n{page}");
    agent.stop();
}

fn free_address() -> String {
    let probe = TcpListener::bind("127.0.0.1:0").expect("loopback");
    probe.local_addr().expect("its address").to_string()
}

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the port of metrics is open");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: n\r\n\r\n").expect("a connection");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer
}
