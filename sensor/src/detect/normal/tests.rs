//! What is learned, when it counts, and that it is bounded.

use super::*;
use crate::detect::finding::Origin;

const DAY_NS: i64 = SETTLED_S * 1_000_000_000;
const HOUR_NS: i64 = OCCASION_S * 1_000_000_000;
const START: i64 = 1_700_000_000_000_000_000;

fn container(id: u64) -> Container {
    Container { id: id.to_string(), image: "registry.example:5000/web:1".into(), ..Container::default() }
}

fn finding(severity: Severity, techniques: Vec<crate::detect::technique::Technique>) -> Finding {
    Finding {
        id: "token".into(),
        name: "n".into(),
        origin: Origin::Behaviour,
        severity,
        confidence: 0.9,
        techniques,
        summary: String::new(),
        evidence: Vec::new(),
        next: Vec::new(),
        alert: None,
    }
}

fn weighed(normal: &mut Normal, id: u64, wall_ns: i64) -> Finding {
    let mut told = finding(Severity::High, Vec::new());
    normal.weigh(&mut told, None, (&container(id), "/bin/sh"), wall_ns);
    told
}

#[test]
fn what_was_seen_in_several_containers_for_a_day_is_normal() {
    let mut normal = Normal::new(Mode::On, 10);
    for id in 0..3 {
        let told = weighed(&mut normal, id, START);
        assert_eq!((told.severity, told.confidence), (Severity::High, 0.9), "nothing is known yet");
    }
    assert_eq!(weighed(&mut normal, 9, START + DAY_NS - 1_000_000_000).severity, Severity::High);
    let told = weighed(&mut normal, 9, START + DAY_NS);
    assert_eq!(told.severity, Severity::Low);
    assert!((told.confidence - 0.27).abs() < 1e-9, "{}", told.confidence);
    assert_eq!(
        told.evidence,
        ["It has always been so in this image: seen since 2023-11-14, in 3 containers or more"]
    );
}

#[test]
fn one_container_needs_several_occasions() {
    let mut normal = Normal::new(Mode::On, 10);
    for hour in 0..2 {
        weighed(&mut normal, 1, START + hour * HOUR_NS);
    }
    assert_eq!(
        weighed(&mut normal, 1, START + DAY_NS).severity,
        Severity::High,
        "the third is judged before it counts"
    );
    assert_eq!(weighed(&mut normal, 1, START + DAY_NS + 1).severity, Severity::Low);
}

#[test]
fn what_is_new_in_a_settled_image_is_surer_and_an_escape_stays_visible() {
    let mut normal = Normal::new(Mode::On, 10);
    normal.learn(&container(1), "starts /bin/x from /bin/y", START);
    let told = weighed(&mut normal, 1, START + DAY_NS);
    assert!((told.confidence - 0.95).abs() < 1e-9 && told.severity == Severity::High);
    assert!(told.evidence[0].starts_with("New in this image, which is watched since 2023-11-14"));
    for id in 2..5 {
        weighed(&mut normal, id, START + DAY_NS);
    }
    let mut escape = finding(Severity::Critical, vec![T1611]);
    normal.weigh(&mut escape, None, (&container(1), "/bin/sh"), START + 2 * DAY_NS);
    assert_eq!(escape.severity, Severity::Medium);
}

#[test]
fn learning_changes_nothing() {
    let mut normal = Normal::new(Mode::Learning, 10);
    for id in 0..5 {
        let told = weighed(&mut normal, id, START + i64::try_from(id).unwrap() * DAY_NS);
        assert_eq!(told, finding(Severity::High, Vec::new()));
    }
    assert_eq!(normal.news(10).len(), 1);
}

#[test]
fn what_is_kept_is_known_again() {
    let mut normal = Normal::new(Mode::On, 10);
    for id in 0..3 {
        weighed(&mut normal, id, START);
    }
    let kept = normal.news(10);
    assert!(normal.news(10).is_empty(), "nothing new since");
    assert_eq!((kept[0].image.as_str(), kept[0].facts.len()), ("registry.example:5000/web", 1));
    let text = serde_json::to_string(&kept).unwrap();
    let mut again = Normal::new(Mode::On, 10);
    again.restore(serde_json::from_str::<Vec<Learned>>(&text).unwrap());
    assert_eq!(weighed(&mut again, 7, START + DAY_NS).severity, Severity::Low);
    assert_eq!(again.news(10).len(), 1);
}

#[test]
fn memory_is_bounded_whatever_images_and_facts_there_are() {
    let mut normal = Normal::new(Mode::Learning, 50);
    for image in 0..1_000 {
        let other =
            Container { image: format!("evil-{image}"), id: image.to_string(), ..Container::default() };
        for fact in 0..FACTS_MAX + 10 {
            normal.learn(&other, &format!("starts /tmp/{image}/{fact}"), START);
        }
    }
    assert_eq!(normal.table(), Table { entries: 50, most: 50, evicted: 950 });
    assert_eq!(normal.facts_evicted(), 10_000);
    assert!(normal.news(usize::MAX).iter().all(|image| image.facts.len() == FACTS_MAX));
    assert_eq!(clipped(&"ä".repeat(FACT_BYTES_MAX)).len(), FACT_BYTES_MAX);
}

#[test]
fn newer_versions_of_an_image_are_the_same() {
    for (image, name) in [
        ("registry.example:5000/a/b:1.2@sha256:00", "registry.example:5000/a/b"),
        ("registry.example:5000/a/b", "registry.example:5000/a/b"),
        ("busybox:latest", "busybox"),
        ("", ""),
    ] {
        assert_eq!(repository(image), name);
    }
}
