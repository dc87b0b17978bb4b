//! Who acts in a container: a program of its own, or somebody's hands.
//!
//! A service's work is done by its own programs. Hands are shells and general tools, scripts that shells start, whatever
//! was brought in after the start, and what was started from outside, by exec. Names can only make more of it hands: a
//! program that is renamed had to be brought in.

use crate::detect::scene::Scene;
use crate::event::file::{self, Layer};
use crate::process::{Key, Process};

/// What makes a process somebody's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    /// Its program exists in memory only.
    Memory,
    /// Its program is not of the image.
    Dropped,
    /// A shell.
    Shell,
    /// A general tool.
    Tool,
    /// A script that a shell started, or that is part of the command line.
    Script,
    /// It was started in the container from outside.
    Entered,
}

impl Hand {
    /// For people, behind the name of a program.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Memory => "which runs from memory, without a file",
            Self::Dropped => "which is not part of the image",
            Self::Shell => "a shell",
            Self::Tool => "a general tool",
            Self::Script => "a script started by hand",
            Self::Entered => "started from outside the container",
        }
    }
}

/// Shells.
const SHELLS: [&str; 16] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "csh", "tcsh", "fish", "rbash", "busybox",
    "toybox", "lua", "tclsh",
];

/// Tools with which people work, and which services seldom need.
const TOOLS: [&str; 62] = [
    "awk",
    "base32",
    "base64",
    "cat",
    "cp",
    "curl",
    "cut",
    "dd",
    "dig",
    "ed",
    "egrep",
    "fgrep",
    "find",
    "ftp",
    "gawk",
    "grep",
    "gzip",
    "head",
    "hexdump",
    "host",
    "jq",
    "ldapsearch",
    "less",
    "masscan",
    "mawk",
    "more",
    "mv",
    "mysql",
    "nano",
    "nc",
    "nc.openbsd",
    "nc.traditional",
    "ncat",
    "netcat",
    "nl",
    "nmap",
    "nslookup",
    "od",
    "openssl",
    "ping",
    "psql",
    "redis-cli",
    "rg",
    "rsync",
    "scp",
    "sed",
    "sftp",
    "socat",
    "sort",
    "strings",
    "tac",
    "tail",
    "tar",
    "tee",
    "telnet",
    "traceroute",
    "vi",
    "vim",
    "wget",
    "xargs",
    "xxd",
    "zip",
];

/// Interpreters, without the digits of their version.
const INTERPRETERS: [&str; 9] = ["python", "pypy", "perl", "ruby", "node", "nodejs", "php", "lua", "tclsh"];

/// Makers of programs and packages, of which hardly one thing is not ordinary.
const BUILDERS: [&str; 39] = [
    "apk",
    "apt",
    "apt-get",
    "aptitude",
    "bazel",
    "bundle",
    "cargo",
    "cmake",
    "composer",
    "conda",
    "dnf",
    "dpkg",
    "emerge",
    "gem",
    "gmake",
    "go",
    "gradle",
    "make",
    "mamba",
    "meson",
    "microdnf",
    "mvn",
    "ninja",
    "npm",
    "npx",
    "pacman",
    "pip",
    "pip3",
    "pnpm",
    "poetry",
    "rpm",
    "rustup",
    "uv",
    "yarn",
    "yum",
    "zypper",
    "git",
    "buildkitd",
    "dlv",
];

/// Servers whose work is to connect a program with the network.
const SERVERS: [&str; 24] = [
    "code-server",
    "dropbear",
    "dropbearmulti",
    "git",
    "git-daemon",
    "git-shell",
    "gotty",
    "in.telnetd",
    "inetd",
    "jupyter-lab",
    "login",
    "micro-inetd",
    "rlogind",
    "rsync",
    "s6-tcpserver",
    "sshd",
    "sshd-session",
    "systemd",
    "tcpserver",
    "tcpsvd",
    "telnetd",
    "ttyd",
    "wetty",
    "xinetd",
];

/// Last component of a path.
pub(super) fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Name of the file that a process runs.
pub(super) fn name(process: &Process) -> &str {
    leaf(&process.program.executable)
}

/// A shell by its file. Of a program that is many, the name by which it was called says which.
pub(super) fn is_shell(process: &Process) -> bool {
    let name = name(process);
    if matches!(name, "busybox" | "toybox") {
        let called = leaf(process.program.command_line.first()).trim_start_matches('-');
        return matches!(called, "sh" | "ash" | "bash" | "hush" | "busybox" | "toybox");
    }
    SHELLS.contains(&name) && !INTERPRETERS.contains(&name)
}

/// An interpreter of a language in which one writes more than scripts, too.
pub(super) fn is_interpreter(process: &Process) -> bool {
    INTERPRETERS
        .contains(&name(process).trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.'))
}

/// The program is not of the image: it was written since the container started.
pub(super) fn is_dropped(process: &Process) -> bool {
    file::layer(&process.program.file) == Some(Layer::Upper)
}

/// A general tool by its file.
pub(super) fn is_tool(process: &Process) -> bool {
    let name = name(process);
    TOOLS.binary_search(&name).is_ok()
        || matches!(name, "busybox" | "toybox" | "coreutils" | "env" | "timeout" | "nohup")
}

/// The program that was called, and its arguments: of a file that is many programs, the one that is meant.
pub(super) fn called(process: &Process) -> (&str, &str) {
    let line = &process.program.command_line;
    let (file, first) = (name(process), leaf(line.first()));
    if !matches!(file, "busybox" | "toybox" | "coreutils") {
        return (file, line.rest());
    }
    if !matches!(first, "busybox" | "toybox" | "coreutils") {
        return (first, line.rest());
    }
    line.rest().split_once(' ').unwrap_or((line.rest(), ""))
}

/// A server of the image whose work it is to give a program to those who log in.
pub(super) fn is_login_server(process: &Process) -> bool {
    let called = leaf(process.program.command_line.first());
    !is_dropped(process)
        && (SERVERS.binary_search(&name(process)).is_ok() || SERVERS.binary_search(&called).is_ok())
}

/// What makes the process of an event somebody's hands, if anything does. Nothing, on the node.
pub(super) fn of(scene: &Scene<'_>) -> Option<Hand> {
    scene.container()?;
    let process = scene.process()?;
    if process.program.memfd && !is_runtime(process) {
        return Some(Hand::Memory);
    }
    if is_dropped(process) {
        return Some(Hand::Dropped);
    }
    let name = name(process);
    if is_shell(process) {
        return Some(Hand::Shell);
    }
    if TOOLS.binary_search(&name).is_ok() || matches!(name, "busybox" | "toybox" | "coreutils") {
        return Some(Hand::Tool);
    }
    if is_interpreter(process) && is_script(scene, process) {
        return Some(Hand::Script);
    }
    is_entered(scene).then_some(Hand::Entered)
}

fn is_runtime(process: &Process) -> bool {
    process.program.executable.starts_with("memfd:runc")
        || process.program.executable.starts_with("memfd:crun")
}

/// An interpreter that works by hand: its script is an argument, or a shell started it that is not the container's first
/// process.
fn is_script(scene: &Scene<'_>, process: &Process) -> bool {
    if process.container_pid == 1 {
        return false;
    }
    let mut arguments = process.program.command_line.arguments().skip(1);
    let inline = arguments.next().is_none_or(|first| matches!(first, "-c" | "-e" | "-r" | "-" | "-E"));
    inline || scene.lineage().next().is_some_and(|parent| is_shell(parent) && parent.container_pid != 1)
}

/// The process descends from one that was started in the container from outside, after the container's first.
pub(super) fn is_entered(scene: &Scene<'_>) -> bool {
    top(scene).is_some_and(|top| !matches!(top.container_pid, 0 | 1) && top.container_pid != top.key.pid)
        && !scene
            .container()
            .is_some_and(|known| known.container.pod.as_ref().is_some_and(|pod| pod.shares.pids))
}

/// The highest ancestor of the process within its container, or itself.
pub(super) fn top<'a>(scene: &Scene<'a>) -> Option<&'a Process> {
    scene.lineage().last().or_else(|| scene.process())
}

/// The process under which everything was done that belongs together: the highest ancestor in the container, or the
/// one below if that is a service.
pub(super) fn root(scene: &Scene<'_>) -> Key {
    let mut root = scene.key();
    for ancestor in scene.lineage() {
        if ancestor.container_pid == 1 && !is_shell(ancestor) {
            break;
        }
        root = ancestor.key;
    }
    root
}

/// The process, or one above it in its container, builds programs or installs packages, and is of the image.
pub(super) fn is_building(scene: &Scene<'_>) -> bool {
    let is_builder = |process: &Process| {
        let known = |name: &str| BUILDERS.contains(&name) || name.starts_with("ansible");
        let command_line = &process.program.command_line;
        // `node /usr/local/bin/npm`, `python3 -m pip`: an interpreter runs it.
        let mut words = command_line.arguments().skip(1);
        let script = match words.next() {
            Some("-m") => words.next(),
            first => first.filter(|path| path.starts_with("/usr/")),
        };
        let script = script.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let is_run = is_interpreter(process) && known(script);
        !is_dropped(process) && (known(name(process)) || known(command_line.command()) || is_run)
    };
    scene.process().is_some_and(is_builder) || scene.lineage().any(is_builder)
}

/// A process in a sentence.
pub(super) fn told(process: Option<&Process>, key: Key) -> String {
    let name = process.map_or("a program", |process| name(process));
    format!("{} (pid {})", if name.is_empty() { "a program" } else { name }, key.pid)
}

/// Time between two events in a sentence.
pub(super) fn later(from_ns: u64, to_ns: u64) -> String {
    match to_ns.saturating_sub(from_ns) / 1_000_000_000 {
        0 => "less than a second later".to_owned(),
        1 => "a second later".to_owned(),
        seconds @ 2..120 => format!("{seconds} seconds later"),
        seconds => format!("{} minutes later", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_in_order() {
        assert!(TOOLS.is_sorted(), "they are looked up by halves");
    }
}
