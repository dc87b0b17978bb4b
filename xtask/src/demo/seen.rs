//! What arrived about the container, in the stream as `picket watch -o json` shows it: one event a line.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::attack::{PROGRAMS, STEPS};
use super::containerd::{CONTAINER, IMAGE, NAMESPACE, POD};

/// What arrived.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// exec events of the container.
    pub(crate) all: usize,
    /// Those that name its pod.
    pub(crate) named: usize,
    /// Executables or first arguments, of those that name the pod.
    pub(crate) programs: Vec<String>,
    /// What was found in it, in words.
    pub(crate) findings: Vec<String>,
    /// States of incidents, in order: `OPENED`.
    pub(crate) incidents: Vec<String>,
    /// What the last one says, with its severity in front.
    pub(crate) summary: String,
}

impl Seen {
    /// Of the container with this id.
    pub(crate) fn of(json: &str, id: &str) -> Self {
        let mut seen = Self::default();
        let events = json.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for event in events.filter(|event| event["container"]["id"] == id) {
            seen.add(&event);
        }
        seen
    }

    fn add(&mut self, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (finding, incident) = (&event["finding"], &event["incident"]);
        if finding.is_object() {
            self.findings.push(format!("{}: {}", text(&finding["severity"]), text(&finding["name"])));
        }
        if incident.is_object() {
            self.incidents.push(text(&incident["state"]));
            self.summary = format!("{}: {}", text(&incident["severity"]), text(&incident["summary"]));
        }
        if event["class"] != "PROCESS_EXEC" {
            return;
        }
        self.all += 1;
        let pod = &event["container"]["pod"];
        if pod["name"] == POD && pod["namespace"] == NAMESPACE {
            self.named += 1;
            let first = event["process"]["arguments"][0].as_str();
            self.programs.extend(first.map(str::to_owned));
        }
    }

    /// True if nothing is to come any more.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing().is_empty() && self.incidents.last().is_some_and(|state| state == "CLOSED")
    }

    fn missing(&self) -> Vec<&'static str> {
        PROGRAMS.into_iter().filter(|program| !self.programs.iter().any(|name| name == program)).collect()
    }

    /// Says what arrived; an error where something is missing.
    pub(crate) fn check(&self, id: &str) -> Result<()> {
        println!("container {CONTAINER} of pod {NAMESPACE}/{POD}, image {IMAGE}, id {id}");
        println!("exec events: {}, of them with the name of the pod: {}", self.all, self.named);
        println!("what was found in it: {}, which is one incident", self.findings.len());
        self.findings.iter().for_each(|finding| println!("  {finding}"));
        ensure!(self.named > 0, "no exec event arrived with the name of the pod");
        ensure!(
            self.named == self.all,
            "{} exec events came without the name of the pod",
            self.all - self.named
        );
        let missing = self.missing();
        ensure!(missing.is_empty(), "no exec event of {}", missing.join(", "));
        let opened = self.incidents.iter().filter(|state| *state == "OPENED").count();
        ensure!(opened == 1, "the attack is {opened} incidents, and should be one");
        ensure!(self.summary.starts_with("CRITICAL"), "the incident is not CRITICAL: {}", self.summary);
        for step in STEPS {
            ensure!(self.summary.contains(step), "the incident does not say that {step}: {}", self.summary);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Seen {
        Seen {
            all: 9,
            named: 9,
            programs: PROGRAMS.map(str::to_owned).to_vec(),
            findings: Vec::new(),
            incidents: ["OPENED", "UPDATED", "CLOSED"].map(str::to_owned).to_vec(),
            summary: format!("CRITICAL: {}", STEPS.join("; ")),
        }
    }

    #[test]
    fn only_events_of_the_container_count() {
        let json = concat!(
            r#"{"class":"PROCESS_EXEC","container":{"id":"a","pod":{"name":"web-1","namespace":"default"}},"process":{"arguments":["/bin/id"]}}"#,
            "\n",
            r#"{"class":"PROCESS_EXIT","container":{"id":"a","pod":{"name":"web-1","namespace":"default"}}}"#,
            "\nnot json\n",
            r#"{"class":"PROCESS_EXEC","container":{"id":"a"}}"#,
            "\n",
            r#"{"class":"FINDING","container":{"id":"a"},"finding":{"severity":"MEDIUM","name":"Program run"}}"#,
            "\n",
            r#"{"class":"INCIDENT","container":{"id":"a"},"incident":{"severity":"HIGH","state":"OPENED","summary":"x"}}"#,
            "\n",
            r#"{"class":"PROCESS_EXEC","container":{"id":"b","pod":{"name":"web-1","namespace":"default"}}}"#,
        );
        let seen = Seen {
            all: 2,
            named: 1,
            programs: vec!["/bin/id".into()],
            findings: vec!["MEDIUM: Program run".into()],
            incidents: vec!["OPENED".into()],
            summary: "HIGH: x".into(),
        };
        assert_eq!(Seen::of(json, "a"), seen);
        assert!(!seen.is_complete() && whole().is_complete());
    }

    #[test]
    fn what_is_missing_fails() {
        whole().check("x").unwrap();
        for bad in [
            Seen::default(),
            Seen { named: 8, ..whole() },
            Seen { programs: vec!["/bin/id".into()], ..whole() },
            Seen { incidents: vec!["OPENED".into(), "OPENED".into()], ..whole() },
            Seen { summary: format!("HIGH: {}", STEPS.join("; ")), ..whole() },
            Seen { summary: "CRITICAL: something".into(), ..whole() },
        ] {
            bad.check("x").unwrap_err();
        }
    }
}
