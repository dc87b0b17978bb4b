//! A subscriber: `picket watch -o json`, which is the real gRPC client, read line by line.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::agent::Agent;
use crate::contact::Contact;
use crate::expect::{field, number, text};
use crate::skip::sized;

/// Events shown when a wanted one does not come.
const SHOWN: usize = 20;
/// Lines read ahead.
const LINES: usize = 65_536;

/// What a subscriber asks for.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Classes, such as `PROCESS_EXEC`; none: all.
    pub classes: Vec<&'static str>,
    /// Kubernetes namespaces.
    pub namespaces: Vec<String>,
    /// Pods by name.
    pub pods: Vec<String>,
    /// Containers by name or id.
    pub containers: Vec<String>,
    /// Leave out processes of the host.
    pub containers_only: bool,
    /// Ancestors to add to each event.
    pub ancestors: u32,
    /// What was found, and nothing else.
    pub findings: bool,
    /// The same in the form of Falco's alerts.
    pub alerts: bool,
}

impl Filters {
    /// Command line options of `picket watch`.
    fn arguments(&self) -> Vec<String> {
        let classes = self.classes.iter().map(|class| ("--class", (*class).to_owned()));
        let namespaces = self.namespaces.iter().map(|name| ("--namespace", name.clone()));
        let pods = self.pods.iter().map(|name| ("--pod", name.clone()));
        let containers = self.containers.iter().map(|name| ("--container", name.clone()));
        let pairs = classes.chain(namespaces).chain(pods).chain(containers);
        let mut arguments: Vec<String> =
            pairs.flat_map(|(option, value)| [option.to_owned(), value]).collect();
        if self.containers_only {
            arguments.push("--containers-only".to_owned());
        }
        arguments.extend(["-o".to_owned(), if self.alerts { "falco" } else { "json" }.to_owned()]);
        if self.findings {
            arguments.push("--findings".to_owned());
        }
        if self.ancestors > 0 {
            arguments.extend(["--ancestors".to_owned(), self.ancestors.to_string()]);
        }
        arguments
    }
}

/// A running subscriber; ended when dropped.
#[derive(Debug)]
pub struct Client {
    child: Child,
    lines: Receiver<String>,
    events: Vec<Value>,
    fences: u32,
    id: u64,
}

impl Client {
    /// Subscribes, and returns when the agent knows of it: later events are not missed.
    ///
    /// # Panics
    /// When the agent does not take the subscription.
    #[must_use]
    pub fn subscribe(agent: &Agent, filters: &Filters) -> Self {
        Self::subscribe_to(agent.contact(), filters, || agent.log_tail())
    }

    /// As [`Client::subscribe`], to an agent that others started; `log` is asked for the end of its log when the
    /// subscription fails.
    ///
    /// # Panics
    /// As [`Client::subscribe`].
    #[must_use]
    pub fn subscribe_to(agent: &Contact, filters: &Filters, log: impl Fn() -> String) -> Self {
        let before = subscribers(agent);
        let mut child = agent
            .client("watch")
            .args(filters.arguments())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program under test can be run");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let (sender, lines) = sync_channel(LINES);
        // Ends with the pipe, or when the client is dropped.
        spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut client = Self { child, lines, events: Vec::new(), fences: 0, id: 0 };
        client.id = client.wait_for_subscription(agent, &before, log);
        client
    }

    fn wait_for_subscription(
        &mut self,
        agent: &Contact,
        before: &HashSet<u64>,
        log: impl Fn() -> String,
    ) -> u64 {
        for _ in 0..sized(300, 1500) {
            if let Some(id) = subscribers(agent).difference(before).next() {
                return *id;
            }
            if let Some(status) = self.child.try_wait().expect("our own child") {
                panic!("picket watch ended with {status}\n{}", log());
            }
            sleep(Duration::from_millis(50));
        }
        panic!("picket status shows no new subscriber\n{}", log());
    }

    /// Number that the agent gave to this subscriber.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Sends the client a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the client runs");
    }

    /// Next event, not kept; nothing when none came for a long time.
    ///
    /// # Panics
    /// When the subscription ended or a line is no JSON.
    pub fn next_event(&mut self) -> Option<Value> {
        match self.lines.recv_timeout(Duration::from_secs(sized(30, 180))) {
            Ok(line) => Some(serde_json::from_str(&line).unwrap_or_else(|error| {
                panic!("picket watch wrote a line that is no JSON: {error}: {line}")
            })),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("picket watch ended"),
        }
    }

    /// What is still to come from an agent that is gone.
    ///
    /// # Panics
    /// When the agent is not gone, or a line is no JSON.
    pub fn rest(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(sized(30, 180))) {
                Ok(line) => events.push(serde_json::from_str(&line).expect("picket watch writes JSON")),
                Err(RecvTimeoutError::Disconnected) => return events,
                Err(RecvTimeoutError::Timeout) => panic!("picket watch goes on"),
            }
        }
    }

    /// Keeps the next event, for [`Client::all`]. False when none came for a long time.
    pub fn keep_next(&mut self) -> bool {
        let next = self.next_event();
        let came = next.is_some();
        self.events.extend(next);
        came
    }

    /// The first event since the subscription for which `wanted` holds.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for(&mut self, description: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(event) = self.events.iter().find(|event| wanted(event)) {
            return event.clone();
        }
        // A bound against waiting for ever among a stream of other events; not a claim on speed.
        let deadline = Instant::now() + Duration::from_secs(sized(60, 400));
        while Instant::now() < deadline {
            let Some(event) = self.next_event() else { break };
            self.events.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
        let start = self.events.len().saturating_sub(SHOWN);
        let last: Vec<_> = self.events[start..].iter().map(Value::to_string).collect();
        panic!("no event: {description}\n{} came, the last of them:\n{}", self.events.len(), last.join("\n"));
    }

    /// The exec event of a process that has `marker` as its last argument.
    pub fn exec(&mut self, marker: &str) -> Value {
        self.wait_for(&format!("exec with the last argument {marker}"), |event| {
            text(event, "class") == "PROCESS_EXEC" && last_argument(event) == Some(marker)
        })
    }

    /// The exit event of a process, by the `execId` that it had.
    pub fn exit_of(&mut self, event: &Value) -> Value {
        let id = text(event, "process.execId").to_owned();
        self.wait_for(&format!("exit of {id}"), |event| {
            text(event, "class") == "PROCESS_EXIT" && text(event, "process.execId") == id
        })
    }

    /// Runs a marked process on the host and reads until its end, so that everything that happened
    /// before has arrived. Useless with filters that leave out host processes.
    ///
    /// # Panics
    /// When the mark does not come.
    pub fn fence(&mut self, program: &Path) {
        self.fences += 1;
        let marker = format!("picket-fence-{}-{}", self.id, self.fences);
        let status = Command::new(program).arg(&marker).status().expect("a program that runs");
        assert!(status.success(), "{} {marker}: {status}", program.display());
        let exec = self.exec(&marker);
        self.exit_of(&exec);
    }

    /// All events so far for which `wanted` holds.
    #[must_use]
    pub fn all(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.events.iter().filter(|event| wanted(event)).cloned().collect()
    }

    /// All events so far of one process.
    #[must_use]
    pub fn of_process(&self, pid: u32) -> Vec<Value> {
        self.all(|event| number(event, "process.pid") == Some(pid.into()))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Already gone is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Last argument of the process of an event.
#[must_use]
pub fn last_argument(event: &Value) -> Option<&str> {
    field(event, "process.arguments")?.as_array()?.last()?.as_str()
}

fn subscribers(agent: &Contact) -> HashSet<u64> {
    let status = agent.status().unwrap_or_else(|error| panic!("{error}"));
    let list = status.get("subscribers").and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().map(|subscriber| number(subscriber, "id").unwrap_or_default()).collect()
}
