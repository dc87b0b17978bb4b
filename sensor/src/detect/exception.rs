//! Exceptions: findings that are not told, or told as low ones, where somebody has said that this is so and why.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::finding::{Finding, Origin, Severity};
use crate::identity::container::Container;
use crate::process::Process;

/// Most exceptions of a file.
pub const EXCEPTIONS_MAX: usize = 1024;
/// Most patterns of one key of an exception.
const PATTERNS_MAX: usize = 256;

/// Exceptions, in the order of their file.
#[derive(Debug, Default)]
pub struct Exceptions {
    all: Vec<Exception>,
    /// Behaviours that are off.
    behaviours: Patterns,
}

/// Why a file of exceptions is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ExceptionError {
    /// It is no TOML, or has other keys; with line and column.
    #[error("{0}")]
    Syntax(String),
    /// An exception that makes no sense.
    #[error("line {line}: {reason}")]
    Senseless {
        /// Line of the exception, from 1.
        line: usize,
        /// What is wrong with it, and what is expected.
        reason: String,
    },
}

/// What becomes of a finding that an exception is made for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is not told.
    #[default]
    Drop,
    /// It is told with the lowest severity.
    Low,
}

/// Who and what a finding is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Container.
    pub container: Option<&'a Container>,
    /// Process.
    pub process: Option<&'a Process>,
}

#[derive(Debug)]
struct Exception {
    finding: Patterns,
    namespace: Patterns,
    pod: Patterns,
    labels: Vec<(String, Patterns)>,
    service_account: Patterns,
    container: Patterns,
    image: Patterns,
    program: Patterns,
    ancestor: Patterns,
    action: Action,
    reason: String,
}

/// `None`: whatever it is.
type Patterns = Option<GlobSet>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    exception: Vec<Spanned<Written>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    finding: Vec<String>,
    namespace: Vec<String>,
    pod: Vec<String>,
    labels: BTreeMap<String, String>,
    service_account: Vec<String>,
    container: Vec<String>,
    image: Vec<String>,
    program: Vec<String>,
    ancestor: Vec<String>,
    action: Action,
    reason: String,
}

impl Exceptions {
    /// From a file in TOML form: tables `[[exception]]`. All that one says must hold, each list by one of its patterns.
    ///
    /// # Errors
    /// Says where, and what is expected.
    pub fn parse(text: &str) -> Result<Self, ExceptionError> {
        let file: File = toml::from_str(text).map_err(|error| ExceptionError::Syntax(error.to_string()))?;
        let line_of = |at: usize| text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        if let Some(beyond) = file.exception.get(EXCEPTIONS_MAX) {
            let reason = format!("more than {EXCEPTIONS_MAX} exceptions");
            return Err(ExceptionError::Senseless { line: line_of(beyond.span().start), reason });
        }
        let compile = |written: Spanned<Written>| {
            let line = line_of(written.span().start);
            Exception::new(written.into_inner()).map_err(|reason| ExceptionError::Senseless { line, reason })
        };
        let all = file.exception.into_iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { all, behaviours: None })
    }

    /// The same without the findings of behaviours with such ids (`behaviours.disable`).
    ///
    /// # Errors
    /// Names the pattern that is none.
    pub fn without(self, behaviours: &[String]) -> Result<Self, ExceptionError> {
        let reason = |reason| ExceptionError::Syntax(format!("behaviours.disable: {reason}"));
        Ok(Self { behaviours: patterns("id", behaviours).map_err(reason)?, ..self })
    }

    /// What becomes of a finding, and why, if an exception is made for it: the first that fits. `ancestors` are those of the
    /// process within its container.
    pub fn of<'a>(
        &self,
        finding: &Finding,
        about: About<'a>,
        ancestors: impl Fn() -> Box<dyn Iterator<Item = &'a Process> + 'a>,
    ) -> Option<(Action, &str)> {
        let off = self.behaviours.as_ref().is_some_and(|patterns| patterns.is_match(&finding.id));
        if off && finding.origin == Origin::Behaviour {
            return Some((Action::Drop, "behaviours.disable"));
        }
        let fits = |exception: &&Exception| {
            exception.fits(finding, about)
                && exception.ancestor.as_ref().is_none_or(|patterns| {
                    ancestors().any(|process| patterns.is_match(&process.program.executable))
                })
        };
        self.all.iter().find(fits).map(|exception| (exception.action, exception.reason.as_str()))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl Exception {
    fn new(written: Written) -> Result<Self, String> {
        let Written { reason, action, .. } = written;
        if reason.trim().is_empty() {
            return Err("an exception says why it is made: reason = \"…\"".to_owned());
        }
        let labels = written.labels.iter().map(|(key, pattern)| {
            let patterns = patterns("labels", std::slice::from_ref(pattern))?;
            Ok((key.clone(), patterns))
        });
        let exception = Self {
            finding: patterns("finding", &written.finding)?,
            namespace: patterns("namespace", &written.namespace)?,
            pod: patterns("pod", &written.pod)?,
            labels: labels.collect::<Result<_, String>>()?,
            service_account: patterns("service_account", &written.service_account)?,
            container: patterns("container", &written.container)?,
            image: patterns("image", &written.image)?,
            program: patterns("program", &written.program)?,
            ancestor: patterns("ancestor", &written.ancestor)?,
            action,
            reason,
        };
        if exception.is_for_everything() {
            return Err(
                "it would hold for every finding everywhere: name at least one of finding, namespace, pod, \
                        labels, service_account, container, image, program, ancestor"
                    .to_owned(),
            );
        }
        Ok(exception)
    }

    const fn is_for_everything(&self) -> bool {
        self.finding.is_none()
            && self.namespace.is_none()
            && self.pod.is_none()
            && self.labels.is_empty()
            && self.service_account.is_none()
            && self.container.is_none()
            && self.image.is_none()
            && self.program.is_none()
            && self.ancestor.is_none()
    }

    /// Whether all but the ancestors fits. What is not known fits no pattern.
    fn fits(&self, finding: &Finding, about: About<'_>) -> bool {
        let pod = about.container.and_then(|container| container.pod.as_ref());
        let of_container = |text: fn(&Container) -> &str| about.container.map_or("", text);
        let executable = about.process.map_or("", |process| process.program.executable.as_str());
        matches(self.finding.as_ref(), &finding.id)
            && matches(self.namespace.as_ref(), pod.map_or("", |pod| &pod.namespace))
            && matches(self.pod.as_ref(), pod.map_or("", |pod| &pod.name))
            && matches(self.service_account.as_ref(), pod.map_or("", |pod| &pod.service_account))
            && matches(self.container.as_ref(), of_container(|container| &container.name))
            && matches(self.image.as_ref(), of_container(|container| &container.image))
            && matches(self.program.as_ref(), executable)
            && self.labels.iter().all(|(key, patterns)| {
                let value = pod.and_then(|pod| pod.labels.get(key));
                value.is_some_and(|value| patterns.as_ref().is_none_or(|patterns| patterns.is_match(value)))
            })
    }
}

fn matches(patterns: Option<&GlobSet>, text: &str) -> bool {
    patterns.is_none_or(|patterns| !text.is_empty() && patterns.is_match(text))
}

fn patterns(key: &str, written: &[String]) -> Result<Patterns, String> {
    if written.is_empty() {
        return Ok(None);
    }
    if written.len() > PATTERNS_MAX {
        return Err(format!("{key} has more than {PATTERNS_MAX} patterns"));
    }
    let mut set = GlobSetBuilder::new();
    for pattern in written {
        let glob = GlobBuilder::new(pattern).literal_separator(false).backslash_escape(true).build();
        set.add(glob.map_err(|error| format!("{key}: `{pattern}` is no pattern: {}", error.kind()))?);
    }
    set.build().map(Some).map_err(|error| format!("{key}: {error}"))
}

/// What an exception leaves of a finding; `None`: nothing.
#[must_use]
pub fn excepted(mut finding: Finding, (action, reason): (Action, &str)) -> Option<Finding> {
    match action {
        Action::Drop => None,
        Action::Low => {
            finding.severity = Severity::Low;
            finding.evidence.push(format!("Told as low by an exception: {reason}"));
            Some(finding)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::container::Pod;

    fn finding(id: &str) -> Finding {
        Finding {
            id: id.into(),
            name: "n".into(),
            origin: Origin::Rule,
            severity: Severity::High,
            confidence: 0.9,
            techniques: Vec::new(),
            summary: String::new(),
            evidence: Vec::new(),
            next: Vec::new(),
            alert: None,
        }
    }

    fn container() -> Container {
        let labels = BTreeMap::from([("app".to_owned(), "ci".to_owned())]);
        let pod = Pod { namespace: "build".into(), name: "job-1".into(), labels, ..Pod::default() };
        Container { image: "registry.example/ci/builder:3".into(), pod: Some(pod), ..Container::default() }
    }

    fn outcome(text: &str, id: &str) -> Option<Action> {
        let (exceptions, container) = (Exceptions::parse(text).unwrap(), container());
        let about = About { container: Some(&container), process: None };
        exceptions.of(&finding(id), about, || Box::new(std::iter::empty())).map(|(action, _)| action)
    }

    #[test]
    fn all_that_an_exception_says_must_hold() {
        let one = |keys: &str| format!("[[exception]]\nreason = \"r\"\n{keys}\n");
        for (keys, fits) in [
            ("finding = [\"token-*\"]", true),
            ("finding = [\"other\", \"token-read\"]", true),
            ("finding = [\"other\"]", false),
            ("namespace = [\"build\"]\nimage = [\"registry.example/ci/*\"]", true),
            ("namespace = [\"shop\"]\nimage = [\"registry.example/ci/*\"]", false),
            ("labels = { app = \"c*\" }", true),
            ("labels = { app = \"web\" }", false),
            ("labels = { tier = \"*\" }", false),
            ("service_account = [\"*\"]", false),
            ("program = [\"*\"]", false),
            ("ancestor = [\"*\"]", false),
        ] {
            assert_eq!(outcome(&one(keys), "token-read"), fits.then_some(Action::Drop), "{keys}");
        }
        let two = one("finding = [\"x\"]") + &one("namespace = [\"build\"]\naction = \"low\"");
        assert_eq!(outcome(&two, "token-read"), Some(Action::Low));
        assert_eq!(outcome("", "token-read"), None);
    }

    #[test]
    fn behaviours_can_be_off() {
        let off = Exceptions::default().without(&["mining*".to_owned()]).unwrap();
        let about = About { container: None, process: None };
        let outcome = |finding: &Finding| {
            off.of(finding, about, || Box::new(std::iter::empty())).map(|(action, _)| action)
        };
        let behaviour = Finding { origin: Origin::Behaviour, ..finding("mining") };
        assert_eq!(outcome(&behaviour), Some(Action::Drop));
        assert_eq!(
            (outcome(&finding("mining")), outcome(&Finding { id: "x".into(), ..behaviour })),
            (None, None)
        );
        assert!(Exceptions::default().without(&["[".to_owned()]).is_err());
    }

    #[test]
    fn an_ancestor_may_be_named() {
        let text = "[[exception]]\nreason = \"r\"\nancestor = [\"/usr/bin/make\"]\n";
        let exceptions = Exceptions::parse(text).unwrap();
        let program = crate::process::Program { executable: "/usr/bin/make".into(), ..Default::default() };
        let process = Process {
            key: crate::process::Key { pid: 1, start_ticks: 1 },
            start_ns: 0,
            container_pid: 0,
            ids: Default::default(),
            standing: Default::default(),
            cgroup: 0,
            program: std::sync::Arc::new(program),
            exec_ns: 0,
            parent: None,
            exited_ns: None,
        };
        let about = About { container: None, process: None };
        let with = exceptions.of(&finding("x"), about, || Box::new(std::iter::once(&process)));
        assert_eq!(with, Some((Action::Drop, "r")));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let error = |text: &str| Exceptions::parse(text).unwrap_err().to_string();
        assert!(error("\n\n[[exception]]\nfinding = [\"x\"]").starts_with("line 3: an exception says why"));
        assert!(error("[[exception]]\nreason = \"r\"").contains("every finding everywhere"));
        let pattern = error("[[exception]]\nreason = \"r\"\nimage = [\"[\"]");
        assert!(pattern.starts_with("line 1: image: `[` is no pattern"), "{pattern}");
        let unknown = error("[[exception]]\nreason = \"r\"\nimages = [\"x\"]");
        assert!(unknown.contains("line 3") && unknown.contains("images"), "{unknown}");
        assert!(
            error("[[exception]]\nreason = \"r\"\nfinding = [\"x\"]\naction = \"hide\"").contains("hide")
        );
        let many = "[[exception]]\nreason = \"r\"\nfinding = [\"x\"]\n".repeat(EXCEPTIONS_MAX + 1);
        assert!(error(&many).contains("more than 1024"));
    }

    #[test]
    fn a_lowered_finding_says_why() {
        let low = excepted(finding("x"), (Action::Low, "ours")).unwrap();
        assert_eq!((low.severity, low.evidence.len()), (Severity::Low, 1));
        assert!(low.evidence[0].ends_with("ours"));
        assert!(excepted(finding("x"), (Action::Drop, "ours")).is_none());
    }
}
