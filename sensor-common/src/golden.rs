//! The sizes of everything that crosses the boundary: a change must be meant.

use crate::{
    header, layout, ledger, policy,
    record::{container, file, network, privilege, process},
    tail,
};

#[test]
fn sizes_are_the_ones_of_this_version() {
    let sizes = [
        ("TaskRef", size_of::<header::TaskRef>()),
        ("RecordHeader", size_of::<header::RecordHeader>()),
        ("ForkRecord", size_of::<process::ForkRecord>()),
        ("ExecRecord", size_of::<process::ExecRecord>()),
        ("ExitRecord", size_of::<process::ExitRecord>()),
        ("MoveRecord", size_of::<container::MoveRecord>()),
        ("FileRecord", size_of::<file::FileRecord>()),
        ("NetRecord", size_of::<network::NetRecord>()),
        ("CallRecord", size_of::<privilege::CallRecord>()),
        ("Account", size_of::<policy::Account>()),
        ("RepeatKey", size_of::<policy::RepeatKey>()),
        ("TailHeader", size_of::<tail::TailHeader>()),
        ("ClassCounters", size_of::<ledger::ClassCounters>()),
        ("LossKey", size_of::<ledger::LossKey>()),
        ("Settings", size_of::<layout::Settings>()),
    ];
    assert_eq!(crate::ABI_VERSION, 4);
    assert_eq!(
        sizes,
        [
            ("TaskRef", 16),
            ("RecordHeader", 56),
            ("ForkRecord", 112),
            ("ExecRecord", 312),
            ("ExitRecord", 80),
            ("MoveRecord", 80),
            ("FileRecord", 160),
            ("NetRecord", 200),
            ("CallRecord", 424),
            ("Account", 48),
            ("RepeatKey", 40),
            ("TailHeader", 8),
            ("ClassCounters", 80),
            ("LossKey", 16),
            ("Settings", 40),
        ]
    );
}

#[test]
fn every_layout_field_is_stored_where_it_is_named() {
    let mut layout = layout::Layout::UNKNOWN;
    for (offset, field) in (0u32..).zip(layout::Field::ALL) {
        layout.set(*field, offset);
    }
    for (offset, field) in (0u32..).zip(layout::Field::ALL) {
        assert_eq!(layout.get(*field), offset, "{}", field.name());
    }
    assert_eq!(size_of::<layout::Layout>(), layout::Field::ALL.len() * 4);
}
