//! Findings of a container are one incident in the stream, of the host too where it descends from one.

use super::*;
use crate::detect::{
    context::Given,
    finding::{Finding, Origin, Severity},
    incident,
    judge::Judge,
    technique,
    told::Bounds,
};
use crate::proto::incident::State;

const SECOND: u64 = 1_000_000_000;
/// The host's.
const OTHER: u64 = 5;

/// Finds a token in every opened file, and a break-out in every start of a program.
#[derive(Debug)]
struct Suspicious;

impl Judge for Suspicious {
    fn judge(&mut self, given: Given<'_>, found: &mut dyn FnMut(Finding)) {
        let (id, technique) = match given.event.class {
            Class::FileOpen => ("token", technique::T1528),
            Class::ProcessExec => ("node", technique::T1611),
            _ => return,
        };
        found(Finding {
            id: id.into(),
            name: id.to_uppercase(),
            origin: Origin::Behaviour,
            severity: Severity::High,
            confidence: 0.9,
            techniques: vec![technique],
            summary: format!("{id} was seen"),
            evidence: Vec::new(),
            next: Vec::new(),
            alert: None,
        });
    }
}

fn judged() -> (Pipeline, Kept) {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.set_judge(Some(Box::new(Suspicious)), Bounds { window_ns: 60 * SECOND, burst: 8 });
    pipeline.set_incidents(incident::Bounds { quiet_ns: 600 * SECOND, ..incident::Bounds::default() });
    pipeline.answer(answer(), 0, &mut kept);
    pipeline.answer(Answer { cgroup: OTHER, path: "/".into(), identity: None }, 0, &mut kept);
    (pipeline, kept)
}

fn opened(pid: u32, time_ns: u64) -> Vec<u8> {
    let record = FileRecord { header: header(Class::FileOpen, pid, time_ns), ..FileRecord::default() };
    finish(record.as_bytes().to_vec())
}

/// Of a process of the host, which came from another one.
fn forked_to_the_host(pid: u32, parent: u32, time_ns: u64) -> Vec<u8> {
    let from = TaskRef { start_ns: 5, pid: parent, tid: parent };
    let header = RecordHeader { cgroup: OTHER, ..header(Class::ProcessFork, pid, time_ns) };
    let record = ForkRecord { header, creator: from, parent: from, ..ForkRecord::default() };
    finish(record.as_bytes().to_vec())
}

fn opened_on_the_host(pid: u32, time_ns: u64) -> Vec<u8> {
    let header = RecordHeader { cgroup: OTHER, ..header(Class::FileOpen, pid, time_ns) };
    finish(FileRecord { header, ..FileRecord::default() }.as_bytes().to_vec())
}

fn incidents(kept: &Kept) -> Vec<(&proto::Event, &proto::Incident)> {
    let told = kept.events.iter().filter_map(|event| match &event.facts {
        Some(proto::event::Facts::Incident(incident)) => Some((event, incident)),
        _ => None,
    });
    told.collect()
}

fn findings(kept: &Kept) -> Vec<(&proto::Event, &proto::Finding)> {
    let found = kept.events.iter().filter_map(|event| match &event.facts {
        Some(proto::event::Facts::Finding(finding)) => Some((event, finding)),
        _ => None,
    });
    found.collect()
}

#[test]
fn a_finding_names_its_incident_which_follows_it() {
    let (mut pipeline, mut kept) = judged();
    pipeline.record(&opened(10, SECOND), SECOND, &mut kept);
    pipeline.record(&exec(10, 2 * SECOND), 2 * SECOND, &mut kept);
    let classes: Vec<_> = kept.events.iter().map(proto::Event::class).collect();
    use proto::Class::{Finding, Incident, ProcessExec};
    assert_eq!(classes, [Finding, Incident, ProcessExec, Finding, Incident]);
    let (found, told) = (findings(&kept), incidents(&kept));
    let id = &found[0].0.cursor;
    assert!(
        found.iter().all(|(_, finding)| finding.incident == *id) && told.iter().all(|told| told.1.id == *id)
    );
    assert_eq!((told[0].1.state(), told[1].1.state()), (State::Opened, State::Updated));
    assert_eq!(
        (told[0].1.severity(), told[1].1.severity()),
        (proto::finding::Severity::High, proto::finding::Severity::Critical)
    );
    let last = told[1].1;
    assert_eq!(last.news, ["It is CRITICAL now; it was HIGH.", "NODE"]);
    assert_eq!(told[1].0.container.as_ref().map(|container| container.name.as_str()), Some("main"));
    let entries: Vec<_> = last
        .timeline
        .iter()
        .map(|entry| (entry.finding.as_str(), entry.cursor.as_str(), entry.count))
        .collect();
    assert_eq!(entries, [("token", id.as_str(), 1), ("node", found[1].0.cursor.as_str(), 1)]);
    assert_eq!(last.timeline[1].process.as_ref().map(|process| process.executable.as_str()), Some("/bin/sh"));
    assert_eq!((last.findings, last.techniques.join(" ")), (2, "T1528 T1611".to_owned()));
    let json = serde_json::to_value(told[0].0).unwrap();
    assert_eq!((&json["class"], &json["incident"]["state"]), (&"INCIDENT".into(), &"OPENED".into()));
    assert_eq!(json["process"]["pid"], 10);
}

#[test]
fn equal_attempts_of_many_processes_are_told_once_and_counted_by_ticks() {
    let (mut pipeline, mut kept) = judged();
    for pid in 0..1_000 {
        pipeline.record(&opened(100 + pid, SECOND), SECOND, &mut kept);
    }
    pipeline.tick(2 * SECOND, &mut kept);
    assert_eq!((findings(&kept).len(), pipeline.judged().combined), (1, 999));
    let told = incidents(&kept);
    assert_eq!((told.len(), told[1].1.timeline[0].count, told[1].1.findings), (2, 1_000, 1_000));
    pipeline.tick(70 * SECOND, &mut kept);
    let found = findings(&kept);
    let (first, last) = (found[0], found[1]);
    assert_eq!((found.len(), last.1.repeats, last.1.only_repeats), (2, 999, true));
    assert_eq!((&last.1.incident, &last.1.summary), (&first.0.cursor, &first.1.summary));
    assert_eq!(pipeline.judged().findings, [0, 0, 1, 0], "nothing more was found");
    pipeline.tick(800 * SECOND, &mut kept);
    assert_eq!(incidents(&kept).last().unwrap().1.state(), State::Closed);
}

#[test]
fn what_descends_from_a_container_is_of_its_incident_and_the_host_has_its_own() {
    let (mut pipeline, mut kept) = judged();
    pipeline.record(&exec(10, SECOND), SECOND, &mut kept);
    pipeline.record(&forked_to_the_host(20, 10, SECOND), SECOND, &mut kept);
    pipeline.record(&opened_on_the_host(20, 2 * SECOND), 2 * SECOND, &mut kept);
    pipeline.record(&forked_to_the_host(31, 30, SECOND), SECOND, &mut kept);
    pipeline.record(&opened_on_the_host(31, 70 * SECOND), 70 * SECOND, &mut kept);
    let ids: Vec<_> = findings(&kept).iter().map(|(_, finding)| finding.incident.clone()).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    let told = incidents(&kept);
    assert_eq!(told.iter().filter(|told| told.1.state() == State::Opened).count(), 2);
    assert!(told.last().unwrap().0.container.is_none());
    assert_eq!(pipeline.incidents_status().open.len(), 2);
}

#[test]
fn a_program_that_the_kernel_starts_after_an_attempt_is_its_outcome() {
    let (mut pipeline, mut kept) = judged();
    pipeline.record(&exec(10, SECOND), SECOND, &mut kept);
    pipeline.record(&forked_to_the_host(2, 0, 1), 1, &mut kept);
    pipeline.record(&forked_to_the_host(40, 2, 2 * SECOND), 2 * SECOND, &mut kept);
    let mut started = exec(40, 2 * SECOND);
    let header = RecordHeader {
        length: u32::try_from(started.len()).unwrap(),
        cgroup: OTHER,
        ..header(Class::ProcessExec, 40, 2 * SECOND)
    };
    started[..size_of::<RecordHeader>()].copy_from_slice(header.as_bytes());
    pipeline.record(&started, 2 * SECOND, &mut kept);
    let ids: Vec<_> = findings(&kept).iter().map(|(_, finding)| finding.incident.clone()).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}
