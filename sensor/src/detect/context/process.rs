//! Values of the process, its ancestors, its session and its group.

use std::io::Write as _;

use sensor_common::{
    header::Incomplete,
    record::process::{FileIdentity, Stdio},
};

use super::{Context, text};
use crate::detect::field::{Argument, process::Name};
use crate::detect::value::Value;
use crate::event::{
    Facts,
    file::{self, Layer, StreamKind},
};
use crate::process::{Process, TICK_NS};

/// `CAP_DAC_OVERRIDE` and `CAP_FOWNER`, with which a file's mode does not matter.
const OVERRIDES: u64 = 1 << 1 | 1 << 3;

/// Shells, as Falco knows them where it looks for a login shell.
const SHELLS: [&str; 9] = ["ash", "bash", "csh", "dash", "ksh", "sh", "tcsh", "zsh", "fish"];

impl<'a> Context<'a> {
    /// Value of a field of the process.
    pub(super) fn of_process<'b>(
        &'b self,
        name: Name,
        argument: &Argument,
        buffer: &'b mut Vec<u8>,
    ) -> Option<Value<'b>> {
        if let Some(kind) = Kept::of(name) {
            return match (kind, argument) {
                (Kept::Own(part), _) => part.of(self.process?),
                (Kept::Parent(part), _) => part.of(self.parent()?),
                (Kept::Ancestor(part), Argument::Index(number)) => part.of(self.ancestor(*number)?),
                (Kept::Ancestor(part), _) => part.of(self.parent()?),
                (Kept::Session(part), _) => part.of(self.session_leader()?),
                (Kept::Group(part), _) => part.of(self.group_leader()?),
            };
        }
        match name {
            Name::Directory => text::put(buffer, |to| {
                let directory = &self.process?.program.directory;
                to.extend_from_slice(directory.as_bytes());
                if !directory.is_empty() && !directory.ends_with('/') {
                    to.push(b'/');
                }
                Some(())
            }),
            Name::ExeLine => text::put(buffer, |to| {
                let line = &self.process?.program.command_line;
                to.extend_from_slice(line.first().as_bytes());
                if line.further() > 0 {
                    write!(to, " {}", line.rest()).ok()?;
                }
                Some(())
            }),
            Name::Environment => self.environment(argument, buffer),
            Name::CapEffective => self.capabilities(buffer, |sets| sets.effective),
            Name::CapInheritable => self.capabilities(buffer, |sets| sets.inheritable),
            Name::CapPermitted => self.capabilities(buffer, |sets| sets.permitted),
            Name::StdinType => self.stream(0),
            Name::StdoutType => self.stream(1),
            Name::StderrType => self.stream(2),
            Name::ThreadIsMain => {
                Some(Value::Bool(self.given.event.process.tid == self.given.event.process.pid))
            }
            Name::ThreadTid => Some(Value::Number(self.given.event.process.tid.into())),
            name => self.number_of_process(name),
        }
    }

    fn number_of_process(&self, name: Name) -> Option<Value<'static>> {
        let process = self.process?;
        let event = self.given.event;
        Some(match name {
            Name::Duration => Value::Number(since(event.time_ns, process.start_ns)),
            Name::ParentDuration => Value::Number(since(event.time_ns, self.parent()?.start_ns)),
            Name::Started => Value::Number(self.wall(process.start_ns)),
            Name::ParentStarted => Value::Number(self.wall(self.parent()?.start_ns)),
            Name::ArgumentsCount => Value::Number(count(process.program.command_line.further())),
            Name::ArgumentsLength => {
                let line = &process.program.command_line;
                Value::Number(count(line.rest().len().saturating_sub(line.further().saturating_sub(1))))
            }
            Name::ExeInode => Value::Number(known(process.program.file.inode)?),
            Name::ExeChanged => Value::Number(known(process.program.file.changed_ns)?),
            Name::ExeModified => Value::Number(known(process.program.modified_ns)?),
            Name::ExeChangedStart => {
                let start = self.wall(process.start_ns);
                let span = start.checked_sub(known(process.program.file.changed_ns)?)?;
                Value::Number(Some(span).filter(|span| *span >= 0)?)
            }
            Name::IsExeMemfd => Value::Bool(process.program.memfd),
            Name::IsExeLower => Value::Bool(file::layer(&process.program.file) == Some(Layer::Lower)),
            Name::IsExeUpper => Value::Bool(file::layer(&process.program.file) == Some(Layer::Upper)),
            Name::IsExeWritable => Value::Bool(is_writable(process)),
            Name::IsGroupLeader | Name::IsVirtualGroupLeader => {
                Value::Bool(some(process.standing.group)? == process.key.pid)
            }
            Name::IsSessionLeader => Value::Bool(some(process.standing.session)? == process.key.pid),
            Name::Group => Value::Number(some(process.standing.group)?.into()),
            Name::VirtualGroup => Value::Number(some(self.group_leader()?.container_pid)?.into()),
            Name::Session => Value::Number(some(process.standing.session)?.into()),
            Name::Terminal => Value::Number(shown_device(process.standing.terminal).into()),
            Name::LoginShell => {
                let shell = |process: &&Process| SHELLS.contains(&process.program.command_line.command());
                let oldest = self.given.tree.ancestors(process.key).filter(shell).last();
                Value::Number(oldest.or_else(|| Some(process).filter(shell))?.key.pid.into())
            }
            Name::ThreadVirtualTid if event.process.tid == event.process.pid => {
                Value::Number(some(process.container_pid)?.into())
            }
            _ => return None,
        })
    }

    /// Shows each value of a field that has several.
    pub(super) fn any_of_process(&self, name: Name, see: &mut dyn FnMut(Value<'_>) -> bool) -> Option<bool> {
        let Some(Kept::Ancestor(part)) = Kept::of(name) else { return None };
        let process = self.process?;
        Some(self.given.tree.ancestors(process.key).filter_map(|ancestor| part.of(ancestor)).any(see))
    }

    pub(super) fn parent(&self) -> Option<&'a Process> {
        self.given.tree.ancestors(self.process?.key).next()
    }

    /// 0 is the process itself, 1 its parent.
    fn ancestor(&self, number: u32) -> Option<&'a Process> {
        let process = self.process?;
        match number.checked_sub(1) {
            None => Some(process),
            Some(skipped) => self.given.tree.ancestors(process.key).nth(usize::try_from(skipped).ok()?),
        }
    }

    fn session_leader(&self) -> Option<&'a Process> {
        self.leader(|process| process.standing.session)
    }

    fn group_leader(&self) -> Option<&'a Process> {
        self.leader(|process| process.standing.group)
    }

    /// The process whose number the session or group has, else the oldest ancestor that is in it.
    fn leader(&self, of: impl Fn(&Process) -> u32) -> Option<&'a Process> {
        let process = self.process?;
        let number = some(of(process))?;
        if number == process.key.pid {
            return Some(process);
        }
        let named = self.given.tree.by_pid(number).filter(|leader| of(leader) == number);
        named.or_else(|| {
            let within = |ancestor: &&Process| of(ancestor) == number;
            self.given.tree.ancestors(process.key).take_while(within).last().or(Some(process))
        })
    }

    fn environment<'b>(&'b self, argument: &Argument, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        let Facts::Exec(exec) = &self.given.event.facts else { return None };
        if self.given.event.incomplete & Incomplete::ENVIRONMENT_UNREADABLE != 0 {
            return None;
        }
        match argument {
            Argument::Key(name) => exec.environment.iter().find_map(|variable| {
                Some(Value::Text(variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?))
            }),
            Argument::None | Argument::Index(_) => text::put(buffer, |to| {
                text::join(exec.environment.iter(), b" ", to);
                Some(())
            }),
        }
    }

    fn capabilities<'b>(
        &'b self,
        buffer: &'b mut Vec<u8>,
        set: impl Fn(&sensor_common::record::process::Capabilities) -> u64,
    ) -> Option<Value<'b>> {
        let set = set(&self.process?.standing.capabilities?);
        text::put(buffer, |to| {
            text::capabilities(set, to);
            Some(())
        })
    }

    /// Kind of a standard stream of a program that begins.
    pub(super) fn stream(&self, number: usize) -> Option<Value<'static>> {
        let Facts::Exec(exec) = &self.given.event.facts else { return None };
        Some(Value::Text(stream_type(exec.record.stdio.get(number)?)?.as_bytes()))
    }

    /// A moment since boot in nanoseconds of the wall clock.
    pub(super) fn wall(&self, boot_ns: u64) -> i64 {
        self.given.wall_ns.saturating_sub(since(self.given.event.time_ns, boot_ns))
    }
}

/// What the tree keeps of a process as text or number.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Command,
    CommandLine,
    First,
    Rest,
    Executable,
    Pid,
    ContainerPid,
}

/// Whose part a field is.
#[derive(Clone, Copy)]
enum Kept {
    Own(Part),
    Parent(Part),
    Ancestor(Part),
    Session(Part),
    Group(Part),
}

impl Kept {
    const fn of(name: Name) -> Option<Self> {
        Some(match name {
            Name::Name => Self::Own(Part::Command),
            Name::CommandLine => Self::Own(Part::CommandLine),
            Name::Arguments => Self::Own(Part::Rest),
            Name::Exe => Self::Own(Part::First),
            Name::ExePath => Self::Own(Part::Executable),
            Name::Pid => Self::Own(Part::Pid),
            Name::ContainerPid => Self::Own(Part::ContainerPid),
            Name::ParentName => Self::Parent(Part::Command),
            Name::ParentCommandLine => Self::Parent(Part::CommandLine),
            Name::ParentExe => Self::Parent(Part::First),
            Name::ParentExePath => Self::Parent(Part::Executable),
            Name::ParentPid => Self::Parent(Part::Pid),
            Name::ParentContainerPid => Self::Parent(Part::ContainerPid),
            Name::AncestorName => Self::Ancestor(Part::Command),
            Name::AncestorCommandLine => Self::Ancestor(Part::CommandLine),
            Name::AncestorExe => Self::Ancestor(Part::First),
            Name::AncestorExePath => Self::Ancestor(Part::Executable),
            Name::AncestorPid => Self::Ancestor(Part::Pid),
            Name::SessionName => Self::Session(Part::Command),
            Name::SessionExe => Self::Session(Part::First),
            Name::SessionExePath => Self::Session(Part::Executable),
            Name::GroupName | Name::VirtualGroupName => Self::Group(Part::Command),
            Name::GroupExe | Name::VirtualGroupExe => Self::Group(Part::First),
            Name::GroupExePath | Name::VirtualGroupExePath => Self::Group(Part::Executable),
            _ => return None,
        })
    }
}

impl Part {
    /// Its value. Of a program of which nothing is known there are no texts.
    pub(super) fn of(self, process: &Process) -> Option<Value<'_>> {
        let line = &process.program.command_line;
        let text = match self {
            Self::Pid => return Some(Value::Number(process.key.pid.into())),
            Self::ContainerPid => return Some(Value::Number(some(process.container_pid)?.into())),
            Self::Executable => return shown(&process.program.executable),
            _ if line.whole().is_empty() => return None,
            Self::Command => line.command(),
            Self::CommandLine => line.whole(),
            Self::First => line.first(),
            Self::Rest => line.rest(),
        };
        Some(Value::Text(text.as_bytes()))
    }
}

fn shown(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(text.as_bytes()))
}

/// Time between two moments since boot.
fn since(now_ns: u64, then_ns: u64) -> i64 {
    // The start of what ran before the sensor is known to a clock tick.
    let then_ns = if then_ns > now_ns && then_ns - now_ns < TICK_NS { now_ns } else { then_ns };
    let span = i128::from(now_ns) - i128::from(then_ns);
    i64::try_from(span).unwrap_or(if span < 0 { i64::MIN } else { i64::MAX })
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that is not 0.
fn known(number: u64) -> Option<i64> {
    i64::try_from(number).ok().filter(|number| *number != 0)
}

fn some(number: u32) -> Option<u32> {
    Some(number).filter(|number| *number != 0)
}

/// A device number as `/proc` and Falco show it (`new_encode_dev`), from the kernel's own encoding.
const fn shown_device(device: u32) -> u32 {
    let (major, minor) = (device >> 20, device & 0xf_ffff);
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

/// True if the process may write the file that it runs.
fn is_writable(process: &Process) -> bool {
    let FileIdentity { mode, uid, gid, .. } = process.program.file;
    let ids = process.ids;
    let privileged = process.standing.capabilities.is_some_and(|sets| sets.effective & OVERRIDES != 0);
    mode != 0
        && (mode & 0o200 != 0 && uid == ids.euid
            || mode & 0o020 != 0 && gid == ids.egid
            || mode & 0o002 != 0
            || privileged)
}

/// Type of a stream as Falco calls it; `None` of one that is closed.
fn stream_type(stream: &Stdio) -> Option<&'static str> {
    Some(match file::stream_kind(stream) {
        StreamKind::Closed => return None,
        StreamKind::File | StreamKind::Terminal | StreamKind::Null => "file",
        StreamKind::CharacterDevice | StreamKind::BlockDevice => "file",
        StreamKind::Directory => "directory",
        StreamKind::Pipe => "pipe",
        StreamKind::Socket => "socket",
        StreamKind::Other => "unknown",
    })
}

/// Flags of an executed file as `evt.arg.flags` shows them.
pub(super) fn exec_flags(process: &Process, to: &mut Vec<u8>) {
    let layer = file::layer(&process.program.file);
    let flags = [
        (is_writable(process), "EXE_WRITABLE"),
        (layer == Some(Layer::Upper), "EXE_UPPER_LAYER"),
        (process.program.memfd, "EXE_FROM_MEMFD"),
        (layer == Some(Layer::Lower), "EXE_LOWER_LAYER"),
    ];
    text::join(flags.iter().filter(|(set, _)| *set).map(|(_, name)| name.as_bytes()), b"|", to);
}
