//! A running `picket run`: started, asked for its status, stopped or killed; its log kept.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::contact::Contact;
use crate::coverage::Coverage;
use crate::scratch::write_file;
use crate::skip::sized;

/// Pause between two looks at something that will become true.
const PAUSE: Duration = Duration::from_millis(100);
/// Name of an agent's settings file, in its folder.
const SETTINGS: &str = "picket.toml";
/// Lines of the log that are shown when a test fails.
const LOG_LINES: usize = 60;

/// `kernel.back_end`: how an agent attaches to what has more than one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackEnd {
    /// The agent tries, and takes the best for each class.
    #[default]
    Auto,
    /// Trampolines only.
    Trampoline,
    /// Tracepoints only.
    Tracepoint,
}

impl BackEnd {
    /// The one with this name on the command line.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Auto, Self::Trampoline, Self::Tracepoint].into_iter().find(|one| one.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Trampoline => "trampoline",
            Self::Tracepoint => "tracepoint",
        }
    }
}

impl fmt::Display for BackEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How an agent is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder for its socket and log.
    pub folder: PathBuf,
    /// State folders given with `--runtime-state`.
    pub states: Vec<PathBuf>,
    /// The back end; `Auto` is given with no option, as a user would.
    pub back_end: BackEnd,
    /// More arguments of `picket run`.
    pub arguments: Vec<String>,
    /// Settings by their variables, such as `PICKET_FILES_QUIET`.
    pub settings: Vec<(&'static str, String)>,
    /// Words before the agent's own: a program that runs it elsewhere.
    pub through: Vec<String>,
}

impl Options {
    /// The same with a settings file of this text in its folder.
    #[must_use]
    pub fn with_settings(mut self, text: &str) -> Self {
        let file = self.folder.join(SETTINGS);
        write_file(&file, text, 0o600);
        self.arguments.extend(["--config".to_owned(), file.to_string_lossy().into_owned()]);
        self
    }
}

/// A running agent; killed when dropped.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    contact: Contact,
    log: PathBuf,
}

/// The program under test: `PICKET_BIN`, or what cargo left in the target folder.
///
/// # Panics
/// When it has not been built.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PICKET_BIN") {
        return path.into();
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(workspace, PathBuf::from);
    let builds = ["release/picket", "debug/picket"].map(|name| target.join(name));
    let found = builds.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("no picket in {}: run `cargo build --release`", target.display()))
}

/// Arguments of `picket run` for these options.
#[must_use]
pub fn run_command(options: &Options) -> Command {
    let binary = binary();
    let words = options.through.iter().map(OsStr::new).chain([binary.as_os_str()]).collect::<Vec<_>>();
    let (program, words) = words.split_first().expect("the agent itself is among them");
    let mut command = Command::new(program);
    command.args(words).arg("run").arg("--listen").arg(contact(options).address());
    for state in &options.states {
        command.arg("--runtime-state").arg(state);
    }
    if options.back_end != BackEnd::Auto {
        command.args(["--back-end", options.back_end.name()]);
    }
    command.args(&options.arguments).stdin(Stdio::null());
    // What agents learned in other tests, or on this machine, is no part of a test.
    command.env("PICKET_TUNING_NORMAL_FILE", options.folder.join("normal.json"));
    command.envs(options.settings.iter().map(|(name, value)| (name, value)));
    command
}

fn contact(options: &Options) -> Contact {
    Contact::new(options.folder.join("picket.sock"))
}

impl Agent {
    /// Starts an agent and waits until `picket status` says that it is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    #[must_use]
    pub fn start(options: &Options) -> Self {
        Self::start_by(options, run_command(options))
    }

    /// As [`Agent::start`], by a command that becomes the agent, such as one in other mounts.
    ///
    /// # Panics
    /// As [`Agent::start`].
    #[must_use]
    pub fn start_by(options: &Options, command: Command) -> Self {
        Self::start_until(options, command, |answer| answer.status.success())
    }

    /// As [`Agent::start_by`], of an agent that has done what it can and says that it is not ready.
    ///
    /// # Panics
    /// As [`Agent::start`], or when it is ready.
    #[must_use]
    pub fn start_unready(options: &Options, command: Command) -> Self {
        let agent = Self::start_until(options, command, |answer| {
            String::from_utf8_lossy(&answer.stdout).contains("\"attachTime\"")
        });
        assert_eq!(agent.picket("status", &[]).status.code(), Some(1), "not ready\n{}", agent.log_tail());
        agent
    }

    fn start_until(options: &Options, mut command: Command, done: impl Fn(&Output) -> bool) -> Self {
        let log = options.folder.join("agent.log");
        let output = File::options().create(true).append(true).open(&log).expect("a writable folder");
        let child = command
            .stdout(output.try_clone().expect("a file can be cloned"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary().display()));
        let mut agent = Self { child, contact: contact(options), log };
        agent.wait_until(done);
        agent
    }

    fn wait_until(&mut self, done: impl Fn(&Output) -> bool) {
        let attempts = sized(600, 6000);
        for _ in 0..attempts {
            if let Some(status) = self.ended() {
                panic!("the agent ended with {status} before it was ready\n{}", self.log_tail());
            }
            if done(&self.picket("status", &["-o", "json"])) {
                return;
            }
            sleep(PAUSE);
        }
        panic!("the agent is not ready after {attempts} looks\n{}", self.log_tail());
    }

    /// How it is reached.
    #[must_use]
    pub const fn contact(&self) -> &Contact {
        &self.contact
    }

    /// Runs a command of the client side against this agent.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn picket(&self, verb: &str, arguments: &[&str]) -> Output {
        self.contact.picket(verb, arguments)
    }

    /// A command of the client side against this agent, not yet started.
    #[must_use]
    pub fn client(&self, verb: &str) -> Command {
        self.contact.client(verb)
    }

    /// `GetStatusResponse`, as JSON.
    ///
    /// # Panics
    /// When the agent does not answer.
    #[must_use]
    pub fn status(&self) -> Value {
        self.contact.status().unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()))
    }

    /// The back end that it says serves a class; `none` where nothing does.
    ///
    /// # Panics
    /// When it does not list the class.
    #[must_use]
    pub fn back_end(&self, class: &str) -> String {
        let coverage = Coverage::of(&self.status());
        coverage.check_known(&[class]);
        coverage.back_end(class).to_owned()
    }

    /// Replaces its settings file, and tells it so. The agent must have been started with one.
    pub fn change_settings(&self, text: &str) {
        write_file(&self.contact.socket().with_file_name(SETTINGS), text, 0o600);
        self.signal(Signal::HUP);
    }

    /// Process id of the agent.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Path of its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.contact.socket()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the agent runs");
    }

    /// How it ended, if it did.
    ///
    /// # Panics
    /// When the system refuses to tell.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child")
    }

    /// Sends SIGTERM and waits for a clean end.
    ///
    /// # Panics
    /// When the agent does not end, or ends otherwise than with exit code 0.
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        for _ in 0..sized(600, 3000) {
            if let Some(status) = self.ended() {
                assert!(status.success(), "the agent ended with {status} on SIGTERM\n{}", self.log_tail());
                return;
            }
            sleep(PAUSE);
        }
        panic!("the agent does not end on SIGTERM\n{}", self.log_tail());
    }

    /// Ends it with SIGKILL, as a crash would.
    ///
    /// # Panics
    /// When it had ended before.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        let status = self.child.wait().expect("our own child");
        assert_eq!(status.signal(), Some(9), "the agent had ended before: {status}\n{}", self.log_tail());
    }

    /// Last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_LINES)..];
        format!("--- end of the agent's log\n{}\n---", tail.join("\n"))
    }

    /// Its whole log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may end by itself between the two calls; either way it is gone afterwards.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
