//! By which number the kernel's programs know the agent: that of the initial pid namespace, which is not
//! the one that the agent is told where it runs in another.

use std::fs::read_link;
use std::path::Path;

use crate::sources::procfs::Procfs;

/// What names the initial pid namespace (`PROC_PID_INIT_INO` of `include/linux/proc_ns.h`).
const INITIAL: &str = "pid:[4026531836]";
/// A number that no process has (`PID_MAX_LIMIT` of `include/linux/threads.h` is 4,194,304). Not 0, which
/// is that of the idle task: packets that come in are its.
const NOBODY: u32 = u32::MAX;

/// The agent, as the kernel's programs see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// Whether the numbers that it is told are those of the initial pid namespace.
    initial: bool,
    /// Its process, if it can be known.
    process: Option<u32>,
}

impl Own {
    /// Looks for it, in the host's `/proc` where need be.
    pub(super) fn find(host_root: &Path) -> Self {
        if read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace.as_os_str() == INITIAL) {
            return Self { initial: true, process: Some(std::process::id()) };
        }
        let places = [host_root.join("proc"), Path::new("/proc").to_owned()];
        Self { initial: false, process: places.iter().find_map(|proc| Procfs::new(proc).own()) }
    }

    /// Its process, if it can be known.
    pub(super) const fn process(self) -> Option<u32> {
        self.process
    }

    /// The process of which the programs send nothing; one that there is not if it is not known.
    pub(super) fn unwatched(self) -> u32 {
        self.process.unwrap_or(NOBODY)
    }

    /// Why there is no canary: the programs know threads by their numbers in the initial pid namespace.
    pub(super) fn obstacle(self) -> Option<&'static str> {
        (!self.initial).then_some("the agent runs in a pid namespace of its own: give it the host's")
    }

    /// What is wrong if its number cannot be known. Its own `/proc` has other numbers than events, too.
    pub(super) fn problem(self) -> Option<String> {
        self.process.is_none().then(|| {
            "the agent runs in a pid namespace of its own and finds no /proc of the host: it knows neither \
             itself nor what ran before it; give it the host's pid namespace, or mount the host's /proc below \
             identity.host_root"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_known_is_nobody() {
        let unknown = Own { initial: false, process: None };
        assert_eq!(unknown.unwatched(), NOBODY);
        assert!(unknown.obstacle().is_some() && unknown.problem().is_some());
        let outside = Own { initial: false, process: Some(4711) };
        assert_eq!((outside.unwatched(), outside.problem()), (4711, None));
        assert!(outside.obstacle().is_some(), "the numbers of its threads are not known");
        let usual = Own { initial: true, process: Some(1) };
        assert_eq!((usual.obstacle(), usual.problem()), (None, None));
    }
}
