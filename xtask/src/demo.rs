//! `cargo xtask demo`: from nothing to a live stream of a real container's events, and back to nothing.

mod background;
mod containerd;
mod scratch;
mod stop;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::image::busybox;
use crate::process::{cargo, rerun_as_root, run as run_command, target_dir, workspace};
use crate::setup::{Need, ensure as setup};
use background::Background;
use containerd::{CONTAINER, Containerd, IMAGE, NAMESPACE, POD};
use scratch::Scratch;
use stop::Stop;

/// How long the agent may take until its hooks are attached.
const READY: Duration = Duration::from_secs(60);
/// How long the last events may take to arrive after the container has ended.
const SETTLE: Duration = Duration::from_secs(10);

/// What the container does, each by its full path so that each is a program of its own.
const SCRIPT: [&str; 8] = [
    "/bin/id",
    "/bin/uname -a",
    "/bin/cat /etc/passwd",
    "/bin/ls /",
    "/bin/nc -w 1 127.0.0.1 9 || true",
    "/bin/echo secret | /bin/base64 | /bin/rev",
    "/bin/sh -c '/bin/sleep 1'",
    // What the shipped rules find: a device file that leads to a disk.
    "/bin/mknod /disk b 7 0 || true",
];

/// Programs that [`SCRIPT`] starts, besides the shell that runs it.
const PROGRAMS: [&str; 11] = [
    "/bin/id",
    "/bin/uname",
    "/bin/cat",
    "/bin/mknod",
    "/bin/ls",
    "/bin/nc",
    "/bin/echo",
    "/bin/base64",
    "/bin/rev",
    "/bin/sh",
    "/bin/sleep",
];

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Use the picket that is built already
    #[arg(long)]
    no_build: bool,
    /// Show this picket instead of building one
    #[arg(long, value_name = "FILE")]
    picket: Option<PathBuf>,
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    setup(&[Need::Ebpf, Need::Containers])?;
    if !arguments.no_build && arguments.picket.is_none() {
        run_command(cargo().args(["build", "--release", "--package", "sensor", "--bin", "picket"]))?;
    }
    rerun_as_root("attaching to the kernel and running a container", &["--no-build"])?;
    let picket = arguments.picket.clone().unwrap_or_else(|| target_dir().join("release/picket"));
    ensure!(picket.exists(), "{} is missing: run `cargo xtask demo` without options", picket.display());
    show(&picket, &Stop::on_signals()?)
}

/// Everything that is started here ends when its value is dropped: on success, on failure, and when a
/// signal makes one of the waits below fail. The order of the lines is the reverse order of the ends.
fn show(picket: &Path, stop: &Stop) -> Result<()> {
    let scratch = Scratch::new()?;
    println!("\nEverything lives in {} and is removed at the end.", scratch.path().display());
    let containerd = Containerd::start(&scratch, stop)?;
    containerd.import(&busybox::image(IMAGE, &PROGRAMS, &["/bin/sh"])?, &scratch)?;
    let agent = Agent::start(picket, &scratch, &containerd.state(), stop)?;
    let events = scratch.path().join("events.json");
    let recorder = agent.watch(&["-o", "json"], Some(&events))?;
    println!("\nThe stream (picket watch --containers-only), while the container runs:\n");
    let viewer = agent.watch(&[], None)?;
    // Both are to be subscribed before the container starts.
    stop.sleep(Duration::from_secs(1))?;
    let id = containerd.run(&SCRIPT.join("; /bin/sleep 0.1; "), &scratch, stop)?;
    let seen = wait_for_events(&events, &id, stop)?;
    drop((viewer, recorder));
    println!("\nWhat the container itself printed:\n{}", indented(&scratch.text("container.log")));
    summary(&seen, &id)
}

/// The agent under show.
#[derive(Debug)]
struct Agent {
    picket: PathBuf,
    address: String,
    _process: Background,
}

impl Agent {
    fn start(picket: &Path, scratch: &Scratch, state: &Path, stop: &Stop) -> Result<Self> {
        let address = format!("unix://{}", scratch.path().join("picket.sock").display());
        let mut command = Command::new(picket);
        command.args(["run", "--listen", &address, "--runtime-state"]).arg(state);
        command.arg("--rules").arg(workspace().join("deploy/rules"));
        command.env("PICKET_TUNING_NORMAL_FILE", scratch.path().join("normal.json"));
        let mut process = Background::start(command, "the agent", &scratch.path().join("agent.log"))?;
        let status = || Command::new(picket).args(["status", "--connect", &address]).output();
        process.wait_until(READY, stop, || status().is_ok_and(|output| output.status.success()))?;
        let output = status().context("cannot start picket status")?;
        println!(
            "\nThe agent is ready (picket status):\n{}",
            indented(&String::from_utf8_lossy(&output.stdout))
        );
        Ok(Self { picket: picket.to_path_buf(), address, _process: process })
    }

    /// A subscriber for containers' events, whose output goes to the terminal or to a file.
    fn watch(&self, arguments: &[&str], file: Option<&Path>) -> Result<Background> {
        let mut command = Command::new(&self.picket);
        command.args(["watch", "--connect", &self.address, "--containers-only"]).args(arguments);
        match file {
            Some(file) => Background::start(command, "picket watch", file),
            None => Background::shown(command, "picket watch"),
        }
    }
}

/// What arrived about the container.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// exec events of the container.
    all: usize,
    /// Those that name its pod.
    named: usize,
    /// Executables or first arguments, of those that name the pod.
    programs: Vec<String>,
    /// What the rules found in it, in words.
    findings: Vec<String>,
}

fn wait_for_events(file: &Path, id: &str, stop: &Stop) -> Result<Seen> {
    let mut left = SETTLE;
    loop {
        let seen = count(&std::fs::read_to_string(file).unwrap_or_default(), id);
        if left.is_zero() || missing(&seen).is_empty() {
            return Ok(seen);
        }
        let pause = Duration::from_millis(200);
        stop.sleep(pause)?;
        left = left.saturating_sub(pause);
    }
}

/// Counts in `picket watch -o json`: one event a line.
fn count(json: &str, id: &str) -> Seen {
    let mut seen = Seen::default();
    let events = json.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for event in events.filter(|event| event["container"]["id"] == id) {
        if let Some(summary) = event["finding"]["summary"].as_str() {
            seen.findings
                .push(format!("{}: {summary}", event["finding"]["severity"].as_str().unwrap_or_default()));
        }
        if event["class"] != "PROCESS_EXEC" {
            continue;
        }
        seen.all += 1;
        let pod = &event["container"]["pod"];
        if pod["name"] == POD && pod["namespace"] == NAMESPACE {
            seen.named += 1;
            let first = event["process"]["arguments"][0].as_str();
            seen.programs.extend(first.map(str::to_owned));
        }
    }
    seen
}

fn missing(seen: &Seen) -> Vec<&'static str> {
    PROGRAMS.into_iter().filter(|program| !seen.programs.iter().any(|name| name == program)).collect()
}

fn summary(seen: &Seen, id: &str) -> Result<()> {
    println!("container {CONTAINER} of pod {NAMESPACE}/{POD}, image {IMAGE}, id {id}");
    println!("exec events: {}, of them with the name of the pod: {}", seen.all, seen.named);
    println!("what the shipped rules found in it: {}", seen.findings.len());
    seen.findings.iter().for_each(|finding| println!("  {finding}"));
    ensure!(seen.named > 0, "no exec event arrived with the name of the pod");
    ensure!(seen.named == seen.all, "{} exec events came without the name of the pod", seen.all - seen.named);
    let missing = missing(seen);
    ensure!(missing.is_empty(), "no exec event of {}", missing.join(", "));
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exec_events_of_the_container_count() {
        let json = concat!(
            r#"{"class":"PROCESS_EXEC","container":{"id":"a","pod":{"name":"web-1","namespace":"default"}},"process":{"arguments":["/bin/id"]}}"#,
            "\n",
            r#"{"class":"PROCESS_EXIT","container":{"id":"a","pod":{"name":"web-1","namespace":"default"}}}"#,
            "\nnot json\n",
            r#"{"class":"PROCESS_EXEC","container":{"id":"a"}}"#,
            "\n",
            r#"{"class":"FINDING","container":{"id":"a"},"finding":{"severity":"MEDIUM","summary":"Program run"}}"#,
            "\n",
            r#"{"class":"PROCESS_EXEC","container":{"id":"b","pod":{"name":"web-1","namespace":"default"}}}"#,
        );
        let findings = vec!["MEDIUM: Program run".into()];
        assert_eq!(count(json, "a"), Seen { all: 2, named: 1, programs: vec!["/bin/id".into()], findings });
    }

    #[test]
    fn summary_fails_without_pods_or_programs() {
        let programs: Vec<String> = PROGRAMS.map(str::to_owned).to_vec();
        summary(&Seen { all: 9, named: 9, programs: programs.clone(), findings: Vec::new() }, "x").unwrap();
        for bad in [
            Seen::default(),
            Seen { all: 9, named: 8, programs, findings: Vec::new() },
            Seen { all: 1, named: 1, programs: vec!["/bin/id".into()], findings: Vec::new() },
        ] {
            summary(&bad, "x").unwrap_err();
        }
    }

    #[test]
    fn every_program_is_in_the_script() {
        let script = SCRIPT.join(" ");
        for program in PROGRAMS {
            assert!(script.contains(program), "{program}");
        }
    }
}
