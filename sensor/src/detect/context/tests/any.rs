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

proptest! {
    #[test]
    fn no_record_makes_a_value_panic(bytes in any_record()) {
        show_all(&World::new(), &bytes);
    }
}
