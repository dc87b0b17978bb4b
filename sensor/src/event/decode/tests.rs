//! Records whole, cut, damaged and made up.
#![expect(clippy::cast_possible_truncation, reason = "the numbers of these tests are small")]

use proptest::{collection::vec, prelude::*};
use sensor_common::{header::TaskRef, tail::TailHeader};
use zerocopy::IntoBytes;

use super::*;
use crate::event::path::End;

fn field(kind: u16, value: &[u8]) -> Vec<u8> {
    let header = TailHeader { kind, reserved: 0, length: value.len() as u32 };
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(8), 0xaa);
    bytes
}

fn exec_record(fields: &[(u16, &[u8])]) -> Vec<u8> {
    let mut record = ExecRecord::default();
    record.header.version = ABI_VERSION;
    record.header.class = Class::ProcessExec as u16;
    record.header.process = TaskRef { start_ns: 5, pid: 42, tid: 42 };
    let mut bytes = record.as_bytes().to_vec();
    for (kind, value) in fields {
        bytes.extend(field(*kind, value));
    }
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

#[test]
fn an_exec_has_its_fields() {
    let bytes = exec_record(&[
        (Tail::Executable as u16, b"busybox\0bin\0"),
        (Tail::Arguments as u16, b"sh\0-c\0\xff\xfe\0"),
        (999, b"from a later version"),
        (Tail::Requested as u16, b"/bin/sh\0"),
    ]);
    let event = decode(&bytes).unwrap();
    assert_eq!((event.class, event.process.pid), (Class::ProcessExec, 42));
    let Facts::Exec(exec) = event.facts else { panic!("not an exec") };
    assert_eq!(exec.executable.to_text(End::Root), "/bin/busybox");
    assert_eq!(exec.arguments.iter().collect::<Vec<_>>(), [&b"sh"[..], b"-c", b"\xff\xfe"]);
    assert_eq!(exec.requested, b"/bin/sh");
    assert_eq!(exec.interpreter, None);
}

#[test]
fn every_cut_of_a_record_is_refused() {
    let whole = exec_record(&[(Tail::Executable as u16, b"busybox\0bin\0")]);
    for length in 0..whole.len() {
        assert!(decode(&whole[..length]).is_err(), "cut to {length} of {}", whole.len());
        let mut adjusted = whole[..length].to_vec();
        if let Some(said) = adjusted.get_mut(..4) {
            said.copy_from_slice(&(length as u32).to_ne_bytes());
        }
        // A cut that also falsifies the length ends in an error or in a record with fewer fields.
        if let Ok(event) = decode(&adjusted) {
            let Facts::Exec(exec) = event.facts else { panic!("not an exec") };
            assert_eq!(
                exec.executable.0,
                if length == size_of::<ExecRecord>() { &b""[..] } else { b"busybox\0bin\0" }
            );
        }
    }
}

#[test]
fn a_field_longer_than_the_record_is_refused() {
    let mut bytes = exec_record(&[(Tail::Executable as u16, b"busybox\0bin\0")]);
    let at = size_of::<ExecRecord>() + 4;
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
    assert_eq!(decode(&bytes).unwrap_err(), DecodeError::Tail { left: 24 });
}

#[test]
fn other_versions_and_classes_are_named() {
    let mut bytes = exec_record(&[]);
    bytes[6..8].copy_from_slice(&77u16.to_ne_bytes());
    assert_eq!(decode(&bytes).unwrap_err(), DecodeError::Class { class: 77 });
    bytes[4..6].copy_from_slice(&9u16.to_ne_bytes());
    assert_eq!(decode(&bytes).unwrap_err(), DecodeError::Version { found: 9 });
}

proptest! {
    #[test]
    fn any_bytes_are_accepted(bytes in vec(any::<u8>(), 0..2048)) {
        decode(&bytes).ok();
    }

    #[test]
    fn any_tail_is_accepted(tail in vec(any::<u8>(), 0..1024), class in 0u16..8) {
        let mut bytes = exec_record(&[]);
        bytes[6..8].copy_from_slice(&class.to_ne_bytes());
        bytes.extend(tail);
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        if let Ok(event) = decode(&bytes)
            && let Facts::Exec(exec) = event.facts
        {
            prop_assert!(exec.executable.to_text(exec.executable_end()).len() < 4096);
            exec.arguments.iter().count();
            exec.gained().count();
        }
    }

    #[test]
    fn fields_come_back_as_they_were(values in vec((1u16..11, vec(any::<u8>(), 0..64)), 0..6)) {
        let fields: Vec<_> = values.iter().map(|(kind, value)| (*kind, value.as_slice())).collect();
        let bytes = exec_record(&fields);
        let read: Vec<_> = Tails::new(&bytes[size_of::<ExecRecord>()..]).map(Result::unwrap).collect();
        prop_assert_eq!(read, fields);
    }
}
