//! What a judge finds becomes an event behind the one on which it rests.

use super::*;
use crate::detect::{
    context::Given,
    exception::Exceptions,
    finding::{Finding, Origin, Severity},
    judge::Judge,
    normal::{Mode, Normal},
    technique,
    told::Bounds,
};

const BOUNDS: Bounds = Bounds { window_ns: 1_000, burst: 8 };

/// Finds something in every event of these classes.
#[derive(Debug)]
struct Suspicious(Vec<Class>);

impl Judge for Suspicious {
    fn judge(&mut self, given: Given<'_>, found: &mut dyn FnMut(Finding)) {
        if !self.0.contains(&given.event.class) {
            return;
        }
        let process = given.tree.get(given.event.process.into()).expect("it was taken in before");
        found(Finding {
            id: "suspicious".into(),
            name: "Suspicious".into(),
            origin: Origin::Rule,
            severity: Severity::High,
            confidence: 0.5,
            techniques: vec![technique::T1611],
            summary: format!("{} at {}", process.program.executable, given.wall_ns),
            evidence: vec!["seen".into()],
            next: Vec::new(),
            alert: None,
        });
    }
}

fn judged_pipeline(classes: &[Class]) -> Pipeline {
    let mut pipeline = pipeline(100);
    pipeline.set_judge(Some(Box::new(Suspicious(classes.to_vec()))), BOUNDS);
    pipeline
}

fn finding(event: &proto::Event) -> &proto::Finding {
    match &event.facts {
        Some(proto::event::Facts::Finding(found)) => found,
        other => panic!("no finding: {other:?}"),
    }
}

#[test]
fn a_finding_follows_its_event_and_says_who_and_where() {
    let (mut pipeline, mut kept) = (judged_pipeline(&[Class::ProcessExec]), Kept::default());
    pipeline.answer(answer(), 0, &mut kept);
    pipeline.record(&exec(10, 1_000), 1_000, &mut kept);
    let [event, found, _incident] = kept.events.as_slice() else { panic!("three events: {:?}", kept.events) };
    assert_eq!((event.class(), found.class()), (proto::Class::ProcessExec, proto::Class::Finding));
    assert_eq!((&found.container, found.time), (&event.container, event.time));
    assert!(found.container.is_some() && found.cursor != event.cursor);
    let process = found.process.as_ref().unwrap();
    assert_eq!(process, event.process.as_ref().unwrap());
    let told = finding(found);
    assert_eq!(
        (told.id.as_str(), told.severity(), told.repeats),
        ("suspicious", proto::finding::Severity::High, 0)
    );
    assert_eq!(told.summary, "/bin/sh at 1000");
    assert_eq!(told.evidence, [proto::Evidence { cursor: event.cursor.clone(), fact: "seen".into() }]);
    let json = serde_json::to_value(found).unwrap();
    assert_eq!(json["class"], "FINDING");
    assert_eq!((&json["finding"]["source"], &json["finding"]["severity"]), (&"RULE".into(), &"HIGH".into()));
    assert_eq!(json["finding"]["confidence"], 0.5);
    assert_eq!(json["finding"]["techniques"][0], "T1611");
    let judged = pipeline.judged();
    assert_eq!((judged.events, judged.findings), (1, [0, 0, 1, 0]));
}

#[test]
fn equal_ones_are_told_once_and_counted() {
    let (mut pipeline, mut kept) = (judged_pipeline(&[Class::FileOpen]), Kept::default());
    pipeline.answer(answer(), 0, &mut kept);
    pipeline.record(&exec(10, 1), 1, &mut kept);
    kept.events.clear();
    // The summary has the time in it.
    for time in [10, 10, 20, 5_000] {
        pipeline.record(&opened(10, time), time, &mut kept);
    }
    let repeats: Vec<_> = kept
        .events
        .iter()
        .filter(|event| event.class() == proto::Class::Finding)
        .map(|event| finding(event).repeats)
        .collect();
    assert_eq!(repeats, [0, 1, 0]);
    assert_eq!((pipeline.judged().combined, pipeline.judged().limited), (1, 0));
}

#[test]
fn what_subscribers_do_not_want_is_judged_and_the_canary_is_not() {
    let (mut pipeline, mut kept) = (judged_pipeline(&[Class::FileOpen, Class::ProcessExec]), Kept::default());
    pipeline.answer(answer(), 0, &mut kept);
    pipeline.set_policy(Arc::new(Policy { containers: 0, host: 0, ..Policy::everything() }));
    pipeline.record(&exec(10, 1), 1, &mut kept);
    kept.events.clear();
    pipeline.record(&opened(10, 2), 2, &mut kept);
    let classes: Vec<_> = kept.events.iter().map(proto::Event::class).collect();
    assert_eq!(classes, [proto::Class::Finding]);
    let cursors = (finding(&kept.events[0]).evidence[0].cursor.clone(), kept.events[0].cursor.clone());
    assert_ne!(cursors.0, cursors.1, "what is not told has a place in the stream too");
    kept.events.clear();
    pipeline.set_canary(10, 10);
    pipeline.record(&opened(10, 3), 3, &mut kept);
    assert!(kept.events.is_empty() && kept.canary == [Class::FileOpen]);
}

#[test]
fn exceptions_are_not_told_and_counted() {
    let (mut pipeline, mut kept) = (judged_pipeline(&[Class::ProcessExec]), Kept::default());
    pipeline.answer(answer(), 0, &mut kept);
    let text = "[[exception]]\ncontainer = [\"main\"]\nprogram = [\"/bin/*\"]\nreason = \"r\"\n";
    let exceptions = Exceptions::parse(text).unwrap();
    assert!(pipeline.set_exceptions(Arc::new(exceptions)).is_empty());
    pipeline.record(&exec(10, 1), 1, &mut kept);
    assert_eq!((kept.take().len(), pipeline.judged().excepted), (1, 1));
    let low = text.replace("reason", "action = \"low\"\nreason");
    assert_eq!(pipeline.set_exceptions(Arc::new(Exceptions::parse(&low).unwrap())).len(), 1);
    pipeline.record(&exec(11, 2), 2, &mut kept);
    assert_eq!(finding(&kept.events[1]).severity(), proto::finding::Severity::Low);
}

#[test]
fn what_programs_do_is_learned_and_shown() {
    let (mut pipeline, mut kept) = (judged_pipeline(&[Class::ProcessExec]), Kept::default());
    pipeline.set_normal(Normal::new(Mode::Learning, 8));
    let mut named = answer();
    let container = Container { id: ID.into(), image: "shop/web:1".into(), ..Container::default() };
    named.identity = Some(Arc::new(Known::new(container, None)));
    pipeline.answer(named, 0, &mut kept);
    pipeline.record(&exec(10, 1), 1, &mut kept);
    let learned = pipeline.learned(8);
    let facts: Vec<_> = learned[0].facts.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(learned[0].image, "shop/web");
    assert_eq!(facts, ["finding suspicious by /bin/sh", "starts /bin/sh from ?"]);
    assert!(pipeline.learned(8).is_empty());
}

#[test]
fn the_judge_before_is_given_back() {
    let (mut pipeline, mut kept) = (judged_pipeline(&[Class::ProcessExec]), Kept::default());
    assert!(pipeline.set_judge(None, BOUNDS).is_some());
    assert!(pipeline.set_judge(None, BOUNDS).is_none());
    pipeline.answer(answer(), 0, &mut kept);
    pipeline.record(&exec(10, 1), 1, &mut kept);
    assert_eq!(kept.take().len(), 1);
    assert_eq!(pipeline.judged().events, 0);
}

fn opened(pid: u32, time_ns: u64) -> Vec<u8> {
    let record = FileRecord { header: header(Class::FileOpen, pid, time_ns), ..FileRecord::default() };
    finish(record.as_bytes().to_vec())
}
