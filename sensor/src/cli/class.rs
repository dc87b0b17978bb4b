//! Classes of events as a command line names them.

use crate::proto::Class;

/// The numbers of the schema lie below this.
const NUMBERS_END: i32 = 1024;
/// First words of the classes' names.
const FAMILIES: [&str; 5] = ["PROCESS_", "CONTAINER_", "FILE_", "NETWORK_", "PRIVILEGE_"];

/// One class, or all of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice(pub Vec<Class>);

impl std::str::FromStr for Choice {
    type Err = String;

    /// From a full name (`FILE_OPEN`, `file-open`), a name without its family (`open`), or a family
    /// (`file`); case and the kind of dash do not matter.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.to_uppercase().replace('-', "_");
        let chosen: Vec<_> = all().filter(|class| is_named(*class, &name)).collect();
        if chosen.is_empty() { Err(expected()) } else { Ok(Self(chosen)) }
    }
}

/// Every class that an event can have.
fn all() -> impl Iterator<Item = Class> {
    let known = |number| Class::try_from(number).ok().filter(|class| *class != Class::Unspecified);
    (0..NUMBERS_END).filter_map(known)
}

fn is_named(class: Class, name: &str) -> bool {
    let full = class.as_str_name();
    full == name || rest(full) == Some(name) || family(full) == Some(name)
}

/// A full name without its family.
fn rest(full: &str) -> Option<&str> {
    FAMILIES.iter().find_map(|family| full.strip_prefix(family))
}

fn family(full: &str) -> Option<&str> {
    let found = FAMILIES.iter().find(|family| full.starts_with(*family));
    found.map(|family| family.trim_end_matches('_'))
}

/// What can be written, for messages.
fn expected() -> String {
    let short = |class: Class| {
        let full = class.as_str_name();
        rest(full).unwrap_or(full).to_lowercase().replace('_', "-")
    };
    let names: Vec<_> = all().map(short).collect();
    format!(
        "classes are {}; families are process, container, file, network and privilege; full names such as \
         FILE_OPEN are understood too",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn parsed(text: &str) -> Vec<Class> {
        text.parse::<Choice>().unwrap().0
    }

    #[test]
    fn short_long_and_family() {
        for text in ["open", "file-open", "FILE_OPEN", "File-Open"] {
            assert_eq!(parsed(text), [Class::FileOpen], "{text}");
        }
        assert_eq!(parsed("connect"), [Class::NetworkConnect]);
        assert_eq!(parsed("pivot-root"), [Class::PrivilegePivotRoot]);
        assert_eq!(parsed("cgroup-move"), [Class::ContainerCgroupMove]);
        assert_eq!(parsed("container-identified"), [Class::ContainerIdentified]);
        assert_eq!(parsed("loss"), [Class::Loss]);
        assert_eq!(parsed("process"), [Class::ProcessFork, Class::ProcessExec, Class::ProcessExit]);
        assert_eq!(parsed("file").len(), 13);
        assert!(parsed("network").contains(&Class::NetworkDns));
        for text in ["", "unspecified", "fly", "file_", "_open", "class-unspecified"] {
            let message = text.parse::<Choice>().unwrap_err();
            assert!(message.contains("classes are fork, exec, exit, ") && message.contains("families"));
        }
    }

    #[test]
    fn no_short_name_stands_for_two() {
        let mut names: HashSet<_> = FAMILIES.iter().map(|family| family.trim_end_matches('_')).collect();
        for class in all() {
            let full = class.as_str_name();
            assert!(names.insert(rest(full).unwrap_or(full)), "{full}");
        }
        for class in sensor_common::class::Class::ALL {
            let class = crate::stream::encode::class(*class);
            assert!(all().any(|known| known == class), "{class:?}");
        }
    }
}
