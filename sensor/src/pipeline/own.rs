//! Which events the agent's own trials made: they go to the canary and not to subscribers.

use serde::{Deserialize, Serialize};

use crate::event::{Event, Facts};
use crate::process::Key;

/// Children that the canary may have at once.
const CHILDREN_MAX: usize = 16;

/// The canary, as the kernel numbers it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Own {
    /// The agent's process, also where it has no canary.
    #[serde(default)]
    sensor: u32,
    process: u32,
    thread: u32,
    children: Vec<Key>,
}

impl Own {
    /// Names the agent's process and the thread of the canary.
    pub(super) const fn set(&mut self, process: u32, thread: u32) {
        self.process = process;
        self.thread = thread;
    }

    /// Names the agent's process alone.
    pub(super) const fn set_sensor(&mut self, process: u32) {
        self.sensor = process;
    }

    /// The agent's process; 0 where it was not named.
    pub(super) const fn sensor(&self) -> u32 {
        if self.sensor == 0 { self.process } else { self.sensor }
    }

    /// Whether a trial made the event: by the canary's thread, or by a process that it started. The
    /// programs in the kernel send nothing of the agent's other threads; where a socket's event names
    /// the process only, it is the canary's as well.
    pub(super) fn made(&mut self, event: &Event<'_>) -> bool {
        if self.process == 0 {
            return false;
        }
        let key = Key::from(event.process);
        match &event.facts {
            Facts::Fork(fork) => {
                let own = fork.creator.pid == self.process && fork.creator.tid == self.thread;
                if own {
                    if self.children.len() >= CHILDREN_MAX {
                        self.children.remove(0);
                    }
                    self.children.push(key);
                }
                own
            }
            Facts::Exit(_) => match self.children.iter().position(|child| *child == key) {
                Some(place) => {
                    self.children.remove(place);
                    true
                }
                None => false,
            },
            Facts::Exec(_) => self.children.contains(&key),
            Facts::CgroupCreate(_) | Facts::CgroupRemove(_) => false,
            Facts::CgroupMove(_) | Facts::File(_) | Facts::Socket(_) | Facts::Content(_) | Facts::Call(_) => {
                event.process.pid == self.process || self.children.contains(&key)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sensor_common::{class::Class, header::TaskRef, record::process::Ids};

    use super::*;
    use crate::event::process::{Exit, Fork};

    const AGENT: TaskRef = TaskRef { start_ns: 1_000_000_000, pid: 100, tid: 107 };
    const CHILD: TaskRef = TaskRef { start_ns: 5_000_000_000, pid: 200, tid: 200 };

    fn event(class: Class, process: TaskRef, facts: Facts<'_>) -> Event<'_> {
        Event { class, cpu: 0, sequence: 1, time_ns: 1, cgroup: 1, process, incomplete: 0, facts }
    }

    fn fork(creator: TaskRef) -> Event<'static> {
        let fork = Fork { parent: creator, creator, ids: Ids::default(), container_pid: 0 };
        event(Class::ProcessFork, CHILD, Facts::Fork(fork))
    }

    fn exit() -> Event<'static> {
        event(Class::ProcessExit, CHILD, Facts::Exit(Exit { parent: AGENT, status: 0 }))
    }

    #[test]
    fn a_child_is_the_canarys_until_it_ends() {
        let mut own = Own::default();
        assert!(!own.made(&fork(AGENT)), "no canary yet");
        own.set(100, 107);
        assert!(!own.made(&exit()));
        assert!(own.made(&fork(AGENT)) && own.made(&exit()));
        assert!(!own.made(&exit()), "told once");
        assert!(!own.made(&fork(TaskRef { tid: 100, ..AGENT })), "another thread of the agent");
        assert!(!own.made(&fork(TaskRef { pid: 7, ..AGENT })), "another process");
    }

    #[test]
    fn children_are_bounded() {
        let mut own = Own::default();
        own.set(100, 107);
        for _ in 0..100 {
            own.made(&fork(AGENT));
        }
        assert_eq!(own.children.len(), CHILDREN_MAX);
    }
}
