//! What speaks for mining, how much, and for how long: items of one lineage, which lose weight as time passes.

use crate::detect::finding::Severity;
use crate::process::Key;

/// Sums from which on something is told.
const MEDIUM: f64 = 100.0;
const HIGH: f64 = 130.0;
const CRITICAL: f64 = 200.0;
/// A program that came from elsewhere and takes whatever is left of the processors will use it, measured or not.
const LEFTOVERS: u32 = 25;
/// Below it what was told counts for nothing: the next rise is told again.
const FORGOTTEN: f64 = 50.0;

const MINUTE_NS: u64 = 60_000_000_000;

/// Processes and programs by which a lineage is known again.
const MEMBERS_MAX: usize = 16;
const PROGRAMS_MAX: usize = 8;
/// Longest text of an item in bytes.
const TEXT_MAX: usize = 240;

/// Kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Bytes of a mining protocol.
    Protocol,
    /// Name of a pool.
    Name,
    /// Arguments of a miner.
    Arguments,
    /// Name of a miner.
    Program,
    /// Port of a pool.
    Port,
    /// Registers of the processor were opened to be written.
    Registers,
    /// Miners of others were looked for to end them.
    Rivals,
    /// Only in memory.
    Fileless,
    /// Its file was deleted.
    Deleted,
    /// Not of the image.
    Dropped,
    /// Named like a thread of the kernel.
    Imitates,
    /// Runs when nobody else does.
    Idle,
    /// Threads that stay on one processor each.
    Pinned,
    /// Huge pages were made.
    Pages,
    /// A connection that stays and says little.
    Flow,
}

impl Kind {
    /// Whether it speaks of mining, or of the load that mining is, and not only of hiding.
    const fn is_mining(self) -> bool {
        !matches!(
            self,
            Self::Fileless | Self::Deleted | Self::Dropped | Self::Imitates | Self::Flow | Self::Pages
        )
    }

    /// After so long it weighs half.
    const fn half_life_ns(self) -> u64 {
        let minutes = match self {
            Self::Protocol | Self::Name | Self::Arguments | Self::Program => 360,
            Self::Registers | Self::Rivals => 360,
            Self::Fileless | Self::Deleted | Self::Dropped | Self::Imitates | Self::Pages => 360,
            Self::Idle | Self::Pinned => 720,
            Self::Port | Self::Flow => 30,
        };
        minutes * MINUTE_NS
    }
}

/// Something that speaks for it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    kind: Kind,
    points: u32,
    count: u64,
    last_ns: u64,
    text: Box<str>,
}

impl Item {
    fn points(&self, now_ns: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "times of minutes to days")]
        let age = now_ns.saturating_sub(self.last_ns) as f64 / self.kind.half_life_ns() as f64;
        f64::from(self.points) * (-age).exp2()
    }
}

/// What is known of one lineage: processes of one program, their children and parents.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    /// Its processes, the latest last.
    members: Vec<Key>,
    /// Device and inode of its programs.
    programs: Vec<(u32, u64)>,
    items: Vec<Item>,
    /// Single processors that its threads were bound to.
    pub(super) processors: u64,
    /// It runs in the idle class (`SCHED_IDLE`), and is not only nice.
    pub(super) lowest: bool,
    /// Control group and process of the latest item.
    pub(super) cgroup: u64,
    pub(super) process: Option<Key>,
    /// Path of that one's program.
    pub(super) path: Box<str>,
    told: Option<Severity>,
}

/// The load of the container, which all its lineages share.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) points: u32,
    pub(super) text: String,
}

/// What the items say together.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) severity: Severity,
    pub(super) confidence: f64,
    pub(super) evidence: Vec<String>,
    pub(super) kinds: usize,
}

impl Lineage {
    /// Whether a process belongs to it, by itself, an ancestor, or its program.
    pub(super) fn is_of(&self, chain: &[Key], program: Option<(u32, u64)>) -> bool {
        program.is_some_and(|program| self.programs.contains(&program))
            || chain.iter().any(|key| self.members.contains(key))
    }

    /// A process of it.
    pub(super) fn join(&mut self, chain: &[Key], program: Option<(u32, u64)>) {
        for key in chain.iter().filter(|key| !self.members.contains(key)).copied().collect::<Vec<_>>() {
            bounded_push(&mut self.members, key, MEMBERS_MAX);
        }
        if let Some(program) = program.filter(|program| !self.programs.contains(program)) {
            bounded_push(&mut self.programs, program, PROGRAMS_MAX);
        }
    }

    /// One more item, or one more of a kind that is there already: the one that weighs most stays.
    pub(super) fn add(&mut self, kind: Kind, points: u32, now_ns: u64, text: impl FnOnce() -> String) {
        if let Some(item) = self.items.iter_mut().find(|item| item.kind == kind) {
            item.count += 1;
            item.last_ns = now_ns;
            if points <= item.points {
                return;
            }
            item.points = points;
            item.text = shortened(text());
            return;
        }
        self.items.push(Item { kind, points, count: 1, last_ns: now_ns, text: shortened(text()) });
    }

    /// Whether there is an item of a kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.items.iter().any(|item| item.kind == kind)
    }

    /// Whether it computes with what is left of processors, each of its threads on one: only miners are so modest.
    pub(super) fn is_modest(&self) -> bool {
        self.lowest && self.has(Kind::Idle) && self.has(Kind::Pinned)
    }

    /// How much it weighs without the load.
    pub(super) fn points(&self, now_ns: u64) -> f64 {
        self.items.iter().map(|item| item.points(now_ns)).sum()
    }

    /// What it comes to, if that is more than was told.
    pub(super) fn rises(&mut self, load: Option<&Load>, now_ns: u64) -> Option<Verdict> {
        let foreign = self.has(Kind::Dropped) || self.has(Kind::Fileless);
        let of_load = match load {
            Some(load) => load.points,
            None if self.has(Kind::Idle) && foreign => LEFTOVERS,
            None => 0,
        };
        let sum = self.points(now_ns) + f64::from(of_load);
        if sum < FORGOTTEN {
            self.told = None;
        }
        let severity = match sum {
            sum if sum >= CRITICAL => Severity::Critical,
            sum if sum >= HIGH => Severity::High,
            sum if sum >= MEDIUM => Severity::Medium,
            _ => return None,
        };
        // Who only hides does not mine.
        let mines = load.is_some() || self.items.iter().any(|item| item.kind.is_mining());
        if !mines || self.told.is_some_and(|told| told >= severity) {
            return None;
        }
        self.told = Some(severity);
        Some(Verdict {
            severity,
            confidence: (0.3 + sum / 400.0).clamp(0.4, 0.95),
            evidence: self.evidence(load, sum, now_ns),
            kinds: self.items.len() + usize::from(load.is_some()),
        })
    }

    /// The items, the heaviest first.
    fn evidence(&self, load: Option<&Load>, sum: f64, now_ns: u64) -> Vec<String> {
        let mut items: Vec<&Item> = self.items.iter().collect();
        items.sort_by(|one, other| {
            other.points(now_ns).total_cmp(&one.points(now_ns)).then(one.kind.cmp(&other.kind))
        });
        let told = |item: &Item| {
            let points = item.points(now_ns);
            let times = if item.count > 1 { format!(", {} times", item.count) } else { String::new() };
            format!("{} ({points:.0} points{times})", item.text)
        };
        let mut evidence: Vec<String> = items.into_iter().map(told).collect();
        if let Some(load) = load {
            evidence.push(format!("{} ({} points)", load.text, load.points));
        }
        evidence.push(format!("together {sum:.0} points, and {MEDIUM:.0} are enough to tell"));
        evidence
    }
}

fn bounded_push<T>(list: &mut Vec<T>, value: T, most: usize) {
    if list.len() >= most {
        list.remove(0);
    }
    list.push(value);
}

fn shortened(mut text: String) -> Box<str> {
    if text.len() > TEXT_MAX {
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        text.push('…');
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(lineage: &mut Lineage, kind: Kind, points: u32, now_ns: u64) {
        lineage.add(kind, points, now_ns, || format!("{kind:?}"));
    }

    #[test]
    fn one_kind_counts_once_and_rises_are_told() {
        let mut lineage = Lineage::default();
        for _ in 0..10 {
            add(&mut lineage, Kind::Dropped, 45, 0);
        }
        assert!(lineage.rises(None, 0).is_none());
        add(&mut lineage, Kind::Port, 40, 0);
        let load = Load { points: 35, text: "busy".into() };
        let verdict = lineage.rises(Some(&load), 0).unwrap();
        assert_eq!((verdict.severity, verdict.kinds), (Severity::Medium, 3));
        assert_eq!(
            verdict.evidence,
            [
                "Dropped (45 points, 10 times)",
                "Port (40 points)",
                "busy (35 points)",
                "together 120 points, and 100 are enough to tell"
            ]
        );
        assert!(lineage.rises(Some(&load), 0).is_none(), "told once");
        add(&mut lineage, Kind::Name, 100, 0);
        assert_eq!(lineage.rises(None, 0).unwrap().severity, Severity::High);
        assert!(lineage.rises(None, 0).is_none());
    }

    #[test]
    fn hiding_is_not_mining() {
        let mut lineage = Lineage::default();
        for (kind, points) in
            [(Kind::Fileless, 60), (Kind::Deleted, 50), (Kind::Imitates, 50), (Kind::Flow, 20)]
        {
            add(&mut lineage, kind, points, 0);
        }
        assert!(lineage.rises(None, 0).is_none());
        add(&mut lineage, Kind::Pinned, 25, 0);
        assert!(lineage.rises(None, 0).is_some());
    }

    #[test]
    fn items_fade_and_what_faded_is_told_again() {
        let mut lineage = Lineage::default();
        add(&mut lineage, Kind::Port, 100, 0);
        assert!(lineage.rises(None, 0).is_some());
        let half = 30 * MINUTE_NS;
        assert!((lineage.points(half) - 50.0).abs() < 1e-9);
        assert!(lineage.rises(None, 3 * half).is_none());
        add(&mut lineage, Kind::Port, 100, 3 * half);
        assert!(lineage.rises(None, 3 * half).is_some());
    }

    #[test]
    fn a_lineage_is_bounded() {
        let mut lineage = Lineage::default();
        for pid in 0..1_000 {
            lineage.join(&[Key { pid, start_ticks: 1 }], Some((1, pid.into())));
        }
        assert_eq!((lineage.members.len(), lineage.programs.len()), (MEMBERS_MAX, PROGRAMS_MAX));
        assert!(lineage.is_of(&[Key { pid: 999, start_ticks: 1 }], None));
        lineage.add(Kind::Name, 1, 0, || "é".repeat(1_000));
        assert!(lineage.items[0].text.len() <= TEXT_MAX + 4);
    }
}
