//! Recordings: what a replay shows, as an ordinary user, is what a subscriber got meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::{self, Agent};
use picket_tests::client::{Client, Filters};
use picket_tests::expect::{Expect, number, text};
use picket_tests::image::copy_program;
use picket_tests::lab::{Lab, marker};
use picket_tests::recording;
use picket_tests::runner::Test;
use picket_tests::skip::{SAME_EVERYWHERE, sized};
use picket_tests::workload;
use rustix::process::Signal;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("record::replayed_as_it_was_seen", replayed_as_it_was_seen),
    Test::new("record::asked_for", asked_for),
    Test::new("record::anonymised", anonymised),
    Test::new("record::chosen", chosen),
    Test::new("record::one_at_a_time", one_at_a_time).native_only(SAME_EVERYWHERE),
    Test::new("record::agent_ends", agent_ends).native_only(SAME_EVERYWHERE),
    Test::new("record::bounded_size", bounded_size).own_agent().native_only(SAME_EVERYWHERE),
    Test::new("record::gap", gap).own_agent().native_only(SAME_EVERYWHERE),
];

/// Numbers of a user without rights.
const USER: u32 = 65_534;
/// A value that no event shows.
const SECRET: &str = "picket-secret-value";
/// Variable that events show.
const SHOWN: &str = "LD_LIBRARY_PATH=/picket-shown";

/// A running `picket record`, in a folder that the user without rights may read.
struct Recording(recording::Recording);

impl Recording {
    /// Begins, and returns when the agent says so.
    fn begin(lab: &Lab, agent: &Agent, options: &[&str]) -> Self {
        let folder = lab.scratch().folder("recording");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("our folder");
        Self(recording::Recording::begin(agent, &folder.join("a.recording"), options))
    }

    /// Ends it, and gives what it says; the file is the user's then.
    fn end(self) -> (Finished, String) {
        let finished = Finished::of(self.0.file());
        let said = self.0.end();
        finished.permit();
        (finished, said)
    }

    fn wait(self) -> (Finished, Output) {
        let finished = Finished::of(self.0.file());
        let output = self.0.wait();
        finished.permit();
        (finished, output)
    }
}

/// A recording that has ended.
struct Finished {
    folder: PathBuf,
    file: PathBuf,
}

impl Finished {
    fn of(file: &Path) -> Self {
        let folder = file.parent().expect("it is in a folder");
        Self { folder: folder.to_owned(), file: file.to_owned() }
    }

    /// Everybody may read it.
    fn permit(&self) {
        fs::set_permissions(&self.file, fs::Permissions::from_mode(0o644)).expect("our file");
    }

    /// Replays it as a user without rights.
    fn replay(&self, options: &[&str]) -> Output {
        let program = self.folder.join("picket");
        if !program.exists() {
            // Where the program was built, the user may not be allowed to look.
            copy_program(&agent::binary(), &program, 0o755);
        }
        let mut command = Command::new(&program);
        command.arg("replay").arg(&self.file).args(options).uid(USER).gid(USER).current_dir("/");
        command.stdin(Stdio::null()).output().expect("the program can be run")
    }

    /// Its events; every run must give the same bytes.
    fn events(&self, options: &[&str]) -> Vec<Value> {
        let options: Vec<_> = ["-o", "json"].iter().chain(options).copied().collect();
        let output = self.replay(&options);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == self.replay(&options).stdout, "two runs differ");
        let lines = String::from_utf8(output.stdout).expect("JSON is text");
        lines.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
    }

    fn holds(&self, text: &str) -> bool {
        let bytes = fs::read(&self.file).expect("a recording");
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

/// Runs a container that does something of each kind: programs, files, a connection, with an environment.
fn busy(lab: &Lab, end: &str) -> String {
    let workload = workload::IN_CONTAINER;
    let script = format!(
        "export {SHOWN} SECRET={SECRET}; echo hello > /tmp/payroll.txt; mv /tmp/payroll.txt /tmp/other.txt; \
         cat /etc/passwd > /dev/null; {workload} behind serve tcp 127.0.0.1:7070 1 2 text:ok 1 , exchange blocking tcp 127.0.0.1:7070 text:hi 1 2 , \
         join; \
         /bin/sh -c 'exit 3'; /bin/true {end}"
    );
    let container = lab.container(&["/bin/sh", "-c", &script]);
    container.run_ok();
    container.id().to_owned()
}

/// What makes an event the same one.
fn key(event: &Value) -> (String, String, String, String) {
    let part = |path: &str| text_or_empty(event, path);
    (part("class"), part("time"), part("process.execId"), part("container.id"))
}

fn text_or_empty(event: &Value, path: &str) -> String {
    picket_tests::expect::field(event, path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Events of a container by what makes them the same; several may be.
fn of_container(events: &[Value], id: &str) -> BTreeMap<(String, String, String, String), Vec<Value>> {
    let mut found: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for event in events.iter().filter(|event| text_or_empty(event, "container.id") == id) {
        found.entry(key(event)).or_default().push(event.clone());
    }
    found
}

fn replayed_as_it_was_seen(lab: &mut Lab) {
    let end = marker("recorded");
    lab.agent();
    let mut client = lab.watch();
    let recording = Recording::begin(lab, lab_agent(lab), &["--payload", "--environment"]);
    let id = busy(lab, &end);
    client.exec(&end);
    lab.fence(&mut client);
    let (finished, said) = recording.end();
    assert!(said.contains("no gaps") && said.contains("signal"), "{said}");
    let replayed = finished.events(&[]);
    let (seen, replayed_of) = (of_container(&client.all(|_| true), &id), of_container(&replayed, &id));
    let classes: BTreeSet<_> = seen.keys().map(|key| key.0.as_str()).collect();
    let expected = [
        "PROCESS_FORK",
        "PROCESS_EXEC",
        "PROCESS_EXIT",
        "FILE_OPEN",
        "FILE_RENAME",
        "NETWORK_CONNECT",
        "NETWORK_PAYLOAD",
    ];
    for class in expected {
        assert!(classes.contains(class), "the container does something of each kind: {classes:?}");
    }
    for (key, events) in &seen {
        let same = replayed_of.get(key).unwrap_or_else(|| panic!("the replay lacks {key:?}: {events:?}"));
        for event in events {
            let without_cursor = |event: &Value| {
                let mut event = event.clone();
                event.as_object_mut().expect("an event").remove("cursor");
                event
            };
            assert!(
                same.iter().any(|other| without_cursor(other) == without_cursor(event)),
                "seen: {event}\nreplayed: {same:?}"
            );
        }
    }
    // A filter chooses among the same events.
    let chosen = finished.events(&["--class", "exec", "--container", &id]);
    let execs = replayed.iter().filter(|event| {
        text(event, "class") == "PROCESS_EXEC" && text_or_empty(event, "container.id") == id
            || text(event, "class") == "LOSS"
    });
    assert_eq!(chosen, execs.cloned().collect::<Vec<_>>());
}

/// The shared agent, which runs.
fn lab_agent(lab: &Lab) -> &Agent {
    lab.running().expect("it was started")
}

fn asked_for(lab: &mut Lab) {
    lab.agent();
    let mut client = lab.watch();
    let plain = marker("plain");
    let recording = Recording::begin(lab, lab_agent(lab), &[]);
    busy(lab, &plain);
    client.exec(&plain);
    let (finished, _) = recording.end();
    assert!(finished.holds(&plain), "arguments are kept");
    for absent in [SECRET, "/picket-shown", "SECRET="] {
        // The script itself has them as an argument: only the environment is looked at.
        let events = finished.events(&["--class", "exec"]);
        let of_true = events.iter().find(|event| text_or_empty(event, "exec.command") == "true");
        let of_true = of_true.expect("the last program");
        assert!(!of_true["exec"].to_string().contains(absent), "{absent}: {of_true}");
        Expect::of(of_true).such("exec.environment", "its name", |names| {
            names.as_array().is_some_and(|names| names.iter().any(|name| name == "LD_LIBRARY_PATH="))
        });
    }
    let with = marker("with");
    let recording = Recording::begin(lab, lab_agent(lab), &["--environment"]);
    busy(lab, &with);
    client.exec(&with);
    let (finished, _) = recording.end();
    assert!(finished.holds(&format!("SECRET={SECRET}\0")), "the environment as the kernel sent it");
    let events = finished.events(&["--class", "exec"]);
    let of_true = events.iter().rfind(|event| text_or_empty(event, "exec.command") == "true");
    assert!(of_true.expect("the last program")["exec"].to_string().contains("/picket-shown"));
}

fn anonymised(lab: &mut Lab) {
    lab.agent();
    let mut client = lab.watch();
    let end = marker("anonymous");
    let recording = Recording::begin(lab, lab_agent(lab), &["--anonymise"]);
    let id = busy(lab, &end);
    client.exec(&end);
    let exec = client.exec(&end);
    let (finished, _) = recording.end();
    let names = ["container.pod.name", "container.pod.uid", "container.pod.namespace"];
    for name in names.map(|path| text(&exec, path)).into_iter().chain([id.as_str(), &end, SECRET, "payroll"])
    {
        assert!(!finished.holds(name), "{name}");
    }
    let events = finished.events(&["--containers-only", "--class", "exec"]);
    let of_true = events.iter().rfind(|event| text_or_empty(event, "exec.command") == "true");
    Expect::of(of_true.expect("the last program"))
        .is("process.executable", "/bin/busybox")
        .such("container.id", "an id", |id| id.as_str().is_some_and(|id| id.len() == 64))
        .such("container.pod.name", "a name", |name| name.as_str().is_some_and(|name| name.len() == 11));
}

/// A recording of one container has what it did, its lineage, and nothing of what others did meanwhile.
fn chosen(lab: &mut Lab) {
    lab.agent();
    let mut client = lab.watch();
    let (end, other) = (marker("chosen"), marker("other"));
    let early = lab.container(&["/bin/sh", "-c", "while :; do sleep 0.1; done"]);
    early.start();
    let late = lab.container(&["/bin/sh", "-c", &format!("cat /etc/passwd; /bin/true {end}")]);
    let both = [early.id(), late.id()].join(",");
    let recording = Recording::begin(lab, lab_agent(lab), &["--container", &both]);
    lab.container(&["/bin/true", &other]).run_ok();
    late.run_ok();
    early.exec(&["/bin/true", &end]);
    let host = lab.host("true").arg(&other).status();
    assert!(host.is_ok_and(|status| status.success()));
    client.exec(&end);
    lab.fence(&mut client);
    let (finished, said) = recording.end();
    assert!(said.contains("no gaps"), "{said}");
    assert!(!finished.holds(&other), "nothing of others");
    let replayed = finished.events(&["--ancestors", "16"]);
    for container in [&early, &late] {
        let seen = of_container(&client.all(|_| true), container.id());
        let found = of_container(&replayed, container.id());
        // What the one did that ran before is older than the recording.
        let since = found.keys().map(|key| key.1.clone()).min().expect("some of each");
        for key in seen.keys().filter(|key| key.1 >= since) {
            assert!(found.contains_key(key), "the recording lacks {key:?}: {:?}", seen[key]);
        }
        let execs = found.values().flatten().filter(|event| text(event, "class") == "PROCESS_EXEC");
        let mut of_marker = execs.filter(|event| event["process"]["arguments"][1] == end.as_str());
        let last = of_marker.next_back().expect("the program of the marker");
        let parent = &last["process"]["parent"]["executable"];
        let ancestors = last["ancestors"].as_array().map_or(0, Vec::len);
        assert!(parent.is_string() && ancestors > 1, "the lineage up to the host: {last}");
    }
    let others = replayed
        .iter()
        .filter(|event| ![early.id(), late.id()].contains(&text_or_empty(event, "container.id").as_str()));
    assert_eq!(others.count(), 0);
}

fn one_at_a_time(lab: &mut Lab) {
    lab.agent();
    let first = Recording::begin(lab, lab_agent(lab), &[]);
    let second = first.0.file().with_file_name("second");
    let options = ["--output", &second.to_string_lossy(), "--duration", "1s"].map(str::to_owned);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let refused = lab_agent(lab).picket("record", &options);
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(message.contains("records already"), "{message}");
    assert!(!second.exists(), "an agent that refuses leaves no file");
    // Also one that was killed makes room for the next.
    first.0.signal(Signal::KILL);
    let (cut, _) = first.wait();
    let output = cut.replay(&["-o", "json"]);
    assert_eq!(output.status.code(), Some(1), "it has no end");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("cut") || message.contains("no recording"), "{message}");
    let mut again = lab_agent(lab).picket("record", &options);
    for _ in 0..sized(100, 500) {
        if again.status.success() {
            break;
        }
        sleep(Duration::from_millis(50));
        again = lab_agent(lab).picket("record", &options);
    }
    let message = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success() && message.contains("duration"), "{message}");
    let mut exists = lab_agent(lab).picket("record", &options);
    // The agent may not know yet that the one before is over.
    for _ in 0..sized(100, 500) {
        if exists.status.code() != Some(2) {
            break;
        }
        sleep(Duration::from_millis(50));
        exists = lab_agent(lab).picket("record", &options);
    }
    assert_eq!(exists.status.code(), Some(1), "what is there is not overwritten");
}

/// The recording of an agent that ends is whole.
fn agent_ends(lab: &mut Lab) {
    let agent = Agent::start(&lab.agent_options());
    let recording = Recording::begin(lab, &agent, &[]);
    let end = marker("last");
    let mut client = Client::subscribe(&agent, &Filters::default());
    lab.container(&["/bin/true", &end]).run_ok();
    client.exec(&end);
    recording::Recording::settle();
    drop(client);
    agent.stop();
    let (finished, output) = recording.wait();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let events = finished.events(&["--class", "exec"]);
    assert!(events.iter().any(|event| event.to_string().contains(&end)), "what came before is there");
}

fn bounded_size(lab: &mut Lab) {
    const BYTES: u64 = 512 << 10;
    // An agent of its own: what the shared one knows by now may be more.
    let agent = Agent::start(&lab.agent_options());
    let tiny = Recording::begin(lab, &agent, &["--size", "1K"]);
    let (_, output) = tiny.wait();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && message.contains("--size"), "{output:?}");
    // The agent knows by then that it is over.
    recording::Recording::settle();
    let recording = Recording::begin(lab, &agent, &["--size", "512K"]);
    let mut rounds = 0;
    let mut recording = recording;
    while !recording.0.has_ended() {
        let status = lab.host("sh").args(["-c", "for i in 1 2 3 4 5 6 7 8; do /bin/true $i; done"]).status();
        assert!(status.is_ok_and(|status| status.success()));
        rounds += 1;
        assert!(rounds < 2000, "it goes on");
    }
    let (finished, output) = recording.wait();
    assert!(String::from_utf8_lossy(&output.stderr).contains("size"), "{output:?}");
    let length = fs::metadata(&finished.file).expect("a recording").len();
    assert!(length < BYTES + 1024, "{length}");
    assert!(!finished.events(&["--class", "exec"]).is_empty());
}

/// A client that stands still while a lot happens: the recording says what it lacks.
fn gap(lab: &mut Lab) {
    let agent = Agent::start(&lab.agent_options());
    let recording = Recording::begin(lab, &agent, &["--size", "2G"]);
    recording.0.signal(Signal::STOP);
    let lacking = |agent: &Agent| number(&agent.status(), "givenUp.recordedInputs").unwrap_or_default();
    let folder = lab.scratch().folder("long");
    // Long arguments fill the queue soon.
    let argument = "x".repeat(4000);
    let script = format!("i=0; while [ $i -lt 400 ]; do /bin/true {argument} {argument}; i=$((i+1)); done");
    write_script(&folder, &script);
    let mut rounds = 0;
    while lacking(&agent) == 0 {
        let status = lab.host("sh").arg(folder.join("script")).status();
        assert!(status.is_ok_and(|status| status.success()));
        rounds += 1;
        assert!(rounds < 200, "the queue has a bound\n{}", agent.log_tail());
    }
    recording.0.signal(Signal::CONT);
    let end = marker("behind");
    // The queue empties, and the gap goes before what comes then.
    recording::Recording::settle();
    lab.container(&["/bin/true", &end]).run_ok();
    let (finished, said) = recording.end();
    assert!(said.contains("gaps, in which"), "{said}");
    let events = finished.events(&[]);
    let losses = events.iter().filter(|event| text_or_empty(event, "loss.reason") == "RECORDING");
    let lost: u64 = losses.map(|event| number(event, "loss.count").unwrap_or_default()).sum();
    assert_eq!(lost, lacking(&agent), "each is told");
    assert!(events.iter().any(|event| event.to_string().contains(&end)), "it goes on behind the gap");
    agent.stop();
}

fn write_script(folder: &Path, script: &str) {
    picket_tests::scratch::write_file(&folder.join("script"), script, 0o644);
}
