//! A running program whose output is read line by line: the example subscribers, and `picket watch` by TCP.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

/// Lines read ahead.
const LINES: usize = 65_536;
/// Longest wait for one; a bound against waiting for ever, not a claim on speed.
const PATIENCE: Duration = Duration::from_secs(90);

/// The program; killed when dropped.
#[derive(Debug)]
pub struct Lines {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    /// Starts it. What it prints and what it says of errors are read alike.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, lines) = sync_channel(LINES);
        read(child.stdout.take(), &sender);
        read(child.stderr.take(), &sender);
        Self { child, lines, seen: Vec::new() }
    }

    /// The first line that came since the last wait, and fits.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for(&mut self, description: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.seen.push(line.clone());
            if wanted(&line) {
                return line;
            }
        }
        panic!("no line: {description}; all that came:\n{}", self.seen.join("\n"));
    }

    /// All lines that were waited for or passed over.
    #[must_use]
    pub fn seen(&self) -> &[String] {
        &self.seen
    }
}

fn read(pipe: Option<impl Read + Send + 'static>, sender: &SyncSender<String>) {
    let (pipe, sender) = (BufReader::new(pipe.expect("its output is piped")), sender.clone());
    // Ends with the pipe, or when nobody reads any more.
    spawn(move || pipe.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
}

impl Drop for Lines {
    fn drop(&mut self) {
        // Already gone is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
