//! What rules compare is pushed down to the kernel: it finds the same, sends less, and follows rules that change.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::container::Container;
use picket_tests::expect::{field, number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::scratch::write_file;
use picket_tests::skip::{SAME_EVERYWHERE, report, sized};
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("pushdown::finds_the_same", finds_the_same).native_only(SAME_EVERYWHERE).each_back_end(),
    Test::new("pushdown::finds_the_same_by_upstream_rules", finds_the_same_by_upstream_rules)
        .native_only(SAME_EVERYWHERE),
    Test::new("pushdown::follows_rules_that_change", follows_rules_that_change).native_only(SAME_EVERYWHERE),
];

/// Where Falco's own rule files are, for those who have them.
const UPSTREAM: &str = "PICKET_FALCO_RULES";
/// Subscribers want no files and no sockets; equal events and findings are all told.
const SETTINGS: &str = "[events]\ncontainers = [\"process\", \"container\"]\nhost = [\"process\", \"container\"]\n\
     [limits]\nrepeat_window_s = 0\nevents_per_second = 0\n[rules]\nrepeat_window_s = 0\nburst = 1024\n";

/// Rules that look at files by name as it was asked for and as it is, by access and kind, and at sockets.
const RULES: &str = r#"
- macro: container
  condition: (container.id != host)
- rule: Shadow read
  desc: by its place
  condition: container and evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.name=/etc/shadow
  output: read %fd.name %fd.nameraw %proc.cmdline %proc.pid
  priority: WARNING
- rule: Secret asked for
  desc: the folder is but a link to another
  condition: container and evt.type in (open, openat, openat2) and fd.name startswith /secrets/
  output: secret %fd.name %fd.nameraw %proc.cmdline %proc.pid
  priority: WARNING
- rule: Climbing
  desc: a name with dots
  condition: container and evt.type in (open, openat, openat2) and fd.nameraw contains "../" and fd.filename=plain
  output: climbed %fd.name %fd.nameraw %proc.cmdline %proc.pid
  priority: WARNING
- rule: Settings written
  desc: writing below a folder
  condition: container and evt.type in (open, openat, openat2, creat) and evt.is_open_write=true and fd.directory=/etc/own and fd.typechar=f
  output: wrote %fd.name %proc.cmdline %proc.pid
  priority: WARNING
- rule: By one program
  desc: one file, one program
  condition: container and evt.type in (open, openat, openat2) and fd.name=/data/program and proc.cmdline contains "-n 1"
  output: one line of %fd.name %proc.cmdline %proc.pid
  priority: WARNING
- rule: Folder renamed
  desc: not an open
  condition: container and evt.type in (rename, renameat, renameat2) and fs.path.target startswith /etc/
  output: renamed %fs.path.source %fs.path.target %proc.cmdline %proc.pid
  priority: WARNING
- rule: Connected
  desc: a socket
  condition: container and evt.type=connect and fd.sport=8001
  output: connected %fd.name %proc.cmdline %proc.pid
  priority: WARNING
"#;

/// What a container does: everything that the rules look for, in the middle of a lot that they do not.
const LOAD: &str = "
mkdir -p /data/many /etc/own; ln -s /data /secrets; echo x > /data/token; echo x > /data/plain; echo x > /data/program; echo x > /etc/shadow
i=0; while [ $i -lt 40 ]; do echo $i > /data/many/$i; i=$((i+1)); done
busy() { n=0; while [ $n -lt $1 ]; do cat /data/many/*; cat /data/token /data/plain /data/program; ls /data/many; n=$((n+1)); done > /dev/null; }
busy 100
cat /etc/shadow; cat /secrets/token; cat /data/../data/plain; head -n 1 /data/program; echo x > /etc/own/new; cat /etc/own/new
busy 100
ln -s /etc/shadow /tmp/alias; cat /tmp/alias; cat /proc/self/root/etc/shadow; cd /etc; cat shadow; cat ./../etc/shadow
cat /data/many/1; cat /secrets/many/1; cat /secrets/../secrets/token; echo y >> /etc/own/new; : > /etc/own/new
busy 30
cat /data/token; cat /secrets/token; cat /etc/shadow; cp /data/plain /data/shadow; mv /data/shadow /etc/shadow; cat /etc/shadow
nc 127.0.0.1 8001 < /dev/null; busy 30; /bin/true MARKER";

/// Agents that differ in whether anything is pushed down, of the same rules.
struct Pair {
    with: Agent,
    without: Agent,
}

fn start(lab: &Lab, rules: &Path, name: &str, pushdown: bool) -> Agent {
    let mut options = lab.agent_options();
    options.folder = lab.scratch().folder(name);
    let mut options = options.with_settings(&format!("{SETTINGS}pushdown = {pushdown}\n"));
    options.arguments.extend(["--rules".to_owned(), rules.to_string_lossy().into_owned()]);
    Agent::start(&options)
}

fn finds_the_same(lab: &mut Lab) {
    let file = lab.scratch().folder("rules").join("own.yaml");
    write_file(&file, RULES, 0o600);
    let found = compare(lab, &file);
    for (name, least) in [
        ("Shadow read", 7),
        ("Secret asked for", 4),
        ("Climbing", 1),
        ("Settings written", 3),
        ("By one program", 1),
        ("Folder renamed", 1),
        ("Connected", 1),
    ] {
        let count = found.iter().filter(|line| line.starts_with(name)).count();
        assert!(count >= least, "{name} fires {count} times, not {least}: {found:#?}");
    }
}

fn finds_the_same_by_upstream_rules(lab: &mut Lab) {
    let Some(folder) = std::env::var_os(UPSTREAM) else {
        report("pushdown::finds_the_same_by_upstream_rules", "PICKET_FALCO_RULES is not set");
        return;
    };
    let found = compare(lab, &PathBuf::from(folder).join("falco_rules.yaml"));
    assert!(found.iter().any(|line| line.starts_with("Read sensitive file untrusted")), "{found:#?}");
}

/// What is found by both agents in the load, rule and fields of each finding in order.
fn compare(lab: &Lab, rules: &Path) -> Vec<String> {
    let pair = Pair { with: start(lab, rules, "with", true), without: start(lab, rules, "without", false) };
    let marker = marker("pushdown");
    let container = lab.container(&["/bin/sh", "-c", &LOAD.replace("MARKER", &marker)]);
    let mut clients = [&pair.with, &pair.without].map(|agent| Client::subscribe(agent, &Filters::default()));
    let before = opens(&pair.with);
    container.run();
    let [with, without] = &mut clients;
    let found = [&mut *with, without].map(|client| {
        client.exec(&marker);
        lab.fence(client);
        findings(client, &container)
    });
    assert_eq!(with.all(|event| text(event, "class").starts_with("FILE_")).len(), 0, "only rules want files");
    let after = opens(&pair.with);
    let (seen, filtered) = (after.0 - before.0, after.1 - before.1);
    println!(
        "of {seen} opens of the whole node {filtered} were filtered in the kernel: {:.1} %",
        percent(filtered, seen)
    );
    let status = pair.with.status();
    let of_group =
        |group: &&Value| text(group, "container.id") == container.id() && text(group, "class") == "FILE_OPEN";
    let groups: Vec<&Value> = field(&status, "groups")
        .and_then(Value::as_array)
        .map_or(Vec::new(), |groups| groups.iter().filter(of_group).collect());
    for group in groups {
        let (seen, filtered) = (of(group, "seen"), of(group, "filtered"));
        println!("of {seen} opens of the container {filtered}: {:.1} %", percent(filtered, seen));
    }
    println!(
        "rules look at {} of containers, {} of the host; in all {} of {} events filtered",
        field(&status, "rules.containerClasses").map_or_else(String::new, ToString::to_string),
        field(&status, "rules.hostClasses").map_or_else(String::new, ToString::to_string),
        of(&status, "rules.eventsFiltered"),
        of(&status, "rules.eventsSeen"),
    );
    assert!(filtered > 0, "{status:#}");
    assert!(closes(&pair.with) && closes(&pair.without), "each open is accounted for: {status:#}");
    let [with, without] = found;
    assert_eq!(with, without, "left with pushdown, right without: {:#}", pair.without.status());
    drop(clients);
    let Pair { with: one, without: other } = pair;
    one.stop();
    other.stop();
    with
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

fn of(value: &Value, path: &str) -> u64 {
    number(value, path).unwrap_or_default()
}

fn ledger(agent: &Agent) -> Value {
    let status = agent.status();
    let classes = field(&status, "classes").and_then(Value::as_array).cloned().unwrap_or_default();
    classes.into_iter().find(|class| text(class, "class") == "FILE_OPEN").expect("every class has a ledger")
}

/// Opens that happened, and those that the kernel filtered.
fn opens(agent: &Agent) -> (u64, u64) {
    let ledger = ledger(agent);
    (of(&ledger, "seen"), of(&ledger, "filtered"))
}

/// Whether what was seen is what became of it. The node is never at rest: one of many looks is.
fn closes(agent: &Agent) -> bool {
    (0..sized(100, 200)).any(|_| {
        let ledger = ledger(agent);
        let of = |name: &str| of(&ledger, name);
        let received = of("received");
        sleep(Duration::from_millis(50));
        of("seen") == of("filtered") + of("aggregated") + of("limited") + of("lost") + received
            && received == of("published") + of("quiet") + of("canary")
    })
}

/// Rule and fields of each finding, without the time.
fn findings(client: &Client, container: &Container) -> Vec<String> {
    let one = |event: &Value| {
        let mut fields = field(event, "finding.alert.outputFields").cloned().unwrap_or_default();
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("evt.time");
        }
        format!("{}: {fields}", text(event, "finding.name"))
    };
    let of_container =
        |event: &Value| text(event, "class") == "FINDING" && text(event, "container.id") == container.id();
    let mut found: Vec<_> = client.all(of_container).iter().map(one).collect();
    found.sort();
    found
}

/// A file is read again and again; rules that name it come, and go.
fn follows_rules_that_change(lab: &mut Lab) {
    let file = lab.scratch().folder("rules").join("own.yaml");
    let marker = marker("widens");
    let rules = |name: &str, path: &str| {
        format!(
            "- rule: {name}\n  desc: d\n  condition: evt.type in (open, openat) and container.id != host and fd.name={path}\n  output: o %fd.name\n  priority: WARNING\n"
        )
    };
    write_file(&file, rules("First", "/nothing"), 0o600);
    let agent = start(lab, &file, "agent", true);
    let script = format!(
        "echo x > /tmp/{marker}; round() {{ i=0; while [ $i -lt 30 ]; do cat /tmp/{marker}; i=$((i+1)); done; /bin/true {marker}-$1; }}; wait_for() {{ until [ -e /tmp/$1 ]; do sleep 0.05; done; }}; round 1; wait_for go-1; round 2; wait_for go-2; round 3"
    );
    let container = lab.container(&["/bin/sh", "-c", &script]);
    let mut client = Client::subscribe(&agent, &Filters::default());
    container.start();
    client.exec(&format!("{marker}-1"));
    let (_, filtered) = opens(&agent);
    assert_eq!(findings(&client, &container), [""; 0]);
    assert!(filtered > 0, "the file is quiet by now");

    let change = |name: &str, path: &str, go: &str, reloads: u64| {
        write_file(&file, rules(name, path), 0o600);
        for _ in 0..sized(300, 1500) {
            // The kernel has it soon after: what it sent before is not what counts here.
            if number(&agent.status(), "rules.reloads") == Some(reloads)
                && agent.log().matches("the new policy holds").count() as u64 == reloads
            {
                write_file(&container.file(go), b"", 0o600);
                return;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("the new rules are not in force: {:#}\n{}", agent.status(), agent.log_tail());
    };
    change("Second", &format!("/tmp/{marker}"), "/tmp/go-1", 1);
    client.exec(&format!("{marker}-2"));
    lab.fence(&mut client);
    assert_eq!(
        findings(&client, &container).len(),
        30,
        "each open since the change: {:#?}",
        findings(&client, &container)
    );

    change("Third", "/nothing", "/tmp/go-2", 2);
    client.exec(&format!("{marker}-3"));
    lab.fence(&mut client);
    assert_eq!(findings(&client, &container).len(), 30, "none of these");
    drop(client);
    agent.stop();
}
