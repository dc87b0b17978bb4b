//! An incident as an event of its own.

use super::{Context, container, exec_id, severity};
use crate::detect::incident::{Actor, Entry, Incident, State, words};
use crate::proto::{self, incident::State as Told};

impl Context {
    /// The message of an incident, told at `time_ns`; without container.
    #[must_use]
    pub fn incident(&self, incident: &Incident, state: State, time_ns: u64, sequence: u64) -> proto::Event {
        let mut message = self.blank(proto::Class::Incident, time_ns, sequence);
        let mut lineage = incident.origin.lineage.iter().map(|actor| self.participant(actor));
        message.process = incident
            .origin
            .actor
            .as_ref()
            .map(|actor| proto::Process { parent: lineage.next().map(Box::new), ..self.participant(actor) });
        message.ancestors = lineage.collect();
        message.facts = Some(proto::event::Facts::Incident(proto::Incident {
            id: incident.id.as_ref().to_owned(),
            state: told(state).into(),
            severity: severity(incident.severity).into(),
            confidence: incident.confidence,
            title: words::title(incident),
            summary: words::summary(incident),
            began: words::began(incident),
            began_time: Some(self.time(incident.first_ns)),
            stakes: words::stakes(incident),
            next: words::next(incident, &self.node),
            techniques: incident.techniques.iter().map(ToString::to_string).collect(),
            timeline: incident.timeline.iter().map(|entry| self.entry(entry)).collect(),
            findings: incident.findings,
            omitted: incident.omitted,
            previous: incident.previous.as_deref().unwrap_or_default().to_owned(),
            news: incident.told_news.clone(),
            last_time: Some(self.time(incident.last_ns)),
        }));
        message
    }

    /// What the status says of an incident.
    #[must_use]
    pub fn open_incident(&self, incident: &Incident) -> proto::OpenIncident {
        proto::OpenIncident {
            id: incident.id.as_ref().to_owned(),
            severity: severity(incident.severity).into(),
            title: words::title(incident),
            container: incident.known.as_deref().map(container),
            began_time: Some(self.time(incident.first_ns)),
            last_time: Some(self.time(incident.last_ns)),
            findings: incident.findings,
        }
    }

    fn entry(&self, entry: &Entry) -> proto::IncidentEntry {
        proto::IncidentEntry {
            time: Some(self.time(entry.time_ns)),
            last_time: (entry.count > 1).then(|| self.time(entry.last_ns)),
            finding: entry.id.clone(),
            name: entry.name.clone(),
            severity: severity(entry.severity).into(),
            summary: entry.summary.clone(),
            process: entry.actor.as_ref().map(|actor| self.participant(actor)),
            count: entry.count,
            cursor: if entry.cursor == 0 { String::new() } else { self.cursor(entry.cursor) },
        }
    }

    fn participant(&self, actor: &Actor) -> proto::Process {
        proto::Process {
            exec_id: actor.key.map(|key| exec_id(key, actor.exec_ns)).unwrap_or_default(),
            pid: actor.key.map(|key| key.pid),
            executable: actor.executable.clone(),
            arguments: actor.arguments.clone(),
            uid: actor.users.map(|(uid, _)| uid),
            effective_uid: actor
                .users
                .filter(|(uid, effective)| uid != effective)
                .map(|(_, effective)| effective),
            ..proto::Process::default()
        }
    }
}

const fn told(state: State) -> Told {
    match state {
        State::Opened => Told::Opened,
        State::Updated => Told::Updated,
        State::Closed => Told::Closed,
    }
}
