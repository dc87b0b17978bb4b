//! A stage for tests of behaviours: a node with its runtime and containers, whose records go through the real pipeline.
//!
//! Processes have what their creators had, as in the kernel; what a test wants to be different it sets in the record.

mod stage;

pub(super) use self::stage::{CONTAINER_CAPABILITIES, HOST, OVERLAY, Stage, Told, container, namespaces};

use sensor_common::class::Class;

use super::{super::finding::Severity, Behaviours, Bounds};

/// What a whole set of behaviours says of a quiet container, and what it remembers then.
#[test]
fn a_container_that_does_nothing_odd_is_quiet() {
    let mut stage = Stage::new(Behaviours::all(Bounds::default()));
    let first = stage.container(1, container(1, "shop"));
    let child = stage.fork(first);
    stage.exec(child, "/bin/ls", |_| {});
    stage.open(child, "/etc/hostname", |_| {});
    stage.call(child, Class::Capability, |_| {});
    stage.exit(child);
    stage.tick();
    let above: Vec<Told> = stage.take().into_iter().filter(|told| told.severity > Severity::Low).collect();
    assert!(above.is_empty(), "{above:#?}");
}
