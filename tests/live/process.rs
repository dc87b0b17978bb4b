//! fork, exec and exit: every fact of a process against what the kernel says of it by other ways.

mod exec;
mod file;
mod lineage;
mod privilege;

use std::fs;

use picket_tests::client::Client;
use picket_tests::expect::{Expect, field, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::truth;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("process::container_exec", exec::container_exec).proves(&["PROCESS_EXEC"]),
    Test::new("process::host_exec", exec::host_exec).proves(&["PROCESS_EXEC"]),
    Test::new("process::script", exec::script),
    Test::new("process::standard_streams", exec::standard_streams),
    Test::new("process::terminal", exec::terminal),
    Test::new("process::exec_by_a_thread", exec::exec_by_a_thread),
    Test::new("process::upper_layer", file::upper_layer),
    Test::new("process::memfd", file::memfd),
    Test::new("process::unlinked", file::unlinked),
    Test::new("process::set_user_id", privilege::set_user_id),
    Test::new("process::file_capabilities", privilege::file_capabilities),
    Test::new("process::container_user", privilege::container_user),
    Test::new("process::ancestors", lineage::ancestors),
    Test::new("process::double_fork", lineage::double_fork),
    Test::new("process::exec_ids", lineage::exec_ids),
    Test::new("process::fork_and_exit_code", fork_and_exit_code).proves(&["PROCESS_FORK", "PROCESS_EXIT"]),
    Test::new("process::exit_by_signal", exit_by_signal).proves(&["PROCESS_EXIT"]),
];

/// A shell forks a child that ends with 3, then ends itself with 7.
fn fork_and_exit_code(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("fork");
    let script = "(exit 3); exit 7";
    let mut child = lab.host("sh").args(["-c", script, &marker]).spawn().expect("busybox runs");
    let code = child.wait().expect("our child").code();
    assert_eq!(code, Some(7), "the shell ends as told");
    let shell = client.exec(&marker);
    Expect::of(&shell).is("process.pid", child.id());
    let id = text(&shell, "process.execId").to_owned();

    let fork = client.wait_for("fork by the shell", |event| {
        text(event, "class") == "PROCESS_FORK" && text(event, "process.parent.execId") == id
    });
    Expect::of(&fork)
        .is("process.parent.pid", child.id())
        .is("process.executable", lab.image().busybox().to_string_lossy().as_ref())
        .is("process.uid", 0)
        .such("fork", "there", Value::is_object)
        .absent("fork.creator")
        .absent("container");
    let exit = client.exit_of(&fork);
    Expect::of(&exit).is("process.pid", truth::pid(&fork)).is("exit.code", 3).absent("exit.signal");
    check_run_time(&exit);

    let exit = client.exit_of(&shell);
    Expect::of(&exit)
        .is("process.pid", child.id())
        .is("exit.code", 7)
        .absent("exit.signal")
        .absent("exit.signalName")
        .absent("exit.coreDumped")
        .lists(
            "process.arguments",
            &[lab.image().applet("sh").to_string_lossy().as_ref(), "-c", script, &marker],
        );
    check_run_time(&exit);
}

fn exit_by_signal(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("signal");
    let status = lab.host("sh").args(["-c", "kill -9 $$", &marker]).status().expect("busybox runs");
    assert!(!status.success(), "the shell kills itself");
    let exec = client.exec(&marker);
    let exit = client.exit_of(&exec);
    Expect::of(&exit)
        .is("exit.signal", 9)
        .is("exit.signalName", "SIGKILL")
        .absent("exit.code")
        .absent("exit.coreDumped");
    check_run_time(&exit);
}

/// A run time is there and more than nothing; how long it is depends on the machine.
fn check_run_time(exit: &Value) {
    Expect::of(exit).such("exit.runTime", "a duration above 0s", |time| {
        let seconds = time.as_str().and_then(|text| text.strip_suffix('s')?.parse::<f64>().ok());
        seconds.is_some_and(|seconds| seconds > 0.0)
    });
}

/// Every event has its place and time.
fn check_envelope(event: &Value) {
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").expect("/proc is mounted");
    Expect::of(event)
        .such("cursor", "not empty", |cursor| cursor.as_str().is_some_and(|cursor| !cursor.is_empty()))
        .such("time", "a time in UTC", |time| time.as_str().is_some_and(|time| time.ends_with('Z')))
        .such("process.execId", "not empty", |id| id.as_str().is_some_and(|id| !id.is_empty()))
        .is("node", hostname.trim())
        .absent("incomplete");
}

/// The exec event in which a program was called by this name with this last argument.
fn exec_as(client: &mut Client, name: &str, marker: &str) -> Value {
    client.wait_for(&format!("exec as {name} with the last argument {marker}"), |event| {
        text(event, "class") == "PROCESS_EXEC"
            && text(event, "process.arguments.0") == name
            && picket_tests::client::last_argument(event) == Some(marker)
    })
}

/// Ids of a process's parent and ancestors, nearest first.
fn line(event: &Value) -> Vec<String> {
    let ancestors = field(event, "ancestors").and_then(Value::as_array).cloned().unwrap_or_default();
    let parent = text(event, "process.parent.execId").to_owned();
    [parent].into_iter().chain(ancestors.iter().map(|one| text(one, "execId").to_owned())).collect()
}
