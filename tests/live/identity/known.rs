//! Containers whose bundle tells everything.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use picket_tests::agent::Agent;
use picket_tests::cgroup::Cgroup;
use picket_tests::client::{Client, Filters, last_argument};
use picket_tests::container::{Container, Names, random_hex};
use picket_tests::containerd::Containerd;
use picket_tests::expect::{Expect, number, text};
use picket_tests::lab::{Lab, marker};

use super::{check_identity, execs};

pub(super) fn first_exec(lab: &mut Lab) {
    let mut client = lab.watch();
    let before = lab.agent().status();
    let marker = marker("first");
    let container = lab.container(&["/bin/true", &marker]);
    container.run_ok();
    lab.fence(&mut client);
    let execs = execs(&client, container.id());
    assert!(!execs.is_empty(), "the container executed something");
    execs.iter().for_each(|event| check_identity(event, container.names()));
    check_identity(&client.exec(&marker), container.names());
    let after = lab.agent().status();
    let counted = |status, name| number(status, name).unwrap_or_default();
    assert!(
        counted(&after, "firstExecsIdentified") > counted(&before, "firstExecsIdentified"),
        "the status counts first execs: {after:#}"
    );
    let (name, total) = ("firstExecsUnidentified", counted(&before, "firstExecsUnidentified"));
    assert_eq!(counted(&after, name), total, "none without identity: {after:#}");
}

pub(super) fn sandbox(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("sandbox");
    let mut options = lab.container_options(&["/bin/true", &marker]);
    options.sandbox = true;
    let container = Container::create(&options);
    container.run_ok();
    let names = container.names();
    Expect::of(&client.exec(&marker))
        .is("container.id", names.id.as_str())
        .is("container.sandbox", true)
        .is("container.pod.namespace", names.namespace.as_str())
        .is("container.pod.name", names.pod.as_str())
        .is("container.pod.uid", names.uid.as_str())
        .absent("container.unresolved");
}

/// Containers and processes that the agent did not see begin are known from the running system.
pub(super) fn running_before_the_agent(lab: &mut Lab) {
    let marker = marker("before");
    let script = format!("while [ ! -e /tmp/go ]; do sleep 0.1; done; /bin/true {marker}; exit");
    let arguments = ["/bin/sh", "-c", &script, "early"];
    let container = lab.container(&arguments);
    container.start();
    let pid = container.pid();
    let agent = Agent::start(&lab.agent_options());
    let mut client = Client::subscribe(&agent, &Filters { ancestors: 8, ..Filters::default() });
    fs::write(container.file("/tmp/go"), "").expect("the container's root is mounted");
    let event = client.exec(&marker);
    check_identity(&event, container.names());
    Expect::of(&event)
        .is("process.parent.pid", pid)
        .is("process.parent.executable", "/bin/busybox")
        .lists("process.parent.arguments", &arguments);
    let exit = client.wait_for("exit of the container's first process", |event| {
        text(event, "class") == "PROCESS_EXIT" && number(event, "process.pid") == Some(pid.into())
    });
    check_identity(&exit, container.names());
    drop(client);
    agent.stop();
}

/// An agent with a control group namespace of its own, as a pod has, is told other paths by `/proc`; it knows the group of
/// a process that is older than itself all the same.
pub(super) fn control_group_namespace(lab: &mut Lab) {
    let path = |name: &str| format!("/picket-{name}-{}", random_hex(4));
    let (old, own, new) = (path("old"), path("own"), path("new"));
    let groups = [&old, &own, &new].map(|path| Cgroup::create(path));
    let [enter_old, enter_own, enter_new] = groups.each_ref().map(Cgroup::enter);
    let mut command = lab.host("sh");
    command.args(["-c", &format!("{enter_old}echo there; read go; exit 0")]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut early = command.spawn().expect("busybox can be run");
    let mut said = [0; 5];
    early.stdout.take().expect("piped").read_exact(&mut said).expect("it says when it is there");

    let mut options = lab.agent_options();
    let script = format!("{enter_own}exec unshare --cgroup \"$@\"");
    options.through = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
    let agent = Agent::start(&options);
    let mut client = Client::subscribe(&agent, &Filters::default());
    let enter = enter_new.replace("$$", &early.id().to_string());
    let status = lab.host("sh").args(["-c", &format!("{enter}exit 0")]).status();
    assert!(status.expect("busybox runs").success(), "{enter}");
    let moved = client.wait_for("the move", |event| {
        text(event, "class") == "CONTAINER_CGROUP_MOVE" && text(event, "controlGroup.path") == new
    });
    Expect::of(&moved).is("process.pid", early.id()).is("controlGroup.from", old.as_str());
    drop(early.stdin.take());
    early.wait().expect("our own child");
    drop(client);
    agent.stop();
}

/// A subscriber gets what it asked for and nothing else.
pub(super) fn filters(lab: &mut Lab) {
    let marker = marker("filter");
    let wanted = lab.container(&["/bin/true", &marker]);
    let other = lab.container(&["/bin/true", "other"]);
    let names = wanted.names().clone();
    let classes = vec!["PROCESS_EXEC"];
    let choices = [
        Filters { namespaces: vec![names.namespace.clone()], ..Filters::default() },
        Filters { pods: vec![names.pod.clone()], classes: classes.clone(), ..Filters::default() },
        Filters { containers: vec![names.id[..12].to_owned()], ..Filters::default() },
        Filters { containers_only: true, classes, ..Filters::default() },
    ];
    let mut clients: Vec<_> = choices.iter().map(|filters| lab.subscribe(filters)).collect();
    other.run_ok();
    wanted.run_ok();
    for (client, filters) in clients.iter_mut().zip(&choices) {
        check_identity(&client.exec(&marker), &names);
        let wrong = client.all(|event| {
            let class = text(event, "class");
            let class_wrong = !filters.classes.is_empty() && !filters.classes.contains(&class);
            let id = text(event, "container.id");
            // Losses are always told.
            class != "LOSS" && (class_wrong || id.is_empty() || (!filters.containers_only && id != names.id))
        });
        assert!(wrong.is_empty(), "{filters:?} lets through {wrong:#?}");
    }
}

/// A whole containerd with its shim, not only runc.
pub(super) fn containerd(lab: &mut Lab) {
    let containerd = Containerd::start(lab.scratch().folder("containerd"), lab.image().root());
    let mut options = lab.agent_options();
    options.states = vec![containerd.state()];
    let agent = Agent::start(&options);
    let mut client = Client::subscribe(&agent, &Filters::default());
    let (names, marker) = (Names::new(), marker("containerd"));
    containerd.run(&names, &["/bin/sh", "-c", "/bin/true inside; exit", &marker]);
    // `ctr` has the same last argument; the container's program has another name.
    let event = client.wait_for("exec of the container's shell", |event| {
        text(event, "class") == "PROCESS_EXEC"
            && text(event, "process.arguments.0") == "/bin/sh"
            && last_argument(event) == Some(&marker)
    });
    check_identity(&event, &names);
    Expect::of(&event)
        .is("container.runtime", "containerd")
        .is("process.containerPid", 1)
        .is("process.executable", "/bin/busybox")
        .is("exec.file.layer", "LOWER");
    lab.fence(&mut client);
    let execs = execs(&client, &names.id);
    execs.iter().for_each(|event| check_identity(event, &names));
    assert!(execs.len() >= 2, "the shell and what it runs: {execs:#?}");
    drop(client);
    agent.stop();
}
