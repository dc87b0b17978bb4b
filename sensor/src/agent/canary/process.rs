//! Trials of processes: the agent runs itself, which prints its version and ends.

use sensor_common::class::Class;

use super::trial::{CouldNot, Expected, Place, Trial};
use crate::proto::event::Facts;

/// The trials.
pub(super) const TRIALS: &[Trial] = &[
    Trial { class: Class::ProcessFork, run: fork },
    Trial { class: Class::ProcessExec, run: exec },
    Trial { class: Class::ProcessExit, run: exit },
];

fn fork(place: &mut Place) -> Result<Expected, CouldNot> {
    Ok(Expected::child(place.child()?, |_, facts| matches!(facts, Facts::Fork(_))))
}

fn exec(place: &mut Place) -> Result<Expected, CouldNot> {
    Ok(Expected::child(place.child()?, |process, facts| {
        matches!(facts, Facts::Exec(_)) && process.arguments == ["/proc/self/exe", "--version"]
    }))
}

fn exit(place: &mut Place) -> Result<Expected, CouldNot> {
    Ok(Expected::child(place.child()?, |_, facts| matches!(facts, Facts::Exit(exit) if exit.code == Some(0))))
}
