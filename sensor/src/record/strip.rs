//! Takes out of the kernel's records what a recording holds only if it is asked for: values of environment variables,
//! and first bytes of flows.

use sensor_common::{
    class::{Class, Family},
    header::{Incomplete, RecordHeader},
    record::{
        container::MoveRecord,
        file::FileRecord,
        network::NetRecord,
        privilege::CallRecord,
        process::{ExecRecord, ExitRecord, ForkRecord},
    },
    tail::{Tail, TailHeader, Tails},
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::Options;
use crate::event::text::Strings;

/// A record without what the options do not ask for, or with its variable fields as `change` makes them; `None` if it
/// is none that decoding accepts.
pub(super) fn rewrite(
    record: &[u8],
    mut change: impl FnMut(Tail, &[u8], &mut u32) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (mut header, _) = RecordHeader::read_from_prefix(record).ok()?;
    let fixed = fixed_bytes(Class::try_from(header.class).ok()?);
    let (fixed, tails) = record.split_at_checked(fixed)?;
    let mut bytes = fixed.to_vec();
    for tail in Tails::new(tails) {
        let (number, value) = tail.ok()?;
        // What this version does not know, it cannot judge: it is left out.
        let Some(kind) = Tail::from_number(number) else { continue };
        let Some(value) = change(kind, value, &mut header.incomplete) else { continue };
        let length = u32::try_from(value.len()).ok()?;
        bytes.extend(TailHeader { kind: number, reserved: 0, length }.as_bytes());
        bytes.extend(&value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    header.length = u32::try_from(bytes.len()).ok()?;
    let place = bytes.get_mut(..size_of::<RecordHeader>())?;
    place.copy_from_slice(header.as_bytes());
    Some(bytes)
}

/// Whether a record of the class may have what the options leave out.
fn is_concerned(record: &[u8], options: Options) -> bool {
    let Ok((header, _)) = RecordHeader::read_from_prefix(record) else { return true };
    match Class::try_from(header.class) {
        Ok(Class::ProcessExec) => !options.environment,
        Ok(Class::NetPayload | Class::NetDns) => !options.payload,
        Ok(_) => false,
        Err(_) => true,
    }
}

/// A record without what the options do not ask for. `names` are those of the variables that events show; others are
/// left out whole. An empty one if the record makes no sense.
#[must_use]
pub fn strip(record: &[u8], options: Options, names: &[String]) -> Option<Vec<u8>> {
    if !is_concerned(record, options) {
        return None;
    }
    let stripped = rewrite(record, |kind, value, incomplete| match kind {
        Tail::Environment if !options.environment => {
            *incomplete |= Incomplete::ENVIRONMENT;
            Some(without_values(value, names))
        }
        Tail::Payload if !options.payload => {
            *incomplete |= Incomplete::PAYLOAD;
            None
        }
        _ => Some(value.to_vec()),
    });
    Some(stripped.unwrap_or_default())
}

/// Names of the variables that are selected, each with its `=` and nothing behind it.
fn without_values(environment: &[u8], names: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for variable in Strings(environment).whole().iter() {
        let name = variable.split(|byte| *byte == b'=').next().unwrap_or_default();
        if names.iter().any(|selected| selected.as_bytes() == name) {
            bytes.extend(name);
            bytes.extend(b"=\0");
        }
    }
    bytes
}

/// Bytes of the fixed part, as decoding takes it.
pub(super) const fn fixed_bytes(class: Class) -> usize {
    match class {
        Class::ProcessFork => size_of::<ForkRecord>(),
        Class::ProcessExec => size_of::<ExecRecord>(),
        Class::ProcessExit => size_of::<ExitRecord>(),
        Class::CgroupCreate | Class::CgroupRemove => size_of::<RecordHeader>(),
        Class::CgroupMove => size_of::<MoveRecord>(),
        class => match class.family() {
            Family::File => size_of::<FileRecord>(),
            Family::Network => size_of::<NetRecord>(),
            Family::Privilege | Family::Process | Family::Container => size_of::<CallRecord>(),
        },
    }
}
