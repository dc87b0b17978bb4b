//! The agent tries itself: what its trials show, and that nobody else sees them.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::expect::{number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::skip::{SAME_EVERYWHERE, report, sized};
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("canary::every_served_class_is_seen", every_served_class_is_seen),
    Test::new("canary::it_goes_on_unheard", it_goes_on_unheard).own_agent(),
    Test::new("canary::another_pid_namespace", another_pid_namespace).native_only(SAME_EVERYWHERE),
];

fn coverage(status: &Value) -> Vec<Value> {
    status["coverage"].as_array().cloned().unwrap_or_default()
}

/// An agent that is ready has seen every class that it can try, on the back ends that this kernel has.
fn every_served_class_is_seen(lab: &mut Lab) {
    let agent = lab.agent_with("");
    let status = agent.status();
    let mut seen = Vec::new();
    for class in coverage(&status).iter().filter(|class| text(class, "backEnd") != "none") {
        let name = text(class, "class");
        match text(class, "canary") {
            "SEEN" => {
                assert!(text(class, "canaryTime").starts_with("20"), "a time: {class:#}");
                seen.push(name.to_owned());
            }
            "UNTRIED" => {
                let why = text(class, "canaryNote");
                assert!(!why.is_empty(), "it says why: {class:#}");
                // To map a file to be executed needs unsafe code, which the agent has none of.
                let tried = name != "FILE_MAP_EXEC";
                let always = tried && (name.starts_with("PROCESS_") || name.starts_with("FILE_"));
                assert!(!always, "needs nothing that is not everywhere: {class:#}");
                report(&format!("canary::{name}"), why);
            }
            _ => panic!("ready, and a class is not seen: {class:#}\n{}", agent.log_tail()),
        }
    }
    for name in ["PROCESS_FORK", "PROCESS_EXEC", "PROCESS_EXIT", "FILE_OPEN"] {
        assert!(seen.iter().any(|seen| seen == name), "{name} is served everywhere: {seen:?}");
    }
    println!("canary: seen {}", seen.join(" "));
    agent.stop();
}

/// Trials go on, subscribers get none of it, and the account of each class closes over them.
fn it_goes_on_unheard(lab: &mut Lab) {
    const EVERYTHING: &str = "[kernel]\ncanary_interval_s = 1\n[events]\n\
        host = [\"process\", \"container\", \"file\", \"network\", \"privilege\"]\n[files]\nquiet = []\n";
    let agent = lab.agent_with(EVERYTHING);
    let mut client = Client::subscribe(&agent, &Filters::default());
    let tried = |status: &Value| {
        let classes = coverage(status);
        let fork = classes.iter().find(|class| text(class, "class") == "PROCESS_FORK").cloned();
        text(&fork.unwrap_or_default(), "canaryTime").to_owned()
    };
    let before = tried(&agent.status());
    let mut rounds = 0;
    let mut last = before;
    for _ in 0..sized(300, 1200) {
        let now = tried(&agent.status());
        rounds += u32::from(now != last);
        last = now;
        if rounds >= 2 {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    assert!(rounds >= 2, "trials go on\n{}", agent.log_tail());
    lab.fence(&mut client);
    let pid = u64::from(agent.pid());
    let own = client.all(|event| {
        number(event, "process.pid") == Some(pid) || number(event, "process.parent.pid") == Some(pid)
    });
    assert!(own.is_empty(), "of the agent itself and its children nothing is told: {own:#?}");
    let status = agent.status();
    for class in status["classes"].as_array().into_iter().flatten() {
        let count = |name| number(class, name).unwrap_or(0);
        let kind = text(class, "class");
        if kind.starts_with("PROCESS_") || kind == "FILE_OPEN" {
            assert!(count("canary") >= 3, "{kind}: trials are counted: {class:#}");
        }
        if kind.starts_with("FILE_") {
            let onward = count("published") + count("quiet") + count("canary");
            assert!(count("received") >= onward, "{kind}: no event goes two ways: {class:#}");
        }
    }
    agent.stop();
}

/// An agent in a pid namespace of its own, with the number there that another process has on the host:
/// that process is told of, the agent itself is not.
fn another_pid_namespace(lab: &mut Lab) {
    let marker = marker("namespace");
    let mut command = lab.host("sh");
    command.args(["-c", &format!("read go; exec {} {marker}", lab.image().applet("true").display())]);
    let mut namesake = command.stdin(Stdio::piped()).spawn().expect("busybox can be run");
    let namesakes = u64::from(namesake.id());

    let mut options = lab.agent_options();
    options.settings = vec![
        ("PICKET_EVENTS_HOST", "process,container,file,network,privilege".to_owned()),
        ("PICKET_FILES_QUIET", String::new()),
    ];
    // The next process of this namespace gets the number; the shell is its first.
    let script = format!("echo {} > /proc/sys/kernel/ns_last_pid; \"$@\" & wait", namesakes - 1);
    let words = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", &script, "sh"];
    options.through = words.map(str::to_owned).to_vec();
    let agent = Agent::start(&options);
    let log = agent.log();
    assert!(log.contains("the agent cannot try itself"), "it knows that its numbers are other ones: {log}");
    let mut client = Client::subscribe(&agent, &Filters::default());
    drop(namesake.stdin.take());
    let exec = client.exec(&marker);
    assert_eq!(number(&exec, "process.pid"), Some(namesakes), "{exec:#}");
    namesake.wait().expect("our own child");
    // It looks into /proc for the answer.
    let status = agent.status();
    assert_eq!(status["ready"], true, "{status:#}");
    lab.fence(&mut client);
    let own = client.all(|event| number(event, "process.containerPid") == Some(namesakes));
    assert!(own.is_empty(), "of the agent itself nothing is told: {own:#?}");
    drop(client);
    agent.kill();
}
