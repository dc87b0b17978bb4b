//! Questions for names: those that carry data, and those that search the cluster.

mod about;
mod domain;

use sensor_common::class::Class;

use self::about::{SWEEP, TUNNEL};
use self::domain::Meaning;
use super::distinct::{Distinct, hash};
use super::lateral::is_private;
use super::{About, Behaviour, Bounds, hand};
use crate::bounded::{Bounded, Table};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::event::{
    Facts,
    wire::{dns::Question, dns::RecordType, flow::Direction},
};
use crate::policy::Judged;

/// A minute, in nanoseconds.
const MINUTE: u64 = 60_000_000_000;
/// Domains of a container whose names are counted.
const DOMAINS: usize = 8;
/// Time that names are counted together, when many come, and when few do.
const FAST_NS: u64 = 10 * MINUTE;
const SLOW_NS: u64 = 240 * MINUTE;
/// Names that carry data; of questions for texts; over hours; and the characters that they must carry together.
const NAMES: usize = 40;
const TEXTS: usize = 25;
const SLOW_NAMES: usize = 100;
const CARRIED: usize = 1_000;
/// Services that do not exist.
const MISSED: usize = 15;
/// Services and private addresses whose names are asked for by hand or by one process after the other.
const SERVICES: usize = 30;
const ADDRESSES: usize = 24;
/// Processes from which they are many.
const ASKERS: usize = 15;
/// The same by the container's own programs: a server that passes requests on knows many.
const OWN: usize = 400;
/// The same is told again after this.
const AGAIN_NS: u64 = 60 * MINUTE;
/// Types of records: NULL, TXT, and a copy of a zone.
const NULL: RecordType = RecordType(10);
const TXT: RecordType = RecordType(16);
const AXFR: RecordType = RecordType(252);

/// The behaviour.
#[derive(Debug)]
pub(super) struct Names {
    places: Bounded<u64, Place>,
}

/// What is remembered of a container.
#[derive(Debug)]
struct Place {
    domains: Bounded<u32, Domain>,
    /// Services that do not exist, services, and addresses.
    missed: Counted,
    services: Counted,
    addresses: Counted,
    /// Processes that asked for services and addresses.
    askers: Counted,
    swept_ns: Option<u64>,
    /// It answers questions of others.
    serves: bool,
}

#[derive(Debug, Default)]
struct Domain {
    fast: Counted,
    slow: Counted,
    told_ns: Option<u64>,
}

/// Different names since a time.
#[derive(Debug, Default)]
struct Counted {
    since_ns: u64,
    names: Distinct,
    texts: usize,
    carried: usize,
}

impl Counted {
    /// True if the name is new.
    fn add(&mut self, name: u32, (carried, text): (usize, bool), now_ns: u64, length_ns: u64) -> bool {
        if now_ns.saturating_sub(self.since_ns) >= length_ns {
            *self = Self { since_ns: now_ns, ..Self::default() };
        }
        let new = self.names.insert(name);
        if new {
            self.carried = self.carried.saturating_add(carried);
            self.texts = self.texts.saturating_add(usize::from(text));
        }
        new
    }
}

/// What it can find.
static ALL: [&About; 2] = [&TUNNEL, &SWEEP];

impl Names {
    pub(super) fn new(bounds: Bounds) -> Self {
        // An entry can take some ten kilobytes.
        Self { places: Bounded::new(bounds.entries_max / 4) }
    }

    fn asked(&mut self, scene: &Scene<'_>, question: &Question, found: &mut dyn FnMut(Finding)) {
        let place = self.places.entry(scene.cgroup(), Place::new);
        if place.serves {
            return;
        }
        let (what, name) = (domain::meaning(&question.name), hash(&question.name));
        let searched = match what {
            Meaning::Address => {
                let count = place.asks(scene, |place| &mut place.addresses, name);
                (count >= most(scene, place, ADDRESSES))
                    .then(|| format!("The names of {count} private addresses were asked for."))
            }
            Meaning::Service => {
                let count = place.asks(scene, |place| &mut place.services, name);
                (count >= most(scene, place, SERVICES))
                    .then(|| format!("{count} services were asked for, the latest was {}.", question.name))
            }
            Meaning::Everything => Some(format!("It asked for all services at once: {}.", question.name)),
            _ if question.kind == AXFR => {
                Some(format!("It asked for a copy of the whole zone {}.", question.name))
            }
            Meaning::Nothing => {
                if let Some(finding) = place.carried(scene, question) {
                    found(finding);
                }
                None
            }
            Meaning::Other => None,
        };
        if let Some(fact) = searched {
            place.searched(scene, fact, found);
        }
    }

    fn answered(&mut self, scene: &Scene<'_>, name: &str, found: &mut dyn FnMut(Finding)) {
        const NO_SUCH_NAME: u8 = 3;
        let Facts::Content(content) = &scene.given.event.facts else { return };
        let missing = content.message.as_ref().is_some_and(|message| message.rcode == NO_SUCH_NAME);
        if !missing || domain::meaning(name) != Meaning::Service {
            return;
        }
        let place = self.places.entry(scene.cgroup(), Place::new);
        if place.serves || !place.missed.add(hash(name), (0, false), scene.time_ns(), FAST_NS) {
            return;
        }
        let count = place.missed.names.count();
        if count >= MISSED {
            let fact = format!("{count} services that do not exist were asked for, the latest was {name}.");
            place.searched(scene, fact, found);
        }
    }

    /// Somebody asks this container. What it asks then it asks for others.
    fn serves(&mut self, scene: &Scene<'_>) {
        if scene.remote().is_some_and(|(ip, _)| !ip.is_loopback()) {
            self.places.entry(scene.cgroup(), Place::new).serves = true;
        }
    }
}

impl Place {
    fn new() -> Self {
        Self {
            domains: Bounded::new(DOMAINS),
            missed: Counted::default(),
            services: Counted::default(),
            askers: Counted::default(),
            addresses: Counted::default(),
            swept_ns: None,
            serves: false,
        }
    }

    /// Counts a name of the cluster, and who asks for it. How many there are.
    fn asks(&mut self, scene: &Scene<'_>, of: impl Fn(&mut Self) -> &mut Counted, name: u32) -> usize {
        let (now_ns, key) = (scene.time_ns(), scene.key());
        self.askers.add(hash((key.pid, key.start_ticks)), (0, false), now_ns, FAST_NS);
        let counted = of(self);
        counted.add(name, (0, false), now_ns, FAST_NS);
        counted.names.count()
    }

    fn searched(&mut self, scene: &Scene<'_>, fact: String, found: &mut dyn FnMut(Finding)) {
        let now_ns = scene.time_ns();
        if self.swept_ns.is_some_and(|told| now_ns.saturating_sub(told) < AGAIN_NS) {
            return;
        }
        self.swept_ns = Some(now_ns);
        let who = hand::told(scene.process(), scene.key());
        let hand = hand::of(scene);
        let summary = format!(
            "A container searches through the names of the cluster: {who} tries to learn what there is."
        );
        let mut finding = SWEEP.finding(Severity::High, if hand.is_some() { 0.9 } else { 0.7 }, summary);
        finding.evidence.push(fact);
        if let Some(hand) = hand {
            finding.evidence.push(format!("The latest was asked by {who}, {}.", hand.text()));
        }
        found(finding);
    }

    /// A name that may carry data.
    fn carried(&mut self, scene: &Scene<'_>, question: &Question) -> Option<Finding> {
        let (parts, domain) = domain::split(&question.name)?;
        let carried = domain::carried(parts);
        if carried == 0 {
            return None;
        }
        let (now_ns, text) = (scene.time_ns(), matches!(question.kind, TXT | NULL));
        let name = hash(&question.name);
        let of = self.domains.entry(hash(domain), Domain::default);
        let new = of.fast.add(name, (carried, text), now_ns, FAST_NS)
            | of.slow.add(name, (carried, text), now_ns, SLOW_NS);
        let told = of.told_ns.is_some_and(|told| now_ns.saturating_sub(told) < AGAIN_NS);
        let is_fast = of.fast.names.count() >= NAMES || of.fast.texts >= TEXTS;
        let counted = if is_fast { &of.fast } else { &of.slow };
        if !new || told || counted.carried < CARRIED || !(is_fast || of.slow.names.count() >= SLOW_NAMES) {
            return None;
        }
        let (names, carried) = (counted.names.count(), counted.carried);
        of.told_ns = Some(now_ns);
        let who = hand::told(scene.process(), scene.key());
        let summary =
            format!("Data leaves, or comes in, by questions for names below {domain}, asked by {who}.");
        let mut finding = TUNNEL.finding(Severity::High, if is_fast { 0.85 } else { 0.7 }, summary);
        let time = if is_fast { "within minutes" } else { "over hours" };
        finding.evidence.push(format!("{names} different names {time}, which carry {carried} characters."));
        finding.evidence.push(format!("One of them: {}.", question.name));
        Some(finding)
    }
}

/// From how many names it is a search.
fn most(scene: &Scene<'_>, place: &Place, by_hand: usize) -> usize {
    let many = place.askers.names.count() >= ASKERS;
    if many || hand::of(scene).is_some() { by_hand } else { OWN }
}

impl Behaviour for Names {
    fn about(&self) -> &'static [&'static About] {
        &ALL
    }

    fn wanted(&self) -> Judged {
        Judged { containers: Class::NetDns.bit(), host: 0, names: false }
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        if scene.class() != Class::NetDns || scene.container().is_none() {
            return;
        }
        let Facts::Content(content) = &scene.given.event.facts else { return };
        let Some(message) = &content.message else { return };
        match (content.direction, message.response) {
            (Direction::Sent, false) => {
                for question in &message.questions {
                    self.asked(scene, question, found);
                }
            }
            (Direction::Received, true) => {
                for question in &message.questions {
                    self.answered(scene, &question.name, found);
                }
            }
            (Direction::Received, false) => self.serves(scene),
            (Direction::Sent, true) => {}
        }
    }

    fn removed(&mut self, cgroup: u64) {
        self.places.remove(&cgroup);
    }

    fn table(&self) -> Table {
        self.places.table()
    }
}

#[cfg(test)]
mod tests;
