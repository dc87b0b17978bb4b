//! Nothing imports from a later stage: the module list of `sensor` is the way of the data.

use super::rust::{code, is_test_file, paths};
use super::{Problem, Tree};

/// The stages in order. `sources` stands after `identity` because its answers are made of the types of
/// the stages that take them as inputs (and `purity` keeps those stages from naming `sources`); `pipeline` stands last because it puts the others together.
const ORDER: [&str; 10] =
    ["kernel", "event", "process", "identity", "policy", "sources", "detect", "stream", "sink", "pipeline"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !is_test_file(path)) {
        let Some((own, rank)) = stage_of_file(path) else { continue };
        for (line, named) in paths(&code(text)) {
            let other = named.strip_prefix("crate::").and_then(|rest| rest.split("::").next());
            if let Some(later) = other.filter(|name| rank_of(name).is_some_and(|other| other > rank)) {
                problems.push(Problem::new(
                    path,
                    line,
                    format!("`{own}` names `{named}`, but `{later}` is a later stage"),
                ));
            }
        }
    }
    problems
}

fn rank_of(stage: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == stage)
}

fn stage_of_file(path: &str) -> Option<(&str, usize)> {
    let rest = path.strip_prefix("sensor/src/")?;
    let stage = rest.split(['/', '.']).next()?;
    Some((stage, rank_of(stage)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_stage_is_refused_and_earlier_is_fine() {
        let tree = Tree::of(&[
            ("sensor/src/kernel/ring.rs", "use crate::event::Event;"),
            ("sensor/src/event.rs", "//! x\nuse crate::{process::Tree, bounded};"),
            ("sensor/src/identity/store.rs", "use crate::event::Event;\nuse crate::process::Key;"),
            ("sensor/src/agent.rs", "use crate::sink::File;"),
        ]);
        let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "sensor/src/kernel/ring.rs:1: `kernel` names `crate::event::Event`, but `event` is a later stage",
                "sensor/src/event.rs:2: `event` names `crate::process::Tree`, but `process` is a later stage",
            ]
        );
    }
}
