//! Values of the event itself.

use std::io::Write as _;

use sensor_common::{
    call::Call,
    class::{Class, Family},
    record::{
        file,
        network::{self, NetRecord, Phase},
        privilege,
        process::ExecFacts,
    },
};

use super::{Context, text};
use crate::detect::field::{Argument, argument, event::Name};
use crate::detect::value::{Facts as _, Value};
use crate::event::{Facts, errno, open_flags, process::Gain, wire::flow::Direction};
use crate::identity::store::Owner;
use crate::proto::{self, Timestamp};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const EINPROGRESS: i64 = -115;
/// `O_CREAT`, and the bit that only `O_TMPFILE` has.
const MAKES: u32 = 0o100 | 0o20_000_000;
/// Permission to execute, of anybody.
const EXECUTABLE: u32 = 0o111;

impl<'a> Context<'a> {
    /// Value of a field of the event.
    pub(super) fn of_event<'b>(
        &'b self,
        name: Name,
        argument: &Argument,
        buffer: &'b mut Vec<u8>,
    ) -> Option<Value<'b>> {
        let fixed = |text: &'static str| Some(Value::Text(text.as_bytes()));
        match name {
            Name::Type => Some(Value::Text(self.kind().definition()?.name.as_bytes())),
            Name::SystemCall => match self.given.event.facts {
                Facts::Exit(_) => None,
                _ => Some(Value::Text(self.kind().definition()?.name.as_bytes())),
            },
            Name::Direction => fixed("<"),
            Name::Source => fixed("syscall"),
            Name::Category => fixed(self.category()),
            Name::Host => Some(Value::Text(self.given.node.as_bytes())),
            Name::Arguments | Name::Information => text::put(buffer, |to| self.write_arguments(to)),
            Name::Argument => self.of_argument(self.named_argument(argument)?, buffer),
            Name::RawArgument => self.raw_argument(self.named_argument(argument)?, buffer),
            Name::Buffer => self.payload().map(Value::Text),
            Name::IoDirection => fixed(match self.direction()? {
                Direction::Received => "r",
                Direction::Sent => "w",
            }),
            Name::Result => self.result_text(buffer),
            Name::AbsolutePath | Name::AbsolutePathSource => {
                text::put(buffer, |to| self.place().or_else(|| self.second_place())?.write(to))
            }
            Name::AbsolutePathTarget => text::put(buffer, |to| self.second_place()?.write(to)),
            Name::Path => text::put(buffer, |to| self.place()?.write_resolved(to)),
            Name::PathTarget => text::put(buffer, |to| self.second_place()?.write_resolved(to)),
            Name::Time | Name::TimeSeconds | Name::TimeIso | Name::Date | Name::DateSeconds => {
                text::put(buffer, |to| self.write_time(name, to))
            }
            name => self.number_of_event(name).or_else(|| self.of_picket(name, buffer)),
        }
    }

    fn number_of_event(&self, name: Name) -> Option<Value<'static>> {
        let event = self.given.event;
        let wall_ns = self.given.wall_ns;
        let result = self.result();
        Some(match name {
            Name::Number => Value::Number(i64::try_from(event.sequence.max(1)).unwrap_or(i64::MAX)),
            Name::Count => Value::Number(1),
            Name::Cpu => Value::Number(event.cpu.into()),
            Name::RawResult => Value::Number(result),
            Name::Failed => Value::Bool(result < 0),
            Name::RawTime => Value::Number(wall_ns),
            Name::RawTimeSeconds => Value::Number(wall_ns.div_euclid(NANOS_PER_SECOND)),
            Name::RawTimeNanos => Value::Number(wall_ns.rem_euclid(NANOS_PER_SECOND)),
            Name::BufferLength => Value::Number(i64::try_from(self.payload()?.len()).ok()?),
            Name::IsIo => Value::Bool(self.direction().is_some()),
            Name::IsIoRead => Value::Bool(self.direction() == Some(Direction::Received)),
            Name::IsIoWrite => Value::Bool(self.direction() == Some(Direction::Sent)),
            Name::IsAsync | Name::IsWait => Value::Bool(false),
            Name::IsOpenRead | Name::IsOpenWrite | Name::IsOpenExec | Name::IsOpenCreate => {
                Value::Bool(self.opens(name))
            }
            _ => return None,
        })
    }

    /// What an open is for; false of everything else.
    fn opens(&self, name: Name) -> bool {
        use open_flags::Access;
        let (flags, mode, created) = match &self.given.event.facts {
            Facts::File(file) if self.given.event.class == Class::FileOpen => {
                let record = &file.record;
                let created = record.facts & file::Facts::CREATED != 0;
                let mode = if record.mode != 0 || !created { record.mode } else { record.file.mode };
                (record.flags, mode, created)
            }
            Facts::Call(call) if self.given.event.class == Class::OpenByHandle => {
                let [_, _, flags, ..] = call.record.arguments;
                (u32::try_from(flags & u64::from(u32::MAX)).unwrap_or_default(), 0, false)
            }
            _ => return false,
        };
        let access = open_flags::access(flags);
        match name {
            Name::IsOpenRead => access != Access::Write,
            Name::IsOpenWrite => matches!(access, Access::Write | Access::ReadWrite),
            Name::IsOpenExec => (flags & MAKES != 0 || self.is_creat()) && mode & EXECUTABLE != 0,
            _ => created,
        }
    }

    fn is_creat(&self) -> bool {
        self.kind() == crate::detect::field::kind::CREAT
    }

    /// Result of the call.
    pub(super) fn result(&self) -> i64 {
        let event = self.given.event;
        match &event.facts {
            Facts::File(file) if file.record.error < 0 => file.record.error.into(),
            Facts::File(_) if event.class == Class::FileOpen => self.descriptor(),
            Facts::Socket(socket) => match event.class {
                Class::NetConnect => of_connect(&socket.record),
                _ if socket.record.error < 0 => socket.record.error.into(),
                Class::NetSocket | Class::NetAccept | Class::NetStdio => self.descriptor(),
                Class::NetPayload => i64::try_from(socket.payload.len()).unwrap_or(i64::MAX),
                _ => 0,
            },
            Facts::Content(content) => i64::try_from(content.data.len()).unwrap_or(i64::MAX),
            Facts::Call(call) => call.record.result,
            _ => 0,
        }
    }

    fn result_text<'b>(&'b self, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        match self.result() {
            0.. => Some(Value::Text(b"SUCCESS")),
            error => match errno::known(error) {
                Some(name) => Some(Value::Text(name.as_bytes())),
                None => text::put(buffer, |to| write!(to, "{error}").ok()),
            },
        }
    }

    /// Bytes that were sent, received or written.
    pub(super) fn payload(&self) -> Option<&'a [u8]> {
        let bytes: &[u8] = match &self.given.event.facts {
            Facts::Content(content) => &content.data,
            Facts::Socket(socket) => socket.payload,
            Facts::Call(call) if self.given.event.class == Class::ControlWrite => call.value,
            _ => return None,
        };
        Some(bytes).filter(|bytes| !bytes.is_empty())
    }

    fn direction(&self) -> Option<Direction> {
        match &self.given.event.facts {
            Facts::Content(content) => Some(content.direction),
            Facts::Socket(socket) => match self.given.event.class {
                Class::NetPayload | Class::NetDns => Some(socket.direction()),
                Class::NetDatagram => Some(Direction::Sent),
                _ => None,
            },
            Facts::Call(_) if self.given.event.class == Class::ControlWrite => Some(Direction::Sent),
            _ => None,
        }
    }

    const fn category(&self) -> &'static str {
        match self.given.event.class.family() {
            Family::Process => "process",
            Family::File => "file",
            Family::Network => "net",
            Family::Privilege => "system",
            Family::Container => "other",
        }
    }

    fn write_time(&self, name: Name, to: &mut Vec<u8>) -> Option<()> {
        let seconds = self.given.wall_ns.div_euclid(NANOS_PER_SECOND);
        let nanos = self.given.wall_ns.rem_euclid(NANOS_PER_SECOND);
        // `2026-01-31T12:00:00Z`
        write!(to, "{}", Timestamp { seconds, nanos: 0 }).ok()?;
        to.pop();
        if matches!(name, Name::Time | Name::TimeIso | Name::Date) {
            write!(to, ".{nanos:09}").ok()?;
        }
        let middle = to.iter().position(|byte| *byte == b'T')?;
        match name {
            Name::Time | Name::TimeSeconds => drop(to.drain(..=middle)),
            Name::TimeIso => to.extend_from_slice(b"+0000"),
            _ => {
                if let Some(between) = to.get_mut(middle) {
                    *between = b' ';
                }
            }
        }
        Some(())
    }

    /// An argument by its name, or by its place among those of the call.
    fn named_argument(&self, argument: &Argument) -> Option<argument::Name> {
        let list = super::argument::of(self.kind());
        match argument {
            Argument::Index(place) => list.get(usize::try_from(*place).ok()?).copied(),
            Argument::Key(key) => match key.parse::<usize>() {
                Ok(place) => list.get(place).copied(),
                Err(_) => list.iter().copied().find(|name| name.text() == key.as_ref()),
            },
            Argument::None => None,
        }
    }

    /// What only Picket tells.
    fn of_picket<'b>(&'b self, name: Name, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        let event = self.given.event;
        match name {
            Name::Class => {
                let class = proto::Class::try_from(i32::from(event.class as u16)).ok()?;
                Some(Value::Text(class.as_str_name().as_bytes()))
            }
            Name::CallName => Some(Value::Text(self.call()?.name().as_bytes())),
            Name::Capability => match &event.facts {
                Facts::Call(call) if event.class == Class::Capability => text::put(buffer, |to| {
                    text::capabilities(1_u64.checked_shl(call.record.number)?, to);
                    Some(())
                }),
                _ => None,
            },
            Name::Cgroup => match &event.facts {
                Facts::Exec(exec) => text::put(buffer, |to| {
                    exec.cgroup.write(exec.cgroup_end(), to);
                    Some(())
                }),
                Facts::CgroupCreate(path) | Facts::CgroupRemove(path) => Some(Value::Text(path)),
                Facts::CgroupMove(moved) => Some(Value::Text(moved.path)),
                _ => None,
            },
            Name::Gained => match &event.facts {
                Facts::Exec(exec) => Some(Value::Text(gained(exec.gained().next()?).as_bytes())),
                _ => None,
            },
            Name::ByKernel => match &event.facts {
                Facts::Exec(exec) => Some(Value::Bool(exec.record.facts & ExecFacts::BY_KERNEL != 0)),
                _ => None,
            },
            Name::Created => Some(Value::Bool(self.opens(Name::IsOpenCreate))),
            Name::IoUring | Name::Unverified => Some(Value::Bool(self.fact(name)?)),
            name => self.of_others(name),
        }
    }

    fn of_others(&self, name: Name) -> Option<Value<'_>> {
        let shown = |text: &'a str| (!text.is_empty()).then_some(Value::Text(text.as_bytes()));
        match name {
            Name::TargetName => shown(self.given.other?.program.command_line.command()),
            Name::TargetExePath => shown(&self.given.other?.program.executable),
            Name::TargetPid => Some(Value::Number(self.given.other?.key.pid.into())),
            Name::TargetContainer => match self.given.other_owner? {
                Owner::Container(known) => shown(known.container.short_id()),
                Owner::Host { .. } => shown("host"),
            },
            Name::Unit => match self.given.owner? {
                Owner::Host { unit } => shown(unit.as_deref()?),
                Owner::Container(_) => None,
            },
            _ => None,
        }
    }

    /// Shows each value of a field that has several.
    pub(super) fn any_of_event(&self, name: Name, see: &mut dyn FnMut(Value<'_>) -> bool) -> Option<bool> {
        match (&self.given.event.facts, name) {
            (Facts::Exec(exec), Name::Gained) => {
                Some(exec.gained().any(|gain| see(Value::Text(gained(gain).as_bytes()))))
            }
            _ => None,
        }
    }

    /// The system call, where the record names it.
    fn call(&self) -> Option<Call> {
        Call::from_number(match &self.given.event.facts {
            Facts::File(file) => file.record.call,
            Facts::Socket(socket) => socket.record.call,
            Facts::Call(call) => call.record.call,
            _ => return None,
        })
    }

    fn fact(&self, name: Name) -> Option<bool> {
        Some(match (&self.given.event.facts, name) {
            (Facts::File(file), Name::IoUring) => file.record.facts & file::Facts::IO_URING != 0,
            (Facts::File(file), _) => {
                file.record.facts & (file::Facts::UNVERIFIED | file::Facts::NAME_UNVERIFIED) != 0
            }
            (Facts::Socket(socket), Name::IoUring) => socket.record.facts & network::Facts::IO_URING != 0,
            (Facts::Socket(socket), _) => socket.record.facts & network::Facts::UNVERIFIED != 0,
            (Facts::Call(_), Name::IoUring) => false,
            (Facts::Call(call), _) => call.record.facts & privilege::Facts::UNVERIFIED != 0,
            _ => return None,
        })
    }
}

const fn gained(gain: Gain) -> &'static str {
    match gain {
        Gain::Setuid => "setuid",
        Gain::Setgid => "setgid",
        Gain::FileCapabilities => "capabilities",
    }
}

/// Result of a connect, as Falco sees it. An attempt that went out and failed later, without the call waiting for it,
/// had ended with `EINPROGRESS`. One without an error was given up by the program.
fn of_connect(record: &NetRecord) -> i64 {
    let later =
        record.since_ns != 0 && (record.facts & network::Facts::NONBLOCKING != 0 || record.error == 0);
    match record.phase {
        phase if phase == Phase::Attempt as u16 => EINPROGRESS,
        phase if phase == Phase::Failed as u16 && (later || record.error == 0) => EINPROGRESS,
        phase if phase == Phase::Failed as u16 => record.error.into(),
        _ => 0,
    }
}
