//! A program that runs beside the demo and ends with it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::stop::Stop;

/// How long a program may take to end after SIGTERM. The agent detaches from a hundred places, and the
/// kernel waits at each until nobody runs a program there: seconds, more on a busy machine.
const GRACE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// A running program; asked to end, then made to, when dropped.
#[derive(Debug)]
pub(crate) struct Background {
    child: Child,
    name: &'static str,
    log: Option<PathBuf>,
}

impl Background {
    /// Starts it with its output in the file `log`.
    pub(crate) fn start(mut command: Command, name: &'static str, log: &Path) -> Result<Self> {
        let file = std::fs::File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let errors = file.try_clone().with_context(|| format!("cannot share {}", log.display()))?;
        command.stdout(file).stderr(errors);
        Self::spawn(command, name, Some(log.to_path_buf()))
    }

    /// Starts it with its output on ours.
    pub(crate) fn shown(command: Command, name: &'static str) -> Result<Self> {
        Self::spawn(command, name, None)
    }

    fn spawn(mut command: Command, name: &'static str, log: Option<PathBuf>) -> Result<Self> {
        // A process group of its own: Ctrl-C reaches only the demo, which ends the others in order.
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot start {name}"))?, name, log })
    }

    /// Waits until `ready`; an error when the program ends before, or takes longer than `most`.
    pub(crate) fn wait_until(&mut self, most: Duration, stop: &Stop, ready: impl Fn() -> bool) -> Result<()> {
        let mut left = most;
        while !ready() {
            if let Some(status) = self.ended()? {
                bail!("{} ended: {status}\n{}", self.name, self.last_words());
            }
            if left.is_zero() {
                bail!("{} is not ready after {} s\n{}", self.name, most.as_secs(), self.last_words());
            }
            stop.sleep(PAUSE)?;
            left = left.saturating_sub(PAUSE);
        }
        Ok(())
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, stop: &Stop) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            stop.sleep(PAUSE)?;
        }
    }

    /// What it wrote to its log.
    pub(crate) fn last_words(&self) -> String {
        let bytes = self.log.as_ref().and_then(|log| std::fs::read(log).ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let mut left = GRACE;
        if matches!(self.ended(), Ok(None))
            && kill_process(Pid::from_child(&self.child), Signal::TERM).is_ok()
        {
            while matches!(self.ended(), Ok(None)) && !left.is_zero() {
                std::thread::sleep(PAUSE);
                left = left.saturating_sub(PAUSE);
            }
        }
        if matches!(self.ended(), Ok(None)) {
            eprintln!("{} did not end within {} s and is killed", self.name, GRACE.as_secs());
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Background {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Background::shown(command, "a shell").unwrap()
    }

    #[test]
    fn early_end_is_an_error() {
        let error =
            shell("exit 3").wait_until(Duration::from_secs(60), &Stop::never(), || false).unwrap_err();
        assert!(error.to_string().contains("a shell ended: exit status: 3"), "{error}");
    }

    #[test]
    fn dropped_program_is_gone() {
        let running = shell("sleep 60");
        let process = PathBuf::from(format!("/proc/{}", running.child.id()));
        assert!(process.exists());
        drop(running);
        assert!(!process.exists());
    }
}
