//! Which events a subscriber wants: a `SubscribeRequest` in a form that is cheap to ask.

use std::collections::HashSet;

use thiserror::Error;

use super::encode::severity;
use super::hub::Published;
use crate::detect::{finding::Finding, incident::Incident};
use crate::identity::container::Container;
use crate::proto::{Class, SubscribeRequest, finding::Severity};

/// Most ancestors that an event can carry.
pub const ANCESTORS_MAX: u32 = 16;

/// Shortest prefix of a container's id that names it (what runtimes print).
const ID_PREFIX_MIN: usize = 12;

/// A request that makes no sense.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FilterError {
    /// Numbers that are no class.
    #[error("unknown class {0:?} in `classes`: this agent knows {known}", known = known_classes())]
    UnknownClasses(Vec<i32>),
    /// More ancestors than an event can carry.
    #[error("`ancestors` is {0}: at most {ANCESTORS_MAX} are possible")]
    TooManyAncestors(u32),
    /// A number that is no severity.
    #[error("unknown severity {0} in `minimum_severity`: LOW is 1, MEDIUM 2, HIGH 3, CRITICAL 4")]
    UnknownSeverity(i32),
    /// An empty text would match what is not known yet.
    #[error("empty text in `{0}`: leave the list empty to permit all")]
    EmptyText(&'static str),
}

/// A checked request.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    classes: ClassSet,
    namespaces: HashSet<String>,
    pods: HashSet<String>,
    containers: Vec<String>,
    containers_only: bool,
    ancestors: usize,
    minimum_severity: Option<Severity>,
    findings: HashSet<String>,
}

impl Filter {
    /// Checks a request.
    ///
    /// # Errors
    /// Says which field of the request is wrong, and what is allowed.
    pub fn compile(request: SubscribeRequest) -> Result<Self, FilterError> {
        let SubscribeRequest { minimum_severity, .. } = request;
        let minimum_severity = Severity::try_from(minimum_severity)
            .map_err(|_| FilterError::UnknownSeverity(minimum_severity))
            .map(|severity| Some(severity).filter(|severity| *severity != Severity::Unspecified))?;
        let SubscribeRequest { classes, namespaces, pods, containers, containers_only, ancestors, .. } =
            request;
        if ancestors > ANCESTORS_MAX {
            return Err(FilterError::TooManyAncestors(ancestors));
        }
        let texts = [
            ("namespaces", &namespaces),
            ("pods", &pods),
            ("containers", &containers),
            ("findings", &request.findings),
        ];
        for (field, values) in texts {
            if values.iter().any(String::is_empty) {
                return Err(FilterError::EmptyText(field));
            }
        }
        Ok(Self {
            classes: ClassSet::from_numbers(&classes)?,
            namespaces: namespaces.into_iter().collect(),
            pods: pods.into_iter().collect(),
            containers,
            containers_only,
            ancestors: usize::try_from(ancestors).unwrap_or_default(),
            minimum_severity,
            findings: request.findings.into_iter().collect(),
        })
    }

    /// Whether what was found passes, of what has a class and a container that do.
    #[must_use]
    pub fn permits(&self, published: &Published<'_>) -> bool {
        published.finding.is_none_or(|finding| self.permits_finding(finding))
            && published.incident.is_none_or(|incident| self.permits_incident(incident))
    }

    /// Whether an incident passes: by its severity, and by what was found in it.
    #[must_use]
    pub fn permits_incident(&self, incident: &Incident) -> bool {
        let severe = self.minimum_severity.is_none_or(|least| severity(incident.severity) >= least);
        let chosen = || incident.timeline.iter().any(|entry| self.findings.contains(&entry.id));
        severe && (self.findings.is_empty() || chosen())
    }

    /// Whether a finding passes, of those whose class and container do.
    #[must_use]
    pub fn permits_finding(&self, finding: &Finding) -> bool {
        let severe = self.minimum_severity.is_none_or(|least| severity(finding.severity) >= least);
        severe && (self.findings.is_empty() || self.findings.contains(&finding.id))
    }

    /// Whether an event passes. Losses always do: nobody may ask not to be told.
    #[must_use]
    pub fn matches(&self, class: Class, container: Option<&Container>) -> bool {
        if class == Class::Loss {
            return true;
        }
        self.classes.permits(class)
            && match container {
                None => !self.containers_only && self.permits_host(),
                Some(container) => self.permits_container(container),
            }
    }

    /// How many ancestors the subscriber wants with each event.
    #[must_use]
    pub fn ancestors(&self) -> usize {
        self.ancestors
    }

    fn permits_host(&self) -> bool {
        self.namespaces.is_empty() && self.pods.is_empty() && self.containers.is_empty()
    }

    fn permits_container(&self, container: &Container) -> bool {
        let pod = container.pod.as_ref();
        let in_set = |set: &HashSet<String>, value: Option<&String>| {
            set.is_empty() || value.is_some_and(|value| set.contains(value))
        };
        in_set(&self.namespaces, pod.map(|pod| &pod.namespace))
            && in_set(&self.pods, pod.map(|pod| &pod.name))
            && (self.containers.is_empty() || self.containers.iter().any(|wanted| names(wanted, container)))
    }
}

fn names(wanted: &str, container: &Container) -> bool {
    container.name == wanted
        || container.id == wanted
        || (wanted.len() >= ID_PREFIX_MIN && container.id.starts_with(wanted))
}

/// A set of classes; empty means all.
#[derive(Clone, Copy, Debug, Default)]
struct ClassSet(u64);

impl ClassSet {
    fn from_numbers(numbers: &[i32]) -> Result<Self, FilterError> {
        let mut bits = 0;
        let mut unknown = Vec::new();
        for &number in numbers {
            match Class::try_from(number) {
                Ok(class) if class != Class::Unspecified => bits |= Self::bit(class),
                _ => unknown.push(number),
            }
        }
        if unknown.is_empty() { Ok(Self(bits)) } else { Err(FilterError::UnknownClasses(unknown)) }
    }

    const fn permits(self, class: Class) -> bool {
        self.0 == 0 || self.0 & Self::bit(class) != 0
    }

    const fn bit(class: Class) -> u64 {
        1 << (class as i32 as u32 % u64::BITS)
    }
}

/// Classes that events can have, as `NAME (number)`.
fn known_classes() -> String {
    let numbers = 1..i32::try_from(u64::BITS).unwrap_or_default();
    let classes = numbers.filter_map(|number| Class::try_from(number).ok());
    classes.map(|class| format!("{} ({})", class.as_str_name(), class as i32)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::container::Pod;

    fn web() -> Container {
        Container {
            id: "0123456789abcdef".repeat(4),
            name: "main".into(),
            pod: Some(Pod {
                namespace: "shop".into(),
                name: "web-1".into(),
                uid: "u".into(),
                ..Pod::default()
            }),
            ..Container::default()
        }
    }

    fn filter(change: impl FnOnce(&mut SubscribeRequest)) -> Filter {
        let mut request = SubscribeRequest::default();
        change(&mut request);
        Filter::compile(request).unwrap()
    }

    fn passes(filter: &Filter, container: Option<&Container>) -> bool {
        filter.matches(Class::ProcessExec, container)
    }

    #[test]
    fn an_empty_request_permits_all() {
        let all = filter(|_| ());
        assert!(passes(&all, None));
        assert!(passes(&all, Some(&web())));
        assert!(all.matches(Class::ContainerIdentified, Some(&web())));
    }

    #[test]
    fn classes_select_and_losses_always_pass() {
        let exits = filter(|request| request.classes = vec![Class::ProcessExit.into()]);
        assert!(exits.matches(Class::ProcessExit, None));
        assert!(!exits.matches(Class::ProcessExec, None));
        assert!(exits.matches(Class::Loss, None));
        let narrow = filter(|request| request.namespaces = vec!["shop".into()]);
        assert!(narrow.matches(Class::Loss, None));
    }

    #[test]
    fn containers_are_named_by_name_id_or_prefix() {
        let id = web().id;
        for wanted in ["main", &id, &id[..12]] {
            assert!(passes(&filter(|request| request.containers = vec![wanted.into()]), Some(&web())));
        }
        for other in ["mai", &id[..11], "x"] {
            let filter = filter(|request| request.containers = vec![other.into()]);
            assert!(!passes(&filter, Some(&web())), "{other}");
            assert!(!passes(&filter, None));
        }
    }

    #[test]
    fn namespaces_and_pods_must_both_match() {
        let both = |namespace: &str, pod: &str| {
            filter(|request| {
                request.namespaces = vec!["other".into(), namespace.into()];
                request.pods = vec![pod.into()];
            })
        };
        assert!(passes(&both("shop", "web-1"), Some(&web())));
        assert!(!passes(&both("shop", "web-2"), Some(&web())));
        assert!(!passes(&both("bank", "web-1"), Some(&web())));
        assert!(!passes(&both("shop", "web-1"), Some(&Container { pod: None, ..web() })));
        assert!(!passes(&both("shop", "web-1"), None));
    }

    #[test]
    fn the_host_can_be_left_out() {
        let containers = filter(|request| request.containers_only = true);
        assert!(!passes(&containers, None));
        assert!(passes(&containers, Some(&Container::default())));
    }

    #[test]
    fn findings_are_chosen_by_severity_and_id() {
        use crate::detect::finding::{Origin, Severity as Found};

        let finding = |severity| Finding {
            id: "a".into(),
            name: String::new(),
            origin: Origin::Rule,
            severity,
            confidence: 1.0,
            techniques: Vec::new(),
            summary: String::new(),
            evidence: Vec::new(),
            next: Vec::new(),
            alert: None,
        };
        let all = filter(|_| ());
        assert!(all.permits_finding(&finding(Found::Low)));
        let high = filter(|request| request.minimum_severity = Severity::High.into());
        let permitted = [Found::Low, Found::Medium, Found::High, Found::Critical]
            .map(|severity| high.permits_finding(&finding(severity)));
        assert_eq!(permitted, [false, false, true, true]);
        assert!(passes(&high, None), "other classes pass");
        for (id, expected) in [("a", true), ("b", false)] {
            let chosen = filter(|request| request.findings = vec![id.into()]);
            assert_eq!(chosen.permits_finding(&finding(Found::Low)), expected, "{id}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_is_allowed() {
        let refused = |change: fn(&mut SubscribeRequest)| {
            let mut request = SubscribeRequest::default();
            change(&mut request);
            Filter::compile(request).unwrap_err().to_string()
        };
        let message = refused(|request| request.classes = vec![2, 99, 0]);
        assert!(message.contains("[99, 0]") && message.contains("PROCESS_EXEC (2)"), "{message}");
        assert!(refused(|request| request.ancestors = 17).contains("at most 16"));
        assert!(refused(|request| request.pods = vec![String::new()]).contains("`pods`"));
        assert!(refused(|request| request.findings = vec![String::new()]).contains("`findings`"));
        assert!(refused(|request| request.minimum_severity = 9).contains("CRITICAL 4"));
        assert_eq!(filter(|request| request.ancestors = 16).ancestors(), 16);
    }
}
