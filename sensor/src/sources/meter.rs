//! What containers have used of the processors, from their control groups, each now and then.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;
use crate::identity::usage::Usage;

/// Groups that are read with one look; others wait for the next.
const READ_AT_ONCE: usize = 64;
/// These files have some hundred bytes.
const BYTES_MAX: u64 = 4_096;

/// Reads them in turn.
#[derive(Debug)]
pub struct Meter {
    places: Places,
    interval_ns: u64,
    most: usize,
    /// Paths by id.
    groups: HashMap<u64, Box<str>>,
    /// When each is due; may name some that are gone.
    due: BTreeSet<(u64, u64)>,
}

/// Where the counters are.
#[derive(Debug)]
enum Places {
    /// The unified hierarchy.
    Unified(PathBuf),
    /// Those of the controllers `cpuacct` and `cpu`, often the same.
    Controllers { time: PathBuf, limit: PathBuf },
}

impl Meter {
    /// Of the hierarchies below `mounts` (`/sys/fs/cgroup`), for the one that names containers. At most so many groups
    /// are read.
    #[must_use]
    pub fn new(mounts: &Path, hierarchy: &str, interval: Duration, most: usize) -> Self {
        let first = |names: &[&str]| {
            let mut folders = names.iter().map(|name| mounts.join(name));
            folders.find(|folder| folder.is_dir())
        };
        let time = first(&["cpuacct", "cpu,cpuacct", "cpuacct,cpu"]).filter(|_| hierarchy != "v2");
        let places = match time {
            Some(time) => {
                let limit = first(&["cpu", "cpu,cpuacct", "cpuacct,cpu"]).unwrap_or_else(|| time.clone());
                Places::Controllers { time, limit }
            }
            None => Places::Unified(first(&["unified"]).unwrap_or_else(|| mounts.to_owned())),
        };
        let (interval_ns, groups) = (clock::nanos(interval).max(1), HashMap::new());
        Self { places, interval_ns, most, groups, due: BTreeSet::new() }
    }

    /// A container came; its first look is spread over the interval, as those of others.
    pub fn add(&mut self, cgroup: u64, path: &str, now_ns: u64) {
        if self.groups.len() >= self.most || self.groups.insert(cgroup, path.into()).is_some() {
            return;
        }
        let spread = cgroup.wrapping_mul(0x9e37_79b9_7f4a_7c15) % self.interval_ns;
        self.due.insert((now_ns.saturating_add(spread), cgroup));
    }

    /// A control group is gone.
    pub fn removed(&mut self, cgroup: u64) {
        self.groups.remove(&cgroup);
    }

    /// Reads those that are due. `clock` tells nanoseconds since boot.
    pub fn read(&mut self, now_ns: u64, clock: impl Fn() -> u64) -> Vec<Usage> {
        let mut read = Vec::new();
        for _ in 0..READ_AT_ONCE {
            let Some(next) = self.due.first().copied().filter(|(due_ns, _)| *due_ns <= now_ns) else { break };
            self.due.remove(&next);
            let (_, cgroup) = next;
            let Some(path) = self.groups.get(&cgroup) else { continue };
            // A group without these counters has none later.
            let Some(mut usage) = self.places.usage(path) else {
                self.groups.remove(&cgroup);
                continue;
            };
            (usage.cgroup, usage.time_ns) = (cgroup, clock());
            read.push(usage);
            self.due.insert((now_ns.saturating_add(self.interval_ns), cgroup));
        }
        read
    }
}

impl Places {
    fn usage(&self, path: &str) -> Option<Usage> {
        let path = path.trim_start_matches('/');
        match self {
            Self::Unified(root) => {
                let folder = root.join(path);
                let counters = text(&folder.join("cpu.stat"))?;
                let pressure = text(&folder.join("cpu.pressure")).unwrap_or_default();
                Some(Usage {
                    cpu_ns: counter(&counters, "usage_usec")?.saturating_mul(1_000),
                    throttled: counter(&counters, "nr_throttled").unwrap_or_default(),
                    waited_ns: waited_us(&pressure).unwrap_or_default().saturating_mul(1_000),
                    ..Usage::default()
                })
            }
            Self::Controllers { time, limit } => {
                let time = text(&time.join(path).join("cpuacct.usage"))?;
                let limit = text(&limit.join(path).join("cpu.stat")).unwrap_or_default();
                let throttled = counter(&limit, "nr_throttled").unwrap_or_default();
                Some(Usage { cpu_ns: time.trim().parse().ok()?, throttled, ..Usage::default() })
            }
        }
    }
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// `NAME VALUE` on a line of its own.
fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// `total` of the line `some` of a file of pressure, in microseconds.
fn waited_us(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("some "))?;
    line.rsplit_once("total=")?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn counters_of_both_kinds_of_hierarchies() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        write(&at("unified/a/cpu.stat"), "usage_usec 5\nuser_usec 3\nnr_periods 9\nnr_throttled 2\n");
        write(&at("unified/a/cpu.pressure"), "some avg10=0.00 avg60=0.00 total=7\nfull avg10=0.00 total=9\n");
        write(&at("cpuacct/a/cpuacct.usage"), "6000\n");
        write(&at("cpu/a/cpu.stat"), "nr_periods 9\nnr_throttled 4\nthrottled_time 5\n");
        let read = |hierarchy: &str| {
            let mut meter = Meter::new(root.path(), hierarchy, Duration::from_secs(10), 10);
            meter.add(3, "/a", 0);
            meter.read(10 * SECOND, || 11 * SECOND)
        };
        let usage = Usage { cgroup: 3, time_ns: 11 * SECOND, ..Usage::default() };
        assert_eq!(read("v2"), [Usage { cpu_ns: 5_000, throttled: 2, waited_ns: 7_000, ..usage }]);
        assert_eq!(read("pids"), [Usage { cpu_ns: 6_000, throttled: 4, ..usage }]);
    }

    #[test]
    fn each_is_read_once_in_an_interval_and_not_all_at_once() {
        let root = tempfile::tempdir().unwrap();
        let mut meter = Meter::new(root.path(), "v2", Duration::from_secs(10), 300);
        for cgroup in 0..250 {
            write(&root.path().join(format!("{cgroup}/cpu.stat")), "usage_usec 1\n");
            meter.add(cgroup, &format!("/{cgroup}"), 0);
        }
        let mut counts: HashMap<u64, usize> = HashMap::new();
        let mut largest = 0;
        for half in 1..=60 {
            let read = meter.read(half * SECOND / 2, || 0);
            largest = largest.max(read.len());
            read.iter().for_each(|usage| *counts.entry(usage.cgroup).or_default() += 1);
        }
        assert!(largest <= 32, "{largest} of 250 at once");
        assert!(counts.len() == 250 && counts.values().all(|count| (2..=3).contains(count)));
    }

    #[test]
    fn what_is_gone_is_forgotten_and_there_is_a_bound() {
        let root = tempfile::tempdir().unwrap();
        let mut meter = Meter::new(root.path(), "v2", Duration::from_secs(10), 2);
        write(&root.path().join("1/cpu.stat"), "usage_usec 1\n");
        (1..=3).for_each(|cgroup| meter.add(cgroup, &format!("/{cgroup}"), 0));
        assert_eq!(meter.groups.len(), 2);
        assert_eq!(meter.read(20 * SECOND, || 0).len(), 1);
        assert_eq!((meter.groups.len(), meter.due.len()), (1, 1), "one has no counters");
        meter.removed(1);
        assert!(meter.read(40 * SECOND, || 0).is_empty() && meter.due.is_empty());
    }
}
