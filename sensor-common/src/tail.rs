//! Variable fields: each a [`TailHeader`], its bytes, then padding up to a multiple of eight.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::limits::TAIL_HEADER_BYTES;

/// What a variable field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Tail {
    /// Path of the executed file: components from the leaf to the root, each ended by NUL.
    Executable = 1,
    /// Working directory, in the same form.
    Directory = 2,
    /// Arguments, each ended by NUL (the last may be cut).
    Arguments = 3,
    /// Environment, each ended by NUL (the last may be cut).
    Environment = 4,
    /// Control group path: components from the leaf to the root, each ended by NUL.
    Cgroup = 5,
    /// Path as the caller asked for it (`linux_binprm.filename`), ended by NUL.
    Requested = 6,
    /// Interpreter that runs the requested file (`linux_binprm.interp`), ended by NUL.
    Interpreter = 7,
    /// Command name (`task_struct.comm`), ended by NUL.
    Command = 8,
    /// Name of the controlling terminal (`tty_struct.name`), ended by NUL.
    Terminal = 9,
    /// Control group path from the root, in one piece, ended by NUL.
    CgroupPath = 10,
    /// Path of a file, as [`Tail::Executable`]; of a socket, where it is bound.
    Path = 11,
    /// New path (rename, link; target of a mount or move), as [`Tail::Executable`].
    NewPath = 12,
    /// Path as text, ended by NUL: as the caller wrote it, or as the kernel copied it.
    PathText = 13,
    /// New path as text, ended by NUL.
    NewPathText = 14,
    /// The directory that a relative path starts from, as [`Tail::Executable`].
    Base = 15,
    /// The directory that a relative new path starts from, as [`Tail::Executable`].
    NewBase = 16,
    /// Name: of an extended attribute, file system, kernel setting, module, key type; ended by NUL.
    Name = 17,
    /// Value that was written or set; any bytes.
    Value = 18,
    /// Address of an AF_UNIX socket: `sun_path`, an abstract name with its leading NUL.
    SocketName = 19,
    /// First bytes of a flow, or a datagram.
    Payload = 20,
    /// Type of a file system, ended by NUL.
    Filesystem = 30,
}

impl Tail {
    /// Every kind of field.
    pub const ALL: [Self; 21] = [
        Self::Executable,
        Self::Directory,
        Self::Arguments,
        Self::Environment,
        Self::Cgroup,
        Self::Requested,
        Self::Interpreter,
        Self::Command,
        Self::Terminal,
        Self::CgroupPath,
        Self::Path,
        Self::NewPath,
        Self::PathText,
        Self::NewPathText,
        Self::Base,
        Self::NewBase,
        Self::Name,
        Self::Value,
        Self::SocketName,
        Self::Payload,
        Self::Filesystem,
    ];

    /// The kind with this number, if this version knows it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number)
    }
}

/// Start of a variable field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TailHeader {
    /// [`Tail`] as a number.
    pub kind: u16,
    /// Unused; zero.
    pub reserved: u16,
    /// Bytes of the field, without this header and without the padding.
    pub length: u32,
}

const _: () = assert!(size_of::<TailHeader>() == TAIL_HEADER_BYTES);

/// Reads the variable fields of a record; any bytes are accepted, none are trusted.
#[derive(Clone, Debug)]
pub struct Tails<'a> {
    rest: &'a [u8],
}

impl<'a> Tails<'a> {
    /// Reads what follows the fixed part of a record.
    #[must_use]
    pub const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

/// A variable field whose length reaches past the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailCut {
    /// Bytes that were left when the field began.
    pub left: usize,
}

impl<'a> Iterator for Tails<'a> {
    type Item = Result<(u16, &'a [u8]), TailCut>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let cut = TailCut { left: self.rest.len() };
        let Ok((header, after)) = TailHeader::read_from_prefix(self.rest) else {
            self.rest = &[];
            return Some(Err(cut));
        };
        let length = header.length as usize;
        let Some(bytes) = after.get(..length) else {
            self.rest = &[];
            return Some(Err(cut));
        };
        let padded = length.next_multiple_of(8);
        self.rest = after.get(padded..).unwrap_or(&[]);
        Some(Ok((header.kind, bytes)))
    }
}
