//! `cargo xtask demo`: from nothing to a live stream of a real container's events, and back to nothing.

mod attack;
mod background;
mod containerd;
mod scratch;
mod seen;
mod stop;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::image::busybox;
use crate::process::{cargo, rerun_as_root, run as run_command, target_dir, workspace};
use crate::setup::{Need, ensure as setup};
use attack::{API_SERVER, PROGRAMS, SCRIPT};
use background::Background;
use containerd::{Containerd, IMAGE, NAMESPACE, POD};
use scratch::Scratch;
use seen::Seen;
use stop::Stop;

/// How long the agent may take until its hooks are attached.
const READY: Duration = Duration::from_secs(60);
/// How long the last events may take to arrive after the container has ended.
const SETTLE: Duration = Duration::from_secs(10);

/// How long an incident must be quiet until it is over: short, so that the demo ends.
const QUIET_S: &str = "3";

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
    let pages = scratch.path().join("incidents.txt");
    let recorder = agent.watch(&["-o", "json"], Some(&events))?;
    let reporter = agent.watch(&["--incidents", "--namespace", NAMESPACE, "--pod", POD], Some(&pages))?;
    println!(
        "\nThe stream (picket watch --containers-only), while the container works, and then is attacked:\n"
    );
    let viewer = agent.watch(&[], None)?;
    // All are to be subscribed before the container starts.
    stop.sleep(Duration::from_secs(1))?;
    let id = containerd.run(&SCRIPT.join("; /bin/sleep 0.1; "), &scratch, stop)?;
    let seen = wait_for_events(&events, &id, stop)?;
    drop((viewer, reporter, recorder));
    println!("\nWhat the container itself printed:\n{}", indented(&scratch.text("container.log")));
    let checked = seen.check(&id);
    println!("\nThe attack as one incident (picket watch --incidents), when it is over:\n");
    println!("{}", last_page(&scratch.text("incidents.txt")));
    checked
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
        command.env("PICKET_RULES_ADDRESSES", API_SERVER).env("PICKET_INCIDENTS_QUIET_S", QUIET_S);
        // Nothing of the demo stays behind.
        command.env("PICKET_TUNING_NORMAL_FILE", scratch.path().join("normal.json"));
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

fn wait_for_events(file: &Path, id: &str, stop: &Stop) -> Result<Seen> {
    let mut left = SETTLE;
    loop {
        let seen = Seen::of(&std::fs::read_to_string(file).unwrap_or_default(), id);
        if left.is_zero() || seen.is_complete() {
            return Ok(seen);
        }
        let pause = Duration::from_millis(200);
        stop.sleep(pause)?;
        left = left.saturating_sub(pause);
    }
}

/// The last page of `picket watch --incidents`: that of the incident when it is over.
fn last_page(pages: &str) -> &str {
    pages.trim_end().rsplit("\n\n").next().unwrap_or_default()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_is_shown() {
        assert_eq!(last_page("one\n  a\n\ntwo\n  b\n\n"), "two\n  b");
        assert_eq!(last_page(""), "");
    }
}
