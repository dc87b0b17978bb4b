//! Helpers that need a process of their own: the test program calls itself as `live workload NAME …`.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::image::copy_program;

/// Runs the workload that the command line asks for, if it does.
#[must_use]
pub fn main() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("workload") {
        return None;
    }
    let arguments: Vec<_> = arguments.collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["thread", program, rest @ ..] => thread(program, rest),
        ["deep", folders, length, program, rest @ ..] => {
            deep(folders.parse().expect("a number"), length.parse().expect("a number"), program, rest)
        }
        ["burst", count, program] => burst(count.parse().expect("a number"), program),
        other => panic!("no such workload: {other:?}"),
    }
    Some(ExitCode::SUCCESS)
}

/// A command that runs a workload.
///
/// # Panics
/// When the system does not tell where this program is.
#[must_use]
pub fn command(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("/proc is mounted"));
    command.args(["workload", name]);
    command
}

/// Executes a program from a thread that is not the leader.
fn thread(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments);
    let thread = std::thread::spawn(move || panic!("cannot execute: {}", command.exec()));
    thread.join().expect("exec does not return");
}

/// Goes down into so many new folders with names of this length, step by step, so that the absolute
/// path may get longer than any that the kernel takes, and executes a copy of the program there.
fn deep(folders: usize, length: usize, program: &str, arguments: &[&str]) {
    let name = "d".repeat(length);
    for _ in 0..folders {
        std::fs::create_dir(&name).expect("a new folder");
        std::env::set_current_dir(&name).expect("the new folder");
    }
    copy_program(Path::new(program), Path::new("true"), 0o755);
    panic!("cannot execute: {}", Command::new("./true").args(arguments).exec());
}

/// Runs a program so many times, one after the other.
fn burst(count: u32, program: &str) {
    for _ in 0..count {
        let status = Command::new(program).status().expect("a program that runs");
        assert!(status.success(), "{program}: {status}");
    }
    std::io::stdout().flush().expect("an open output");
}
