//! Bytes of a record → [`Event`]. Any bytes are accepted; none make it panic.

use sensor_common::{
    ABI_VERSION,
    class::{Class, Family},
    header::RecordHeader,
    record::{
        container::MoveRecord,
        file::FileRecord,
        network::NetRecord,
        privilege::CallRecord,
        process::{ExecRecord, ExitRecord, ForkRecord},
    },
    tail::{Tail, Tails},
};
use thiserror::Error;
use zerocopy::FromBytes;

use super::{
    Event, Facts, Moved,
    call::PrivilegedCall,
    network::SocketOperation,
    operation::FileOperation,
    path::Components,
    process::{Exec, Exit, Fork},
    text::{Strings, until_nul},
};

/// Why a record is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than its fixed part.
    #[error("record of {length} bytes is shorter than the {needed} that its class needs")]
    Short {
        /// Bytes there are.
        length: usize,
        /// Bytes needed.
        needed: usize,
    },
    /// From other programs than this agent's.
    #[error("record of format {found}, but this agent reads {ABI_VERSION}")]
    Version {
        /// Version of the record.
        found: u16,
    },
    /// Of an unknown class.
    #[error("record of unknown class {class}")]
    Class {
        /// Number of the class.
        class: u16,
    },
    /// The length in the header is not that of the record.
    #[error("record says that it has {said} bytes but has {length}")]
    Length {
        /// Length in the header.
        said: u32,
        /// Bytes there are.
        length: usize,
    },
    /// A variable field reaches past the end.
    #[error("record's variable field, with {left} bytes left, reaches past the end")]
    Tail {
        /// Bytes left where the field begins.
        left: usize,
    },
}

/// Reads a record.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(bytes: &[u8]) -> Result<Event<'_>, DecodeError> {
    let (header, _) = fixed::<RecordHeader>(bytes)?;
    if header.version != ABI_VERSION {
        return Err(DecodeError::Version { found: header.version });
    }
    if header.length as usize != bytes.len() {
        return Err(DecodeError::Length { said: header.length, length: bytes.len() });
    }
    let class = Class::try_from(header.class).map_err(|unknown| DecodeError::Class { class: unknown.0 })?;
    Ok(Event {
        class,
        cpu: header.cpu,
        sequence: header.sequence,
        time_ns: header.time_ns,
        cgroup: header.cgroup,
        process: header.process,
        incomplete: header.incomplete,
        facts: facts(class, bytes)?,
    })
}

fn facts(class: Class, bytes: &[u8]) -> Result<Facts<'_>, DecodeError> {
    Ok(match class {
        Class::ProcessFork => {
            let (record, _) = fixed::<ForkRecord>(bytes)?;
            Facts::Fork(Fork {
                parent: record.parent,
                creator: record.creator,
                ids: record.ids,
                container_pid: record.container_pid,
            })
        }
        Class::ProcessExec => Facts::Exec(exec(bytes)?),
        Class::ProcessExit => {
            let (record, _) = fixed::<ExitRecord>(bytes)?;
            Facts::Exit(Exit { parent: record.parent, status: record.status })
        }
        Class::CgroupCreate => Facts::CgroupCreate(cgroup_path(bytes)?),
        Class::CgroupRemove => Facts::CgroupRemove(cgroup_path(bytes)?),
        Class::CgroupMove => Facts::CgroupMove(moved(bytes)?),
        class => match class.family() {
            Family::File => Facts::File(file(bytes)?),
            Family::Network => Facts::Socket(socket(bytes)?),
            Family::Privilege | Family::Process | Family::Container => Facts::Call(call(bytes)?),
        },
    })
}

fn file(bytes: &[u8]) -> Result<FileOperation<'_>, DecodeError> {
    let (record, tails) = fixed::<FileRecord>(bytes)?;
    let mut file = FileOperation {
        record,
        path: None,
        new_path: None,
        path_text: &[],
        new_path_text: &[],
        base: None,
        new_base: None,
        name: &[],
    };
    each_field(tails, |kind, value| match kind {
        Tail::Path => file.path = Some(Components(value)),
        Tail::NewPath => file.new_path = Some(Components(value)),
        Tail::PathText => file.path_text = until_nul(value),
        Tail::NewPathText => file.new_path_text = until_nul(value),
        Tail::Base => file.base = Some(Components(value)),
        Tail::NewBase => file.new_base = Some(Components(value)),
        Tail::Name => file.name = until_nul(value),
        _ => {}
    })?;
    Ok(file)
}

fn socket(bytes: &[u8]) -> Result<SocketOperation<'_>, DecodeError> {
    let (record, tails) = fixed::<NetRecord>(bytes)?;
    let mut socket = SocketOperation { record, name: &[], path: None, payload: &[] };
    each_field(tails, |kind, value| match kind {
        Tail::SocketName => socket.name = value,
        Tail::Path => socket.path = Some(Components(value)),
        Tail::Payload => socket.payload = value,
        _ => {}
    })?;
    Ok(socket)
}

fn call(bytes: &[u8]) -> Result<PrivilegedCall<'_>, DecodeError> {
    let (record, tails) = fixed::<CallRecord>(bytes)?;
    let mut call = PrivilegedCall {
        record,
        path: None,
        new_path: None,
        path_text: &[],
        new_path_text: &[],
        base: None,
        name: &[],
        filesystem: &[],
        value: &[],
    };
    each_field(tails, |kind, value| match kind {
        Tail::Path => call.path = Some(Components(value)),
        Tail::NewPath => call.new_path = Some(Components(value)),
        Tail::PathText => call.path_text = until_nul(value),
        Tail::NewPathText => call.new_path_text = until_nul(value),
        Tail::Base => call.base = Some(Components(value)),
        Tail::Name => call.name = until_nul(value),
        Tail::Filesystem => call.filesystem = until_nul(value),
        Tail::Value => call.value = value,
        _ => {}
    })?;
    Ok(call)
}

fn exec(bytes: &[u8]) -> Result<Exec<'_>, DecodeError> {
    let (record, tails) = fixed::<ExecRecord>(bytes)?;
    let mut exec = Exec::bare(record);
    each_field(tails, |kind, value| match kind {
        Tail::Executable => exec.executable = Components(value),
        Tail::Directory => exec.directory = Components(value),
        Tail::Arguments => exec.arguments = Strings(value),
        Tail::Environment => exec.environment = Strings(value),
        Tail::Cgroup => exec.cgroup = Components(value),
        Tail::Requested => exec.requested = until_nul(value),
        Tail::Interpreter => exec.interpreter = Some(until_nul(value)),
        Tail::Command => exec.command = until_nul(value),
        Tail::Terminal => exec.terminal = Some(until_nul(value)),
        // Fields of other records, or of a later version that only adds.
        _ => {}
    })?;
    Ok(exec)
}

/// Hands over the variable fields of the kinds that this version knows.
fn each_field<'a>(tails: &'a [u8], mut take: impl FnMut(Tail, &'a [u8])) -> Result<(), DecodeError> {
    for tail in Tails::new(tails) {
        let (kind, value) = tail.map_err(|cut| DecodeError::Tail { left: cut.left })?;
        if let Some(kind) = Tail::from_number(kind) {
            take(kind, value);
        }
    }
    Ok(())
}

fn cgroup_path(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    path_among(fixed::<RecordHeader>(bytes)?.1)
}

fn moved(bytes: &[u8]) -> Result<Moved<'_>, DecodeError> {
    let (record, tails) = fixed::<MoveRecord>(bytes)?;
    Ok(Moved { record, path: path_among(tails)? })
}

/// Path of a control group among variable fields.
fn path_among(tails: &[u8]) -> Result<&[u8], DecodeError> {
    for tail in Tails::new(tails) {
        let (kind, value) = tail.map_err(|cut| DecodeError::Tail { left: cut.left })?;
        if kind == Tail::CgroupPath as u16 {
            return Ok(until_nul(value));
        }
    }
    Ok(&[])
}

fn fixed<T: FromBytes>(bytes: &[u8]) -> Result<(T, &[u8]), DecodeError> {
    T::read_from_prefix(bytes).map_err(|_| DecodeError::Short { length: bytes.len(), needed: size_of::<T>() })
}

#[cfg(test)]
mod tests;
