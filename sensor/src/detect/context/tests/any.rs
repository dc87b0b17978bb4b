//! No record makes a value panic, and every field that the upstream rules use has a value somewhere.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::detect::field::DEFINITIONS;

/// Shows every field of an event, with and without arguments.
fn show_all(world: &World, bytes: &[u8]) {
    world.with(bytes, |context| {
        let mut buffer = Vec::new();
        for id in 0..u16::try_from(DEFINITIONS.len()).unwrap() {
            let keys =
                [Argument::None, Argument::Index(1), Argument::Index(u32::MAX), Argument::Key("/e*".into())];
            for argument in keys {
                let field = Field { id, argument };
                drop(context.value(&field, &mut buffer).map(shown));
                context.any(&field, &mut buffer, &mut |_| false);
            }
        }
    });
}

fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let class = (0..Class::ALL.len()).prop_map(|place| Class::ALL[place]);
    let tail = (0..Tail::ALL.len()).prop_map(|place| Tail::ALL[place]);
    let tails = vec((tail, vec(any::<u8>(), 0..40)), 0..6);
    // Small numbers are those that mean something.
    let fixed = vec(prop_oneof![3 => 0u8..4, 1 => any::<u8>()], 512);
    (class, fixed, tails, any::<bool>()).prop_map(|(class, fixed, tails, known)| {
        let size = match class.family() {
            _ if class == Class::ProcessFork => size_of::<ForkRecord>(),
            _ if class == Class::ProcessExec => size_of::<ExecRecord>(),
            _ if class == Class::ProcessExit => size_of::<sensor_common::record::process::ExitRecord>(),
            _ if class == Class::CgroupMove => size_of::<sensor_common::record::container::MoveRecord>(),
            sensor_common::class::Family::Container => size_of::<RecordHeader>(),
            sensor_common::class::Family::File => size_of::<FileRecord>(),
            sensor_common::class::Family::Network => size_of::<NetRecord>(),
            _ => size_of::<CallRecord>(),
        };
        let tails: Vec<_> = tails.iter().map(|(kind, value)| (*kind, value.as_slice())).collect();
        let mut bytes = record(class, &fixed[..size], &tails);
        if known {
            let (mut header, _) = RecordHeader::read_from_prefix(&bytes).unwrap();
            header.process = PROGRAM;
            bytes[..size_of::<RecordHeader>()].copy_from_slice(header.as_bytes());
        }
        bytes
    })
}

/// Events of which each upstream field has a value in one at least; what tells of one kind only is tested where that is.
fn samples() -> Vec<Vec<u8>> {
    let mut net = NetRecord {
        local: address([10, 0, 0, 5], 1),
        remote: address([192, 0, 2, 1], 2),
        family: 2,
        protocol: 6,
        phase: 5,
        ..NetRecord::default()
    };
    let payload = record(Class::NetPayload, &net, &[(Tail::Payload, b"x")]);
    net.remote = address([192, 0, 2, 1], 443);
    let out = record(Class::NetConnect, &net, &[]);
    net.local = net.remote;
    let accepted = record(Class::NetAccept, &net, &[]);
    net.remote = net.local;
    let paths: &[(Tail, &[u8])] =
        &[(Tail::Path, b"b\0a\0"), (Tail::NewPath, b"c\0"), (Tail::NewPathText, b"c")];
    let file = |class| record(class, &FileRecord { mode: 0o755, ..FileRecord::default() }, paths);
    let call = |class| record(class, &CallRecord::default(), &[]);
    let files = [Class::FileOpen, Class::FileRename, Class::FileMkdir, Class::FileMode, Class::FileSymlink];
    let calls = [Class::Ptrace, Class::Bpf];
    let mut setuid = CallRecord { call: sensor_common::call::Call::Setuid as u32, ..CallRecord::default() };
    setuid.header.process = PROGRAM;
    let socket = record(Class::NetSocket, &net, &[]);
    let mut samples =
        vec![program(), payload, out, accepted, socket, record(Class::Credentials, &setuid, &[])];
    samples.extend(files.map(file));
    samples.extend(calls.map(call));
    samples
}

#[test]
fn every_field_of_the_upstream_rules_has_a_value() {
    let (world, samples) = (World::new(), samples());
    for name in field::tests::UPSTREAM.split_whitespace() {
        let name = match name {
            "container.mount.dest" => "container.mount.dest[/etc]",
            "proc.aname" | "proc.aexe" | "proc.aexepath" => &format!("{name}[2]"),
            name => name,
        };
        assert!(samples.iter().any(|bytes| world.value(bytes, name).is_some()), "{name}");
    }
}

proptest! {
    #[test]
    fn no_record_makes_a_value_panic(bytes in any_record()) {
        show_all(&World::new(), &bytes);
    }
}
