//! Kinds of namespaces, and which numbers the kernel gives to the first of each: the node's.

use sensor_common::record::process::Namespaces;

/// A kind of namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mounts.
    Mnt,
    /// Network.
    Net,
    /// Time.
    Time,
    /// Control groups.
    Cgroup,
    /// Process ids.
    Pid,
    /// Users.
    User,
    /// Name of the machine.
    Uts,
    /// System V IPC and message queues.
    Ipc,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 8] =
        [Self::Mnt, Self::Net, Self::Time, Self::Cgroup, Self::Pid, Self::User, Self::Uts, Self::Ipc];

    /// Name, as in `/proc/PID/ns`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mnt => "mnt",
            Self::Net => "net",
            Self::Time => "time",
            Self::Cgroup => "cgroup",
            Self::Pid => "pid",
            Self::User => "user",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
        }
    }

    /// What it holds, in words.
    #[must_use]
    pub const fn holds(self) -> &'static str {
        match self {
            Self::Mnt => "files",
            Self::Net => "network",
            Self::Time => "clocks",
            Self::Cgroup => "control groups",
            Self::Pid => "processes",
            Self::User => "users and rights",
            Self::Uts => "host name",
            Self::Ipc => "shared memory",
        }
    }

    /// Its flag (`CLONE_NEW*` of `include/uapi/linux/sched.h`).
    #[must_use]
    pub const fn flag(self) -> u64 {
        match self {
            Self::Mnt => 0x0002_0000,
            Self::Net => 0x4000_0000,
            Self::Time => 0x0000_0080,
            Self::Cgroup => 0x0200_0000,
            Self::Pid => 0x2000_0000,
            Self::User => 0x1000_0000,
            Self::Uts => 0x0400_0000,
            Self::Ipc => 0x0800_0000,
        }
    }

    /// Its number among those of a process; 0 where it is not known.
    #[must_use]
    pub const fn of(self, all: &Namespaces) -> u32 {
        match self {
            Self::Mnt => all.mnt,
            Self::Net => all.net,
            Self::Time => all.time,
            Self::Cgroup => all.cgroup,
            Self::Pid => all.pid,
            Self::User => all.user,
            Self::Uts => all.uts,
            Self::Ipc => all.ipc,
        }
    }

    /// True for the number of the first one, which is the node's. Most numbers are fixed (`include/linux/proc_ns.h`, since
    /// 6.18 `include/uapi/linux/nsfs.h`); those of mounts and networks were before the first that were given out.
    #[must_use]
    pub const fn is_first(self, number: u32) -> bool {
        match self {
            Self::Mnt => matches!(number, 0xEFFF_FFF8 | 0xF000_0000 | 0xF000_0001),
            Self::Net => matches!(number, 0xEFFF_FFF9 | 0xF000_0000),
            Self::Time => number == 0xEFFF_FFFA,
            Self::Cgroup => number == 0xEFFF_FFFB,
            Self::Pid => number == 0xEFFF_FFFC,
            Self::User => number == 0xEFFF_FFFD,
            Self::Uts => number == 0xEFFF_FFFE,
            Self::Ipc => number == 0xEFFF_FFFF,
        }
    }
}
