//! What every test is given: the agent that runs in the cluster, and all pods that there ever were.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

use picket_tests::client::{Client, Filters};
use picket_tests::contact::Contact;
use picket_tests::expect::{field, text};
use picket_tests::pods::Pods;
use serde_json::Value;

use crate::kubectl::{FOLDER, Running, command, get, run, wait_until};

/// Where the chart puts it.
pub(crate) const NAMESPACE: &str = "picket";
const DAEMON_SET: &str = "daemonset/picket";

/// The cluster under test.
#[derive(Debug)]
pub(crate) struct World {
    contact: Contact,
    pods: Arc<Mutex<Pods>>,
    asks: bool,
    recorder: Running,
}

impl World {
    /// Waits until the agent is ready, and begins to record pods.
    pub(crate) fn enter() -> Self {
        // The node's /run/picket, as the machine sees it.
        let contact = Contact::new(Path::new(FOLDER).join("run/picket/picket.sock"));
        let pods = Arc::new(Mutex::new(Pods::default()));
        let recorder = record(&pods);
        let agents = get(&[DAEMON_SET, "-n", NAMESPACE]);
        let asks =
            field(&agents, "spec.template.spec.automountServiceAccountToken") == Some(&Value::Bool(true));
        let world = Self { contact, pods, asks, recorder };
        world.wait_for_agent();
        world
    }

    /// The agent is ready, and so is its pod.
    pub(crate) fn wait_for_agent(&self) {
        run(&["rollout", "status", "-n", NAMESPACE, DAEMON_SET, "--timeout=180s"]);
        wait_until("picket status succeeds", || self.contact.picket("status", &[]).status.success());
    }

    /// How the agent is reached.
    pub(crate) const fn agent(&self) -> &Contact {
        &self.contact
    }

    /// The chart was told that the agent is to ask the API server.
    pub(crate) const fn asks_the_api_server(&self) -> bool {
        self.asks
    }

    /// The agent's status.
    pub(crate) fn status(&self) -> Value {
        self.contact.status().unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the status says of a source of identity, such as `KUBERNETES`.
    pub(crate) fn source(&self, name: &str) -> Option<Value> {
        let status = self.status();
        let sources = field(&status, "identitySources")?.as_array()?;
        sources.iter().find(|source| text(source, "source") == name).cloned()
    }

    /// Its process, on the machine: the one in a pod that runs as the chart says.
    pub(crate) fn agent_pid(&self) -> u32 {
        let processes = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let agent = pids.find(|pid| {
            let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let group = String::from_utf8_lossy(&read("cgroup")).contains("/kubepods/");
            group && read("cmdline").starts_with(b"/usr/bin/picket\0run\0")
        });
        agent.expect("the agent runs in a pod")
    }

    /// Subscribes to everything, the machine's own processes included: an event without its container is one of
    /// them.
    pub(crate) fn watch(&self) -> Client {
        Client::subscribe_to(&self.contact, &Filters::default(), || self.log())
    }

    /// Reads everything that happened before now.
    pub(crate) fn fence(&self, client: &mut Client) {
        client.fence(Path::new("/bin/true"));
    }

    /// The pods so far.
    pub(crate) fn pods(&self) -> Pods {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on recording with an API server that was started anew.
    pub(crate) fn record_anew(&mut self) {
        self.recorder = record(&self.pods);
    }

    /// End of the agent's log.
    pub(crate) fn log(&self) -> String {
        let output = crate::kubectl::output(&["logs", "-n", NAMESPACE, DAEMON_SET, "--tail=40"]);
        let (log, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        format!("--- end of the agent's log\n{log}{errors}\n---")
    }
}

/// Every state of every pod, deleted ones too, as the API server tells it.
fn record(pods: &Arc<Mutex<Pods>>) -> Running {
    let mut watch = command(&["get", "pods", "--all-namespaces", "--watch", "-o", "json"]);
    let mut child = watch.stdout(Stdio::piped()).spawn().expect("kubectl can be started");
    let output = child.stdout.take().expect("its output is piped");
    let pods = Arc::clone(pods);
    // Ends with the pipe.
    spawn(move || {
        let objects = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
        for object in objects.map_while(Result::ok) {
            pods.lock().unwrap_or_else(PoisonError::into_inner).add(&object);
        }
    });
    Running(child)
}
