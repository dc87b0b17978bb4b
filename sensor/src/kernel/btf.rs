//! The kernel's types (BTF): where a field is, how large a type is, what an enumerator is worth.
//!
//! Format: `Documentation/bpf/btf.rst`. Any bytes are accepted and none are trusted; a type that
//! reaches past the data is an error that names its place.

use std::collections::HashMap;

use thiserror::Error;

const MAGIC: u16 = 0xeb9f;
/// Anonymous structures nest a few levels deep; more is a loop in the data.
const NESTING_MAX: u32 = 16;

/// Why BTF cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BtfError {
    /// No BTF at all.
    #[error("is not BTF: it begins with {found:#06x}, not {MAGIC:#06x}")]
    Magic {
        /// First two bytes.
        found: u16,
    },
    /// Data ends early.
    #[error("is cut or damaged: {what} at byte {at} reaches past the end ({length} bytes)")]
    Cut {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        at: usize,
        /// Size of the data.
        length: usize,
    },
    /// A kind of type that this version does not know.
    #[error("has a type of unknown kind {kind} at byte {at}")]
    UnknownKind {
        /// Number of the kind.
        kind: u32,
        /// Where the type begins.
        at: usize,
    },
}

/// Types of a kernel.
#[derive(Debug)]
pub struct Btf {
    data: Vec<u8>,
    strings: usize,
    /// Start of each type, by id; id 0 is `void` and has none.
    types: Vec<usize>,
    /// Structures and unions by name.
    structs: HashMap<String, u32>,
}

/// A member of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    name: u32,
    kind: u32,
    bits: u32,
    /// Bits of a bit field, 0 for other members.
    width: u32,
}

impl Btf {
    /// Reads the contents of `/sys/kernel/btf/vmlinux` or of a file of the same form.
    ///
    /// # Errors
    /// See [`BtfError`].
    pub fn parse(data: Vec<u8>) -> Result<Self, BtfError> {
        let magic = u16::from_ne_bytes(array(&data, 0, "magic number")?);
        if magic != MAGIC {
            return Err(BtfError::Magic { found: magic });
        }
        let word = |at| Ok::<_, BtfError>(u32::from_ne_bytes(array(&data, at, "header")?) as usize);
        let header = word(4)?;
        let types = header.saturating_add(word(8)?);
        let types_end = types.saturating_add(word(12)?);
        let strings = header.saturating_add(word(16)?);
        let strings_end = strings.saturating_add(word(20)?);
        for (what, end) in [("the type section", types_end), ("the string section", strings_end)] {
            if end > data.len() {
                return Err(BtfError::Cut { what, at: header, length: data.len() });
            }
        }
        let mut btf = Self { data, strings, types: vec![0], structs: HashMap::new() };
        btf.index(types, types_end)?;
        Ok(btf)
    }

    /// Offset in bytes of a member such as `task_struct.seccomp.mode`, looking into anonymous
    /// structures and unions. `None` if there is none, or if it is a bit field.
    #[must_use]
    pub fn offset(&self, path: &str) -> Option<u32> {
        let (bits, width) = self.place(path)?;
        (width == 0 && bits.is_multiple_of(8)).then_some(bits / 8)
    }

    /// Number of the bit of a bit field that is one bit wide, such as `task_struct.in_execve`.
    #[must_use]
    pub fn bit(&self, path: &str) -> Option<u32> {
        let (bits, width) = self.place(path)?;
        (width == 1).then_some(bits)
    }

    /// Offset in bits of a member, and its width if it is a bit field.
    fn place(&self, path: &str) -> Option<(u32, u32)> {
        let mut parts = path.split('.');
        let mut kind = *self.structs.get(parts.next()?)?;
        let (mut bits, mut width) = (0u32, 0);
        for part in parts {
            let member = self.member(kind, part, 0)?;
            bits = bits.checked_add(member.bits)?;
            width = member.width;
            kind = self.bare(member.kind)?;
        }
        Some((bits, width))
    }

    /// Size in bytes of a structure or union.
    #[must_use]
    pub fn size(&self, name: &str) -> Option<u32> {
        let at = self.at(*self.structs.get(name)?)?;
        self.word(at + 8)
    }

    /// Value of an enumerator.
    #[must_use]
    pub fn enumerator(&self, name: &str) -> Option<u32> {
        self.types.iter().skip(1).find_map(|at| {
            let info = self.word(at + 4)?;
            if (info >> 24) & 0x1f != 6 {
                return None;
            }
            let mut entries = (0..(info & 0xffff) as usize).map(|index| at + 12 + index * 8);
            let entry = entries.find(|entry| {
                self.word(*entry).and_then(|offset| self.bytes(offset)) == Some(name.as_bytes())
            })?;
            self.word(entry + 4)
        })
    }

    /// Walks the type section once and remembers where everything is.
    fn index(&mut self, start: usize, end: usize) -> Result<(), BtfError> {
        let mut at = start;
        while at < end {
            let cut = BtfError::Cut { what: "a type", at, length: self.data.len() };
            let id = u32::try_from(self.types.len()).unwrap_or(u32::MAX);
            let (Some(name), Some(info)) = (self.word(at), self.word(at + 4)) else { return Err(cut) };
            let (kind, count) = ((info >> 24) & 0x1f, (info & 0xffff) as usize);
            let extra = extra_bytes(kind, count).ok_or(BtfError::UnknownKind { kind, at })?;
            let next = at.saturating_add(12 + extra);
            if next > end {
                return Err(cut);
            }
            if matches!(kind, 4 | 5)
                && let Some(name) = self.string(name).filter(|name| !name.is_empty())
            {
                self.structs.entry(name).or_insert(id);
            }
            self.types.push(at);
            at = next;
        }
        Ok(())
    }

    /// Finds a member by name, also in anonymous members; its offset is from the outer structure.
    fn member(&self, kind: u32, name: &str, depth: u32) -> Option<Member> {
        if depth > NESTING_MAX {
            return None;
        }
        let members: Vec<Member> = self.members(kind)?;
        let named = members.iter().find(|member| self.string(member.name).as_deref() == Some(name));
        if let Some(member) = named {
            return Some(*member);
        }
        members.iter().filter(|member| self.string(member.name).as_deref() == Some("")).find_map(|outer| {
            let inner = self.member(self.bare(outer.kind)?, name, depth + 1)?;
            Some(Member { bits: outer.bits.checked_add(inner.bits)?, ..inner })
        })
    }

    fn members(&self, kind: u32) -> Option<Vec<Member>> {
        let at = self.at(kind)?;
        let info = self.word(at + 4)?;
        if !matches!((info >> 24) & 0x1f, 4 | 5) {
            return None;
        }
        let bit_fields = info >> 31 == 1;
        (0..(info & 0xffff) as usize)
            .map(|index| {
                let entry = at + 12 + index * 12;
                let offset = self.word(entry + 8)?;
                let (width, bits) = if bit_fields { (offset >> 24, offset & 0xff_ffff) } else { (0, offset) };
                Some(Member { name: self.word(entry)?, kind: self.word(entry + 4)?, bits, width })
            })
            .collect()
    }

    /// Follows names and qualifiers (typedef, const, volatile, restrict, type tag) to a type.
    fn bare(&self, mut kind: u32) -> Option<u32> {
        for _ in 0..NESTING_MAX {
            let at = self.at(kind)?;
            match (self.word(at + 4)? >> 24) & 0x1f {
                8..=11 | 18 => kind = self.word(at + 8)?,
                _ => return Some(kind),
            }
        }
        None
    }

    fn at(&self, kind: u32) -> Option<usize> {
        self.types.get(kind as usize).copied().filter(|at| *at != 0)
    }

    fn word(&self, at: usize) -> Option<u32> {
        array(&self.data, at, "").map(u32::from_ne_bytes).ok()
    }

    fn string(&self, offset: u32) -> Option<String> {
        Some(String::from_utf8_lossy(self.bytes(offset)?).into_owned())
    }

    /// Bytes of a string of the string section, without its NUL.
    fn bytes(&self, offset: u32) -> Option<&[u8]> {
        let bytes = self.data.get(self.strings.checked_add(offset as usize)?..)?;
        bytes.get(..bytes.iter().position(|byte| *byte == 0)?)
    }
}

/// Bytes that follow the twelve of every type, by kind and number of entries.
const fn extra_bytes(kind: u32, count: usize) -> Option<usize> {
    Some(match kind {
        2 | 7..=12 | 16 | 18 => 0,
        1 | 14 | 17 => 4,
        3 => 12,
        6 | 13 => count * 8,
        4 | 5 | 15 | 19 => count * 12,
        _ => return None,
    })
}

fn array<const N: usize>(data: &[u8], at: usize, what: &'static str) -> Result<[u8; N], BtfError> {
    data.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(BtfError::Cut {
        what,
        at,
        length: data.len(),
    })
}

#[cfg(test)]
mod tests;
