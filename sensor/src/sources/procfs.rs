//! Running processes, as `/proc` shows them. Read after the hooks are attached.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sensor_common::record::process::{Capabilities, FileIdentity, Ids, Namespaces};

use super::cgroupfs::{CgroupTree, path_in};
use crate::event::text::{Strings, lossy};
use crate::process::{Program, Running, Standing, command_line::CommandLine};

/// Bytes of a command line that are read.
const ARGUMENTS_BYTES_MAX: usize = 4096;

/// What names the initial control group namespace (`PROC_CGROUP_INIT_INO` of `include/linux/proc_ns.h`).
const INITIAL: &str = "cgroup:[4026531835]";

/// Reader of a `/proc`.
#[derive(Clone, Debug)]
pub struct Procfs {
    root: PathBuf,
}

impl Procfs {
    /// Reads below `root` (`/proc`, or where the host's is mounted).
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Number of this process, if this `/proc` is that of the initial pid namespace: only there are kernel
    /// threads, the second process being the first of them.
    #[must_use]
    pub fn own(&self) -> Option<u32> {
        let second = parse_stat(&fs::read(self.root.join("2/stat")).ok()?)?;
        let own = fs::read_link(self.root.join("self")).ok()?;
        second.kernel_thread.then(|| own.to_str()?.parse().ok()).flatten()
    }

    /// Every running process, except kernel threads. One that ends meanwhile is left out.
    ///
    /// # Errors
    /// `/proc` itself cannot be read.
    pub fn running(&self, cgroups: &CgroupTree) -> std::io::Result<Vec<Running>> {
        let mut groups = Groups::new(cgroups, &self.root.join("self"));
        let mut running = Vec::new();
        for entry in fs::read_dir(&self.root)?.filter_map(Result::ok) {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(process) = self.process(pid, &mut groups) {
                running.push(process);
            }
        }
        Ok(running)
    }

    fn process(&self, pid: u32, groups: &mut Groups<'_>) -> Option<Running> {
        let folder = self.root.join(pid.to_string());
        let stat = parse_stat(&fs::read(folder.join("stat")).ok()?)?;
        if stat.kernel_thread {
            return None;
        }
        let status = fs::read(folder.join("status")).ok()?;
        let status = lossy(&status);
        let cgroup = fs::read(folder.join("cgroup")).ok().and_then(|text| groups.of(&lossy(&text)));
        Some(Running {
            pid,
            start_ticks: stat.start_ticks,
            parent_pid: stat.parent_pid,
            container_pid: last_number(&status, "NSpid:").unwrap_or(0),
            ids: ids(&status),
            standing: standing(&folder, &stat, &status),
            program: program(&folder, &stat.command),
            cgroup,
        })
    }
}

/// Control groups of running processes.
struct Groups<'a> {
    tree: &'a CgroupTree,
    /// Root of the reader's control group namespace, to which the paths in `/proc` are relative.
    base: String,
    ids: HashMap<String, u64>,
}

impl<'a> Groups<'a> {
    /// For the process whose folder in `/proc` is `own`: this one.
    fn new(tree: &'a CgroupTree, own: &Path) -> Self {
        let initial =
            fs::read_link(own.join("ns/cgroup")).map_or(true, |namespace| namespace.as_os_str() == INITIAL);
        let base = if initial { None } else { base(tree, own, std::process::id()) };
        Self { tree, base: base.unwrap_or_default(), ids: HashMap::new() }
    }

    /// Id and path of the group that a `/proc/PID/cgroup` names.
    fn of(&mut self, text: &str) -> Option<(u64, String)> {
        let path = absolute(&self.base, path_in(text, &self.tree.hierarchy)?);
        let id = match self.ids.get(&path) {
            Some(id) => *id,
            None => {
                let id = self.tree.id(&path)?;
                self.ids.insert(path.clone(), id);
                id
            }
        };
        Some((id, path))
    }
}

/// Root of the control group namespace of process `pid`, whose folder in `/proc` is `own`.
fn base(tree: &CgroupTree, own: &Path, pid: u32) -> Option<String> {
    let text = fs::read(own.join("cgroup")).ok()?;
    let text = lossy(&text);
    let within = path_in(&text, &tree.hierarchy)?.trim_end_matches('/').to_owned();
    Some(tree.holding(pid)?.strip_suffix(&within)?.to_owned())
}

/// A path from the root of the hierarchy, of one that is relative to `base` and may lead out of it (cgroup_namespaces(7)).
fn absolute(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// What is shown of where a process stands.
fn standing(folder: &Path, stat: &Stat, status: &str) -> Standing {
    let set = |name: &str| u64::from_str_radix(line(status, name)?.trim(), 16).ok();
    let capabilities = || {
        Some(Capabilities {
            inheritable: set("CapInh:")?,
            permitted: set("CapPrm:")?,
            effective: set("CapEff:")?,
            bounding: set("CapBnd:")?,
            ambient: set("CapAmb:").unwrap_or_default(),
        })
    };
    let login = fs::read_to_string(folder.join("loginuid")).ok().and_then(|text| text.trim().parse().ok());
    Standing {
        capabilities: capabilities(),
        namespaces: namespaces(folder),
        session: stat.session,
        group: stat.group,
        terminal: stat.terminal,
        login_uid: login.unwrap_or(u32::MAX),
    }
}

/// Namespaces, as links of the form `mnt:[4026531841]`; `None` if that of its mounts cannot be read.
fn namespaces(folder: &Path) -> Option<Namespaces> {
    let number = |name: &str| {
        let link = fs::read_link(folder.join("ns").join(name)).ok()?;
        link.to_str()?.split_once('[')?.1.strip_suffix(']')?.parse::<u32>().ok()
    };
    let mnt = number("mnt")?;
    let other = |name: &str| number(name).unwrap_or_default();
    Some(Namespaces {
        mnt,
        pid: other("pid"),
        net: other("net"),
        ipc: other("ipc"),
        uts: other("uts"),
        cgroup: other("cgroup"),
        user: other("user"),
        time: other("time"),
    })
}

fn program(folder: &Path, command: &str) -> Program {
    let mut arguments = fs::read(folder.join("cmdline")).unwrap_or_default();
    arguments.truncate(ARGUMENTS_BYTES_MAX);
    let text = |link: &str| {
        fs::read_link(folder.join(link)).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let executable = text("exe");
    let executable = executable.trim_end_matches(" (deleted)");
    let memfd = executable.strip_prefix('/').filter(|name| name.starts_with("memfd:"));
    let (file, modified_ns) = fs::metadata(folder.join("exe")).map(|exe| identity(&exe)).unwrap_or_default();
    Program {
        executable: memfd.unwrap_or(executable).to_owned(),
        file,
        modified_ns,
        memfd: memfd.is_some(),
        command_line: CommandLine::new(command, Strings(&arguments).iter().map(lossy)),
        directory: text("cwd"),
        ..Program::default()
    }
}

/// A file as a call shows it, which says nothing of layers; and when it was changed last.
fn identity(file: &fs::Metadata) -> (FileIdentity, u64) {
    let nanos = |seconds: i64, rest: i64| {
        u64::try_from(seconds.saturating_mul(1_000_000_000).saturating_add(rest)).unwrap_or_default()
    };
    let identity = FileIdentity {
        inode: file.ino(),
        changed_ns: nanos(file.ctime(), file.ctime_nsec()),
        mode: file.mode(),
        uid: file.uid(),
        gid: file.gid(),
        links: u32::try_from(file.nlink()).unwrap_or(u32::MAX),
        ..FileIdentity::default()
    };
    (identity, nanos(file.mtime(), file.mtime_nsec()))
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    command: String,
    parent_pid: u32,
    group: u32,
    session: u32,
    /// Device number, major << 20 | minor.
    terminal: u32,
    start_ticks: u64,
    kernel_thread: bool,
}

/// `/proc/PID/stat` (proc(5)): the command may hold spaces and brackets, so what follows is found
/// from the last closing bracket.
fn parse_stat(stat: &[u8]) -> Option<Stat> {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let start = stat.iter().position(|byte| *byte == b'(')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    // Field 3 (state) comes first.
    let field = |number: usize| rest.split_whitespace().nth(number - 3);
    Some(Stat {
        command: lossy(stat.get(start + 1..end)?).into_owned(),
        parent_pid: field(4)?.parse().ok()?,
        group: field(5)?.parse().unwrap_or_default(),
        session: field(6)?.parse().unwrap_or_default(),
        terminal: terminal(field(7)?.parse::<i32>().ok()?.cast_unsigned()),
        kernel_thread: field(9)?.parse::<u64>().ok()? & PF_KTHREAD != 0,
        start_ticks: field(22)?.parse().ok()?,
    })
}

/// A terminal's device number in the kernel's encoding, from that of `/proc` (`new_encode_dev`).
const fn terminal(shown: u32) -> u32 {
    let minor = shown & 0xff | shown >> 12 & 0xf_ff00;
    (shown >> 8 & 0xfff) << 20 | minor
}

fn ids(status: &str) -> Ids {
    let numbers = |name: &str| {
        let mut found =
            line(status, name).unwrap_or_default().split_whitespace().filter_map(|n| n.parse().ok());
        (found.next().unwrap_or(0), found.next().unwrap_or(0))
    };
    let (uid, euid) = numbers("Uid:");
    let (gid, egid) = numbers("Gid:");
    Ids { uid, gid, euid, egid }
}

fn last_number(status: &str, name: &str) -> Option<u32> {
    line(status, name)?.split_whitespace().last()?.parse().ok()
}

fn line<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_does_not_confuse() {
        let stat = b"42 (a) S (b) R 7 5 1 34817 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        let expected = Stat {
            command: "a) S (b".into(),
            parent_pid: 7,
            group: 5,
            session: 1,
            terminal: 136 << 20 | 1,
            start_ticks: 12345,
            kernel_thread: false,
        };
        assert_eq!(parse_stat(stat), Some(expected));
        let thread = b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0";
        assert!(parse_stat(thread).unwrap().kernel_thread);
        let before_the_start = stat.len() - "12345 0 0".len();
        for cut in 0..before_the_start {
            assert_eq!(parse_stat(&stat[..cut]), None, "cut to {cut}");
        }
    }

    #[test]
    fn only_the_proc_of_the_initial_namespace_is_believed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("2")).unwrap();
        std::os::unix::fs::symlink("4711", root.path().join("self")).unwrap();
        let second = |flags: u32| {
            let stat = format!("2 (kthreadd) S 0 0 0 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0");
            fs::write(root.path().join("2/stat"), stat).unwrap();
            Procfs::new(root.path()).own()
        };
        assert_eq!(second(2_129_984), Some(4711));
        assert_eq!(second(4_194_560), None, "a process that calls itself so");
        assert_eq!(Procfs::new(&root.path().join("no")).own(), None);
    }

    #[test]
    fn reads_ids_and_namespaced_pid() {
        let status = "Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t100\t100\t100\t100\nNSpid:\t4242\t17\t3\n";
        assert_eq!(ids(status), Ids { uid: 1000, gid: 100, euid: 0, egid: 100 });
        assert_eq!(last_number(status, "NSpid:"), Some(3));
        assert_eq!(last_number("Name:\tx\n", "NSpid:"), None);
    }

    #[test]
    fn processes_of_a_made_up_proc_are_read_and_broken_ones_left_out() {
        let root = tempfile::tempdir().unwrap();
        let make = |pid: &str, stat: &[u8]| {
            let folder = root.path().join(pid);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("stat"), stat).unwrap();
            let caps = "CapInh:\t0\nCapPrm:\t1\nCapEff:\t00000000a80425fb\nCapBnd:\t2\nCapAmb:\t0\n";
            fs::write(folder.join("status"), format!("Uid:\t5\t5\t5\t5\n{caps}")).unwrap();
            fs::write(folder.join("loginuid"), "1000\n").unwrap();
            fs::write(folder.join("cmdline"), b"sleep\x001\0").unwrap();
        };
        make("10", b"10 (sleep) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0");
        make("11", b"garbage");
        make("self", b"10 (sleep) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0");
        let cgroups = CgroupTree::new(Path::new("/nowhere"), "v2");
        let running = Procfs::new(root.path()).running(&cgroups).unwrap();
        assert_eq!(running.len(), 1);
        assert_eq!((running[0].pid, running[0].start_ticks, running[0].ids.uid), (10, 77, 5));
        assert_eq!(running[0].program.command_line.arguments().collect::<Vec<_>>(), ["sleep", "1"]);
        let standing = running[0].standing;
        assert_eq!(standing.capabilities.unwrap().effective, 0xa804_25fb);
        assert_eq!((standing.login_uid, standing.terminal), (1000, 0));
    }

    #[test]
    fn paths_are_those_of_the_hierarchy_in_a_namespace_too() {
        let root = tempfile::tempdir().unwrap();
        let (groups, proc) = (root.path().join("cgroup"), root.path().join("proc"));
        fs::create_dir_all(groups.join("pods/a/own/below")).unwrap();
        fs::create_dir_all(groups.join("pods/b")).unwrap();
        fs::write(groups.join("pods/a/own/below/cgroup.procs"), format!("{}\n", std::process::id())).unwrap();
        fs::create_dir_all(proc.join("self/ns")).unwrap();
        fs::write(proc.join("self/cgroup"), "0::/below\n").unwrap();
        let tree = CgroupTree::new(&groups, "v2");
        let of = |namespace: &str, path: &str| {
            drop(fs::remove_file(proc.join("self/ns/cgroup")));
            std::os::unix::fs::symlink(namespace, proc.join("self/ns/cgroup")).unwrap();
            Groups::new(&tree, &proc.join("self")).of(&format!("0::{path}\n")).map(|(_, path)| path)
        };
        assert_eq!(of("cgroup:[1]", "/../../b").as_deref(), Some("/pods/b"));
        assert_eq!(of("cgroup:[1]", "/").as_deref(), Some("/pods/a/own"));
        assert_eq!(of("cgroup:[1]", "/../../../").as_deref(), Some("/"));
        assert_eq!(of(INITIAL, "/pods/b").as_deref(), Some("/pods/b"));
        assert_eq!(of(INITIAL, "/b"), None);
    }

    #[test]
    fn this_very_process_is_found() {
        let cgroups = CgroupTree::new(Path::new("/sys/fs/cgroup"), "v2");
        let running = Procfs::new(Path::new("/proc")).running(&cgroups).unwrap();
        let own = running.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert_eq!(own.program.executable, std::env::current_exe().unwrap().to_string_lossy());
        assert_eq!(own.program.file.inode, fs::metadata("/proc/self/exe").unwrap().ino());
    }
}
