//! What is wanted of which control group: decided here, kept in the kernel's maps.

use sensor_common::{
    class::{Class, Family},
    policy::{ClassPolicy, GroupPolicy},
};

use crate::kernel::policy::PolicyMaps;

/// Writes the policy.
pub(super) struct Keeper<'a> {
    maps: &'a mut PolicyMaps,
}

impl<'a> Keeper<'a> {
    pub(super) const fn new(maps: &'a mut PolicyMaps) -> Self {
        Self { maps }
    }

    /// Everything is wanted of a control group of which nothing is known.
    pub(super) fn apply_defaults(&mut self) {
        let everything = GroupPolicy { classes: Class::all_bits(), flags: 0, reserved: 0 };
        if let Err(error) = self.maps.set_default(everything) {
            tracing::error!(%error, "cannot set the policy");
        }
        for class in Class::ALL {
            // Once for each process, capability and outcome; it is told again after an hour, with a count.
            let once = *class == Class::Capability;
            let bounded = matches!(class.family(), Family::File | Family::Network);
            let policy = ClassPolicy {
                rate: if bounded { 1000 } else { 0 },
                burst: if bounded { 2000 } else { 0 },
                window_ns: match (bounded, once) {
                    (true, _) => 10_000_000_000,
                    (_, true) => 3_600_000_000_000,
                    _ => 0,
                },
            };
            if let Err(error) = self.maps.set_class(*class, policy) {
                tracing::error!(%error, "cannot set the policy of a class");
            }
        }
    }
}
