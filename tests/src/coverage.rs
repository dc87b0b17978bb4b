//! What the agent says of each event class: which back end serves it, and why not a better one.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::expect::text;

/// What the agent says of each class: the back end that serves it, and why not another one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage(BTreeMap<String, (String, String)>);

/// The agent's word for a class that nothing serves.
const NONE: &str = "none";
/// Said of a class that the agent does not list; such a test fails.
const UNKNOWN: &str = "unknown";

impl Coverage {
    /// From `GetStatusResponse`. Of a class that is listed more than once, the first entry counts that
    /// names a back end.
    pub(crate) fn of(status: &Value) -> Self {
        let list = status.get("coverage").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut classes = BTreeMap::<String, (String, String)>::new();
        for entry in list {
            let [class, back_end, reason] =
                ["class", "backEnd", "reason"].map(|name| text(entry, name).to_owned());
            match classes.get_mut(&class) {
                Some(known) if known.0 == NONE => *known = (back_end, reason),
                Some(_) => {}
                None => drop(classes.insert(class, (back_end, reason))),
            }
        }
        Self(classes)
    }

    /// Whether every class is served by the same back end here as there, for whichever reasons.
    pub(crate) fn serves_as(&self, other: &Self) -> bool {
        let back_ends = |coverage: &Self| -> Vec<_> {
            coverage.0.iter().map(|(class, (back_end, _))| (class.clone(), back_end.clone())).collect()
        };
        !self.0.is_empty() && back_ends(self) == back_ends(other)
    }

    /// The back end that serves a class.
    pub(crate) fn back_end(&self, class: &str) -> &str {
        self.0.get(class).map_or(UNKNOWN, |(back_end, _)| back_end)
    }

    /// Classes that the agent lists and these names lack.
    pub(crate) fn beyond(&self, classes: &[&str]) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|class| !classes.contains(class)).collect()
    }

    /// A class that the agent does not list cannot be proved.
    pub(crate) fn check_known(&self, classes: &[&str]) {
        for class in classes {
            assert_ne!(self.back_end(class), UNKNOWN, "the status says nothing of what serves {class}");
        }
    }

    /// Why the first of these classes that nothing serves is not served.
    pub(crate) fn unserved(&self, classes: &[&str]) -> Option<String> {
        let unserved = classes.iter().find(|class| self.back_end(class) == NONE)?;
        let reason = self.0.get(*unserved).map(|(_, reason)| reason.as_str()).unwrap_or_default();
        Some(format!("no back end for {unserved}: {reason}"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A class that is served, and one that is not.
    pub(crate) fn coverage() -> Coverage {
        Coverage::of(&json!({"coverage": [
            {"class": "FILE_OPEN", "backEnd": "trampoline", "reason": ""},
            {"class": "MODULE_LOAD", "backEnd": "none", "reason": "CONFIG_MODULES is not set"},
        ]}))
    }

    #[test]
    fn reasons_make_no_other_coverage() {
        let one = |back_end: &str, reason: &str| {
            Coverage::of(&json!({"coverage": [
                {"class": "FILE_OPEN", "backEnd": back_end, "reason": reason},
                {"class": "FILE_OPEN", "backEnd": "none", "reason": "no io_uring"},
            ]}))
        };
        assert!(one("tracepoint", "").serves_as(&one("tracepoint", "no trampoline: EPERM")));
        assert!(!one("tracepoint", "").serves_as(&one("trampoline", "")));
        assert!(!Coverage::default().serves_as(&Coverage::default()), "an agent that says nothing");
    }

    #[test]
    fn class_without_a_name_is_found() {
        assert_eq!(coverage().beyond(&["FILE_OPEN", "OTHER"]), ["MODULE_LOAD"]);
        assert_eq!(coverage().beyond(&["FILE_OPEN", "MODULE_LOAD"]), [""; 0]);
    }

    #[test]
    fn class_that_nothing_serves_has_a_reason() {
        let coverage = coverage();
        assert_eq!(coverage.unserved(&["FILE_OPEN"]), None);
        assert_eq!(
            coverage.unserved(&["FILE_OPEN", "MODULE_LOAD"]).as_deref(),
            Some("no back end for MODULE_LOAD: CONFIG_MODULES is not set")
        );
    }
}
