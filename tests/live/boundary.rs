//! Containers that leave, or reach beyond, what they were given: told by what they are, in real containers, and not told of
//! what a runtime and a sandbox do. And the sensor as a target.

use std::fs;
use std::process::id;

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::container::{Container, Options};
use picket_tests::expect::text;
use picket_tests::lab::Lab;
use picket_tests::runner::Test;
use picket_tests::skip::SAME_EVERYWHERE;
use rustix::process::Signal;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("boundary::escapes_are_told", escapes).native_only(SAME_EVERYWHERE).own_agent(),
    Test::new("boundary::what_the_kernel_runs_is_told", by_kernel).native_only(SAME_EVERYWHERE).own_agent(),
    Test::new("boundary::entering_and_sandboxes_are_quiet", quiet).native_only(SAME_EVERYWHERE).own_agent(),
    Test::new("boundary::the_sensor_sees_attacks_on_itself", sensor).native_only(SAME_EVERYWHERE).own_agent(),
];

/// What is done with the rights of an agent of the node, each a line of a shell, and by which finding of which severity it
/// is told. `HOST` is a process of the node.
const ESCAPES: &[(&str, &str, &str)] = &[
    ("nsenter -t HOST -m /bin/true", "container-boundary-crossed", "CRITICAL"),
    ("nsenter -t HOST -n /bin/true", "container-boundary-crossed", "HIGH"),
    ("cat /proc/HOST/root/etc/hostname > /dev/null", "container-reaches-into-processes", "CRITICAL"),
    ("W open openat rdwr /proc/HOST/mem", "container-reaches-into-processes", "CRITICAL"),
    (
        "mkdir -p /mnt; mount -t cgroup -o pids none /mnt || mount -t cgroup2 none /mnt; sh -c 'echo $$ > /mnt/cgroup.procs; exec /bin/true'",
        "container-left-its-control-group",
        "CRITICAL",
    ),
];

/// What sandboxes and package managers do.
const ORDINARY: &str = "W unshare user,mount , exec /bin/true; W unshare mount,pid,net,ipc,uts; \
                        chroot / /bin/true; W clone user,pid; cat /proc/1/environ /proc/self/root/etc/passwd > /dev/null";

fn agent(lab: &Lab) -> Agent {
    Agent::start(&lab.agent_options())
}

/// A container that runs a script, with the processes of the node in sight and some more rights.
fn with_processes(lab: &Lab, script: &str) -> Container {
    let before = "W() { /bin/picket-workload --may-fail \"$@\"; }; mkdir -p /tmp";
    let script = format!("{before}\n{}\nexit 0", script.replace("HOST", &id().to_string()));
    let container = Container::create(&Options {
        capabilities: vec!["SYS_ADMIN", "SYS_PTRACE", "SYS_CHROOT"],
        ..lab.container_options(&["/bin/sh", "-c", &script])
    });
    let text = fs::read_to_string(container.configuration()).expect("a bundle");
    let mut configuration: Value = serde_json::from_str(&text).expect("JSON");
    let namespaces = configuration["linux"]["namespaces"].as_array_mut().expect("namespaces");
    namespaces.retain(|namespace| namespace["type"] != "pid");
    // A new procfs shows the processes of the pid namespace.
    fs::write(container.configuration(), configuration.to_string()).expect("a writable bundle");
    container
}

fn findings(client: &Client) -> Vec<Value> {
    client.all(|event| text(event, "class") == "FINDING")
}

fn escapes(lab: &mut Lab) {
    let agent = agent(lab);
    let script: Vec<&str> = ESCAPES.iter().map(|(command, _, _)| *command).collect();
    let container = with_processes(lab, &script.join("\n"));
    let mut everything = Client::subscribe(&agent, &Filters::default());
    container.run_ok();
    lab.fence(&mut everything);
    let all = findings(&everything);
    for (command, id, severity) in ESCAPES {
        let told = all
            .iter()
            .find(|event| text(event, "finding.id") == *id && text(event, "finding.severity") == *severity);
        let told = told.unwrap_or_else(|| panic!("{command}: no {severity} {id} in {all:#?}"));
        // Who left its control group is one of the node's processes from then on: the evidence names the container.
        let names = told["finding"]["evidence"].to_string().contains(container.id());
        assert!(text(told, "container.id") == container.id() || names, "{told:#?}");
    }
    drop(everything);
    agent.stop();
}

/// The kernel runs the release agent of a hierarchy that only this container has.
fn by_kernel(lab: &mut Lab) {
    let agent = agent(lab);
    let program = |container: &Container| container.file("/bin/true").to_string_lossy().into_owned();
    let container = Container::create(&Options {
        capabilities: vec!["SYS_ADMIN"],
        ..lab.container_options(&["/bin/sh", "-c", "sh /script; exit 0"])
    });
    let script = format!(
        "mkdir -p /mnt; mount -t cgroup -o none,name=picket-{} none /mnt; mkdir /mnt/x; echo 1 > /mnt/x/notify_on_release; \
         echo {} > /mnt/release_agent; sh -c 'echo $$ > /mnt/x/cgroup.procs'; sleep 1; rmdir /mnt/x; umount /mnt",
        id(),
        program(&container)
    );
    fs::write(container.file("/script"), script).expect("a writable root");
    let mut client = Client::subscribe(&agent, &Filters::default());
    container.run_ok();
    let told =
        client.wait_for("a finding", |event| text(event, "finding.id") == "kernel-ran-program-of-container");
    assert_eq!(text(&told, "container.id"), container.id(), "{told:#?}");
    assert_eq!(text(&told, "finding.severity"), "CRITICAL");
    assert!(told["finding"]["evidence"].to_string().contains("release_agent"), "{told:#?}");
    drop(client);
    agent.stop();
}

fn quiet(lab: &mut Lab) {
    let agent = agent(lab);
    let script = format!(
        "W() {{ /bin/picket-workload --may-fail \"$@\"; }}; mkdir -p /etc; touch /etc/passwd\n{ORDINARY}\nexec sleep 600"
    );
    let container = lab.container(&["/bin/sh", "-c", &script]);
    let mut everything = Client::subscribe(&agent, &Filters::default());
    container.start();
    for _ in 0..3 {
        container.exec(&["/bin/sh", "-c", "ls / > /dev/null; chroot / /bin/true"]);
    }
    everything.wait_for("the end of the script", |event| {
        text(event, "class") == "PROCESS_EXEC" && event["process"]["arguments"][0] == "sleep"
    });
    lab.fence(&mut everything);
    drop(container);
    // The agent came later than this one.
    let old = lab.container(&["/bin/sh", "-c", "while sleep 0.1; do :; done"]);
    old.start();
    let later = self::agent(lab);
    let mut after = Client::subscribe(&later, &Filters::default());
    old.exec(&["/bin/sh", "-c", &ORDINARY.replace("W ", "/bin/picket-workload --may-fail ")]);
    lab.fence(&mut after);
    let all = [findings(&everything), findings(&after)].concat();
    assert!(all.is_empty(), "{all:#?}");
    drop((everything, after, old));
    agent.stop();
    later.stop();
}

fn sensor(lab: &mut Lab) {
    let agent = agent(lab);
    // It goes on: the test is its parent, and may.
    let container = with_processes(lab, &format!("kill -TSTP {}", agent.pid()));
    let mut client = Client::subscribe(&agent, &Filters::default());
    container.run_ok();
    agent.signal(Signal::CONT);
    let told = client.wait_for("a finding", |event| text(event, "finding.id") == "sensor-attacked");
    assert_eq!((text(&told, "container.id"), text(&told, "finding.severity")), (container.id(), "CRITICAL"));
    lab.fence(&mut client);
    let all = client.all(|event| text(event, "finding.id") == "sensor-attacked");
    assert_eq!(all.len(), 1, "{all:#?}");
    drop(client);
    agent.stop();
}
