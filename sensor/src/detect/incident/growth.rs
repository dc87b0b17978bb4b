//! One incident: its timeline, its severity, and what of it was told.

use std::sync::Arc;

use super::phase::Phase;
use super::{Found, Root, Scene, WAIT_MAX_NS, WAIT_MIN_NS};
use crate::detect::finding::{Finding, Severity};
use crate::detect::technique::Technique;
use crate::detect::told::hash;
use crate::identity::store::Known;
use crate::process::{Key, Process};

/// Bytes of a path, of an argument list and of a sentence that are kept.
const PATH_BYTES: usize = 256;
const ARGUMENT_BYTES: usize = 256;
const TEXT_BYTES: usize = 512;
/// Bytes of a name or an id.
const NAME_BYTES: usize = 128;
/// Techniques that an incident names.
const TECHNIQUES_MAX: usize = 32;
/// Pieces of advice that findings bring along.
const ADVICE_MAX: usize = 6;
/// New entries that are told one by one.
const NEWS_MAX: usize = 16;
/// A finding that is less sure than this says nothing about a chain.
const SURE: f64 = 0.5;

/// A process, as much of it as an incident keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Its name.
    pub key: Option<Key>,
    /// When it began its program.
    pub exec_ns: u64,
    /// Path of its program.
    pub executable: String,
    /// Arguments, cut.
    pub arguments: Vec<String>,
    /// User, and effective user.
    pub users: Option<(u32, u32)>,
}

impl Actor {
    /// Of a process.
    #[must_use]
    pub fn of(process: &Process) -> Self {
        let mut left = ARGUMENT_BYTES;
        let mut arguments = Vec::new();
        for argument in process.program.command_line.arguments() {
            if left == 0 {
                break;
            }
            let argument = cut(argument, left);
            // An empty one takes room, too.
            left = left.saturating_sub(argument.len().max(1));
            arguments.push(argument);
        }
        Self {
            key: Some(process.key),
            exec_ns: process.exec_ns,
            executable: cut(&process.program.executable, PATH_BYTES),
            arguments,
            users: Some((process.ids.uid, process.ids.euid)),
        }
    }

    /// Without its arguments.
    #[must_use]
    pub fn named(process: &Process) -> Self {
        Self { arguments: Vec::new(), ..Self::of(process) }
    }
}

/// How it began.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Who did it.
    pub actor: Option<Actor>,
    /// From whom they descend, the parent first.
    pub lineage: Vec<Actor>,
}

/// A line of a timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it was found first.
    pub time_ns: u64,
    /// When it was found last.
    pub last_ns: u64,
    /// Id of the finding.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How bad it is by itself.
    pub severity: Severity,
    /// What it says.
    pub summary: String,
    /// Step that it is.
    pub phase: Phase,
    /// Who did it first.
    pub actor: Option<Actor>,
    /// How often.
    pub count: u64,
    /// Number of the event of the finding; 0 where it was not told by itself.
    pub cursor: u64,
    kind: u64,
    sameness: u64,
}

/// What was told last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    at_ns: u64,
    wait_ns: u64,
    findings: u64,
}

/// Findings that belong together.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Id: that of the event of its first finding.
    pub id: Arc<str>,
    /// What they have in common.
    pub root: Root,
    /// Id of the one before it, of the same root.
    pub previous: Option<Arc<str>>,
    /// Control group of the first finding.
    pub cgroup: u64,
    /// Its container.
    pub known: Option<Arc<Known>>,
    /// How it began.
    pub origin: Origin,
    /// When it began, in nanoseconds since boot.
    pub first_ns: u64,
    /// When a finding above LOW came last.
    pub last_ns: u64,
    /// How bad it is, all in all.
    pub severity: Severity,
    /// The worst of its findings.
    pub worst: Severity,
    /// How sure the surest of these is.
    pub confidence: f64,
    /// Steps above LOW, in the order in which they came.
    pub phases: Vec<Phase>,
    /// Techniques.
    pub techniques: Vec<Technique>,
    /// What was found, in order.
    pub timeline: Vec<Entry>,
    /// Findings.
    pub findings: u64,
    /// Findings that are in no entry.
    pub omitted: u64,
    /// What findings advise.
    pub advice: Vec<String>,
    /// What is new since it was told last.
    pub news: Vec<String>,
    /// What the telling at hand says is new.
    pub told_news: Vec<String>,
    pub(super) said: Option<Said>,
    /// Steps of the chain so far.
    chain: u32,
    chain_phases: Vec<Phase>,
    chain_event: u64,
    /// A count reached a power of ten.
    milestone: bool,
}

impl Incident {
    pub(super) fn new(
        id: Arc<str>,
        root: Root,
        previous: Option<Arc<str>>,
        found: Found<'_>,
        scene: &Scene<'_>,
    ) -> Self {
        Self {
            id,
            root,
            previous,
            cgroup: scene.cgroup,
            known: scene.known.cloned(),
            origin: Origin { actor: (scene.actor)(), lineage: (scene.lineage)() },
            first_ns: found.time_ns,
            last_ns: found.time_ns,
            severity: Severity::Low,
            worst: Severity::Low,
            confidence: 0.0,
            phases: Vec::new(),
            techniques: Vec::new(),
            timeline: Vec::new(),
            findings: 0,
            omitted: 0,
            advice: Vec::new(),
            news: Vec::new(),
            told_news: Vec::new(),
            said: None,
            chain: 0,
            chain_phases: Vec::new(),
            chain_event: 0,
            milestone: false,
        }
    }

    /// Takes a finding in. True if it says something new.
    pub(super) fn add(&mut self, found: Found<'_>, sameness: u64, scene: &Scene<'_>, most: usize) -> bool {
        let finding = found.finding;
        self.findings += 1;
        if self.known.as_ref().is_none_or(|known| known.unresolved.is_some()) {
            self.known = scene.known.cloned().or(self.known.take());
        }
        if finding.severity > Severity::Low {
            self.last_ns = self.last_ns.max(found.time_ns);
        }
        let (kind, known) = (hash(&finding.id), |entry: &&mut Entry| entry.sameness == sameness);
        let known = self.timeline.iter_mut().filter(|entry| entry.kind == kind).find(known);
        if let Some(entry) = known {
            entry.count += 1;
            entry.last_ns = found.time_ns;
            self.milestone |= is_power_of_ten(entry.count);
            return false;
        }
        let phase = Phase::of(finding);
        let is_new_kind = !self.timeline.iter().any(|entry| entry.kind == kind);
        let is_worse = self.weigh(found, phase);
        for technique in &finding.techniques {
            if self.techniques.len() < TECHNIQUES_MAX && !self.techniques.contains(technique) {
                self.techniques.push(technique.clone());
            }
        }
        self.advise(finding);
        if self.timeline.len() >= most.max(1) {
            self.omitted += 1;
            self.milestone |= is_power_of_ten(self.omitted);
            return is_worse;
        }
        let entry = Entry::of(found, phase, sameness, scene);
        if self.said.is_some() && self.news.len() < NEWS_MAX {
            self.news.push(entry.title());
        }
        self.timeline.push(entry);
        is_new_kind || is_worse
    }

    /// What a finding means for the whole. True if that is worse than before, or another step.
    fn weigh(&mut self, found: Found<'_>, phase: Phase) -> bool {
        let finding = found.finding;
        if finding.severity == Severity::Low {
            return false;
        }
        let mut is_new = false;
        if !self.phases.contains(&phase) {
            self.phases.push(phase);
            is_new = true;
        }
        if finding.severity >= self.worst {
            let keeps = if finding.severity == self.worst { self.confidence } else { 0.0 };
            (self.worst, self.confidence) = (finding.severity, finding.confidence.max(keeps));
        }
        // What several detections say of one event is one step.
        if finding.confidence >= SURE && !self.chain_phases.contains(&phase) {
            self.chain_phases.push(phase);
            if self.chain == 0 || found.event == 0 || found.event != self.chain_event {
                self.chain += 1;
            }
            self.chain_event = found.event;
        }
        let severity = if self.chain > 1 { above(self.worst) } else { self.worst };
        let rises = severity > self.severity;
        if rises && self.said.is_some() {
            self.news.push(format!("It is {} now; it was {}.", severity.name(), self.severity.name()));
        }
        self.severity = self.severity.max(severity);
        is_new || rises
    }

    fn advise(&mut self, finding: &Finding) {
        for advice in &finding.next {
            let advice = cut(advice, TEXT_BYTES);
            if self.advice.len() < ADVICE_MAX && !self.advice.contains(&advice) {
                self.advice.push(advice);
            }
        }
    }

    /// True if its steps together are worse than each by itself.
    #[must_use]
    pub fn is_chain(&self) -> bool {
        self.severity > self.worst
    }

    /// True if not all of it was told.
    pub(super) fn has_grown(&self) -> bool {
        self.said.is_none_or(|said| said.findings != self.findings)
    }

    /// True if it is to be told although nothing new was found.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        let waited = |said: Said| now_ns.saturating_sub(said.at_ns) >= said.wait_ns;
        self.has_grown() && (self.milestone || self.said.is_none_or(waited))
    }

    /// It is told now.
    pub(super) fn say(&mut self, now_ns: u64) {
        let is_news = !self.news.is_empty();
        let wait_ns = match self.said {
            Some(said) if !is_news => said.wait_ns.saturating_mul(2).min(WAIT_MAX_NS),
            _ => WAIT_MIN_NS,
        };
        let more = self.said.map_or(0, |said| self.findings - said.findings);
        self.told_news = std::mem::take(&mut self.news);
        if more > 0 && (self.told_news.is_empty() || self.milestone) {
            self.told_news.push(format!("{more} more findings, {} in all.", self.findings));
        }
        self.said = Some(Said { at_ns: now_ns, wait_ns, findings: self.findings });
        self.milestone = false;
    }

    /// Bytes that it keeps, roughly: for tests of the bound.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let actor = |actor: &Actor| {
            actor.executable.len() + actor.arguments.iter().map(|text| text.len() + 24).sum::<usize>() + 80
        };
        let entry = |entry: &Entry| {
            entry.id.len()
                + entry.name.len()
                + entry.summary.len()
                + entry.actor.as_ref().map_or(0, actor)
                + 160
        };
        self.timeline.iter().map(entry).sum::<usize>()
            + self.origin.lineage.iter().chain(&self.origin.actor).map(actor).sum::<usize>()
            + self.advice.iter().chain(&self.news).chain(&self.told_news).map(String::len).sum::<usize>()
            + size_of::<Self>()
    }
}

impl Entry {
    fn of(found: Found<'_>, phase: Phase, sameness: u64, scene: &Scene<'_>) -> Self {
        let finding = found.finding;
        Self {
            time_ns: found.time_ns,
            last_ns: found.time_ns,
            id: cut(&finding.id, NAME_BYTES),
            name: cut(&finding.name, NAME_BYTES),
            severity: finding.severity,
            summary: cut(&finding.summary, TEXT_BYTES),
            phase,
            actor: (scene.actor)(),
            count: 1,
            cursor: if found.told { found.cursor } else { 0 },
            kind: hash(&finding.id),
            sameness,
        }
    }

    /// Its name, else its id.
    #[must_use]
    pub fn title(&self) -> String {
        if self.name.is_empty() { self.id.clone() } else { self.name.clone() }
    }
}

/// One step worse.
const fn above(severity: Severity) -> Severity {
    match severity {
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

fn is_power_of_ten(count: u64) -> bool {
    count >= 10 && 10_u64.checked_pow(count.ilog10()) == Some(count)
}

/// A text of at most so many bytes; one that was cut ends in `…`.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most.saturating_sub('…'.len_utf8())).rev().find(|end| text.is_char_boundary(*end));
    format!("{}…", text.get(..end.unwrap_or_default()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("äöüä", 6), "ä…");
        assert!(cut(&"x".repeat(9_000), TEXT_BYTES).len() <= TEXT_BYTES);
    }

    #[test]
    fn powers_of_ten() {
        let all: Vec<_> = (0..=10_000).filter(|count| is_power_of_ten(*count)).collect();
        assert_eq!(all, [10, 100, 1_000, 10_000]);
        assert!(!is_power_of_ten(u64::MAX));
    }
}
