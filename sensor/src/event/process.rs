//! Process events: fork, exec, exit.

use sensor_common::{
    header::{Incomplete, TaskRef},
    record::process::{ExecRecord, FileFlags, Ids},
};

use super::{
    path::{Components, End},
    text::Strings,
};

/// `S_ISUID` and `S_ISGID` of an inode's mode.
const SETUID_BIT: u32 = 0o4000;
const SETGID_BIT: u32 = 0o2000;

/// Inode number of the initial user namespace (`PROC_USER_INIT_INO`, `include/linux/proc_ns.h`).
const INITIAL_USER_NAMESPACE: u32 = 0xEFFF_FFFD;

/// A new process. The event's process is the child.
#[derive(Clone, Copy, Debug)]
pub struct Fork {
    /// Parent.
    pub parent: TaskRef,
    /// Task that called fork or clone.
    pub creator: TaskRef,
    /// Ids of the child.
    pub ids: Ids,
    /// Pid in the child's own pid namespace.
    pub container_pid: u32,
}

/// A program begins.
#[derive(Clone, Debug)]
pub struct Exec<'a> {
    /// Facts of fixed size.
    pub record: ExecRecord,
    /// Path of the executed file.
    pub executable: Components<'a>,
    /// Working directory.
    pub directory: Components<'a>,
    /// Arguments.
    pub arguments: Strings<'a>,
    /// Environment, whole or cut.
    pub environment: Strings<'a>,
    /// Control group path.
    pub cgroup: Components<'a>,
    /// Path as the caller wrote it.
    pub requested: &'a [u8],
    /// Interpreter of a script.
    pub interpreter: Option<&'a [u8]>,
    /// Command name.
    pub command: &'a [u8],
    /// Name of the controlling terminal.
    pub terminal: Option<&'a [u8]>,
}

/// Ways in which a program has more privileges than its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gain {
    /// Set-user-id bit.
    Setuid,
    /// Set-group-id bit.
    Setgid,
    /// File capabilities.
    FileCapabilities,
}

impl Exec<'_> {
    /// The facts of fixed size alone; every variable one empty.
    #[must_use]
    pub const fn bare(record: ExecRecord) -> Self {
        Self {
            record,
            executable: Components(&[]),
            directory: Components(&[]),
            arguments: Strings(&[]),
            environment: Strings(&[]),
            cgroup: Components(&[]),
            requested: &[],
            interpreter: None,
            command: &[],
            terminal: None,
        }
    }

    /// Where the walk of the executable's path ended.
    #[must_use]
    pub const fn executable_end(&self) -> End {
        if self.record.file.flags & FileFlags::DETACHED != 0 {
            End::Detached
        } else {
            end(self.record.header.incomplete, Incomplete::EXECUTABLE)
        }
    }

    /// Where the walk of the working directory's path ended.
    #[must_use]
    pub const fn directory_end(&self) -> End {
        end(self.record.header.incomplete, Incomplete::DIRECTORY)
    }

    /// Where the walk of the control group's path ended.
    #[must_use]
    pub const fn cgroup_end(&self) -> End {
        end(self.record.header.incomplete, Incomplete::CGROUP)
    }

    /// Ways in which the program gained privileges.
    ///
    /// Set-user-id: the file has the bit, and the effective id is the file's owner and not the real
    /// id. File capabilities: without root, what a program is permitted beyond the ambient set can
    /// come from nowhere else (capabilities(7), transformation during execve). In another user
    /// namespace than the initial one its root has another id here, so nothing is concluded there.
    pub fn gained(&self) -> impl Iterator<Item = Gain> {
        let (ids, file, sets) = (self.record.ids, self.record.file, self.record.capabilities);
        let setuid = file.mode & SETUID_BIT != 0 && ids.euid == file.uid && ids.uid != ids.euid;
        let setgid = file.mode & SETGID_BIT != 0 && ids.egid == file.gid && ids.gid != ids.egid;
        let capable = self.record.namespaces.user == INITIAL_USER_NAMESPACE
            && ids.uid != 0
            && ids.euid != 0
            && sets.permitted & !sets.ambient != 0;
        [(setuid, Gain::Setuid), (setgid, Gain::Setgid), (capable, Gain::FileCapabilities)]
            .into_iter()
            .filter_map(|(gained, gain)| gained.then_some(gain))
    }
}

const fn end(incomplete: u32, bit: u32) -> End {
    if incomplete & bit == 0 { End::Root } else { End::Cut }
}

/// A process ended.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// Parent at that time.
    pub parent: TaskRef,
    /// Wait status.
    pub status: u32,
}

impl Exit {
    /// Exit code, unless a signal ended the process.
    #[must_use]
    pub const fn code(&self) -> Option<u32> {
        if self.signal().is_some() { None } else { Some(self.status >> 8 & 0xff) }
    }

    /// Signal that ended the process.
    #[must_use]
    pub const fn signal(&self) -> Option<u32> {
        match self.status & 0x7f {
            0 => None,
            signal => Some(signal),
        }
    }

    /// True if the kernel wrote a core dump.
    #[must_use]
    pub const fn core_dumped(&self) -> bool {
        self.status & 0x80 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gained(user_namespace: u32, permitted: u64, ambient: u64) -> usize {
        let ids = Ids { uid: 1000, gid: 1000, euid: 1000, egid: 1000 };
        let mut record = ExecRecord { ids, ..ExecRecord::default() };
        record.namespaces.user = user_namespace;
        record.capabilities.permitted = permitted;
        record.capabilities.ambient = ambient;
        Exec::bare(record).gained().filter(|gain| *gain == Gain::FileCapabilities).count()
    }

    #[test]
    fn capabilities_without_root_come_from_the_file() {
        assert_eq!(gained(INITIAL_USER_NAMESPACE, 0b100, 0), 1);
        assert_eq!(gained(INITIAL_USER_NAMESPACE, 0b100, 0b100), 0, "ambient ones are inherited");
        assert_eq!(gained(0xF000_0001, 0b100, 0), 0, "root of another user namespace has another id here");
    }
}
