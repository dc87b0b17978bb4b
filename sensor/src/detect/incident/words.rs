//! What an incident says to people: in short sentences, for those who have never seen one.

use super::growth::{Actor, Incident};
use super::phase::Phase;
use crate::detect::finding::Severity;
use crate::identity::container::{Container, Pod};

/// Of whom the first descends, as far as people want to know.
const LINEAGE_SHOWN: usize = 5;
/// Sentences about what is at stake.
const STAKES_MAX: usize = 3;
/// Steps to be taken.
const NEXT_MAX: usize = 8;
/// Digits of a container's id by which people know it.
const ID_DIGITS: usize = 12;

/// What it is, in a few words.
#[must_use]
pub fn title(incident: &Incident) -> String {
    let worst = incident.phases.iter().max().copied().unwrap_or(Phase::Unusual);
    worst.title().to_owned()
}

/// What happened, in sentences.
#[must_use]
pub fn summary(incident: &Incident) -> String {
    let mut text = format!(
        "{}, {}: ",
        place(incident),
        span(incident.last_ns - incident.first_ns.min(incident.last_ns))
    );
    let steps: Vec<_> = incident.phases.iter().map(|phase| phase.step()).collect();
    match steps.as_slice() {
        [] => text.push_str(Phase::Unusual.step()),
        [only] => text.push_str(only),
        [first, rest @ ..] => {
            text.push_str("first ");
            text.push_str(first);
            for step in rest {
                text.push_str("; then ");
                text.push_str(step);
            }
        }
    }
    text.push('.');
    if incident.is_chain() {
        text.push_str(&format!(
            " None of these is more than {} by itself; one after the other they are {}, because attacks go this way.",
            incident.worst.name(),
            incident.severity.name(),
        ));
    }
    text
}

/// How it began.
#[must_use]
pub fn began(incident: &Incident) -> String {
    let Some(actor) = &incident.origin.actor else {
        return "The first process is not known.".to_owned();
    };
    let mut text = format!("The first that was noticed: {}", process(actor));
    if actor.users.is_some_and(|(_, effective)| effective == 0) {
        text.push_str(", running as root");
    }
    if !actor.arguments.is_empty() {
        text.push_str(&format!(", by the command \"{}\"", actor.arguments.join(" ")));
    }
    let line: Vec<_> = incident.origin.lineage.iter().take(LINEAGE_SHOWN).map(process).collect();
    match line.as_slice() {
        [] => {}
        [parent] => text.push_str(&format!(". It was started by {parent}")),
        [parent, rest @ ..] => {
            text.push_str(&format!(". It was started by {parent}, that one by {}", rest.join(", by ")));
        }
    }
    text.push('.');
    text
}

/// What can be lost: the worst first.
#[must_use]
pub fn stakes(incident: &Incident) -> Vec<String> {
    let mut phases = incident.phases.clone();
    phases.sort_by_key(|phase| std::cmp::Reverse(*phase));
    phases.iter().take(STAKES_MAX).map(|phase| phase.stakes().to_owned()).collect()
}

/// What to do, in this order.
#[must_use]
pub fn next(incident: &Incident, node: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let had = |phases: &[Phase]| phases.iter().any(|phase| incident.phases.contains(phase));
    let pod =
        incident.known.as_ref().and_then(|known| Some((&known.container, known.container.pod.as_ref()?)));
    if incident.severity >= Severity::High {
        steps.push(cut_off(pod));
    }
    steps.push(evidence(pod));
    if had(&[Phase::Escape]) {
        let cordon = if is_plain(node) { format!(" (kubectl cordon {node})") } else { String::new() };
        steps.push(format!(
            "Let nothing new start on the node{cordon}. Treat the node as taken over until it is shown that the way out did \
             not lead there: look for new users, keys, jobs and programs on it, or replace it."
        ));
    }
    if had(&[Phase::Credentials, Phase::Movement]) {
        let account = pod.map(|(_, pod)| pod.service_account.as_str()).filter(|name| is_plain(name));
        let account = account.map_or_else(String::new, |name| format!(" (service account {name})"));
        steps.push(format!(
            "Make useless what may have been read: new passwords, tokens and keys{account}. Look in the logs of what they \
             open, such as the API server's audit log, for what was done with them."
        ));
    }
    if had(&[Phase::Entry, Phase::Control, Phase::Mining, Phase::Damage, Phase::Exfiltration]) {
        steps.push(
            "Find the way in before a new copy of the service is started: logs of the service from that time, known holes \
             of its image, open ports, stolen passwords."
                .to_owned(),
        );
    }
    for advice in &incident.advice {
        if !steps.contains(advice) {
            steps.push(advice.clone());
        }
    }
    steps.truncate(NEXT_MAX - 1);
    steps.push(
        "If it was your own work (a test, an upgrade, a repair), nothing is lost. If that happens often, tell Picket by an \
         exception (docs/tuning.md)."
            .to_owned(),
    );
    steps
}

fn cut_off(pod: Option<(&Container, &Pod)>) -> String {
    match pod {
        Some((_, pod)) => format!(
            "Cut it off: a network policy that lets nothing in or out of pod {} in namespace {}; or stop the pod, once the \
             next step is done.",
            pod.name, pod.namespace
        ),
        None => "Cut it off: take its network away, or stop it once the next step is done.".to_owned(),
    }
}

fn evidence(pod: Option<(&Container, &Pod)>) -> String {
    let start = "Keep what shows what happened before anything is deleted: ";
    match pod {
        Some((container, pod))
            if [&pod.namespace, &pod.name, &container.name].iter().all(|name| is_plain(name)) =>
        {
            format!(
                "{start}kubectl -n {0} describe pod {1}; kubectl -n {0} logs {1} -c {2}",
                pod.namespace, pod.name, container.name
            )
        }
        _ => format!("{start}logs, and the files of the programs that are named in the timeline."),
    }
}

/// Where, at the start of a sentence.
fn place(incident: &Incident) -> String {
    let Some(known) = &incident.known else { return "On the node itself".to_owned() };
    let container = &known.container;
    let digits: String = container.id.chars().take(ID_DIGITS).collect();
    let name = if container.name.is_empty() { &digits } else { &container.name };
    match &container.pod {
        Some(pod) => format!("In container {name} of pod {} in namespace {}", pod.name, pod.namespace),
        None => format!("In container {name}"),
    }
}

/// How long, as people say it.
fn span(nanoseconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    match nanoseconds.div_ceil(1_000_000_000) {
        0 | 1 => "within a second".to_owned(),
        seconds if seconds < 2 * MINUTE => format!("within {seconds} seconds"),
        seconds if seconds < 2 * HOUR => format!("within {} minutes", seconds.div_ceil(MINUTE)),
        seconds => format!("within {} hours", seconds.div_ceil(HOUR)),
    }
}

fn process(actor: &Actor) -> String {
    let name = if actor.executable.is_empty() { "a program that is not known" } else { &actor.executable };
    match actor.key {
        Some(key) => format!("{name} (process {})", key.pid),
        None => name.to_owned(),
    }
}

/// True for what can be written into a command as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name.len() <= 253
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_people_say_them() {
        let second = 1_000_000_000;
        for (span_ns, said) in [
            (0, "within a second"),
            (4 * second, "within 4 seconds"),
            (119 * second, "within 119 seconds"),
            (600 * second, "within 10 minutes"),
            (3 * 3_600 * second, "within 3 hours"),
        ] {
            assert_eq!(span(span_ns), said);
        }
    }

    #[test]
    fn only_plain_names_are_part_of_a_command() {
        assert!(is_plain("web-1.a_b"));
        for name in ["", "-n", "a b", "a;b", "$(x)", "ä"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
