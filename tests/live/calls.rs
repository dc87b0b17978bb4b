//! Calls aimed at other processes, and those that put code into the kernel or ask it for what few
//! programs need: what events tell against what was asked for and what the kernel says by other ways.

mod kernel;
mod target;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use picket_tests::client::Client;
use picket_tests::expect::{Expect, number, text};
use picket_tests::lab::Lab;
use picket_tests::runner::Test;
use picket_tests::scratch::write_file;
use picket_tests::workload;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("calls::ptrace", target::ptrace).each_back_end().proves(&["PRIVILEGE_PTRACE"]),
    Test::new("calls::memory", target::memory).each_back_end().proves(&["PRIVILEGE_PROCESS_MEMORY"]),
    Test::new("calls::descriptor", target::descriptor).each_back_end().proves(&["PRIVILEGE_PIDFD_GETFD"]),
    Test::new("calls::signal", target::signal).each_back_end().proves(&["PRIVILEGE_SIGNAL"]),
    Test::new("calls::repeated", target::repeated).each_back_end(),
    Test::new("calls::scheduling", target::scheduling).each_back_end().proves(&["PRIVILEGE_SCHEDULING"]),
    Test::new("calls::container", target::container).each_back_end(),
    Test::new("calls::aimed_at_the_agent", target::aimed_at_the_agent).each_back_end(),
    Test::new("calls::by_32_bits", target::by_32_bits).each_back_end(),
    Test::new("calls::module", kernel::module).each_back_end().proves(&["PRIVILEGE_MODULE_LOAD"]),
    Test::new("calls::bpf", kernel::bpf).each_back_end().proves(&["PRIVILEGE_BPF"]),
    Test::new("calls::userfaultfd", kernel::userfaultfd).each_back_end().proves(&["PRIVILEGE_USERFAULTFD"]),
    Test::new("calls::by_handle", kernel::by_handle).each_back_end().proves(&["PRIVILEGE_OPEN_BY_HANDLE"]),
    Test::new("calls::keyctl", kernel::keyctl).each_back_end().proves(&["PRIVILEGE_KEYCTL"]),
    Test::new("calls::perf_event", kernel::perf_event).each_back_end().proves(&["PRIVILEGE_PERF_EVENT"]),
    Test::new("calls::splice", kernel::splice).each_back_end().proves(&["PRIVILEGE_SPLICE"]),
];

/// A workload that ended.
struct Done {
    pid: u32,
    /// Error numbers with which its operations failed.
    errors: Vec<String>,
    /// The folder that `@` stood for.
    folder: PathBuf,
}

/// Runs a script on the host, in a new folder (`@` in the script) with a file in it.
fn run(lab: &Lab, script: &str) -> Done {
    let folder = lab.scratch().folder("calls");
    write_file(&folder.join("file"), "content\n", 0o644);
    let place = folder.to_string_lossy().into_owned();
    let mut command = Command::new(workload::program());
    command.arg("--may-fail").args(script.split_whitespace().map(|word| word.replace('@', &place)));
    let child = command.current_dir(&folder).stdout(Stdio::piped()).spawn().expect("the workload runs");
    let pid = child.id();
    let output = child.wait_with_output().expect("our child");
    assert!(output.status.success(), "{script}: {}", output.status);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = printed.lines().filter_map(|line| line.strip_prefix("errno ")).map(str::to_owned).collect();
    Done { pid, errors, folder }
}

/// The event of a class that a process made, for which `wanted` holds.
fn event(client: &mut Client, class: &str, pid: u32, wanted: impl Fn(&Value) -> bool) -> Value {
    client.wait_for(&format!("{class} by {pid}"), |event| {
        text(event, "class") == class && number(event, "process.pid") == Some(pid.into()) && wanted(event)
    })
}

/// The event of a call.
fn call(client: &mut Client, class: &str, pid: u32, name: &str) -> Value {
    event(client, class, pid, |event| text(event, "call.call") == name)
}

/// The call was aimed at a child of the workload, which runs the same program.
fn check_child(event: &Value) {
    let program = workload::program();
    let own = number(event, "process.pid");
    Expect::of(event)
        .absent("call.error")
        .absent("call.unverified")
        .such("call.target.pid", "another process", |pid| pid.as_u64().is_some() && pid.as_u64() != own)
        .is("call.target.executable", program.to_string_lossy().as_ref())
        .such("call.targetNamespaces.pid", "a namespace", |number| number.as_u64().is_some())
        .absent("call.targetContainer");
}

/// The file that a call used.
fn check_used(event: &Value, path: &Path) {
    let inode = std::fs::metadata(path).expect("the file is there").ino();
    Expect::of(event).is("call.file.inode", inode);
}
