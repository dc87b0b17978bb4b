//! The rules that are shipped, in an agent: what an attack does in a real container is told by name, and what a runtime
//! and an ordinary program do raises nothing above low.

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::container::Container;
use picket_tests::expect::{number, text};
use picket_tests::lab::{Lab, everything};
use picket_tests::recording::Recording;
use picket_tests::runner::Test;
use picket_tests::skip::SAME_EVERYWHERE;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("pack::attacks_are_told", attacks).native_only(SAME_EVERYWHERE).own_agent(),
    Test::new("pack::ordinary_work_is_not", ordinary_work).native_only(SAME_EVERYWHERE).own_agent(),
];

/// A login to a mining pool, behind the word for its bytes.
const LOGIN: &str = r#"text:{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"x","pass":"x","agent":"XMRig/6.21.0"}}\n"#;

/// What is done, each a line of a shell, and by which finding of which severity it is told.
const ATTACKS: &[(&str, &str, &str)] = &[
    (": > /tmp/release_agent", "release-agent-of-control-groups-set-in-a-container", "CRITICAL"),
    (
        "ln -s /proc/sys/kernel/core_pattern /tmp/harmless; W open openat wronly /tmp/harmless",
        "program-that-the-kernel-runs-changed-in-a-container",
        "CRITICAL",
    ),
    ("mknod /tmp/disk b 7 200", "node-of-a-disk-made-in-a-container", "HIGH"),
    ("W memfd-exec /bin/busybox true", "program-run-from-memory-in-a-container", "CRITICAL"),
    (
        "cp /bin/busybox /opt/sleep; /opt/sleep 0",
        "program-that-is-not-of-the-image-run-in-a-container",
        "MEDIUM",
    ),
    (
        "cp /bin/picket-workload /tmp/w; /tmp/w say dropped",
        "dropped-program-run-from-a-temporary-folder",
        "HIGH",
    ),
    (
        "cat /run/secrets/kubernetes.io/serviceaccount/token",
        "token-of-a-service-account-read-by-hand",
        "HIGH",
    ),
    ("W socket packet", "link-layer-opened-in-a-container", "HIGH"),
    (
        "/tmp/w behind serve stream unix:/run/docker.sock 1 0 none , \
         connect blocking stream unix:/run/docker.sock , join",
        "runtime-of-the-node-used-by-hand-from-a-container",
        "CRITICAL",
    ),
    (
        "W behind serve tcp 127.0.0.1:8443 1 LENGTH none , exchange blocking tcp 127.0.0.1:8443 LOGIN 1 0 , join",
        "mining-protocol-spoken",
        "CRITICAL",
    ),
    ("chmod 4755 /opt/sleep", "borrowed-rights-given-to-a-program-in-a-container", "MEDIUM"),
    ("W mount ext4 /dev/none /mnt", "disk-mounted-in-a-container", "CRITICAL"),
    ("W stdio dup2 0 accepted 127.0.0.1:8444", "connection-made-a-standard-stream-in-a-container", "LOW"),
];

/// What behaviours say of all this together.
const BEHAVIOURS: &[&str] = &["drift", "mining"];

/// What an entry point and a probe may do.
const ORDINARY: &str = "mkdir -p /srv/data; echo x > /srv/data/x; cat /srv/data/x /etc/passwd; ls /proc; \
                        echo user:x:1000:1000::/:/bin/sh >> /etc/passwd; ln -s /srv/data /srv/link; rm -r /srv/data; \
                        W open openat rdonly /run/secrets/kubernetes.io/serviceaccount/token; wget -T 1 -O - http://127.0.0.1:1/";

fn agent(lab: &Lab) -> Agent {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
    let mut options = lab.agent_options();
    options.arguments.extend(["--rules".to_owned(), rules.to_owned()]);
    if Recording::is_kept() {
        // What is recorded is judged with other settings and rules, too: it is to have all that there is.
        options.settings = everything();
        options.settings.push(("PICKET_RULES_PUSHDOWN", "false".to_owned()));
    }
    Agent::start(&options)
}

/// A container with a token, which runs a script. `W` is the workload program.
fn container(lab: &Lab, script: &str) -> Container {
    let length = (LOGIN.len() - "text:".len() - 1).to_string();
    let script = script.replace("LENGTH", &length).replace("LOGIN", &format!("'{LOGIN}'"));
    let before = "W() { /bin/picket-workload --may-fail \"$@\"; }; \
                  mkdir -p /tmp /run/secrets/kubernetes.io/serviceaccount /opt /mnt /etc; touch /etc/passwd; \
                  echo token > /run/secrets/kubernetes.io/serviceaccount/token";
    lab.container(&["/bin/sh", "-c", &format!("{before}\n{script}\nexit 0")])
}

fn of(container: &Container) -> Filters {
    Filters { containers: vec![container.id().to_owned()], ..Filters::default() }
}

/// Findings of a container that ran to its end: id and severity.
fn found(client: &Client) -> Vec<(String, String, String)> {
    let part = |event: &Value, name: &str| text(event, name).to_owned();
    let all = client.all(|event| text(event, "class") == "FINDING");
    let said = |event: &Value| {
        (part(event, "finding.id"), part(event, "finding.severity"), part(event, "finding.alert.output"))
    };
    all.iter().map(said).collect()
}

fn attacks(lab: &mut Lab) {
    let agent = agent(lab);
    let script: Vec<&str> = ATTACKS.iter().map(|(command, _, _)| *command).collect();
    let container = container(lab, &script.join("\n"));
    let mut client = Client::subscribe(&agent, &of(&container));
    let mut everything = Client::subscribe(&agent, &Filters::default());
    let recording = Recording::kept(&agent, "attacks", &[container.id()]);
    container.run_ok();
    lab.fence(&mut everything);
    recording.map(Recording::end);
    for (command, id, severity) in ATTACKS {
        let event = client.wait_for(&format!("{id}, by {command}"), |event| text(event, "finding.id") == *id);
        assert_eq!(text(&event, "finding.severity"), *severity, "{event:#}");
        assert_eq!(text(&event, "container.id"), container.id());
        assert!(event["finding"]["techniques"].as_array().is_some_and(|list| !list.is_empty()), "{event:#}");
    }
    // Nothing else is above low: neither the runtime nor what leads to the attacks.
    let rules = ATTACKS.iter().map(|(_, id, _)| *id);
    let expected: Vec<&str> = rules.chain(BEHAVIOURS.iter().copied()).collect();
    let others: Vec<_> = found(&client)
        .into_iter()
        .filter(|(id, severity, _)| severity != "LOW" && !expected.contains(&id.as_str()))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    drop((client, everything));
    agent.stop();
}

fn ordinary_work(lab: &mut Lab) {
    let agent = agent(lab);
    let container = container(lab, ORDINARY);
    let mut client = Client::subscribe(&agent, &of(&container));
    let mut everything = Client::subscribe(&agent, &Filters::default());
    let probed = lab.container(&["/bin/sh", "-c", "sleep 600"]);
    let mut probes = Client::subscribe(&agent, &of(&probed));
    probed.start();
    let recording = Recording::kept(&agent, "ordinary-work", &[container.id(), probed.id()]);
    container.run_ok();
    probed.exec(&["/bin/sh", "-c", "test -d / && wget -T 1 -O - http://127.0.0.1:1/ || true"]);
    lab.fence(&mut everything);
    probes.wait_for("the probe's program", |event| {
        text(event, "class") == "PROCESS_EXEC"
            && text(event, "process.executable") == "/bin/busybox"
            && event["process"]["arguments"][0] == "wget"
    });
    // Both are told in the order of the pipeline.
    client.wait_for("the end of the container's program", |event| {
        text(event, "class") == "PROCESS_EXIT" && number(event, "process.containerPid") == Some(1)
    });
    recording.map(Recording::end);
    let all = [found(&client), found(&probes)].concat();
    let above: Vec<_> = all.into_iter().filter(|(_, severity, _)| severity != "LOW").collect();
    assert!(above.is_empty(), "{above:#?}");
    drop((client, probes, everything));
    agent.stop();
}
