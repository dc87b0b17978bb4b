//! Scans, and the use of what they found, as findings.

use sensor_common::record::network::Facts as NetFacts;

use super::super::hand;
use super::about::{FOUND, SCAN};
use super::capital;
use super::fan::{Scan, Who};
use super::target::is_private;
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::event::{Facts, wire::protocol::Protocol};

/// A scan in a sentence.
pub(super) fn finding(scene: &Scene<'_>, who: Who, scan: &Scan) -> Finding {
    let name = hand::told(scene.process(), scene.key());
    let time = if scan.slow { "slowly, over hours" } else { "within minutes" };
    let what = match scan.ports {
        Some((ports, ip)) => format!("{ports} ports of {ip}"),
        None => format!("{} addresses", scan.hosts),
    };
    let summary = format!(
        "A container scans the network: {name} and its like tried {what} {time}, most without an answer."
    );
    let confidence = match (who, scan.slow) {
        (Who::Hand, false) => 0.9,
        (Who::Hand, true) => 0.75,
        (Who::Own, false) => 0.7,
        (Who::Own, true) => 0.5,
    };
    let mut finding = SCAN.finding(Severity::High, confidence, summary);
    let Scan { hosts, targets, missed, .. } = scan;
    finding
        .evidence
        .push(format!("{targets} pairs of address and port at {hosts} addresses; {missed} never answered."));
    if let Some((first, last)) = scan.ends {
        finding.evidence.push(format!("Without an answer: {first} first, {last} last."));
    }
    let text = match hand::of(scene) {
        Some(hand) => format!("The latest was {name}, {}.", hand.text()),
        None => format!("The latest was {name}, a program of the container itself."),
    };
    finding.evidence.push(text);
    finding
}

/// A service that a scan found is used.
pub(super) fn used(scene: &Scene<'_>, at_ns: u64, scan: &Scan) -> Option<Finding> {
    let Facts::Content(content) = &scene.given.event.facts else { return None };
    let protocol = content.recognised.as_ref()?.protocol;
    let (ip, port) = scene.remote().filter(|(ip, _)| is_private(*ip))?;
    let worth = matches!(
        protocol,
        Protocol::Redis
            | Protocol::Postgres
            | Protocol::Mysql
            | Protocol::Ssh
            | Protocol::Kafka
            | Protocol::Http1
    );
    let accepted = content.socket.record.facts & NetFacts::ACCEPTED != 0;
    let hand = hand::of(scene).filter(|_| worth && !accepted && !hand::is_building(scene))?;
    let who = hand::told(scene.process(), scene.key());
    let summary = format!(
        "After a scan of the network a service that it found is used: {who} speaks {protocol} with {ip} port {port}."
    );
    let mut finding = FOUND.finding(Severity::Critical, 0.8, summary);
    finding.evidence.push(format!("The container tried {} pairs of address and port.", scan.targets));
    let when = capital(&hand::later(at_ns, scene.time_ns()));
    finding.evidence.push(format!("{when} {who}, {}, spoke {protocol} with {ip} port {port}.", hand.text()));
    Some(finding)
}
