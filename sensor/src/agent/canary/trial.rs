//! What a trial is: an operation without consequences, and how its event is recognised.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use sensor_common::class::Class;

use super::{network::Conversation, own_pid};
use crate::event::errno;
use crate::proto::{self, event::Facts};

/// A trial of a class.
pub(super) struct Trial {
    /// Class.
    pub(super) class: Class,
    /// Makes the event.
    pub(super) run: fn(&mut Place) -> Result<Expected, CouldNot>,
}

/// Why a trial could not be made.
#[derive(Debug)]
pub(super) struct CouldNot(pub(super) String);

impl From<io::Error> for CouldNot {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rustix::io::Errno> for CouldNot {
    fn from(error: rustix::io::Errno) -> Self {
        Self(error.to_string())
    }
}

/// How the event of a trial is recognised.
pub(super) struct Expected(Box<dyn Fn(&proto::Event) -> bool>);

impl Expected {
    /// An event of the agent's own process for which this holds.
    pub(super) fn own(facts: impl Fn(&Facts) -> bool + 'static) -> Self {
        let own = own_pid();
        Self(Box::new(move |event| {
            let process = event.process.as_ref();
            // The name shows that the process was found in the tree.
            let attributed =
                process.is_some_and(|process| process.pid == Some(own) && !process.executable.is_empty());
            attributed && event.facts.as_ref().is_some_and(&facts)
        }))
    }

    /// An event of the child for which this holds.
    pub(super) fn child(child: Pid, facts: impl Fn(&proto::Process, &Facts) -> bool + 'static) -> Self {
        let (own, child) = (own_pid(), child.as_raw_nonzero().get().unsigned_abs());
        Self(Box::new(move |event| {
            let (Some(process), Some(found)) = (&event.process, &event.facts) else { return false };
            let parent = process.parent.as_ref().and_then(|parent| parent.pid);
            process.pid == Some(child) && parent == Some(own) && facts(process, found)
        }))
    }

    /// An operation on a file that was made in the trials' folder.
    pub(super) fn file(place: &Path, facts: impl Fn(&proto::FileOperation) -> bool + 'static) -> Self {
        // Seen from the root of the mount namespace, the path may begin with more.
        let end = place.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy());
        let end: String = end.fold(String::new(), |end, part| format!("/{part}{end}"));
        Self::own(move |found| match found {
            Facts::File(operation) => {
                let named = operation.path.ends_with(&end) || operation.new_path.ends_with(&end);
                named && operation.error.is_empty() && facts(operation)
            }
            _ => false,
        })
    }

    /// A call with the result that it had.
    pub(super) fn call(name: &'static str, error: &str) -> Self {
        let error = error.to_owned();
        Self::own(move |found| match found {
            Facts::Call(call) => call.call == name && call.error == error,
            _ => false,
        })
    }

    pub(super) fn is(&self, event: &proto::Event) -> bool {
        (self.0)(event)
    }
}

/// Name of the error of a call, as events give it; empty where it succeeded.
pub(super) fn error_of<T>(result: Result<T, impl Into<io::Error>>) -> String {
    let error = result.err().and_then(|error| error.into().raw_os_error());
    error.map(|number| errno::name(-i64::from(number))).unwrap_or_default()
}

/// What trials of one round share; cleared away afterwards.
pub(super) struct Place {
    parent: PathBuf,
    folder: Option<PathBuf>,
    child: Option<Child>,
    /// A connection with itself.
    pub(super) conversation: Option<Conversation>,
}

impl Place {
    /// A round whose folder, if one is needed, is made in `parent`.
    pub(super) const fn new(parent: PathBuf) -> Self {
        Self { parent, folder: None, child: None, conversation: None }
    }

    /// A path in the folder of the trials.
    pub(super) fn path(&mut self, name: &str) -> Result<PathBuf, CouldNot> {
        if let Some(folder) = &self.folder {
            return Ok(folder.join(name));
        }
        let name_of_folder = format!("picket-canary-{}", own_pid());
        let mut last = None;
        for parent in [self.parent.clone(), std::env::temp_dir()] {
            let folder = parent.join(&name_of_folder);
            // Of an earlier agent with the same number.
            std::fs::remove_dir_all(&folder).ok();
            match std::fs::create_dir(&folder) {
                Ok(()) => {
                    self.folder = Some(folder.clone());
                    return Ok(folder.join(name));
                }
                Err(error) => last = Some(CouldNot(format!("{}: {error}", folder.display()))),
            }
        }
        Err(last.unwrap_or_else(|| CouldNot("no folder".to_owned())))
    }

    /// A file in the folder, with a few bytes.
    pub(super) fn file(&mut self, name: &str) -> Result<PathBuf, CouldNot> {
        let path = self.path(name)?;
        std::fs::write(&path, "picket canary\n")?;
        Ok(path)
    }

    /// A child that ended and was not waited for: nothing that is done to it has consequences.
    pub(super) fn child(&mut self) -> Result<Pid, CouldNot> {
        let child = match self.child.take() {
            Some(child) => child,
            None => {
                let mut command = Command::new("/proc/self/exe");
                command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                command.spawn()?
            }
        };
        let pid = Pid::from_child(&child);
        self.child = Some(child);
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        Ok(pid)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.wait().ok();
        }
        if let Some(folder) = self.folder.take()
            && let Err(error) = std::fs::remove_dir_all(&folder)
        {
            tracing::debug!(folder = %folder.display(), %error, "cannot clear away the canary's folder");
        }
    }
}
