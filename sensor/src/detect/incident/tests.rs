//! What becomes of findings: one incident, how bad it is, when it is told, when it is over, and that it stays small.

use super::phase::Phase;
use super::*;
use crate::detect::finding::Origin as By;
use crate::detect::technique::Technique;
use crate::identity::container::{Container, Pod};

const SECOND: u64 = 1_000_000_000;

fn finding(id: &str, severity: Severity, technique: &str) -> Finding {
    Finding {
        id: id.into(),
        name: format!("Name of {id}"),
        origin: By::Behaviour,
        severity,
        confidence: 0.8,
        techniques: vec![Technique::of(technique)],
        summary: format!("{id} happened"),
        evidence: Vec::new(),
        next: vec![format!("look at {id}")],
        alert: None,
    }
}

fn container(name: &str) -> Arc<Known> {
    let pod = Pod { namespace: "shop".into(), name: "web-1".into(), ..Pod::default() };
    let container = Container { id: name.into(), name: name.into(), pod: Some(pod), ..Container::default() };
    Arc::new(Known::new(container, None))
}

/// Incidents with the number of the next event, and all that was told: id, state, severity.
struct Stage {
    incidents: Incidents,
    next: u64,
    told: Vec<(String, State, Severity)>,
}

impl Stage {
    fn new(bounds: Bounds) -> Self {
        Self { incidents: Incidents::new(bounds), next: 0, told: Vec::new() }
    }

    fn found(&mut self, place: &str, finding: &Finding, second: u64) -> Option<Arc<str>> {
        self.next += 1;
        let event = self.next;
        self.found_in(place, finding, second, event)
    }

    fn found_in(&mut self, place: &str, finding: &Finding, second: u64, event: u64) -> Option<Arc<str>> {
        let known = container(place);
        let actor = || {
            Some(Actor {
                key: Some(Key { pid: 7, start_ticks: 1 }),
                executable: "/bin/x".into(),
                arguments: vec!["x".into(), "-y".into()],
                users: Some((1_000, 0)),
                ..Actor::default()
            })
        };
        let lineage = || actor().into_iter().collect();
        let scene = Scene { instance: "i", cgroup: 1, known: Some(&known), actor: &actor, lineage: &lineage };
        let time_ns = second * SECOND;
        self.next += 1;
        let found = Found { finding, time_ns, cursor: self.next, told: true, event };
        let joined = self.incidents.take(&Root::Container(place.into()), found, &scene);
        if let Some(incident) = joined.given_up {
            self.told.push((incident.id.as_ref().into(), State::Closed, incident.severity));
        }
        if let Some(number) = joined.news {
            let (incident, state) = self.incidents.tell(number, time_ns).unwrap();
            self.told.push((incident.id.as_ref().into(), state, incident.severity));
        }
        joined.id
    }

    fn tick(&mut self, second: u64) {
        let told = &mut self.told;
        self.incidents.tick(second * SECOND, &mut |incident, state| {
            told.push((incident.id.as_ref().into(), state, incident.severity));
        });
    }

    fn states(&mut self) -> Vec<State> {
        self.told.drain(..).map(|(_, state, _)| state).collect()
    }
}

#[test]
fn a_chain_is_one_incident_that_is_worse_than_its_parts() {
    let mut stage = Stage::new(Bounds::default());
    let steps = [
        finding("drop", Severity::Medium, "T1105"),
        finding("token", Severity::High, "T1528"),
        finding("node", Severity::High, "T1611"),
    ];
    let ids: Vec<_> = steps.iter().zip(10..).map(|(step, second)| stage.found("a", step, second)).collect();
    assert!(ids.iter().all(|id| id.as_deref() == Some("i-2")), "{ids:?}");
    let told: Vec<_> = stage.told.iter().map(|(_, state, severity)| (*state, *severity)).collect();
    assert_eq!(
        told,
        [
            (State::Opened, Severity::Medium),
            (State::Updated, Severity::Critical),
            (State::Updated, Severity::Critical)
        ]
    );
    let incident = stage.incidents.iter().next().unwrap();
    assert_eq!(incident.phases, [Phase::Execution, Phase::Credentials, Phase::Escape]);
    assert_eq!((incident.worst, incident.confidence), (Severity::High, 0.8));
    assert_eq!(words::title(incident), Phase::Escape.title());
    assert_eq!(
        words::summary(incident),
        "In container a of pod web-1 in namespace shop, within 2 seconds: first a program or command was run that does not \
         belong there; then passwords, tokens or keys were read; then a way out of the container, to the node, was taken or \
         tried. None of these is more than HIGH by itself; one after the other they are CRITICAL, because attacks go this way."
    );
    assert_eq!(
        words::began(incident),
        "The first that was noticed: /bin/x (process 7), running as root, by the command \"x -y\". It was started by /bin/x \
         (process 7)."
    );
    let next = words::next(incident, "node1");
    assert!(
        next[0].starts_with("Cut it off: ") && next[0].contains("pod web-1 in namespace shop"),
        "{next:?}"
    );
    assert!(
        next[1].ends_with("kubectl -n shop describe pod web-1; kubectl -n shop logs web-1 -c a"),
        "{next:?}"
    );
    assert!(next[2].contains("(kubectl cordon node1)"), "{next:?}");
    assert!(next.contains(&"look at token".to_owned()), "{next:?}");
    assert_eq!(words::stakes(incident)[0], Phase::Escape.stakes());
}

#[test]
fn what_several_detections_say_of_one_event_is_no_chain() {
    let mut stage = Stage::new(Bounds::default());
    stage.found_in("a", &finding("drop", Severity::High, "T1105"), 1, 5);
    stage.found_in("a", &finding("hidden", Severity::High, "T1562"), 1, 5);
    stage.found_in("a", &finding("again", Severity::High, "T1105"), 2, 9);
    assert_eq!(stage.incidents.iter().next().unwrap().severity, Severity::High);
    let unsure = Finding { confidence: 0.3, ..finding("maybe", Severity::High, "T1528") };
    stage.found_in("a", &unsure, 3, 11);
    assert_eq!(stage.incidents.iter().next().unwrap().severity, Severity::High, "not sure enough");
    stage.found_in("a", &finding("token", Severity::Medium, "T1528"), 4, 13);
    assert_eq!(stage.incidents.iter().next().unwrap().severity, Severity::Critical);
}

#[test]
fn low_ones_open_none_and_join_one_that_is_open() {
    let mut stage = Stage::new(Bounds::default());
    let low = finding("note", Severity::Low, "T1609");
    assert_eq!(stage.found("a", &low, 1), None);
    assert!(stage.told.is_empty());
    let opened = stage.found("a", &finding("token", Severity::High, "T1528"), 2);
    assert_eq!(stage.found("a", &low, 3), opened);
    assert_eq!(stage.found("b", &low, 3), None);
    let incident = stage.incidents.iter().next().unwrap();
    assert_eq!((incident.severity, incident.timeline.len()), (Severity::High, 2));
    stage.tick(2 + 600);
    assert_eq!(stage.states(), [State::Opened, State::Updated, State::Closed], "they keep none open");
}

#[test]
fn ten_thousand_equal_attempts_are_one_entry_with_a_count() {
    let mut stage = Stage::new(Bounds::default());
    let token = finding("token", Severity::High, "T1528");
    for number in 0..10_000 {
        stage.found("a", &token, 1);
        if number == 2_000 {
            stage.tick(2);
        }
    }
    assert_eq!(stage.states(), [State::Opened, State::Updated], "opened, and a power of ten");
    stage.tick(3);
    assert_eq!(stage.states(), [State::Updated], "10,000");
    let incident = stage.incidents.iter().next().unwrap();
    assert_eq!((incident.timeline.len(), incident.findings), (1, 10_000));
    assert_eq!((incident.timeline[0].count, incident.told_news.len()), (10_000, 1));
    stage.tick(4);
    assert!(stage.told.is_empty(), "nothing new");
    // A few more are told when some time has passed.
    stage.found("a", &token, 5);
    stage.tick(6);
    assert!(stage.told.is_empty());
    stage.tick(5 + 20);
    assert_eq!(stage.states(), [State::Updated]);
}

#[test]
fn quiet_ones_are_closed_and_the_next_one_names_them() {
    let mut stage = Stage::new(Bounds { quiet_ns: 10 * SECOND, ..Bounds::default() });
    let token = finding("token", Severity::High, "T1528");
    let first = stage.found("a", &token, 1);
    let other = stage.found("b", &token, 5);
    assert_ne!(first, other, "two containers are two incidents");
    stage.tick(10);
    assert_eq!(stage.states(), [State::Opened, State::Opened]);
    stage.tick(11);
    assert_eq!(stage.told.len(), 1);
    assert_eq!(Some(stage.told[0].0.as_str()), first.as_deref());
    assert_eq!(stage.states(), [State::Closed]);
    stage.found("a", &token, 12);
    let again = stage.incidents.iter().last().unwrap();
    assert_eq!((again.previous.as_deref(), again.findings), (first.as_deref(), 1));
    let counts = stage.incidents.counts();
    assert_eq!((counts.opened, counts.closed, stage.incidents.table()), (3, 1, (2, 128)));
}

#[test]
fn nothing_grows_without_bound() {
    let bounds = Bounds { quiet_ns: 600 * SECOND, open_max: 16, timeline_max: 8 };
    let mut stage = Stage::new(bounds);
    let worst = finding("node", Severity::Critical, "T1611");
    stage.found("quiet", &worst, 0);
    let long = "ä".repeat(2_000);
    for place in 0..500 {
        for number in 0..20 {
            let hostile = Finding {
                name: long.clone(),
                summary: format!("{number}{long}"),
                next: vec![format!("{place}{number}{long}")],
                techniques: vec![Technique::of(&format!("T{number}"))],
                ..finding(&format!("{number}{long}"), Severity::High, "T1528")
            };
            stage.found(&place.to_string(), &hostile, 1 + place);
        }
        stage.found("busy", &worst, 1 + place);
        stage.told.clear();
    }
    assert_eq!(stage.incidents.table(), (16, 16));
    let counts = stage.incidents.counts();
    assert_eq!((counts.opened, counts.given_up, counts.omitted), (502, 486, 500 * 12));
    let worst: Vec<_> =
        stage.incidents.iter().filter(|incident| incident.severity == Severity::Critical).collect();
    assert_eq!(worst.len(), 1, "the one that goes on stays");
    assert_eq!((&worst[0].root, worst[0].findings), (&Root::Container("busy".into()), 500));
    assert_eq!(stage.incidents.before.len(), 16 * 8);
    for incident in stage.incidents.iter() {
        assert!(incident.timeline.len() <= 8 && incident.techniques.len() <= 32);
        assert!(incident.bytes() < 8 * 2_048 + 16_384, "{}", incident.bytes());
    }
}

#[test]
fn an_outcome_on_the_node_finds_the_container_that_tried() {
    let mut stage = Stage::new(Bounds::default());
    stage.found("a", &finding("token", Severity::High, "T1528"), 1);
    assert_eq!(stage.incidents.escaping(2 * SECOND, SECOND), None, "none tried");
    stage.found("b", &finding("agent", Severity::Critical, "T1611"), 5);
    assert_eq!(stage.incidents.escaping(6 * SECOND, SECOND), Some(Root::Container("b".into())));
    assert_eq!(stage.incidents.escaping(7 * SECOND, SECOND), None, "too long ago");
}
