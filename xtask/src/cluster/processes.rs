//! The cluster's processes: started in the node's namespaces, found again without a memory of them.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::components::Component;
use super::folder::{log, pid};

/// In the environment of all that is started here. It is inherited: by containerd's shims, for one, which
/// outlive containerd.
pub(super) const MARK: (&str, &str) = ("PICKET_CLUSTER_MEMBER", "1");

/// Starts a component inside the node; its output goes to its log.
pub(super) fn start(component: &Component, node: Pid) -> Result<Child> {
    let mut command = inside(node, &["--mount", "--net"]);
    command.arg("--").arg(&component.program).args(&component.arguments);
    spawn(component.name, command)
}

/// `nsenter` into some of the node's namespaces; what follows is the program.
pub(super) fn inside(node: Pid, namespaces: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--target={}", node.as_raw_nonzero())).args(namespaces);
    command
}

/// Starts a program that goes on when this one ends: a session of its own, so that neither Ctrl-C nor
/// the end of the terminal reaches it.
pub(super) fn spawn(name: &str, command: Command) -> Result<Child> {
    let file = log(name);
    let output = File::create(&file).with_context(|| format!("cannot create {}", file.display()))?;
    let errors = output.try_clone().with_context(|| format!("cannot share {}", file.display()))?;
    let mut session = Command::new("setsid");
    session.arg(command.get_program()).args(command.get_args()).current_dir("/");
    session.env(MARK.0, MARK.1).stdin(Stdio::null()).stdout(output).stderr(errors);
    let child = session.spawn().with_context(|| format!("cannot start {name}"))?;
    let file = pid(name);
    std::fs::write(&file, child.id().to_string())
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(child)
}

/// The process of a component, when it runs.
pub(super) fn running(component: &str) -> Option<Pid> {
    let pid = number(std::fs::read_to_string(pid(component)).ok()?.trim())?;
    is_marked(pid).then_some(pid)
}

/// All that was started here or by what was started here, containers excepted.
pub(super) fn marked() -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = processes.filter_map(|entry| number(entry.file_name().to_str()?));
    pids.filter(|pid| is_marked(*pid)).collect()
}

fn is_marked(pid: Pid) -> bool {
    let environment = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
    has_mark(&environment)
}

fn has_mark(environment: &[u8]) -> bool {
    let mark = format!("{}={}", MARK.0, MARK.1);
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

/// Whether this process is a shim, the parent of a container.
pub(super) fn is_shim(pid: Pid) -> bool {
    let program = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    program.windows(15).any(|part| part == b"containerd-shim")
}

/// Kills it. One that has gone meanwhile is no error.
pub(super) fn kill(pid: Pid) {
    match kill_process(pid, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => eprintln!("cannot end the process {}: {error}", pid.as_raw_nonzero()),
    }
}

/// The text of a process id.
pub(super) fn number(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw)
}

/// The last lines of a log.
pub(super) fn last_words(log: &Path) -> String {
    const LINES: usize = 20;
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_a_whole_variable() {
        assert!(has_mark(b"A=b\0PICKET_CLUSTER_MEMBER=1\0C=d\0"));
        assert!(!has_mark(b"A=PICKET_CLUSTER_MEMBER=1\0PICKET_CLUSTER_MEMBER=10\0"));
        assert!(!has_mark(b""));
    }

    #[test]
    fn process_ids_are_positive() {
        assert!(number("12").is_some());
        for text in ["0", "-1", "", "self", "99999999999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
