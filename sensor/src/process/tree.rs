//! The process tree: bounded, kept by fork, exec and exit.

use std::collections::VecDeque;
use std::sync::Arc;

// Pids and times are the kernel's: nobody can choose many that collide.
use foldhash::{HashMap, HashMapExt as _};
use sensor_common::{
    header::TaskRef,
    record::process::{Capabilities, Ids},
};

use super::{
    Former, Key, Process, Program, Running, Standing, TICK_NS, command_line::CommandLine, retain::Ended,
};
use crate::event::{
    Event,
    file::is_memfd,
    process::{Exec, Fork},
};

/// Bounds of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most processes, running and ended.
    pub processes_max: usize,
    /// How long an ended process stays known, in nanoseconds.
    pub retention_ns: u64,
}

#[derive(Debug)]
struct Entry {
    process: Process,
    /// Known processes that have this one as parent.
    children: u32,
    /// Its time is over: it goes when its last child goes.
    expired: bool,
}

/// The tree.
#[derive(Debug)]
pub struct Tree {
    limits: Limits,
    processes: HashMap<Key, Entry>,
    /// Running processes by pid.
    running: HashMap<u32, Key>,
    /// The latest process of each pid that is known, also after its end.
    latest: HashMap<u32, Key>,
    ended: Ended,
    /// Ended processes whose time is over, kept for their descendants; oldest first.
    kept: VecDeque<Key>,
    evicted: u64,
    unknown: Arc<Program>,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            processes: HashMap::new(),
            running: HashMap::new(),
            latest: HashMap::new(),
            ended: Ended::default(),
            kept: VecDeque::new(),
            evicted: 0,
            unknown: Arc::default(),
        }
    }

    /// A process came into being: it runs its creator's program until it executes one.
    pub fn fork(&mut self, event: &Event<'_>, fork: &Fork) {
        let creator = self.processes.get(&Key::from(fork.creator)).map(|entry| &entry.process);
        let program = Arc::clone(creator.map_or(&self.unknown, |process| &process.program));
        let standing = creator.map_or_else(Standing::default, |process| process.standing);
        self.insert(Process {
            key: event.process.into(),
            start_ns: event.process.start_ns,
            container_pid: fork.container_pid,
            ids: fork.ids,
            standing,
            cgroup: event.cgroup,
            program,
            exec_ns: 0,
            parent: some(fork.parent),
            exited_ns: None,
        });
    }

    /// A process runs a new program. What it was before, if it is known.
    pub fn exec(&mut self, event: &Event<'_>, exec: &Exec<'_>) -> Option<Former> {
        let key = Key::from(event.process);
        let is_known = !self.meet(event, exec.record.parent);
        let process = &mut self.processes.get_mut(&key)?.process;
        let former = Former { ids: process.ids, standing: process.standing };
        process.start_ns = event.process.start_ns;
        process.container_pid = exec.record.container_pid;
        process.ids = exec.record.ids;
        process.cgroup = event.cgroup;
        process.exec_ns = event.time_ns;
        process.standing = Standing::of_exec(&exec.record);
        process.program = Arc::new(Program {
            executable: exec.executable.to_text(exec.executable_end()),
            command_line: CommandLine::of_record(exec.command, exec.arguments),
            directory: exec.directory.to_text(exec.directory_end()),
            since_ns: event.time_ns,
            file: exec.record.file,
            modified_ns: exec.record.modified_ns,
            memfd: is_memfd(&exec.record.file, exec.executable.leaf()),
        });
        is_known.then_some(former)
    }

    /// A process changed its ids or its capabilities. What its ids were, if it is known.
    pub fn credentials(&mut self, key: Key, ids: Ids, capabilities: Capabilities) -> Option<Ids> {
        let entry = self.processes.get_mut(&key)?;
        entry.process.standing.capabilities = Some(capabilities);
        Some(std::mem::replace(&mut entry.process.ids, ids))
    }

    /// A process is in another control group now. The one that it was in, if it is known.
    pub fn moved(&mut self, key: Key, cgroup: u64) -> Option<u64> {
        let entry = self.processes.get_mut(&key)?;
        Some(std::mem::replace(&mut entry.process.cgroup, cgroup)).filter(|before| *before != 0)
    }

    /// A process ended. False if that was known already (two last threads that end at once are
    /// both told as the last).
    pub fn exit(&mut self, event: &Event<'_>, parent: TaskRef) -> bool {
        let key = Key::from(event.process);
        self.meet(event, parent);
        let Some(entry) = self.processes.get_mut(&key) else { return true };
        if entry.process.exited_ns.is_some() {
            return false;
        }
        self.end(key, event.time_ns);
        true
    }

    /// Takes in processes that ran before the hooks were attached. What live records told wins.
    pub fn snapshot(&mut self, running: Vec<Running>) {
        let starts: HashMap<u32, u64> =
            running.iter().map(|process| (process.pid, process.start_ticks)).collect();
        for process in running {
            let key = Key { pid: process.pid, start_ticks: process.start_ticks };
            if self.processes.contains_key(&key) {
                continue;
            }
            let parent = starts
                .get(&process.parent_pid)
                .map(|start| Key { pid: process.parent_pid, start_ticks: *start });
            self.insert(Process {
                key,
                start_ns: process.start_ticks.saturating_mul(TICK_NS),
                container_pid: process.container_pid,
                ids: process.ids,
                standing: process.standing,
                cgroup: process.cgroup.map_or(0, |(id, _)| id),
                program: Arc::new(process.program),
                exec_ns: 0,
                parent,
                exited_ns: None,
            });
        }
        self.count_children();
    }

    /// Every process, those that ended included, in no order.
    #[must_use]
    pub fn state(&self) -> Vec<Process> {
        self.processes.values().map(|entry| entry.process.clone()).collect()
    }

    /// Takes in what [`Tree::state`] gave.
    pub fn restore(&mut self, mut processes: Vec<Process>) {
        // The later of two with the same pid is the one that has it.
        processes.sort_by_key(|process| (process.start_ns, process.key.start_ticks, process.key.pid));
        let mut ended = Vec::new();
        for process in processes {
            if self.processes.len() >= self.limits.processes_max {
                self.evicted += 1;
                continue;
            }
            let key = process.key;
            match process.exited_ns {
                Some(at_ns) => ended.push((at_ns, key)),
                None => drop(self.running.insert(key.pid, key)),
            }
            self.latest.insert(key.pid, key);
            self.processes.insert(key, Entry { process, children: 0, expired: false });
        }
        ended.sort_by_key(|(at_ns, key)| (*at_ns, key.start_ticks, key.pid));
        for (at_ns, key) in ended {
            self.ended.add(at_ns, key);
        }
        self.count_children();
    }

    /// Takes in one process that another tree knew, running or ended.
    pub fn known_before(&mut self, process: Process) {
        let (key, exited_ns) = (process.key, process.exited_ns);
        if self.processes.contains_key(&key) {
            return;
        }
        self.insert(Process { exited_ns: None, ..process });
        if let Some(at_ns) = exited_ns {
            self.end(key, at_ns);
        }
    }

    /// The bounds.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Forgets ended processes whose time is over and from which no known process descends.
    pub fn expire(&mut self, now_ns: u64) {
        while let Some(key) = self.ended.due(now_ns.saturating_sub(self.limits.retention_ns)) {
            self.forget_when_childless(key);
        }
    }

    /// A process.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Process> {
        self.processes.get(&key).map(|entry| &entry.process)
    }

    /// The process that has this pid or had it last: what the kernel tells of a process by its number
    /// only may be read after the process has ended.
    #[must_use]
    pub fn by_pid(&self, pid: u32) -> Option<&Process> {
        self.get(*self.latest.get(&pid)?)
    }

    /// The ancestors of a process, its parent first.
    pub fn ancestors(&self, key: Key) -> impl Iterator<Item = &Process> {
        let mut next = self.get(key).and_then(|process| process.parent);
        std::iter::from_fn(move || {
            let process = self.get(next?)?;
            // A process that started after its child would be another one, and a loop.
            next = process.parent.filter(|parent| parent.start_ticks <= process.key.start_ticks);
            Some(process)
        })
    }

    /// Number of processes known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// True if no process is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// Most processes.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.limits.processes_max
    }

    /// Processes given up, or not taken in, because the tree was full.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Takes in a process whose beginning was not seen. False if it is known.
    fn meet(&mut self, event: &Event<'_>, parent: TaskRef) -> bool {
        let key = Key::from(event.process);
        if self.processes.contains_key(&key) {
            return false;
        }
        self.insert(Process {
            key,
            start_ns: event.process.start_ns,
            container_pid: 0,
            ids: Ids::default(),
            standing: Standing::default(),
            cgroup: event.cgroup,
            program: Arc::clone(&self.unknown),
            exec_ns: 0,
            parent: some(parent),
            exited_ns: None,
        });
        true
    }

    fn insert(&mut self, process: Process) {
        let key = process.key;
        if let Some(entry) = self.processes.get_mut(&key) {
            // A fork that was in the ring while the snapshot was taken: the snapshot knows more.
            entry.process.start_ns = process.start_ns;
            return;
        }
        while self.processes.len() >= self.limits.processes_max {
            let Some(oldest) = self.ended.oldest().or_else(|| self.kept.pop_front()) else {
                self.evicted += 1;
                return;
            };
            let before = self.processes.len();
            self.forget(oldest);
            self.evicted += (before - self.processes.len()) as u64;
        }
        // The pid is in use again, so its former process has ended: its end was lost.
        if let Some(former) = self.running.insert(key.pid, key) {
            self.end(former, process.start_ns);
            self.running.insert(key.pid, key);
        }
        if let Some(parent) = process.parent.and_then(|parent| self.processes.get_mut(&parent)) {
            parent.children += 1;
        }
        self.latest.insert(key.pid, key);
        self.processes.insert(key, Entry { process, children: 0, expired: false });
    }

    fn end(&mut self, key: Key, at_ns: u64) {
        let Some(entry) = self.processes.get_mut(&key) else { return };
        if entry.process.exited_ns.is_none() {
            entry.process.exited_ns = Some(at_ns);
            self.ended.add(at_ns, key);
        }
        if self.running.get(&key.pid) == Some(&key) {
            self.running.remove(&key.pid);
        }
    }

    fn forget_when_childless(&mut self, key: Key) {
        let Some(entry) = self.processes.get_mut(&key) else { return };
        entry.expired = true;
        if entry.children == 0 {
            self.forget(key);
            return;
        }
        // Those that went with their last descendant are still in the queue.
        if self.kept.len() >= self.limits.processes_max {
            self.kept.retain(|key| self.processes.contains_key(key));
        }
        self.kept.push_back(key);
    }

    /// Removes a process, and those ancestors that were kept only for it.
    fn forget(&mut self, key: Key) {
        let mut next = Some(key);
        while let Some(key) = next {
            let Some(entry) = self.processes.remove(&key) else { return };
            if self.latest.get(&key.pid) == Some(&key) {
                self.latest.remove(&key.pid);
            }
            next = entry.process.parent.filter(|parent| {
                let Some(parent) = self.processes.get_mut(parent) else { return false };
                parent.children = parent.children.saturating_sub(1);
                parent.expired && parent.children == 0
            });
        }
    }

    /// Counts children anew: a snapshot lists them in no order.
    fn count_children(&mut self) {
        let mut children: HashMap<Key, u32> = HashMap::new();
        for parent in self.processes.values().filter_map(|entry| entry.process.parent) {
            *children.entry(parent).or_default() += 1;
        }
        for (key, entry) in &mut self.processes {
            entry.children = children.get(key).copied().unwrap_or(0);
        }
    }
}

/// A task that exists.
fn some(task: TaskRef) -> Option<Key> {
    (task.pid != 0).then(|| task.into())
}

#[cfg(test)]
mod tests;
