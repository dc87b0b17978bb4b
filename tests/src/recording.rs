//! Recordings made by `picket record`: of one test, or for the replay tests (`cargo xtask corpus`).

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::agent::Agent;
use crate::skip::sized;

/// Names the folder for recordings that are kept; they are made only where it is set.
pub const FOLDER: &str = "PICKET_RECORD";

/// A running `picket record`.
#[derive(Debug)]
pub struct Recording {
    child: Child,
    file: PathBuf,
}

impl Recording {
    /// Begins one to this file, and returns when the agent says that it has begun.
    ///
    /// # Panics
    /// When it does not begin.
    #[must_use]
    pub fn begin(agent: &Agent, file: &Path, options: &[&str]) -> Self {
        let begun = || agent.log().matches("a recording begins").count();
        let before = begun();
        let mut command = agent.client("record");
        command.arg("--output").arg(file).args(options).stderr(Stdio::piped());
        let child = command.spawn().expect("the program under test can be run");
        let recording = Self { child, file: file.to_owned() };
        for _ in 0..sized(300, 1500) {
            if begun() > before {
                return recording;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("the recording does not begin\n{}", agent.log_tail());
    }

    /// Whether recordings are kept.
    #[must_use]
    pub fn is_kept() -> bool {
        std::env::var_os(FOLDER).is_some()
    }

    /// Begins a recording of these containers that is kept by this name for the replay tests, if such are to be made.
    ///
    /// # Panics
    /// When it does not begin.
    #[must_use]
    pub fn kept(agent: &Agent, name: &str, containers: &[&str]) -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(FOLDER)?);
        let file = folder.join(format!("{name}.picket"));
        // The one of before is replaced.
        drop(fs::remove_file(&file));
        let containers = containers.join(",");
        Some(Self::begin(agent, &file, &["--payload", "--container", &containers]))
    }

    /// Its file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// True once it has ended by itself.
    ///
    /// # Panics
    /// When the system refuses to tell.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the recording goes on");
    }

    /// Waits until its file has everything that the tap took: it is written in parts.
    pub fn settle() {
        sleep(Duration::from_secs(sized(1, 5)));
    }

    /// Ends it, and gives what it says.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn end(self) -> String {
        Self::settle();
        self.signal(Signal::INT);
        let output = self.wait();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When its file can be read by others.
    #[must_use]
    pub fn wait(self) -> Output {
        let output = self.child.wait_with_output().expect("our own child");
        let mode = fs::metadata(&self.file).expect("a recording").mode() & 0o7777;
        assert_eq!(format!("{mode:o}"), "600", "nobody else may read it");
        output
    }
}
