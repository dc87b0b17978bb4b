//! Processes that try to be taken for others: by name, by descriptor, by leaving their control group.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use picket_tests::cgroup::Cgroup;
use picket_tests::client::{Client, Filters};
use picket_tests::container::random_hex;
use picket_tests::expect::{Expect, field, number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::scratch::write_file;
use picket_tests::skip::sized;
use picket_tests::truth;
use picket_tests::workload::IN_CONTAINER;
use serde_json::Value;

use crate::identity::check_identity;

pub(crate) const TESTS: &[Test] = &[
    Test::new("hostile::another_name", another_name).own_agent().each_back_end(),
    Test::new("hostile::reused_descriptor", reused_descriptor).own_agent().each_back_end(),
    Test::new("hostile::another_group", another_group).own_agent(),
];

/// What a process calls itself is not what it is.
fn another_name(lab: &mut Lab) {
    let mut client = lab.watch();
    let file = format!("/tmp/{}", marker("name"));
    let script = ["rename-self", "picket", "500", ",", "write", &file, "x"];
    let arguments = [[IN_CONTAINER].as_slice(), &script].concat();
    let container = lab.container(&arguments);
    container.run_ok();
    let event = client.wait_for("the file", |event| text(event, "file.path") == file);
    check_identity(&event, container.names());
    Expect::of(&event).is("process.executable", IN_CONTAINER).lists("process.arguments", &arguments);
    let exit = client.exit_of(&event);
    Expect::of(&exit).is("process.executable", IN_CONTAINER).lists("process.arguments", &arguments);
}

/// A second thread puts another file where a descriptor is going to be: path and inode of each event belong
/// together, and are of a file that was opened.
fn reused_descriptor(lab: &mut Lab) {
    const SETTINGS: &str =
        "[files]\nsensitive = [\"/tmp/**\"]\n[limits]\nrepeat_window_s = 0\nevents_per_second = 0\n";
    let agent = lab.agent_with(SETTINGS);
    let times = sized(2000, 300).to_string();
    let end = format!("/tmp/{}", marker("reuse"));
    let script = ["fd-reuse", "/tmp/first", "/tmp/other", &times, ",", "write", &end, "x"];
    let make = ["write", "/tmp/first", "x", ",", "write", "/tmp/other", "x", ","];
    let container = lab.container(&[[IN_CONTAINER].as_slice(), &make, &script].concat());
    let filters = Filters { containers: vec![container.id().to_owned()], ..Filters::default() };
    let mut client = Client::subscribe(&agent, &filters);
    container.run_ok();
    client.wait_for("the last file", |event| text(event, "file.path") == end);
    let read = |event: &Value| {
        text(event, "class") == "FILE_OPEN"
            && text(event, "process.executable") == IN_CONTAINER
            && text(event, "file.access") == "READ"
    };
    let told = client.all(read);
    let mut paths = BTreeSet::new();
    let is_verified = |event: &&Value| field(event, "file.unverified").is_none();
    assert!(told.iter().any(|event| is_verified(&event)), "nearly all of them are there to be looked at");
    for event in &told {
        let path = text(event, "file.path");
        assert!(["/tmp/first", "/tmp/other"].contains(&path), "only these were opened: {event:#}");
        let inode = fs::metadata(container.file(path)).expect("it is there").ino();
        let expect = Expect::of(event).absent("file.error");
        // The descriptor may be closed again before it can be looked at: told as it was asked for, and marked.
        if is_verified(&event) {
            expect.is("file.file.inode", inode);
        } else {
            expect.absent("file.file");
        }
        paths.insert(path);
    }
    println!("hostile: {} opens of {} files are told", told.len(), paths.len());
    // On a busy machine the second thread may get its turn too late; then only one file was opened.
    assert!(paths.contains("/tmp/first"), "the first thread opened: {paths:?}");
    drop(client);
    agent.stop();
}

/// A process of a container that is moved to a group that is no container's: the move is told, and so is what the
/// process does afterwards, with its lineage.
fn another_group(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("left");
    let script = format!("until [ -e /tmp/go ]; do sleep 0.05; done; /bin/true {marker}; exit 0");
    let container = lab.container(&["/bin/sh", "-c", &script]);
    container.start();
    let shell = client.wait_for("the container's own program", |event| {
        text(event, "class") == "PROCESS_EXEC"
            && text(event, "process.executable") == "/bin/busybox"
            && text(event, "container.id") == container.id()
    });
    let pid = truth::pid(&shell);
    let path = format!("/picket-{}", random_hex(4));
    let group = Cgroup::create(&path);
    let enter = group.enter().replace("$$", &pid.to_string());
    let status = lab.host("sh").args(["-c", &format!("{enter}exit 0")]).status();
    assert!(status.expect("busybox runs").success(), "{enter}");
    let moved = client.wait_for("the move", |event| {
        text(event, "class") == "CONTAINER_CGROUP_MOVE" && text(event, "controlGroup.path") == path
    });
    Expect::of(&moved)
        .is("process.pid", pid)
        .is("process.execId", text(&shell, "process.execId"))
        .such("controlGroup.from", "the container's", |from| {
            from.as_str().is_some_and(|from| from.contains(container.id()))
        })
        .such("controlGroup.mover.pid", "another process", |mover| mover.as_u64() != Some(pid.into()));
    write_file(&container.file("/tmp/go"), "", 0o600);
    let exec = client.exec(&marker);
    println!("hostile: after the move: {:#}", exec["container"]);
    Expect::of(&exec)
        .is("process.executable", "/bin/busybox")
        .is("process.parent.execId", text(&shell, "process.execId"))
        .is("exec.cgroup", path.as_str())
        .absent("container");
    client.exit_of(&exec);
    let exit = client.exit_of(&shell);
    assert_eq!(number(&exit, "process.pid"), Some(pid.into()));
}
