//! Credentials, capabilities, namespaces, mounts, roots, control files and control groups: what events
//! tell against what the kernel says by other ways.

mod control;
mod credentials;
mod mount;
mod space;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};

use picket_tests::client::Client;
use picket_tests::expect::{number, text};
use picket_tests::lab::Lab;
use picket_tests::runner::Test;
use picket_tests::scratch::make_folder;
use picket_tests::workload;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("objects::credentials", credentials::changes)
        .each_back_end()
        .proves(&["PRIVILEGE_CREDENTIALS"]),
    Test::new("objects::refused_credentials", credentials::refused).each_back_end(),
    Test::new("objects::capability", credentials::capability)
        .each_back_end()
        .proves(&["PRIVILEGE_CAPABILITY"]),
    Test::new("objects::unshare", space::unshare).each_back_end().proves(&["PRIVILEGE_UNSHARE"]),
    Test::new("objects::clone", space::clone).each_back_end().proves(&["PRIVILEGE_UNSHARE"]),
    Test::new("objects::setns", space::setns).each_back_end().proves(&["PRIVILEGE_SETNS"]),
    Test::new("objects::roots", space::roots)
        .each_back_end()
        .proves(&["PRIVILEGE_CHROOT", "PRIVILEGE_PIVOT_ROOT"]),
    Test::new("objects::mount", mount::old_interface).each_back_end().proves(&["PRIVILEGE_MOUNT"]),
    Test::new("objects::new_mount", mount::new_interface).each_back_end().proves(&["PRIVILEGE_MOUNT"]),
    Test::new("objects::mount_flip", mount::flip).each_back_end().proves(&["PRIVILEGE_MOUNT"]),
    Test::new("objects::kernel_setting", control::setting).proves(&["PRIVILEGE_CONTROL_WRITE"]),
    Test::new("objects::control_file", control::file).each_back_end(),
    Test::new("objects::cgroup", control::group).proves(&[
        "CONTAINER_CGROUP_CREATE",
        "CONTAINER_CGROUP_MOVE",
        "CONTAINER_CGROUP_REMOVE",
    ]),
    Test::new("objects::started_by_kernel", control::started_by_kernel),
];

/// A workload that waits for a line before it ends.
struct Waiting {
    child: Child,
    input: ChildStdin,
}

impl Waiting {
    /// Starts a script, which must end with `, say ready , wait`, in a new folder (`@` in the script) with
    /// two folders and a file in it; returns when it waits.
    fn start(lab: &Lab, script: &str) -> (Self, PathBuf) {
        let folder = lab.scratch().folder("objects");
        for name in ["folder", "second"] {
            make_folder(&folder.join(name));
        }
        (Self::start_in(&folder, script), folder)
    }

    fn start_in(folder: &Path, script: &str) -> Self {
        let place = folder.to_string_lossy().into_owned();
        let words = script.split_whitespace().map(|word| word.replace('@', &place));
        let mut command = std::process::Command::new(workload::program());
        let mut child = command
            .arg("--may-fail")
            .args(words)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the workload program runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut before = Vec::new();
        loop {
            let Some(line) = lines.next() else { panic!("{script}: ended, having said {before:?}") };
            let line = line.expect("text");
            if line == "ready" {
                break;
            }
            before.push(line);
        }
        let input = child.stdin.take().expect("a pipe");
        Self { child, input }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn end(mut self) {
        // It may have ended by itself.
        self.input.write_all(b"\n").ok();
        self.child.wait().expect("our child");
    }
}

/// An event of a class and a process for which more holds.
fn event_of(client: &mut Client, class: &str, pid: u32, wanted: impl Fn(&Value) -> bool) -> Value {
    client.wait_for(&format!("{class} of {pid}"), |event| {
        text(event, "class") == class && number(event, "process.pid") == Some(pid.into()) && wanted(event)
    })
}
