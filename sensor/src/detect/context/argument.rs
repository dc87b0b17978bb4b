//! Arguments of calls, by the names that Falco gives them.

mod flags;
mod list;

use std::io::Write as _;

use sensor_common::{
    call::Call,
    class::Class,
    record::{file, privilege::CallRecord},
};

pub(super) use self::list::of;
use super::{Context, process, text};
use crate::detect::field::argument::Name;
use crate::detect::value::{Facts as _, Value};
use crate::event::{
    Facts, call::PrivilegedCall, errno, mount, network, operation::FileOperation, request, signal,
};

impl<'a> Context<'a> {
    /// An argument, made readable.
    pub(super) fn of_argument<'b>(&'b self, name: Name, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        if !of(self.kind()).contains(&name) {
            return None;
        }
        match name {
            Name::Res => match self.result() {
                error @ ..0 => match errno::known(error) {
                    Some(text) => Some(Value::Text(text.as_bytes())),
                    None => number_text(error, buffer),
                },
                result => number_text(result, buffer),
            },
            Name::Fd => text::put(buffer, |to| self.write_described(to)),
            Name::Uid | Name::Euid | Name::Ruid | Name::Suid => {
                self.user_text(low(self.number_of(name)?), buffer)
            }
            Name::Gid | Name::Egid | Name::Rgid | Name::Sgid => {
                self.group_text(low(self.number_of(name)?), buffer)
            }
            Name::Loginuid => match self.login_uid() {
                Some(uid) => self.user_text(uid, buffer),
                None => number_text(-1, buffer),
            },
            Name::Flags | Name::Nstype => {
                text::put(buffer, |to| zero_of_none(to, |to| self.write_flags(name, to)))
            }
            Name::Mode => text::put(buffer, |to| zero_of_none(to, |to| self.write_mode(to))),
            Name::Dirfd | Name::Olddirfd | Name::Newdirfd | Name::Linkdirfd => {
                text::put(buffer, |to| self.write_base(name, to))
            }
            Name::Cmd | Name::Request | Name::Sig | Name::Domain | Name::Cap => {
                self.named_number(name, buffer)
            }
            Name::CapEffective | Name::CapInheritable | Name::CapPermitted => text::put(buffer, |to| {
                text::capabilities(self.number_of(name)?, to);
                Some(())
            }),
            Name::Addr if self.given.event.class != Class::Ptrace => text::put(buffer, |to| {
                let record = &self.socket()?.record;
                let near = matches!(self.given.event.class, Class::NetBind);
                text::end(network::end(if near { &record.local } else { &record.remote })?, to);
                Some(())
            }),
            Name::Addr => text::put(buffer, |to| write!(to, "{:x}", self.number_of(name)?).ok()),
            name => match self.text_of(name, buffer) {
                Ok(value) => value,
                Err(buffer) => number_text(self.number_of(name)?.cast_signed(), buffer),
            },
        }
    }

    /// An argument as it was: a number where it is one, a path as it was written.
    pub(super) fn raw_argument<'b>(&'b self, name: Name, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        if !of(self.kind()).contains(&name) {
            return None;
        }
        let raw = match name {
            Name::Res => return Some(Value::Number(self.result())),
            Name::Fd => return Some(Value::Number(self.descriptor())),
            Name::Loginuid => return Some(Value::Number(self.login_uid().map_or(-1, i64::from))),
            Name::Name
            | Name::Path
            | Name::Pathname
            | Name::Filename
            | Name::Oldpath
            | Name::Dev
            | Name::Special => self.place()?.raw(),
            Name::Newpath | Name::Dir => self.second_place()?.raw(),
            Name::Linkpath => self.place()?.raw(),
            _ => None,
        };
        if let Some(raw) = raw {
            return Some(Value::Text(raw));
        }
        if let Some(number) = self.number_of(name) {
            return Some(Value::Number(number.cast_signed()));
        }
        self.text_of(name, buffer).ok()?
    }

    /// All arguments, `NAME=VALUE` joined by spaces.
    pub(super) fn write_arguments(&self, to: &mut Vec<u8>) -> Option<()> {
        // Only alerts ask for it: a buffer of its own does no harm.
        let mut value = Vec::new();
        for name in of(self.kind()) {
            let Some(Value::Text(text)) = self.of_argument(*name, &mut value) else { continue };
            if !to.is_empty() {
                to.push(b' ');
            }
            write!(to, "{}=", name.text()).ok()?;
            match self.shown_number(*name) {
                Some(number) => {
                    write!(to, "{number}(").ok()?;
                    to.extend_from_slice(text);
                    to.push(b')');
                }
                None => to.extend_from_slice(text),
            }
        }
        Some(())
    }

    /// A number that stands before what it means. Of flags Falco shows numbers of its own, which nobody else knows.
    fn shown_number(&self, name: Name) -> Option<i64> {
        match name {
            Name::Res => Some(self.result()).filter(|result| *result < 0),
            Name::Domain => self.number_of(name).map(u64::cast_signed),
            _ => None,
        }
    }

    /// A text, or the buffer back for what is a number.
    fn text_of<'b>(
        &'b self,
        name: Name,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<Value<'b>>, &'b mut Vec<u8>> {
        let event = self.given.event;
        let program = self.process.map(|process| &process.program);
        let of_program = |text: Option<&'b str>| Ok(text.map(|text| Value::Text(text.as_bytes())));
        match name {
            Name::Name | Name::Path | Name::Pathname | Name::Filename | Name::Oldpath | Name::Linkpath
                if matches!(event.facts, Facts::File(_)) || self.place().is_some() =>
            {
                Ok(text::put(buffer, |to| self.place()?.write(to)))
            }
            Name::Filename | Name::Name if matches!(event.facts, Facts::Exec(_)) => {
                of_program(program.map(|program| program.executable.as_str()))
            }
            Name::Name | Name::Path | Name::Dir => match &event.facts {
                Facts::Call(call) if self.second_place().is_none() && name != Name::Dir => {
                    Ok(Some(call.name).filter(|name| !name.is_empty()).map(Value::Text))
                }
                _ => Ok(text::put(buffer, |to| self.second_place()?.write(to))),
            },
            Name::Newpath => Ok(text::put(buffer, |to| self.second_place()?.write(to))),
            Name::Dev | Name::Special if matches!(event.facts, Facts::Call(_)) => {
                Ok(text::put(buffer, |to| {
                    self.place()?.write(to).or_else(|| {
                        to.extend_from_slice(self.place()?.raw()?);
                        Some(())
                    })
                }))
            }
            Name::Target => match &event.facts {
                Facts::File(file) => Ok(Some(Value::Text(file.new_path_text))),
                _ => Ok(None),
            },
            Name::Tuple => Ok(text::put(buffer, |to| self.write_tuple(self.socket()?, to))),
            Name::Data if event.class != Class::Ptrace => Ok(self.payload().map(Value::Text)),
            Name::Uargs => match &event.facts {
                Facts::Call(call) => Ok(Some(Value::Text(crate::event::text::until_nul(call.value)))),
                _ => Ok(None),
            },
            Name::Type if event.class == Class::Mount => match &event.facts {
                Facts::Call(call) => Ok(Some(Value::Text(call.filesystem))),
                _ => Ok(None),
            },
            Name::Exe => of_program(program.map(|program| program.command_line.first())),
            Name::Args => of_program(program.map(|program| program.command_line.rest())),
            Name::Comm => of_program(program.map(|program| program.command_line.command())),
            Name::Cwd => of_program(program.map(|program| program.directory.as_str())),
            Name::Env => match &event.facts {
                Facts::Exec(exec) => Ok(text::put(buffer, |to| {
                    text::join(exec.environment.iter(), b" ", to);
                    Some(())
                })),
                _ => Ok(None),
            },
            Name::Cgroup | Name::Img => Ok(None),
            _ => Err(buffer),
        }
    }

    /// A number as the record has it.
    fn number_of(&self, name: Name) -> Option<u64> {
        let event = self.given.event;
        match &event.facts {
            Facts::File(file) => of_file(name, event.class, file),
            Facts::Socket(socket) => match name {
                Name::Domain => Some(socket.record.family.into()),
                Name::Type => Some(socket.record.kind.into()),
                Name::Proto => Some(socket.record.protocol.into()),
                Name::Backlog => Some(socket.record.offset.into()),
                Name::Size => Some(u64::try_from(socket.payload.len()).unwrap_or_default()),
                Name::Oldfd => Some(socket.record.from.into()),
                Name::Newfd => Some(socket.record.descriptor.into()),
                _ => None,
            },
            Facts::Content(content) => {
                (name == Name::Size).then(|| u64::try_from(content.data.len()).unwrap_or_default())
            }
            Facts::Call(call) => of_call(name, event.class, call),
            Facts::Exit(exit) => match name {
                Name::Status => Some(exit.status.into()),
                Name::Sig => Some(exit.signal().unwrap_or_default().into()),
                _ => None,
            },
            Facts::Exec(_) | Facts::Fork(_) => self.of_beginning(name),
            _ => None,
        }
    }

    /// Of a program or process that begins.
    fn of_beginning(&self, name: Name) -> Option<u64> {
        let event = self.given.event;
        let process = self.process?;
        let standing = &process.standing;
        Some(match name {
            Name::Pid => event.process.pid.into(),
            Name::Tid => event.process.tid.into(),
            Name::Ptid => self.parent()?.key.pid.into(),
            Name::Vtid => process.container_pid.into(),
            Name::Pgid => standing.group.into(),
            Name::Uid => process.ids.euid.into(),
            Name::Gid => process.ids.egid.into(),
            Name::CapEffective => standing.capabilities?.effective,
            Name::CapInheritable => standing.capabilities?.inheritable,
            Name::CapPermitted => standing.capabilities?.permitted,
            Name::Tty => standing.terminal.into(),
            _ => return None,
        })
    }

    fn write_flags(&self, name: Name, to: &mut Vec<u8>) -> Option<()> {
        let event = self.given.event;
        match (&event.facts, event.class) {
            (Facts::Exec(_), _) => process::exec_flags(self.process?, to),
            (Facts::File(file), Class::FileOpen) => flags::of_open(file, to),
            (Facts::File(file), Class::FileRename) => {
                text::flags(flags::RENAME, file.record.flags.into(), to);
            }
            (Facts::File(file), _) => text::flags(flags::AT, file.record.flags.into(), to),
            (Facts::Call(call), class) => {
                let record = &call.record;
                let [first, second, third, fourth, fifth, _] = record.arguments;
                let (table, set) = match class {
                    Class::Unshare => (mount::CLONE, first),
                    Class::Setns if name == Name::Nstype => (mount::CLONE, second),
                    Class::Userfaultfd => (request::FAULT_FLAGS, first),
                    Class::ModuleLoad if record.call == Call::DeleteModule as u32 => (flags::DELETE, second),
                    Class::ModuleLoad => (request::MODULE_FLAGS, third),
                    Class::OpenByHandle => (flags::OPEN_BY_HANDLE, third),
                    Class::Mount => match Call::from_number(record.call) {
                        Some(Call::Mount) => (mount::MOUNT, mount::without_magic(fourth)),
                        Some(Call::Umount2) => (mount::UNMOUNT, second),
                        Some(Call::MoveMount) => (mount::MOVE_MOUNT, fifth),
                        Some(Call::Fsopen) => (mount::FSOPEN, second),
                        Some(Call::Fsmount) => (mount::FSMOUNT, second),
                        Some(Call::Fspick) => (mount::FSPICK, third),
                        _ => (mount::TREE, third),
                    },
                    _ => return None,
                };
                text::flags(table, set, to);
            }
            _ => return None,
        }
        Some(())
    }

    fn write_mode(&self, to: &mut Vec<u8>) -> Option<()> {
        let Facts::File(file) = &self.given.event.facts else { return None };
        match self.given.event.class {
            Class::FileMode => {
                text::flags(flags::MODE, u64::from(file.record.mode & 0o7777), to);
                Some(())
            }
            _ => write!(to, "{:04o}", file.record.mode & 0o7777).ok(),
        }
    }

    /// Where a relative path begins.
    fn write_base(&self, name: Name, to: &mut Vec<u8>) -> Option<()> {
        let place = if name == Name::Newdirfd { self.second_place()? } else { self.place()? };
        to.extend_from_slice(b"<d>");
        place.base?.write(crate::event::path::End::Root, to);
        Some(())
    }

    /// A number that has a name.
    fn named_number<'b>(&'b self, name: Name, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        let number = self.number_of(name)?;
        let known = match name {
            Name::Cmd if self.given.event.class == Class::Bpf => request::known_bpf(number),
            Name::Request => request::known_ptrace(number),
            Name::Sig => signal::name(low(number)),
            Name::Domain => flags::domain(number),
            Name::Cap => {
                return text::put(buffer, |to| {
                    text::capabilities(1_u64.checked_shl(low(number))?, to);
                    Some(())
                });
            }
            _ => None,
        };
        match known {
            Some(text) => Some(Value::Text(text.as_bytes())),
            None => number_text(number.cast_signed(), buffer),
        }
    }
}

/// Where no flag is set, that is a number.
fn zero_of_none(to: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
    write(to)?;
    if to.is_empty() {
        to.push(b'0');
    }
    Some(())
}

fn number_text(number: i64, buffer: &mut Vec<u8>) -> Option<Value<'_>> {
    text::put(buffer, |to| write!(to, "{number}").ok())
}

/// The lower half of a register.
fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

fn of_file(name: Name, class: Class, file: &FileOperation<'_>) -> Option<u64> {
    let record = &file.record;
    match name {
        Name::Flags => Some(record.flags.into()),
        Name::Mode if class == Class::FileOpen && record.facts & file::Facts::CREATED == 0 => {
            Some(record.mode.into())
        }
        Name::Mode => Some(u64::from(record.mode & 0o7777)),
        Name::Uid => Some(record.uid.into()),
        Name::Gid => Some(record.gid.into()),
        Name::Dev => Some(record.rdev.into()),
        _ => None,
    }
}

fn of_call(name: Name, class: Class, call: &PrivilegedCall<'_>) -> Option<u64> {
    let record = &call.record;
    let [first, second, third, fourth, ..] = record.arguments;
    let half = |number: u64| Some(u64::from(low(number)));
    match (class, name) {
        (Class::Credentials, name) => of_credentials(name, record),
        (Class::Ptrace, Name::Request) => half(first),
        (Class::Ptrace, Name::Pid) => half(second),
        (Class::Ptrace, Name::Addr) => Some(third),
        (Class::Ptrace, Name::Data) => Some(fourth),
        (Class::Bpf, Name::Cmd) => half(first),
        (Class::Mount, Name::Cmd) => half(second),
        (Class::Capability, Name::Cap) => Some(record.number.into()),
        (Class::Unshare | Class::Userfaultfd, Name::Flags) => half(first),
        (Class::Setns, Name::Nstype) => half(second),
        (Class::ModuleLoad, Name::Length) => Some(second),
        (Class::ModuleLoad | Class::OpenByHandle, Name::Flags) => half(third),
        (Class::Mount, Name::Flags) => match Call::from_number(record.call) {
            Some(Call::Mount) => Some(fourth),
            _ => half(second),
        },
        (Class::Signal, Name::Pid | Name::Tid | Name::Sig) => of_signal(name, record),
        (Class::ProcessMemory | Class::Scheduling, Name::Pid) => half(first),
        (Class::ControlWrite, Name::Size) => u64::try_from(call.value.len()).ok(),
        _ => None,
    }
}

fn of_credentials(name: Name, record: &CallRecord) -> Option<u64> {
    Some(match name {
        // What was asked for; the record of a call that could not be named does not have it.
        Name::Uid if record.arguments == [0; 6] && record.result >= 0 => record.ids.euid.into(),
        Name::Gid if record.arguments == [0; 6] && record.result >= 0 => record.ids.egid.into(),
        Name::Uid | Name::Gid => low(record.arguments[0]).into(),
        Name::Euid => record.ids.euid.into(),
        Name::Ruid => record.ids.uid.into(),
        Name::Suid => record.further.suid.into(),
        Name::Egid => record.ids.egid.into(),
        Name::Rgid => record.ids.gid.into(),
        Name::Sgid => record.further.sgid.into(),
        Name::CapEffective => record.capabilities.effective,
        Name::CapInheritable => record.capabilities.inheritable,
        Name::CapPermitted => record.capabilities.permitted,
        _ => return None,
    })
}

fn of_signal(name: Name, record: &CallRecord) -> Option<u64> {
    let [first, second, third, ..] = record.arguments;
    let (pid, tid, sig) = match Call::from_number(record.call) {
        Some(Call::Tgkill | Call::RtTgsigqueueinfo) => (first, second, third),
        _ => (first, first, second),
    };
    Some(u64::from(low(match name {
        Name::Pid => pid,
        Name::Tid => tid,
        _ => sig,
    })))
}
