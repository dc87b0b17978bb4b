//! Learned normal: what programs of an image have always done, which makes findings about it less sure, and what is new in
//! an image that was watched for long, which makes them surer.
//!
//! Learned are facts as short texts: which program starts which, where it connects to, which credentials it opens, on which
//! ports it listens, and what was found in it. Numbers in paths count as one, so that temporary names are the same.

mod fact;

use std::fmt::Write as _;

use sensor_common::class::Class;
use serde::{Deserialize, Serialize};

use self::fact::Fact;
use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::technique::T1611;
use super::told::hash;
use crate::bounded::{Bounded, Table};
use crate::identity::container::Container;
use crate::policy::Judged;

/// Most facts of an image.
pub const FACTS_MAX: usize = 256;
/// Longest text of a fact, in bytes.
pub const FACT_BYTES_MAX: usize = 200;
/// Containers of which a fact remembers that it was seen there.
const CONTAINERS_MAX: usize = 3;
/// Occasions count when they are so far apart.
const OCCASION_S: i64 = 3_600;
/// Occasions that make a fact normal, wherever it was seen.
const OCCASIONS_NORMAL: u32 = 3;
/// A fact is not normal before it is known for so long, and nothing is new in an image before that was watched for so
/// long: a day.
const SETTLED_S: i64 = 86_400;
/// What is left of the confidence in what has always been so.
const NORMAL_SHARE: f64 = 0.3;
/// Confidence below which a finding that has always been so is a low one.
const DOUBT: f64 = 0.5;

/// Whether and how what was learned counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is learned and changes nothing.
    #[default]
    Learning,
    /// It is learned, and changes findings.
    On,
}

/// What is known of one image.
#[derive(Debug)]
struct Image {
    since_s: i64,
    facts: Bounded<Box<str>, Seen>,
    /// It has changed since it was last asked for.
    changed: bool,
}

/// When and where a fact was seen.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Seen {
    /// First, in seconds since 1970.
    pub since_s: i64,
    /// On its last occasion.
    pub last_s: i64,
    /// Occasions at least an hour apart.
    pub occasions: u32,
    /// The last containers, as hashes of their ids.
    pub containers: Vec<u64>,
}

/// What was learned of an image, as it is kept and shown.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Learned {
    /// Image without tag and digest.
    pub image: String,
    /// When a container of it was seen first, in seconds since 1970.
    pub since_s: i64,
    /// Facts, in the order of their turns.
    pub facts: Vec<(String, Seen)>,
}

/// What was learned of all images.
#[derive(Debug)]
pub struct Normal {
    mode: Mode,
    images: Bounded<Box<str>, Image>,
    /// Facts that were given up.
    facts_evicted: u64,
    /// Of the event at hand, and the path in it; kept for their room.
    text: (String, String),
}

impl Normal {
    /// Nothing is known yet, of at most so many images.
    #[must_use]
    pub fn new(mode: Mode, images_max: usize) -> Self {
        Self { mode, images: Bounded::new(images_max), facts_evicted: 0, text: Default::default() }
    }

    /// Takes in what was kept.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Learned>) {
        for Learned { image, since_s, facts } in kept {
            let entry = self.images.entry(image.into(), || Image::new(since_s));
            for (text, seen) in facts.into_iter().take(FACTS_MAX) {
                entry.facts.entry(clipped(&text).into(), || seen);
            }
        }
    }

    /// Of images about which something new was learned since the last call: at most so many.
    pub fn news(&mut self, most: usize) -> Vec<Learned> {
        let changed = self.images.iter().filter(|(_, image)| image.changed).take(most);
        let names: Vec<_> = changed.map(|(name, _)| name.clone()).collect();
        names.into_iter().filter_map(|name| self.take(&name)).collect()
    }

    fn take(&mut self, name: &str) -> Option<Learned> {
        let image = self.images.get_mut(name)?;
        image.changed = false;
        let facts = image.facts.iter().map(|(text, seen)| (text.to_string(), seen.clone()));
        Some(Learned { image: name.to_owned(), since_s: image.since_s, facts: facts.collect() })
    }

    /// What it must see.
    #[must_use]
    pub fn wanted(&self) -> Judged {
        let classes = [Class::ProcessExec, Class::NetConnect, Class::NetListen];
        Judged { containers: classes.iter().fold(0, |set, class| set | class.bit()), ..Judged::default() }
    }

    /// Learns from an event.
    pub fn observe(&mut self, scene: &Scene<'_>) {
        let Some(container) = scene.container().map(|known| &known.container) else { return };
        let (mut text, mut whole) = std::mem::take(&mut self.text);
        if let Some(fact) = Fact::of(scene)
            && fact.write(&mut text, &mut whole)
        {
            self.learn(container, clipped(&text), scene.given.wall_ns);
        }
        self.text = (text, whole);
    }

    /// Learns that something was found, and says what it thinks of it. `scene` is that of the event, if there is one.
    pub fn weigh(
        &mut self,
        finding: &mut Finding,
        scene: Option<&Scene<'_>>,
        (container, executable): (&Container, &str),
        wall_ns: i64,
    ) {
        let (mut text, mut whole) = std::mem::take(&mut self.text);
        let mut facts = Vec::new();
        if let Some(fact) = scene.and_then(Fact::of)
            && fact.write(&mut text, &mut whole)
        {
            facts.push(self.judge(container, clipped(&text), wall_ns));
        }
        fact::of_finding(&finding.id, executable, &mut text);
        facts.push(self.judge(container, clipped(&text), wall_ns));
        // It counts as seen only for later ones.
        self.learn(container, clipped(&text), wall_ns);
        self.text = (text, whole);
        if self.mode == Mode::On {
            apply(finding, &facts);
        }
    }

    /// How full it is: images.
    #[must_use]
    pub fn table(&self) -> Table {
        self.images.table()
    }

    /// Facts that were given up because their image had too many.
    #[must_use]
    pub const fn facts_evicted(&self) -> u64 {
        self.facts_evicted
    }

    fn learn(&mut self, container: &Container, text: &str, wall_ns: i64) {
        let name = repository(&container.image);
        if name.is_empty() {
            return;
        }
        let now_s = wall_ns.div_euclid(1_000_000_000);
        if self.images.peek(name).is_none() {
            self.images.entry(name.into(), || Image::new(now_s));
        }
        let Some(image) = self.images.get_mut(name) else { return };
        if image.facts.peek(text).is_none() {
            let before = image.facts.table().evicted;
            image.facts.entry(text.into(), || Seen { since_s: now_s, ..Seen::default() });
            self.facts_evicted += image.facts.table().evicted - before;
        }
        let Some(seen) = image.facts.get_mut(text) else { return };
        image.changed |= seen.note(hash(&container.id), now_s);
    }

    fn judge(&mut self, container: &Container, text: &str, wall_ns: i64) -> Opinion {
        let now_s = wall_ns.div_euclid(1_000_000_000);
        let Some(image) = self.images.peek(repository(&container.image)) else { return Opinion::None };
        match image.facts.peek(text) {
            Some(seen) if seen.is_normal(now_s) => {
                Opinion::Normal { since_s: seen.since_s, containers: seen.containers.len() }
            }
            None if now_s - image.since_s >= SETTLED_S => Opinion::New { since_s: image.since_s },
            _ => Opinion::None,
        }
    }
}

/// What is thought of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opinion {
    /// Too early to say.
    None,
    /// It has always been so.
    Normal { since_s: i64, containers: usize },
    /// It has never been so.
    New { since_s: i64 },
}

impl Image {
    fn new(since_s: i64) -> Self {
        Self { since_s, facts: Bounded::new(FACTS_MAX), changed: true }
    }
}

impl Seen {
    /// Another time. True if that says something new.
    fn note(&mut self, container: u64, now_s: i64) -> bool {
        let occasion = self.occasions == 0 || now_s - self.last_s >= OCCASION_S;
        if occasion {
            self.occasions = self.occasions.saturating_add(1);
            self.last_s = now_s;
        }
        let elsewhere = !self.containers.contains(&container) && self.containers.len() < CONTAINERS_MAX;
        if elsewhere {
            self.containers.push(container);
        }
        occasion || elsewhere
    }

    /// Whether it has always been so: known for a day, and seen in several containers or on several occasions.
    #[must_use]
    pub fn is_normal(&self, now_s: i64) -> bool {
        now_s - self.since_s >= SETTLED_S
            && (self.containers.len() >= CONTAINERS_MAX || self.occasions >= OCCASIONS_NORMAL)
    }
}

fn apply(finding: &mut Finding, opinions: &[Opinion]) {
    let newest = opinions.iter().find_map(|opinion| match opinion {
        Opinion::New { since_s } => Some(*since_s),
        _ => None,
    });
    if let Some(since_s) = newest {
        finding.confidence += (1.0 - finding.confidence) / 2.0;
        finding.evidence.push(format!("New in this image, which is watched since {}", date(since_s)));
        return;
    }
    let normal = opinions.iter().map(|opinion| match opinion {
        Opinion::Normal { since_s, containers } => Some((*since_s, *containers)),
        _ => None,
    });
    let Some(known) = normal.collect::<Option<Vec<_>>>() else { return };
    let Some((since_s, containers)) = known.into_iter().max() else { return };
    finding.confidence *= NORMAL_SHARE;
    if finding.confidence < DOUBT {
        // Whoever learned while the attack was there already shall not be blind to an escape.
        let escape = finding.severity == Severity::Critical && finding.techniques.contains(&T1611);
        let least = if escape { Severity::Medium } else { Severity::Low };
        finding.severity = finding.severity.min(least);
    }
    let mut text = format!("It has always been so in this image: seen since {}", date(since_s));
    // Writing to a text never fails.
    write!(text, ", in {containers} container{} or more", if containers == 1 { "" } else { "s" }).ok();
    finding.evidence.push(text);
}

fn date(seconds: i64) -> String {
    let time = crate::proto::Timestamp::from_unix_nanos(seconds.saturating_mul(1_000_000_000));
    let text = time.to_string();
    text.get(..10).map_or(text.clone(), str::to_owned)
}

/// An image without tag and digest: a newer one of the same is judged by what the older ones did.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

fn clipped(text: &str) -> &str {
    let mut end = text.len().min(FACT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
