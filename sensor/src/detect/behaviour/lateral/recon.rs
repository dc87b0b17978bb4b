//! Commands by which somebody learns where they are.

use std::collections::VecDeque;

use super::super::hand;
use crate::detect::scene::Scene;
use crate::event::{operation::FileOperation, path::End, text::Strings};
use crate::process::{Key, Process};

/// Time within which commands belong together.
const TOGETHER_NS: u64 = 60_000_000_000;
/// Commands that are kept.
const KEPT: usize = 16;
/// Longest command that is shown, in characters.
const SHOWN: usize = 80;
/// The same is told again after this.
const AGAIN_NS: u64 = 600_000_000_000;

/// Part of an inode's mode that says what it is, and that of a directory.
const FILE_TYPE: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
/// `PROC_SUPER_MAGIC`
const PROC: u64 = 0x9fa0;

/// What a command tells about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    User,
    Accounts,
    System,
    Environment,
    Mounts,
    Processes,
    Network,
    /// From here on: what only an intruder asks.
    Rights,
    Escape,
    Secrets,
}

impl About {
    /// What scripts ask for, too.
    const fn is_usual(self) -> bool {
        matches!(self, Self::User | Self::Accounts | Self::System | Self::Environment)
    }

    const fn is_telling(self) -> bool {
        matches!(self, Self::Rights | Self::Escape | Self::Secrets)
    }
}

/// Commands of a container, the latest last.
#[derive(Debug, Default)]
pub(super) struct Recon {
    commands: VecDeque<Command>,
    told_ns: Option<u64>,
}

#[derive(Debug)]
struct Command {
    about: About,
    root: Key,
    at_ns: u64,
    text: String,
}

/// A burst of them.
#[derive(Debug)]
pub(super) struct Burst {
    pub(super) commands: Vec<String>,
    /// Kinds that only an intruder asks for.
    pub(super) telling: usize,
}

/// What a command tells about, if it is one of those.
fn about(process: &Process) -> Option<About> {
    let (name, rest) = hand::called(process);
    Some(match name {
        "id" | "whoami" | "groups" | "logname" => About::User,
        "uname" | "hostname" | "arch" | "lscpu" | "nproc" | "lsb_release" | "hostnamectl" => About::System,
        "env" if rest.is_empty() => About::Environment,
        "printenv" => About::Environment,
        "mount" if rest.is_empty() => About::Mounts,
        "df" | "lsblk" | "findmnt" | "blkid" => About::Mounts,
        "ps" | "top" | "pstree" | "lsof" => About::Processes,
        "ip" | "ifconfig" | "netstat" | "ss" | "route" | "arp" => About::Network,
        "capsh" | "getpcaps" | "getcap" | "pscap" | "amicontained" | "sudo" if is_asking(rest) => {
            About::Rights
        }
        "find" if rest.contains("-perm") || rest.contains("-4000") => About::Rights,
        "kubectl" if rest.contains("auth can-i") => About::Rights,
        "ls" | "cat" | "grep" | "head" | "tail" | "find" | "stat" => return of_path(rest),
        _ => return None,
    })
}

fn is_asking(rest: &str) -> bool {
    rest.is_empty() || ["--print", "-l", "-r", "-n", "-p"].iter().any(|option| rest.contains(option))
}

fn of_path(rest: &str) -> Option<About> {
    let has = |parts: &[&str]| parts.iter().any(|part| rest.contains(part));
    if has(&["/run/secrets", ".kube", ".ssh", ".aws", "/etc/shadow"]) {
        return Some(About::Secrets);
    }
    if has(&[
        "/proc/1/",
        "/proc/self/cgroup",
        "docker.sock",
        "containerd.sock",
        "/.dockerenv",
        "/proc/self/uid_map",
    ]) {
        return Some(About::Escape);
    }
    if has(&["/proc/self/status", "CapEff"]) {
        return Some(About::Rights);
    }
    if has(&["/proc/mounts", "/proc/self/mount", "/etc/fstab"]) {
        return Some(About::Mounts);
    }
    if has(&["/etc/resolv.conf", "/etc/hosts", "/proc/net/"]) {
        return Some(About::Network);
    }
    if has(&["/etc/passwd", "/etc/group", "/etc/sudoers"]) {
        return Some(About::Accounts);
    }
    has(&["/etc/os-release", "/proc/version", "/etc/issue"]).then_some(About::System)
}

/// What a file tells about that a shell or tool opens: commands that are part of a shell show so only.
pub(super) fn opened(file: &FileOperation<'_>) -> Option<About> {
    let mut parts = Strings(file.path?.0).iter();
    let (leaf, folder) = (parts.next()?, parts.next().unwrap_or_default());
    let identity = &file.record.file;
    if identity.mode & FILE_TYPE == DIRECTORY {
        let secret =
            leaf == b"serviceaccount" || folder == b"serviceaccount" || leaf == b".ssh" || leaf == b".kube";
        return (secret || leaf == b"secrets" && folder == b"run").then_some(About::Secrets);
    }
    if identity.filesystem != PROC {
        return None;
    }
    match (leaf, folder) {
        (b"cgroup" | b"environ" | b"uid_map", b"1") => Some(About::Escape),
        (b"mounts" | b"mountinfo", _) => Some(About::Mounts),
        (b"tcp" | b"tcp6" | b"udp" | b"route" | b"arp", _) => Some(About::Network),
        (b"version", _) => Some(About::System),
        _ => None,
    }
}

impl Recon {
    /// Takes a program in that began. A burst, if it is one now and was not told.
    pub(super) fn see(&mut self, scene: &Scene<'_>) -> Option<Burst> {
        let process = scene.process()?;
        let about = about(process)?;
        // What is many programs may have a command name that says nothing.
        let (name, rest) = hand::called(process);
        self.add(scene, about, format!("{name} {rest}").trim_end().chars().take(SHOWN).collect())
    }

    /// Takes in that a file was opened by hand.
    pub(super) fn open(
        &mut self,
        scene: &Scene<'_>,
        file: &FileOperation<'_>,
        about: About,
    ) -> Option<Burst> {
        let name = scene.process().map(|process| process.program.command_line.command())?;
        let path = file.path?.to_text(End::Root);
        self.add(scene, about, format!("{name} opened {path}").chars().take(SHOWN).collect())
    }

    fn add(&mut self, scene: &Scene<'_>, about: About, text: String) -> Option<Burst> {
        let (now_ns, root) = (scene.time_ns(), hand::root(scene));
        self.commands
            .retain(|command| now_ns.saturating_sub(command.at_ns) <= TOGETHER_NS && command.text != text);
        if self.commands.len() >= KEPT {
            self.commands.pop_front();
        }
        self.commands.push_back(Command { about, root, at_ns: now_ns, text });
        if self.told_ns.is_some_and(|told| now_ns.saturating_sub(told) < AGAIN_NS) {
            return None;
        }
        let mut kinds = Vec::with_capacity(4);
        for command in self.commands.iter().filter(|command| command.root == root) {
            if !kinds.contains(&command.about) {
                kinds.push(command.about);
            }
        }
        let telling = kinds.iter().filter(|kind| kind.is_telling()).count();
        let usual = kinds.iter().filter(|kind| kind.is_usual()).count();
        let other = kinds.len() - usual;
        // Start scripts ask for what is usual, and for one thing more.
        if other < 2 || usual.min(2) + other + telling < 4 {
            return None;
        }
        self.told_ns = Some(now_ns);
        let commands = self.commands.iter().filter(|command| command.root == root);
        Some(Burst { commands: commands.map(|command| command.text.clone()).collect(), telling })
    }
}
