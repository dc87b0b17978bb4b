//! The page as a person sees it.

use super::*;
use crate::proto::{Container, Pod, Timestamp, finding::Severity};

fn at(second: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_719_000_000 + second, nanos: 0 })
}

fn of(pid: u32, executable: &str, arguments: &[&str]) -> Process {
    Process {
        pid: Some(pid),
        executable: executable.into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        ..Process::default()
    }
}

fn event() -> Event {
    let pod = Pod { namespace: "shop".into(), name: "web-1".into(), ..Pod::default() };
    let container =
        Container { name: "main".into(), image: "shop/web:1".into(), pod: Some(pod), ..Container::default() };
    Event { time: at(4), node: "node1".into(), container: Some(container), ..Event::default() }
}

fn incident(state: State) -> Incident {
    let entry = |second, name: &str, severity: Severity, count| IncidentEntry {
        time: at(second),
        finding: "id".into(),
        name: name.into(),
        severity: severity.into(),
        process: Some(of(9, "/bin/cat", &["cat", "a b"])),
        count,
        ..IncidentEntry::default()
    };
    Incident {
        id: "i-3".into(),
        state: state.into(),
        severity: Severity::Critical.into(),
        confidence: 0.6,
        title: "Break-out".into(),
        summary: "In container main of pod web-1 in namespace shop, within 4 seconds: first passwords were read; then a way out \x1b[2Jwas tried.".into(),
        began: "The first that was noticed: /bin/cat (process 9).".into(),
        began_time: at(0),
        stakes: vec!["The node.".into(), "The passwords.".into()],
        next: vec!["Cut it off.".into(), "Keep what shows it.".into()],
        techniques: vec!["T1611".into(), "T9999".into()],
        timeline: vec![
            entry(0, "Passwords read", Severity::High, 10_000),
            entry(4, "Node of a disk made", Severity::Medium, 1),
        ],
        findings: 10_001,
        omitted: 2,
        previous: "i-1".into(),
        news: vec!["Node of a disk made".into(), "It is CRITICAL now; it was HIGH.".into()],
        ..Incident::default()
    }
}

#[test]
fn one_that_is_new_has_all_that_a_person_needs() {
    let expected = "\
2024-06-21 20:00:04 UTC INCIDENT CRITICAL opened  Break-out
  what          In container main of pod web-1 in namespace shop, within 4 seconds: first passwords were read;
                then a way out \\u{1b}[2Jwas tried.
  where         shop/web-1/main, on node node1, image shop/web:1
  how it began  20:00:00: The first that was noticed: /bin/cat (process 9).
  timeline      20:00:00.000 HIGH     Passwords read (10000 times)
                                      by /bin/cat[9]: cat \"a b\"
                20:00:04.000 MEDIUM   Node of a disk made
                                      by /bin/cat[9]: cat \"a b\"
                and 2 more
  at stake      The node.
                The passwords.
  what to do    1. Cut it off.
                2. Keep what shows it.
  how sure      more likely than not; look at the timeline yourself (0.60)
  techniques    T1611 Escape to Host, T9999
  incident      i-3, findings: 10001; the one before it here: i-1";
    assert_eq!(page(&event(), &incident(State::Opened), Paint::OFF), expected);
    let closed = page(&event(), &incident(State::Closed), Paint::OFF);
    assert_eq!(closed, expected.replace("opened", "closed: nothing more was found"));
}

#[test]
fn one_that_grew_says_shortly_what_is_new() {
    let expected = "\
2024-06-21 20:00:04 UTC INCIDENT CRITICAL has grown  Break-out
  where         shop/web-1/main
  new           Node of a disk made
                It is CRITICAL now; it was HIGH.
  incident      i-3, findings: 10001; the one before it here: i-1";
    assert_eq!(page(&event(), &incident(State::Updated), Paint::OFF), expected);
    assert_eq!(
        what(&incident(State::Updated)),
        "i-3 UPDATED CRITICAL Break-out: Node of a disk made; It is CRITICAL now; it was HIGH."
    );
}

#[test]
fn what_is_missing_is_left_out_and_no_line_is_too_wide() {
    let page =
        page(&Event::default(), &Incident { state: State::Opened.into(), ..Incident::default() }, Paint::OFF);
    assert!(!page.contains("  timeline") && page.contains("where         -, on node"), "{page}");
    assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
    assert_eq!(wrapped("toolong a", 3), ["toolong", "a"]);
}
