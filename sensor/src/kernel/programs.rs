//! The programs of the object, and which of them serve which classes by which back end.
//!
//! A [`Service`] is a set of classes that the same programs serve. It lists the ways to get at them,
//! the best first; at the start each is tried until one works.

mod always;
mod file;
mod network;
mod packets;
mod privilege;

use sensor_common::class::{Class, Lane};

/// A kernel program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Name in the object.
    pub name: &'static str,
    /// How it is attached, and to what.
    pub hook: Hook,
    /// The service works without it.
    pub optional: bool,
}

/// What a program is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// BTF-enabled raw tracepoint (`tp_btf`), since 5.5: the first of these names that the kernel knows.
    BtfTracepoint(&'static [&'static str]),
    /// Beginning of the first of these functions that the kernel has.
    Fentry(&'static [&'static str]),
    /// End of the first of these functions that the kernel has.
    Fexit(&'static [&'static str]),
    /// Ends of all of these system calls that the kernel has (`syscalls:sys_exit_NAME`). Several services
    /// may share such a program, each with its own calls.
    SyscallExit(&'static [&'static str]),
    /// Packets that control groups send.
    PacketsOut,
    /// Packets that control groups receive.
    PacketsIn,
    /// Reads and writes of kernel settings in `/proc/sys`.
    Sysctl,
}

/// A back end, as status names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackEnd {
    /// BTF tracepoints, which every supported kernel has.
    BtfTracepoint,
    /// Functions below the system-call layer (fentry, fexit).
    Trampoline,
    /// Tracepoints of single system calls and of io_uring.
    Tracepoint,
    /// Programs of the root control group.
    Cgroup,
}

impl BackEnd {
    /// Name as status shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BtfTracepoint => "btf_tracepoint",
            Self::Trampoline => "trampoline",
            Self::Tracepoint => "tracepoint",
            Self::Cgroup => "cgroup",
        }
    }
}

/// A way to get at the events of a service.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Back end.
    pub back_end: BackEnd,
    /// Programs, in the order in which they are attached.
    pub programs: &'static [Program],
}

/// Classes that the same programs serve.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Name, for messages.
    pub name: &'static str,
    /// Classes.
    pub classes: &'static [Class],
    /// The agent is of no use without it.
    pub required: bool,
    /// Ways, the best first.
    pub ways: &'static [Way],
}

/// Every service, in the order in which they are attached: an end is never missed for a beginning that
/// was seen.
#[must_use]
pub fn services() -> Vec<&'static Service> {
    let network = [network::SERVICES, packets::SERVICES];
    let privilege = [privilege::SERVICES, privilege::OBJECTS];
    [[always::SERVICES, file::SERVICES], network, privilege].into_iter().flatten().flatten().collect()
}

/// Programs of which the second takes what the first was not called for: class and first program.
#[must_use]
pub fn lane(program: &str) -> Lane {
    if program.ends_with("_2") { Lane::Second } else { Lane::First }
}

impl Program {
    /// A program without which its service does not work.
    const fn new(name: &'static str, hook: Hook) -> Self {
        Self { name, hook, optional: false }
    }

    /// A program that adds something to its service.
    const fn optional(name: &'static str, hook: Hook) -> Self {
        Self { name, hook, optional: true }
    }

    /// What it is attached to, for a person.
    #[must_use]
    pub fn target(&self) -> String {
        match self.hook {
            Hook::BtfTracepoint(names) | Hook::Fentry(names) | Hook::Fexit(names) => {
                names.first().copied().unwrap_or_default().to_owned()
            }
            Hook::SyscallExit(names) => {
                names.iter().map(|name| format!("sys_exit_{name}")).collect::<Vec<_>>().join(" ")
            }
            Hook::PacketsOut => "cgroup egress".to_owned(),
            Hook::PacketsIn => "cgroup ingress".to_owned(),
            Hook::Sysctl => "cgroup sysctl".to_owned(),
        }
    }

    /// How it is attached, for a person.
    #[must_use]
    pub const fn how(&self) -> &'static str {
        match self.hook {
            Hook::BtfTracepoint(_) => "btf_tracepoint",
            Hook::Fentry(_) => "fentry",
            Hook::Fexit(_) => "fexit",
            Hook::SyscallExit(_) => "tracepoint",
            Hook::PacketsOut | Hook::PacketsIn => "cgroup_skb",
            Hook::Sysctl => "cgroup_sysctl",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn every_class_has_one_service_and_every_program_one_place() {
        let mut classes = HashSet::new();
        let mut programs = HashSet::new();
        for service in services() {
            assert!(!service.ways.is_empty(), "{}", service.name);
            for class in service.classes {
                assert!(classes.insert(*class), "{class:?} is served twice");
            }
            // Ways may share a program: one of them is taken. Services may share one that is attached
            // to the ends of several system calls.
            let mut own = HashMap::new();
            for way in service.ways {
                let mut of_way = HashSet::new();
                for program in way.programs {
                    assert!(of_way.insert(program.name), "{} is listed twice", program.name);
                    let known = own.insert(program.name, program.hook);
                    assert!(known.is_none_or(|hook| hook == program.hook), "{}", program.name);
                }
            }
            for (name, hook) in own {
                let shared = matches!(hook, Hook::SyscallExit(_));
                assert!(programs.insert(name) || shared, "{name} is of two services");
            }
        }
    }
}
