//! How much a command says about who gave it: a person, or a program.

use super::hand;
use crate::process::Process;

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// A shell, which says nothing by itself.
    Shell,
    /// Persons and programs give it.
    Some,
    /// Persons give it.
    Person,
    /// It brings something in, or makes a way back.
    Danger,
}

impl Weight {
    pub(super) const fn points(self) -> usize {
        match self {
            Self::Shell => 0,
            Self::Some => 1,
            Self::Person => 2,
            Self::Danger => 3,
        }
    }
}

/// What a program that begins says.
pub(super) fn weight(process: &Process) -> Option<Weight> {
    let line = &process.program.command_line;
    let rest = line.rest();
    if hand::is_shell(process) {
        let danger = is_dangerous(rest).then_some(Weight::Danger);
        return Some(danger.or_else(|| of_script(process)).unwrap_or(Weight::Shell));
    }
    if hand::is_dropped(process) || process.program.memfd {
        return Some(Weight::Danger);
    }
    let (name, rest) = hand::called(process);
    of_words(name, rest)
}

/// What the commands that a shell got as an argument say: some shells run small ones by themselves.
fn of_script(process: &Process) -> Option<Weight> {
    let arguments = process.program.command_line.arguments();
    let script = arguments.skip_while(|word| !word.starts_with('-') || !word.ends_with('c')).nth(1)?;
    let commands = script.split(['|', ';', '&', '\n', '(', ')', '`']).filter_map(|command| {
        let (name, rest) = command.trim().split_once(' ').unwrap_or((command.trim(), ""));
        of_words(hand::leaf(name), rest).filter(|weight| weight.points() >= Weight::Person.points())
    });
    commands.max_by_key(|weight| weight.points())
}

fn of_words(name: &str, rest: &str) -> Option<Weight> {
    let words = rest.split_whitespace().count();
    Some(match name {
        "id" | "whoami" if words == 0 => Weight::Person,
        "uname" if rest.contains('a') => Weight::Person,
        "cat" | "head" | "grep"
            if has(rest, &["/etc/passwd", "/etc/shadow", "/proc/1/", "/run/secrets", "/.ssh/", "/.aws/"]) =>
        {
            Weight::Person
        }
        "ifconfig" | "netstat" | "ss" | "w" | "who" | "last" | "capsh" | "crontab" => Weight::Person,
        "curl" | "wget" if has(rest, &["/tmp/", "/dev/shm", "-o ", "-O "]) => Weight::Danger,
        "nc" | "ncat" | "netcat" | "socat" | "telnet" => Weight::Danger,
        "base64" if has(rest, &["-d", "--decode"]) => Weight::Danger,
        "chmod" if has(rest, &["/tmp/", "/dev/shm", "/var/tmp"]) && has(rest, &["+x", "7", "5"]) => {
            Weight::Danger
        }
        "hostname" | "ls" | "ps" | "env" | "printenv" | "pwd" | "ping" | "nslookup" | "dig" | "curl"
        | "wget" | "ip" => Weight::Some,
        _ => return None,
    })
}

/// A command line that hands a shell over or runs what it downloads.
fn is_dangerous(rest: &str) -> bool {
    let downloads =
        has(rest, &["curl", "wget"]) && has(rest, &["|sh", "| sh", "|bash", "| bash", "/tmp/", "/dev/shm"]);
    downloads
        || has(
            rest,
            &[
                "/dev/tcp/",
                "/dev/udp/",
                "mkfifo ",
                "base64 -d",
                "base64 --decode",
                "bash -i",
                "sh -i",
                "nc -e",
            ],
        )
}

fn has(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}
